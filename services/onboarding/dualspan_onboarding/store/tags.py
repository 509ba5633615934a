"""Tags, and how far they have been told to the historian and by the gateway."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from asyncpg import Record

from dualspan_onboarding.model import ConfiguredTag, NewTag, Tag, TagReport, TagState, UntoldTag
from dualspan_onboarding.names import GatewayName, ServerName, TagName
from dualspan_onboarding.sampling import (
    WHOLE_VALUE,
    Acquisition,
    AcquisitionMode,
    Address,
    DataChangeTrigger,
    DeadbandType,
    TagSource,
)
from dualspan_runtime.database import Connection

_ADDRESS_COLUMNS = "source, field_path, index_range"
_ACQUISITION_COLUMNS = """
    mode, deadband_type, deadband_value, trigger, discard_newest, heartbeat_us, register_node, minimum_severity
"""
_COLUMNS = f"""
    tenant_id, tag_id, gateway_id, server_id, node_id, browse_path, display_name, kind, data_type, unit,
    sampling_interval_us, publishing_interval_us, queue_size, state, state_detail, created_at,
    {_ADDRESS_COLUMNS}, {_ACQUISITION_COLUMNS}
"""


@dataclass(frozen=True, slots=True)
class TagPage:
    """Some tags of a list, and how many there are in all."""

    tags: Sequence[Tag]
    total: int


def address_of(row: Record) -> Address:
    """Which part of a node a row's tag is."""
    return Address(TagSource(row["source"]), row["field_path"], row["index_range"])


def acquisition_of(row: Record) -> Acquisition:
    """How a row's tag is got."""
    return Acquisition(
        mode=AcquisitionMode(row["mode"]),
        deadband_type=DeadbandType(row["deadband_type"]),
        deadband_value=row["deadband_value"],
        trigger=DataChangeTrigger(row["trigger"]),
        discard_newest=row["discard_newest"],
        heartbeat_us=row["heartbeat_us"],
        register_node=row["register_node"],
        minimum_severity=row["minimum_severity"],
    )


def _tag(row: Record) -> Tag:
    return Tag(
        name=TagName(row["tenant_id"], row["tag_id"]),
        server=ServerName(row["tenant_id"], row["gateway_id"], row["server_id"]),
        node_id=row["node_id"],
        browse_path=row["browse_path"],
        display_name=row["display_name"],
        kind=row["kind"],
        data_type=row["data_type"],
        unit=row["unit"],
        sampling_interval_us=row["sampling_interval_us"],
        publishing_interval_us=row["publishing_interval_us"],
        queue_size=row["queue_size"],
        state=TagState(row["state"]),
        state_detail=row["state_detail"],
        created_at=row["created_at"],
        address=address_of(row),
        acquisition=acquisition_of(row),
    )


async def ids_by_node(connection: Connection, server: ServerName) -> dict[str, int]:
    """The nodes of which a server's whole values are tags already: node id to tag id."""
    by_address = await ids_by_address(connection, server)
    return {node_id: tag_id for (node_id, address), tag_id in by_address.items() if address == WHOLE_VALUE}


async def ids_by_address(connection: Connection, server: ServerName) -> dict[tuple[str, Address], int]:
    """The tags that a server has already: node id and part of it to tag id."""
    rows = await connection.fetch(
        f"SELECT node_id, tag_id, {_ADDRESS_COLUMNS} FROM tag"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3 AND deleted_at IS NULL",
        server.tenant,
        server.gateway,
        server.server,
    )
    return {(row["node_id"], address_of(row)): row["tag_id"] for row in rows}


async def count(connection: Connection, gateway: GatewayName) -> int:
    """How many tags a gateway has."""
    return await connection.fetchval(
        "SELECT count(*) FROM tag WHERE tenant_id = $1 AND gateway_id = $2 AND deleted_at IS NULL",
        gateway.tenant,
        gateway.gateway,
    )


