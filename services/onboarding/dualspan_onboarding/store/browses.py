"""Browses and the nodes that they found."""

import dataclasses
import uuid
from collections.abc import Sequence
from datetime import timedelta

from asyncpg import Record

from dualspan_onboarding.model import Browse, BrowsedNode, BrowseState, Session
from dualspan_onboarding.names import GatewayName, ServerName
from dualspan_runtime.database import Connection

_COLUMNS = """
    tenant_id, browse_id, gateway_id, server_id, operation_name, root_node_id, max_nodes, state, attempt, node_count,
    variable_count, created_at
"""
_NODE_COLUMNS = """
    node_id, browse_path, display_name, node_class, data_type, kind, value_rank, access_level, unit,
    minimum_sampling_interval_ms
"""


def _browse(row: Record) -> Browse:
    return Browse(
        browse_id=row["browse_id"],
        server=ServerName(row["tenant_id"], row["gateway_id"], row["server_id"]),
        operation_name=row["operation_name"],
        root_node_id=row["root_node_id"],
        max_nodes=row["max_nodes"],
        state=BrowseState(row["state"]),
        attempt=row["attempt"],
        node_count=row["node_count"],
        variable_count=row["variable_count"],
        created_at=row["created_at"],
    )


async def insert(connection: Connection, browse: Browse, operation_name: str) -> bool:
    """Queue a browse; False if one of the server is not finished."""
    row = await connection.fetchrow(
        "INSERT INTO browse (tenant_id, browse_id, gateway_id, server_id, operation_name, root_node_id, max_nodes)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING browse_id",
        browse.server.tenant,
        browse.browse_id,
        browse.server.gateway,
        browse.server.server,
        operation_name,
        browse.root_node_id,
        browse.max_nodes,
    )
    return row is not None


async def claim_queued(connection: Connection, session: Session) -> Sequence[Browse]:
    """Take every queued browse of a gateway for the stream that can carry it out."""
    rows = await connection.fetch(
        "UPDATE browse SET state = 2, attempt = attempt + 1, session_id = $3, progressed_at = now(), node_count = 0,"
        f" variable_count = 0 WHERE tenant_id = $1 AND gateway_id = $2 AND state = 1 RETURNING {_COLUMNS}",
        session.gateway.tenant,
        session.gateway.gateway,
        session.session_id,
    )
    return [_browse(row) for row in rows]


async def requeue(connection: Connection, gateway: GatewayName, but: uuid.UUID | None) -> None:
    """What other streams of a gateway were browsing begins again; what they found is dropped.

    Args:
        connection: Of the transaction.
        gateway: Whose.
        but: The stream that is alive; None if none is.
    """
    rows = await connection.fetch(
        "UPDATE browse SET state = 1, session_id = NULL, progressed_at = now()"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND state = 2 AND session_id IS DISTINCT FROM $3::uuid"
        " RETURNING browse_id",
        gateway.tenant,
        gateway.gateway,
        but,
    )
    await connection.execute(
        "DELETE FROM browsed_node WHERE tenant_id = $1 AND browse_id = ANY($2::uuid[])",
        gateway.tenant,
        [row["browse_id"] for row in rows],
    )


async def find_running(connection: Connection, session: Session, browse_id: uuid.UUID, attempt: int) -> Browse | None:
    """The browse that a gateway's answer belongs to, held until the transaction ends; None if it counts no more."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM browse WHERE tenant_id = $1 AND gateway_id = $2 AND browse_id = $3 AND attempt = $4"
        " AND session_id = $5 AND state = 2 FOR UPDATE",
        session.gateway.tenant,
        session.gateway.gateway,
        browse_id,
        attempt,
        session.session_id,
    )
    return None if row is None else _browse(row)


async def unfinished_of_server(connection: Connection, server: ServerName) -> Browse | None:
    """The browse of a server that is queued or running."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM browse WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3 AND state < 3"
        " FOR UPDATE",
        server.tenant,
        server.gateway,
        server.server,
    )
    return None if row is None else _browse(row)


