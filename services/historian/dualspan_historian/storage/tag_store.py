"""SQL about tags."""

from collections.abc import Sequence
from typing import Any

from dualspan_frame import ValueKind
from dualspan_historian.model import Tag
from dualspan_runtime.database import Connection

COLUMNS = "tag_id, gateway_id, kind, retention_class, sloped, retired_at IS NOT NULL AS retired"

# A tag that exists keeps its gateway and its kind; a retired one that is registered again lives again.
_REGISTER = """
INSERT INTO tag (tenant_id, tag_id, gateway_id, kind, retention_class, sloped)
SELECT $1, * FROM unnest($2::bigint[], $3::text[], $4::smallint[], $5::text[], $6::boolean[]) AS given (tag_id)
ORDER BY given.tag_id
ON CONFLICT (tenant_id, tag_id) DO UPDATE
SET retention_class = excluded.retention_class, sloped = excluded.sloped, retired_at = NULL
WHERE tag.gateway_id = excluded.gateway_id AND tag.kind = excluded.kind
RETURNING tag_id
"""


async def register(connection: Connection, tenant: str, tags: Sequence[Tag]) -> set[int]:
    """Insert or update tags; returns those that could be, which leaves out tags of another kind or gateway."""
    rows = await connection.fetch(
        _REGISTER,
        tenant,
        [tag.tag_id for tag in tags],
        [tag.gateway_id for tag in tags],
        [tag.kind for tag in tags],
        [tag.retention_class for tag in tags],
        [tag.sloped for tag in tags],
    )
    return {row["tag_id"] for row in rows}


async def retire(connection: Connection, tenant: str, tag_ids: Sequence[int]) -> None:
    """Mark tags as retired."""
    await connection.execute(
        "UPDATE tag SET retired_at = now() WHERE tenant_id = $1 AND tag_id = ANY($2) AND retired_at IS NULL",
        tenant,
        tag_ids,
    )


async def find(connection: Connection, tenant: str, tag_ids: Sequence[int]) -> list[Tag]:
    """Return those of the tags that the tenant has, in order of id."""
    rows = await connection.fetch(
        f"SELECT {COLUMNS} FROM tag WHERE tenant_id = $1 AND tag_id = ANY($2) ORDER BY tag_id", tenant, tag_ids
    )
    return [read_tag(row) for row in rows]


async def of_gateway(connection: Connection, tenant: str, gateway_id: str) -> list[Tag]:
    """Return all tags of a gateway, in order of id."""
    rows = await connection.fetch(
        f"SELECT {COLUMNS} FROM tag WHERE tenant_id = $1 AND gateway_id = $2 ORDER BY tag_id", tenant, gateway_id
    )
    return [read_tag(row) for row in rows]


async def find_foreign(connection: Connection, tenant: str, tag_ids: Sequence[int]) -> int | None:
    """Return one of the ids that another tenant has, if any; needs a platform transaction.

    Registrations wait for each other until they end: two tenants cannot both find an id free.
    """
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('dualspan historian tags', 0))")
    return await connection.fetchval(
        "SELECT tag_id FROM tag WHERE tag_id = ANY($2) AND tenant_id <> $1 LIMIT 1", tenant, tag_ids
    )


async def retention_scopes(connection: Connection) -> list[tuple[str, str, str]]:
    """Return every (tenant, gateway, retention class) that there is; of every tenant in a platform transaction."""
    rows = await connection.fetch(
        "SELECT DISTINCT tenant_id, gateway_id, retention_class FROM tag ORDER BY tenant_id, gateway_id"
    )
    return [(row["tenant_id"], row["gateway_id"], row["retention_class"]) for row in rows]


def read_tag(row: Any) -> Tag:
    """Return the tag of a row of `COLUMNS`."""
    tag_id, gateway_id, kind, *rest = row
    return Tag(tag_id, gateway_id, ValueKind(kind), *rest)
