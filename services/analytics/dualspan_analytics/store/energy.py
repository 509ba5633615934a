"""SQL about tariffs and emission factors of tenants."""

from typing import Literal

from dualspan_runtime.database import Connection

Kind = Literal["tariff", "emission_factor"]


async def put(connection: Connection, tenant: str, kind: Kind, definition_id: str, document: str) -> None:
    """Store a definition, given as JSON; it takes the place of one of the same id."""
    await connection.execute(
        "INSERT INTO energy_definition (tenant_id, kind, definition_id, document) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (tenant_id, kind, definition_id)"
        " DO UPDATE SET document = excluded.document, update_time = now()",
        tenant,
        kind,
        definition_id,
        document,
    )


async def get(connection: Connection, tenant: str, kind: Kind, definition_id: str) -> str | None:
    """A definition as JSON, if there is one."""
    return await connection.fetchval(
        "SELECT document FROM energy_definition WHERE tenant_id = $1 AND kind = $2 AND definition_id = $3",
        tenant,
        kind,
        definition_id,
    )


async def page(connection: Connection, tenant: str, kind: Kind, after: str, most: int) -> list[str]:
    """Definitions with ids behind `after`, in order of id."""
    rows = await connection.fetch(
        "SELECT document FROM energy_definition WHERE tenant_id = $1 AND kind = $2 AND definition_id > $3"
        " ORDER BY definition_id LIMIT $4",
        tenant,
        kind,
        after,
        most,
    )
    return [row["document"] for row in rows]


async def delete(connection: Connection, tenant: str, kind: Kind, definition_id: str) -> bool:
    """Remove a definition; False if there is none."""
    row = await connection.fetchrow(
        "DELETE FROM energy_definition WHERE tenant_id = $1 AND kind = $2 AND definition_id = $3 RETURNING kind",
        tenant,
        kind,
        definition_id,
    )
    return row is not None