async def add_nodes(connection: Connection, browse: Browse, nodes: Sequence[BrowsedNode]) -> Browse:
    """Keep and count nodes (of a node found twice, the first stays); returns the browse as it is now."""
    columns = [list(column) for column in zip(*map(dataclasses.astuple, nodes), strict=True)] or [[]] * 10
    row = await connection.fetchrow(
        f"WITH added AS (INSERT INTO browsed_node (tenant_id, browse_id, {_NODE_COLUMNS})"
        " SELECT $1, $2, n.* FROM unnest($3::text[], $4::text[], $5::text[], $6::integer[], $7::text[],"
        " $8::smallint[], $9::integer[], $10::bigint[], $11::text[], $12::float8[]) AS n"
        " ON CONFLICT DO NOTHING RETURNING node_class)"
        " UPDATE browse SET progressed_at = now(), node_count = node_count + (SELECT count(*) FROM added),"
        " variable_count = variable_count + (SELECT count(*) FROM added WHERE node_class = 2)"
        f" WHERE tenant_id = $1 AND browse_id = $2 RETURNING {_COLUMNS}",
        browse.server.tenant,
        browse.browse_id,
        *columns,
    )
    return browse if row is None else _browse(row)


async def end(connection: Connection, browse: Browse) -> None:
    """The browse will not change again."""
    await connection.execute(
        "UPDATE browse SET state = 3, progressed_at = now() WHERE tenant_id = $1 AND browse_id = $2",
        browse.server.tenant,
        browse.browse_id,
    )


async def drop(connection: Connection, browse: Browse) -> None:
    """The browse came to nothing: its row and what it found go. Its operation says why."""
    await connection.execute(
        "DELETE FROM browse WHERE tenant_id = $1 AND browse_id = $2", browse.server.tenant, browse.browse_id
    )


async def stuck(connection: Connection, offline: timedelta, stalled: timedelta, limit: int) -> Sequence[Browse]:
    """Browses of every tenant that wait for a gateway too long, or that a gateway says nothing about."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM browse WHERE (state = 1 AND progressed_at < now() - $1::interval)"
        " OR (state = 2 AND progressed_at < now() - $2::interval) LIMIT $3",
        offline,
        stalled,
        limit,
    )
    return [_browse(row) for row in rows]


async def unfinished(connection: Connection, limit: int) -> Sequence[Browse]:
    """Browses of every tenant that are queued or running."""
    rows = await connection.fetch(f"SELECT {_COLUMNS} FROM browse WHERE state < 3 LIMIT $1", limit)
    return [_browse(row) for row in rows]


async def page_of_nodes(
    connection: Connection,
    tenant: str,
    browse: uuid.UUID,
    *,
    variables_only: bool,
    prefix: str,
    after: tuple[str, str],
    limit: int,
) -> Sequence[BrowsedNode]:
    """The nodes after a (browse path, node id), in that order, whose path begins with `prefix`."""
    rows = await connection.fetch(
        f"SELECT {_NODE_COLUMNS} FROM browsed_node WHERE tenant_id = $1 AND browse_id = $2"
        " AND (NOT $3 OR node_class = 2) AND starts_with(browse_path, $4) AND (browse_path, node_id) > ($5, $6)"
        " ORDER BY browse_path, node_id LIMIT $7",
        tenant,
        browse,
        variables_only,
        prefix,
        *after,
        limit,
    )
    return [BrowsedNode(**row) for row in rows]


async def nodes_below(
    connection: Connection, tenant: str, browse: uuid.UUID, path: str, limit: int
) -> Sequence[BrowsedNode]:
    """The readable variables at or below a path ("": all), in order of it."""
    rows = await connection.fetch(
        f"SELECT {_NODE_COLUMNS} FROM browsed_node WHERE tenant_id = $1 AND browse_id = $2 AND node_class = 2"
        " AND access_level & 1 = 1 AND kind <> 0"
        " AND ($3 = '' OR browse_path = $3 OR starts_with(browse_path, $3 || '/'))"
        " ORDER BY browse_path, node_id LIMIT $4",
        tenant,
        browse,
        path,
        limit,
    )
    return [BrowsedNode(**row) for row in rows]


async def nodes_by_id(
    connection: Connection, tenant: str, browse: uuid.UUID, node_ids: Sequence[str]
) -> Sequence[BrowsedNode]:
    """Those of the nodes that the browse found, in order of browse path."""
    rows = await connection.fetch(
        f"SELECT {_NODE_COLUMNS} FROM browsed_node WHERE tenant_id = $1 AND browse_id = $2"
        " AND node_id = ANY($3::text[]) ORDER BY browse_path, node_id",
        tenant,
        browse,
        node_ids,
    )
    return [BrowsedNode(**row) for row in rows]