async def insert(connection: Connection, server: ServerName, tags: Sequence[NewTag]) -> dict[tuple[str, Address], int]:
    """Make tags, their ids rising in the order given; returns node id and part of it to tag id."""
    rows = await connection.fetch(
        "INSERT INTO tag (tenant_id, gateway_id, server_id, node_id, browse_path, display_name, kind, data_type, unit,"
        f" sampling_interval_us, publishing_interval_us, queue_size, {_ADDRESS_COLUMNS}, {_ACQUISITION_COLUMNS})"
        " SELECT $1, $2, $3, t.* FROM unnest($4::text[], $5::text[], $6::text[], $7::smallint[], $8::text[],"
        " $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::smallint[], $14::text[], $15::text[],"
        " $16::smallint[], $17::smallint[], $18::float8[], $19::smallint[], $20::boolean[], $21::bigint[],"
        f" $22::boolean[], $23::smallint[]) AS t RETURNING node_id, tag_id, {_ADDRESS_COLUMNS}",
        server.tenant,
        server.gateway,
        server.server,
        [t.node.node_id for t in tags],
        [t.node.browse_path for t in tags],
        [t.display_name for t in tags],
        [t.node.kind for t in tags],
        [t.node.data_type for t in tags],
        [t.node.unit for t in tags],
        [t.sampling_interval_us for t in tags],
        [t.publishing_interval_us for t in tags],
        [t.queue_size for t in tags],
        *_columns([dataclasses.astuple(t.address) for t in tags], 3),
        *_columns([dataclasses.astuple(t.acquisition) for t in tags], 8),
    )
    return {(row["node_id"], address_of(row)): row["tag_id"] for row in rows}


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)] or [[]] * width


