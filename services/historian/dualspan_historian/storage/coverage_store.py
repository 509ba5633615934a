"""SQL about how far servers are complete, since when tags are recorded, and which holes are open."""

from collections.abc import Sequence
from datetime import datetime

from dualspan_historian.repair.model import Coverage
from dualspan_runtime.database import Connection

_COMPLETE = """
INSERT INTO server_coverage (tenant_id, gateway_id, server_id, complete_us)
SELECT $1, $2, * FROM unnest($3::text[], $4::bigint[])
ON CONFLICT (tenant_id, gateway_id, server_id) DO UPDATE
SET complete_us = excluded.complete_us, update_time = clock_timestamp()
"""
_STARTS = """
UPDATE tag SET server_id = $3, started_us = least(tag.started_us, told.start_us), cyclic_us = told.cyclic_us
FROM unnest($4::bigint[], $5::bigint[], $6::bigint[]) AS told (tag_id, start_us, cyclic_us)
WHERE tag.tenant_id = $1 AND tag.gateway_id = $2 AND tag.tag_id = told.tag_id
"""
_FORGET_HOLES = "DELETE FROM tag_hole WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3"
_COMPLETE_OF_ALL = """
SELECT to_timestamp(min(complete_us) / 1e6)
FROM server_coverage
WHERE tenant_id = $1 AND gateway_id = $2 AND update_time > interval '-5 minutes' + (
    SELECT max(update_time) FROM server_coverage WHERE tenant_id = $1 AND gateway_id = $2)
"""
_HOLES = """
INSERT INTO tag_hole (tenant_id, gateway_id, server_id, tag_id, since_us, detail)
SELECT $1, $2, $3, told.tag_id, told.since_us, told.detail
FROM unnest($4::bigint[], $5::bigint[], $6::text[]) AS told (tag_id, since_us, detail)
JOIN tag ON tag.tenant_id = $1 AND tag.gateway_id = $2 AND tag.tag_id = told.tag_id
ON CONFLICT DO NOTHING
"""


async def complete(connection: Connection, tenant: str, gateway_id: str) -> dict[str, int]:
    """Return up to when everything of each server is stored or in the ledger, microseconds since 1970, by server."""
    rows = await connection.fetch(
        "SELECT server_id, complete_us FROM server_coverage"
        " WHERE tenant_id = $1 AND gateway_id = $2 ORDER BY server_id",
        tenant,
        gateway_id,
    )
    return {row["server_id"]: row["complete_us"] for row in rows}


async def complete_of_all(connection: Connection, tenant: str, gateway_id: str) -> datetime | None:
    """Return up to when everything of all servers is stored or in the ledger; None if nothing was told.

    Servers of which the gateway has stopped telling while it told of others are not its own any more.
    """
    return await connection.fetchval(_COMPLETE_OF_ALL, tenant, gateway_id)


async def apply(connection: Connection, tenant: str, gateway_id: str, told: Sequence[Coverage]) -> None:
    """Write down what a gateway says of its servers; of several words about one server the last counts."""
    complete = {one.server_id: one.complete_us for one in told if one.complete_us}
    if complete:
        # In order, so that two transactions cannot wait for each other.
        servers = sorted(complete)
        await connection.execute(_COMPLETE, tenant, gateway_id, servers, [complete[server] for server in servers])
    for one in told:
        if one.starts:
            await connection.execute(
                _STARTS,
                tenant,
                gateway_id,
                one.server_id,
                [start.tag_id for start in one.starts],
                [start.start_us for start in one.starts],
                [start.cyclic_us for start in one.starts],
            )
        if one.holes is not None:
            await _replace_holes(connection, tenant, gateway_id, one)


async def _replace_holes(connection: Connection, tenant: str, gateway_id: str, told: Coverage) -> None:
    holes = told.holes or ()
    await connection.execute(_FORGET_HOLES, tenant, gateway_id, told.server_id)
    if holes:
        await connection.execute(
            _HOLES,
            tenant,
            gateway_id,
            told.server_id,
            [hole.tag_id for hole in holes],
            [hole.since_us for hole in holes],
            [hole.detail for hole in holes],
        )
