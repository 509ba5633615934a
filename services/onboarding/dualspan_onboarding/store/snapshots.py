"""Snapshots: finished browses of a server, the last few of them, and how two differ."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from asyncpg import Record

from dualspan_onboarding.browsed import Browse, ChangeKind, Snapshot, SnapshotName
from dualspan_onboarding.names import ServerName
from dualspan_onboarding.store.browsed_rows import ATTRIBUTE_COLUMNS, PLACE_COLUMNS
from dualspan_runtime.database import Connection

_COLUMNS = """
    b.tenant_id, b.gateway_id, b.server_id, b.browse_id, b.number, b.created_at, b.ended_at, b.root_node_id,
    b.node_count, b.variable_count, b.truncated, b.warnings, b.browse_id = s.snapshot_browse_id AS current
"""
_FROM = """
    FROM browse AS b JOIN opc_ua_server AS s USING (tenant_id, gateway_id, server_id)
    WHERE b.tenant_id = $1 AND b.gateway_id = $2 AND b.server_id = $3 AND b.state = 3
"""


def _differ(columns: Sequence[str]) -> str:
    earlier, later = (", ".join(f"{side}.{column}" for column in columns) for side in ("a", "b"))
    return f"({earlier}) IS DISTINCT FROM ({later})"


_DIFFERENCE = f"""
    SELECT node_id,
        CASE WHEN a.browse_id IS NULL THEN {ChangeKind.ADDED:d} WHEN b.browse_id IS NULL THEN {ChangeKind.REMOVED:d}
            WHEN {_differ(PLACE_COLUMNS)} THEN {ChangeKind.MOVED:d} ELSE {ChangeKind.CHANGED:d} END AS kind
    FROM (SELECT * FROM browsed_node WHERE tenant_id = $1 AND browse_id = $2) AS a
    FULL JOIN (SELECT * FROM browsed_node WHERE tenant_id = $1 AND browse_id = $3) AS b USING (node_id)
    WHERE a.browse_id IS NULL OR b.browse_id IS NULL OR {_differ((*PLACE_COLUMNS, *ATTRIBUTE_COLUMNS))}
"""


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A snapshot and the browse that its nodes are kept under."""

    snapshot: Snapshot
    browse_id: uuid.UUID


def _stored(row: Record) -> StoredSnapshot:
    server = ServerName(row["tenant_id"], row["gateway_id"], row["server_id"])
    snapshot = Snapshot(
        name=SnapshotName(server, row["number"]),
        started_at=row["created_at"],
        ended_at=row["ended_at"],
        root_node_id=row["root_node_id"],
        nodes=row["node_count"],
        variables=row["variable_count"],
        truncated=row["truncated"],
        warnings=tuple(row["warnings"]),
        current=row["current"],
    )
    return StoredSnapshot(snapshot, row["browse_id"])


async def add(connection: Connection, browse: Browse, *, truncated: bool, warnings: Sequence[str]) -> int:
    """The browse will not change again: it is the server's snapshot now. Returns its number."""
    server = browse.server
    number: int = await connection.fetchval(
        "UPDATE browse SET state = 3, progressed_at = now(), ended_at = now(), truncated = $5, warnings = $6,"
        " number = 1 + coalesce((SELECT max(number) FROM browse"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3), 0)"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3 AND browse_id = $4 RETURNING number",
        server.tenant,
        server.gateway,
        server.server,
        browse.browse_id,
        truncated,
        list(warnings),
    )
    await connection.execute(
        "UPDATE opc_ua_server SET snapshot_browse_id = $4 WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3",
        server.tenant,
        server.gateway,
        server.server,
        browse.browse_id,
    )
    return number


async def keep_newest(connection: Connection, server: ServerName, count: int) -> None:
    """Drop the snapshots of a server but the newest ones."""
    await connection.execute(
        "DELETE FROM browse WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3 AND state = 3 AND number <="
        " (SELECT max(number) FROM browse WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3) - $4::bigint",
        server.tenant,
        server.gateway,
        server.server,
        count,
    )


async def page(connection: Connection, server: ServerName, before: int, limit: int) -> Sequence[StoredSnapshot]:
    """Snapshots with a lower number, newest first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} {_FROM} AND b.number < $4 ORDER BY b.number DESC LIMIT $5",
        server.tenant,
        server.gateway,
        server.server,
        before,
        limit,
    )
    return [_stored(row) for row in rows]


async def find(connection: Connection, name: SnapshotName) -> StoredSnapshot | None:
    """One snapshot; the current one for number 0."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} {_FROM} AND (b.number = $4 OR ($4 = 0 AND b.browse_id = s.snapshot_browse_id))",
        name.server.tenant,
        name.server.gateway,
        name.server.server,
        name.number,
    )
    return None if row is None else _stored(row)


async def totals(connection: Connection, tenant: str, earlier: uuid.UUID, later: uuid.UUID) -> dict[ChangeKind, int]:
    """How many nodes differ, and how."""
    rows = await connection.fetch(
        f"SELECT kind, count(*) AS nodes FROM ({_DIFFERENCE}) AS d GROUP BY kind", tenant, earlier, later
    )
    return dict.fromkeys(ChangeKind, 0) | {ChangeKind(row["kind"]): row["nodes"] for row in rows}


async def changes(
    connection: Connection, tenant: str, earlier: uuid.UUID, later: uuid.UUID, after: str, limit: int
) -> dict[str, ChangeKind]:
    """Nodes after a NodeId that differ, in that order."""
    rows = await connection.fetch(
        f"SELECT * FROM ({_DIFFERENCE}) AS d WHERE node_id > $4 ORDER BY node_id LIMIT $5",
        tenant,
        earlier,
        later,
        after,
        limit,
    )
    return {row["node_id"]: ChangeKind(row["kind"]) for row in rows}