async def find(connection: Connection, name: TagName) -> Tag | None:
    """One tag that is not deleted."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM tag WHERE tenant_id = $1 AND tag_id = $2 AND deleted_at IS NULL",
        name.tenant,
        name.tag_id,
    )
    return None if row is None else _tag(row)


async def page(
    connection: Connection, tenant: str, *, server: ServerName | None, query: str, after: int, limit: int
) -> TagPage:
    """The tags after an id, in order of it, of one server (None: all), with `query` in path or display name."""
    where = (
        " FROM tag WHERE tenant_id = $1 AND deleted_at IS NULL"
        " AND ($2::text IS NULL OR (gateway_id = $2 AND server_id = $3))"
        " AND ($4 = '' OR strpos(lower(browse_path), lower($4)) > 0 OR strpos(lower(display_name), lower($4)) > 0)"
    )
    of = (None, None) if server is None else (server.gateway, server.server)
    total = await connection.fetchval(f"SELECT count(*) {where}", tenant, *of, query)
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} {where} AND tag_id > $5 ORDER BY tag_id LIMIT $6", tenant, *of, query, after, limit
    )
    return TagPage([_tag(row) for row in rows], total)


async def gateways_of(connection: Connection, tenant: str, tag_ids: Sequence[int]) -> Sequence[GatewayName]:
    """The gateways that tags belong to, in order of id."""
    rows = await connection.fetch(
        "SELECT DISTINCT gateway_id FROM tag WHERE tenant_id = $1 AND tag_id = ANY($2::bigint[]) ORDER BY gateway_id",
        tenant,
        tag_ids,
    )
    return [GatewayName(tenant, row["gateway_id"]) for row in rows]


async def delete(connection: Connection, tenant: str, tag_ids: Sequence[int]) -> dict[int, GatewayName]:
    """Stop storing tags; returns whose each was. A tag that the historian never heard of needs no retiring."""
    rows = await connection.fetch(
        "UPDATE tag SET deleted_at = now(), retired_at = CASE WHEN registered_at IS NULL THEN now() END"
        " WHERE tenant_id = $1 AND tag_id = ANY($2::bigint[]) AND deleted_at IS NULL RETURNING tag_id, gateway_id",
        tenant,
        tag_ids,
    )
    return {row["tag_id"]: GatewayName(tenant, row["gateway_id"]) for row in rows}


async def ids_of_server(connection: Connection, server: ServerName) -> Sequence[int]:
    """The tags of a server."""
    return list((await ids_by_address(connection, server)).values())


async def set_deleted_revision(connection: Connection, tenant: str, tag_ids: Sequence[int], revision: int) -> None:
    """Note from which revision on the gateway has the tags no longer."""
    await connection.execute(
        "UPDATE tag SET deleted_revision = $3 WHERE tenant_id = $1 AND tag_id = ANY($2::bigint[])",
        tenant,
        tag_ids,
        revision,
    )


async def configured(connection: Connection, gateway: GatewayName) -> dict[str, list[ConfiguredTag]]:
    """What a gateway is to subscribe to, by server id: the tags that the historian knows."""
    rows = await connection.fetch(
        "SELECT server_id, tag_id, node_id, kind, sampling_interval_us, publishing_interval_us, queue_size,"
        f" {_ADDRESS_COLUMNS}, {_ACQUISITION_COLUMNS} FROM tag"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND deleted_at IS NULL AND registered_at IS NOT NULL"
        " ORDER BY tag_id",
        gateway.tenant,
        gateway.gateway,
    )
    by_server: dict[str, list[ConfiguredTag]] = {}
    for row in rows:
        tag = ConfiguredTag(
            tag_id=row["tag_id"],
            node_id=row["node_id"],
            kind=row["kind"],
            sampling_interval_us=row["sampling_interval_us"],
            publishing_interval_us=row["publishing_interval_us"],
            queue_size=row["queue_size"],
            address=address_of(row),
            acquisition=acquisition_of(row),
        )
        by_server.setdefault(row["server_id"], []).append(tag)
    return by_server


async def save_reports(connection: Connection, gateway: GatewayName, reports: Sequence[TagReport]) -> None:
    """Keep how items fared at their gateway; items that are not its own are passed over."""
    await connection.execute(
        "UPDATE tag AS t SET state = r.state, status_code = r.code, state_detail = r.detail,"
        " revised_sampling_interval_us = r.revised, revised_queue_size = r.queue"
        " FROM unnest($3::bigint[], $4::smallint[], $5::bigint[], $6::text[], $7::bigint[], $8::bigint[])"
        " AS r (tag_id, state, code, detail, revised, queue)"
        " WHERE t.tenant_id = $1 AND t.gateway_id = $2 AND t.tag_id = r.tag_id",
        gateway.tenant,
        gateway.gateway,
        [r.tag_id for r in reports],
        [r.state for r in reports],
        [r.status_code for r in reports],
        [r.detail for r in reports],
        [r.revised_sampling_interval_us for r in reports],
        [r.revised_queue_size for r in reports],
    )


async def tenants_with_unregistered(connection: Connection) -> Sequence[str]:
    """Tenants that have tags of which the historian does not know."""
    rows = await connection.fetch(
        "SELECT DISTINCT tenant_id FROM tag WHERE registered_at IS NULL AND deleted_at IS NULL"
    )
    return [row["tenant_id"] for row in rows]


async def unregistered(connection: Connection, tenant: str, after: int, limit: int) -> Sequence[UntoldTag]:
    """Tags after an id of which the historian does not know, in order of id."""
    rows = await connection.fetch(
        "SELECT tag_id, gateway_id, kind FROM tag WHERE tenant_id = $1 AND registered_at IS NULL AND deleted_at IS NULL"
        " AND tag_id > $2 ORDER BY tag_id LIMIT $3",
        tenant,
        after,
        limit,
    )
    return [UntoldTag(row["tag_id"], GatewayName(tenant, row["gateway_id"]), row["kind"]) for row in rows]


async def mark_registered(connection: Connection, tenant: str, tag_ids: Sequence[int]) -> Sequence[GatewayName]:
    """Observe that the historian knows tags; returns the gateways that can now be told.

    A tag that was deleted meanwhile is marked too, so that it will be retired.
    """
    rows = await connection.fetch(
        "WITH marked AS (UPDATE tag SET registered_at = now(), retired_at = NULL"
        " WHERE tenant_id = $1 AND tag_id = ANY($2::bigint[]) AND registered_at IS NULL RETURNING gateway_id)"
        " SELECT DISTINCT gateway_id FROM marked ORDER BY gateway_id",
        tenant,
        tag_ids,
    )
    return [GatewayName(tenant, row["gateway_id"]) for row in rows]


async def tenants_with_unretired(connection: Connection) -> Sequence[str]:
    """Tenants that have deleted tags which the historian still accepts."""
    rows = await connection.fetch(
        "SELECT DISTINCT tenant_id FROM tag WHERE deleted_at IS NOT NULL AND retired_at IS NULL"
    )
    return [row["tenant_id"] for row in rows]


async def retirable(connection: Connection, tenant: str, at_latest: timedelta, limit: int) -> Sequence[int]:
    """Deleted tags of which no sample can be on its way any more.

    Their gateway has confirmed a configuration without them and emptied its buffer, or is revoked, or had long enough.
    """
    rows = await connection.fetch(
        "SELECT t.tag_id FROM tag AS t JOIN gateway AS g USING (tenant_id, gateway_id)"
        " WHERE t.tenant_id = $1 AND t.deleted_at IS NOT NULL AND t.retired_at IS NULL"
        " AND (g.revoked_at IS NOT NULL OR t.deleted_at < now() - $2::interval"
        " OR (g.observed_revision >= t.deleted_revision AND g.buffered_frames = 0 AND g.last_seen_at > g.confirmed_at))"
        " ORDER BY t.tag_id LIMIT $3",
        tenant,
        at_latest,
        limit,
    )
    return [row["tag_id"] for row in rows]


async def mark_retired(connection: Connection, tenant: str, tag_ids: Sequence[int]) -> None:
    """Observe that the historian accepts tags no more."""
    await connection.execute(
        "UPDATE tag SET retired_at = now() WHERE tenant_id = $1 AND tag_id = ANY($2::bigint[])", tenant, tag_ids
    )


async def filtered(
    connection: Connection, server: ServerName, *, tag_ids: Sequence[int], path: str, query: str, data_type: str
) -> Sequence[Tag]:
    """The tags of a server that all stated parts choose, in order of id; empty parts choose all."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM tag"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3 AND deleted_at IS NULL"
        " AND (cardinality($4::bigint[]) = 0 OR tag_id = ANY($4::bigint[]))"
        " AND ($5 = '' OR browse_path = $5 OR starts_with(browse_path, $5 || '/'))"
        " AND ($6 = '' OR strpos(lower(browse_path), lower($6)) > 0 OR strpos(lower(display_name), lower($6)) > 0)"
        " AND ($7 = '' OR data_type = $7) ORDER BY tag_id",
        server.tenant,
        server.gateway,
        server.server,
        list(tag_ids),
        path,
        query,
        data_type,
    )
    return [_tag(row) for row in rows]


