"""Browses and the nodes that they found."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from asyncpg import Record

from dualspan_onboarding.browsed import Browse, BrowsedNode, BrowsedType, BrowseState, ListedNode, NodeFilter
from dualspan_onboarding.model import Session
from dualspan_onboarding.names import GatewayName, ServerName
from dualspan_onboarding.store.browsed_rows import COLUMNS, NODE_COLUMNS, node_of, record_of
from dualspan_runtime.database import Connection

_COLUMNS = """
    tenant_id, browse_id, gateway_id, server_id, operation_name, root_node_id, max_nodes, state, attempt, node_count,
    variable_count, created_at
"""
# Row-level security takes no COPY, so it goes through a table of the connection's own.
_STAGE = "CREATE TEMP TABLE IF NOT EXISTS staged_node (LIKE browsed_node) ON COMMIT DELETE ROWS"
_TAKE_STAGED = f"""
    WITH added AS (
        INSERT INTO browsed_node ({", ".join(COLUMNS)}) SELECT {", ".join(COLUMNS)} FROM pg_temp.staged_node
        ON CONFLICT DO NOTHING RETURNING node_class
    )
    UPDATE browse SET progressed_at = now(), node_count = node_count + (SELECT count(*) FROM added),
        variable_count = variable_count + (SELECT count(*) FROM added WHERE node_class = 2)
    WHERE tenant_id = $1 AND browse_id = $2 RETURNING {_COLUMNS}
"""

# Only the page's own nodes are counted below: the rest of a tree of 100 000 is not looked at.
_LISTED = f"""
    WITH page AS MATERIALIZED (
        SELECT tenant_id, browse_id, {NODE_COLUMNS} FROM browsed_node
        WHERE tenant_id = $1 AND browse_id = $2 AND (NOT $3 OR node_class = 2) AND starts_with(browse_path, $4)
            AND (browse_path, node_id) > ($5, $6) AND ($8 = '' OR parent_node_id = $8)
            AND NOT EXISTS (SELECT FROM unnest($9::text[]) AS word
                WHERE strpos(lower(browse_path), word) = 0 AND strpos(lower(display_name), word) = 0)
        ORDER BY browse_path, node_id LIMIT $7
    )
    SELECT page.*,
        (SELECT count(*) FROM browsed_node AS child WHERE child.tenant_id = page.tenant_id
            AND child.browse_id = page.browse_id AND child.parent_node_id = page.node_id) AS child_count,
        EXISTS (SELECT FROM tag WHERE tag.tenant_id = page.tenant_id AND tag.gateway_id = $10 AND tag.server_id = $11
            AND tag.node_id = page.node_id AND tag.deleted_at IS NULL AND tag.field_path = '') AS is_tag
    FROM page ORDER BY browse_path, node_id
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
    await connection.execute(
        "DELETE FROM browsed_type WHERE tenant_id = $1 AND browse_id = ANY($2::uuid[])",
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
    tenant = browse.server.tenant
    await connection.execute(_STAGE)
    await connection.copy_records_to_table(
        "staged_node", records=[record_of(tenant, browse.browse_id, node) for node in nodes], columns=COLUMNS
    )
    row = await connection.fetchrow(_TAKE_STAGED, tenant, browse.browse_id)
    return browse if row is None else _browse(row)


async def add_types(connection: Connection, browse: Browse, types: Sequence[BrowsedType]) -> None:
    """Keep types that nodes have."""
    await connection.execute(
        "INSERT INTO browsed_type (tenant_id, browse_id, node_id, browse_name, supertype)"
        " SELECT $1, $2, t.* FROM unnest($3::text[], $4::text[], $5::text[]) AS t ON CONFLICT DO NOTHING",
        browse.server.tenant,
        browse.browse_id,
        [each.node_id for each in types],
        [each.browse_name for each in types],
        [each.supertype for each in types],
    )


async def types_of(connection: Connection, tenant: str, browse: uuid.UUID) -> dict[str, BrowsedType]:
    """The types that the nodes of a browse have, and their supertypes, by NodeId."""
    rows = await connection.fetch(
        "SELECT node_id, browse_name, supertype FROM browsed_type WHERE tenant_id = $1 AND browse_id = $2",
        tenant,
        browse,
    )
    return {row["node_id"]: BrowsedType(**row) for row in rows}


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
    server: ServerName,
    browse: uuid.UUID,
    wanted: NodeFilter,
    *,
    after: tuple[str, str],
    limit: int,
) -> Sequence[ListedNode]:
    """The nodes after a (browse path, node id), in that order."""
    rows = await connection.fetch(
        _LISTED,
        server.tenant,
        browse,
        wanted.variables_only,
        wanted.prefix,
        *after,
        limit,
        wanted.parent_node_id,
        [word.lower() for word in wanted.words],
        server.gateway,
        server.server,
    )
    return [ListedNode(node_of(row), row["child_count"], row["is_tag"]) for row in rows]


async def nodes_below(
    connection: Connection, tenant: str, browse: uuid.UUID, path: str, limit: int
) -> Sequence[BrowsedNode]:
    """The readable variables at or below a path ("": all), in order of it."""
    rows = await connection.fetch(
        f"SELECT {NODE_COLUMNS} FROM browsed_node WHERE tenant_id = $1 AND browse_id = $2 AND node_class = 2"
        " AND access_level & 1 = 1 AND kind <> 0"
        " AND ($3 = '' OR browse_path = $3 OR starts_with(browse_path, $3 || '/'))"
        " ORDER BY browse_path, node_id LIMIT $4",
        tenant,
        browse,
        path,
        limit,
    )
    return [node_of(row) for row in rows]


async def nodes_by_id(
    connection: Connection, tenant: str, browse: uuid.UUID, node_ids: Sequence[str]
) -> Sequence[BrowsedNode]:
    """Those of the nodes that the browse found, in order of browse path."""
    rows = await connection.fetch(
        f"SELECT {NODE_COLUMNS} FROM browsed_node WHERE tenant_id = $1 AND browse_id = $2"
        " AND node_id = ANY($3::text[]) ORDER BY browse_path, node_id",
        tenant,
        browse,
        node_ids,
    )
    return [node_of(row) for row in rows]


async def objects_below(connection: Connection, tenant: str, browse: uuid.UUID, path: str) -> Sequence[BrowsedNode]:
    """The objects with a type definition of some specification at or below a path ("": all), in order of it."""
    rows = await connection.fetch(
        f"SELECT {NODE_COLUMNS} FROM browsed_node WHERE tenant_id = $1 AND browse_id = $2 AND node_class = 1"
        " AND starts_with(type_definition, 'nsu=')"
        " AND ($3 = '' OR browse_path = $3 OR starts_with(browse_path, $3 || '/')) ORDER BY browse_path, node_id",
        tenant,
        browse,
        path,
    )
    return [node_of(row) for row in rows]
