"""What imports and exports need beside servers and tags: namespaces, nodes by path, and variables that wait."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from asyncpg import Record

from dualspan_onboarding.names import GatewayName, ServerName
from dualspan_onboarding.sampling import Address, TagSource
from dualspan_onboarding.transfer.columns import BY_FIELD
from dualspan_onboarding.transfer.entries import Entry, Place, Reference
from dualspan_runtime.database import Connection


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A server that has been browsed since some of its waiting variables were last looked for."""

    server: ServerName
    browse: UUID


async def save_namespaces(connection: Connection, server: ServerName, namespaces: Sequence[str]) -> None:
    """Keep what a browse saw as the server's NamespaceArray."""
    await connection.execute(
        "UPDATE opc_ua_server SET namespaces = $4 WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3",
        server.tenant,
        server.gateway,
        server.server,
        namespaces,
    )


async def namespaces_of(connection: Connection, server: ServerName) -> Sequence[str]:
    """The server's NamespaceArray as it was browsed; empty if that is not known."""
    found = await connection.fetchval(
        "SELECT namespaces FROM opc_ua_server WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3",
        server.tenant,
        server.gateway,
        server.server,
    )
    return found or ()


async def gateways_of(connection: Connection, tenant: str) -> set[GatewayName]:
    """Every gateway of a tenant."""
    rows = await connection.fetch("SELECT gateway_id FROM gateway WHERE tenant_id = $1", tenant)
    return {GatewayName(tenant, row["gateway_id"]) for row in rows}


async def ids_by_path(connection: Connection, tenant: str, browse: UUID, paths: Sequence[str]) -> dict[str, list[str]]:
    """The nodes that a browse found at exactly these browse paths: path to node ids."""
    rows = await connection.fetch(
        "SELECT browse_path, node_id FROM browsed_node WHERE tenant_id = $1 AND browse_id = $2"
        " AND browse_path = ANY($3::text[]) ORDER BY browse_path, node_id",
        tenant,
        browse,
        paths,
    )
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["browse_path"], []).append(row["node_id"])
    return found


async def rename_tags(connection: Connection, tenant: str, names: Mapping[int, str]) -> None:
    """Give tags other display names, by tag id."""
    await connection.execute(
        "UPDATE tag AS t SET display_name = n.name FROM unnest($2::bigint[], $3::text[]) AS n (tag_id, name)"
        " WHERE t.tenant_id = $1 AND t.tag_id = n.tag_id",
        tenant,
        list(names),
        list(names.values()),
    )


async def add_waiting(connection: Connection, server: ServerName, entries: Sequence[Entry]) -> None:
    """Keep variables until their server has been browsed; what waits already gets the new settings."""
    # Row by row in one message: arrays of arrays have no place in unnest.
    await connection.executemany(
        "INSERT INTO waiting_variable (tenant_id, gateway_id, server_id, reference, node_id, namespace_index,"
        " browse_path, source, field_path, index_range, setting_names, setting_values)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
        " ON CONFLICT (tenant_id, gateway_id, server_id, reference, source, field_path, index_range) DO UPDATE"
        " SET setting_names = excluded.setting_names, setting_values = excluded.setting_values,"
        " tried_browse_id = NULL, detail = ''",
        [_row(server, entry) for entry in entries],
    )


def _row(server: ServerName, entry: Entry) -> tuple[object, ...]:
    address = entry.address
    return (
        server.tenant,
        server.gateway,
        server.server,
        entry.node.text,
        entry.node.node_id,
        entry.node.index,
        list(entry.node.path),
        int(address.source),
        address.field_path,
        address.index_range,
        list(entry.settings),
        [BY_FIELD[field].show(value) for field, value in entry.settings.items()],
    )


def _entry(row: Record, number: int) -> Entry:
    settings = {
        field: BY_FIELD[field].parse(text)
        for field, text in zip(row["setting_names"], row["setting_values"], strict=True)
    }
    return Entry(
        place=Place(number, row["reference"]),
        server=(row["gateway_id"], row["server_id"]),
        endpoint=None,
        node=Reference(row["node_id"], row["namespace_index"], tuple(row["browse_path"])),
        address=Address(TagSource(row["source"]), row["field_path"], row["index_range"]),
        settings=settings,
        facts={},
    )


async def waiting_of(connection: Connection, server: ServerName) -> Sequence[Entry]:
    """The variables that wait for a server, held until the transaction ends; each place has its number here."""
    rows = await connection.fetch(
        "SELECT gateway_id, server_id, reference, node_id, namespace_index, browse_path, source, field_path,"
        " index_range, setting_names, setting_values FROM waiting_variable"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3 ORDER BY created_at, reference FOR UPDATE",
        server.tenant,
        server.gateway,
        server.server,
    )
    return [_entry(row, number) for number, row in enumerate(rows)]


async def forget_waiting(connection: Connection, server: ServerName, references: Sequence[str]) -> None:
    """These variables wait no more."""
    await connection.execute(
        "DELETE FROM waiting_variable WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3"
        " AND reference = ANY($4::text[])",
        server.tenant,
        server.gateway,
        server.server,
        references,
    )


async def forget_all_waiting(connection: Connection, server: ServerName) -> int:
    """Nothing waits for this server any more; returns how much did."""
    status = await connection.execute(
        "DELETE FROM waiting_variable WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3",
        server.tenant,
        server.gateway,
        server.server,
    )
    return int(status.rpartition(" ")[2])


async def note_tried(connection: Connection, unsettled: Unsettled, details: Mapping[str, str]) -> None:
    """What still waits after a browse, and why, by reference."""
    server = unsettled.server
    await connection.execute(
        "UPDATE waiting_variable AS w SET tried_browse_id = $4, detail = coalesce(d.detail, '')"
        " FROM waiting_variable AS v LEFT JOIN unnest($5::text[], $6::text[]) AS d (reference, detail)"
        " ON d.reference = v.reference"
        " WHERE v.tenant_id = $1 AND v.gateway_id = $2 AND v.server_id = $3 AND w.tenant_id = v.tenant_id"
        " AND w.gateway_id = v.gateway_id AND w.server_id = v.server_id AND w.reference = v.reference"
        " AND w.source = v.source AND w.field_path = v.field_path AND w.index_range = v.index_range",
        server.tenant,
        server.gateway,
        server.server,
        unsettled.browse,
        list(details),
        list(details.values()),
    )


async def unsettled(connection: Connection, limit: int) -> Sequence[Unsettled]:
    """Servers of every tenant that were browsed since variables that wait for them were last looked for."""
    rows = await connection.fetch(
        "SELECT DISTINCT s.tenant_id, s.gateway_id, s.server_id, s.snapshot_browse_id"
        " FROM waiting_variable AS w JOIN opc_ua_server AS s USING (tenant_id, gateway_id, server_id)"
        " WHERE s.snapshot_browse_id IS NOT NULL AND w.tried_browse_id IS DISTINCT FROM s.snapshot_browse_id LIMIT $1",
        limit,
    )
    return [
        Unsettled(ServerName(row["tenant_id"], row["gateway_id"], row["server_id"]), row["snapshot_browse_id"])
        for row in rows
    ]