async def update_sampling(connection: Connection, tenant: str, tags: Sequence[Tag]) -> None:
    """Change how tags are sampled; their gateway has not confirmed it yet."""
    await connection.execute(
        "UPDATE tag AS t SET sampling_interval_us = n.sampling, publishing_interval_us = n.publishing,"
        " queue_size = n.queue, mode = n.mode, deadband_type = n.deadband_type, deadband_value = n.deadband_value,"
        " trigger = n.trigger, discard_newest = n.discard_newest, heartbeat_us = n.heartbeat,"
        " register_node = n.register_node, minimum_severity = n.severity, state = 1, state_detail = ''"
        " FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::smallint[], $7::smallint[],"
        " $8::float8[], $9::smallint[], $10::boolean[], $11::bigint[], $12::boolean[], $13::smallint[])"
        " AS n (tag_id, sampling, publishing, queue, mode, deadband_type, deadband_value, trigger, discard_newest,"
        " heartbeat, register_node, severity) WHERE t.tenant_id = $1 AND t.tag_id = n.tag_id",
        tenant,
        [t.name.tag_id for t in tags],
        [t.sampling_interval_us for t in tags],
        [t.publishing_interval_us for t in tags],
        [t.queue_size for t in tags],
        *_columns([dataclasses.astuple(t.acquisition) for t in tags], 8),
    )


@dataclass(frozen=True, slots=True)
class Refused:
    """How many of a server's tags it refuses, of how many, and which is the first and why."""

    count: int
    total: int
    browse_path: str
    detail: str


async def refused_by_server(connection: Connection, gateway: GatewayName) -> dict[ServerName, Refused]:
    """What the servers of a gateway refuse, as far as it has reported; servers without tags are left out."""
    rows = await connection.fetch(
        "SELECT server_id, count(*) AS total, count(*) FILTER (WHERE state = 3) AS refused,"
        " min(browse_path) FILTER (WHERE state = 3) AS first_path,"
        " (array_agg(state_detail ORDER BY browse_path, tag_id) FILTER (WHERE state = 3))[1] AS first_detail"
        " FROM tag WHERE tenant_id = $1 AND gateway_id = $2 AND deleted_at IS NULL GROUP BY server_id",
        gateway.tenant,
        gateway.gateway,
    )
    return {
        ServerName(gateway.tenant, gateway.gateway, row["server_id"]): Refused(
            row["refused"], row["total"], row["first_path"] or "", row["first_detail"] or ""
        )
        for row in rows
    }
