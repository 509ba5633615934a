"""What gateways found in structures and arrays."""

from collections.abc import Mapping, Sequence

from dualspan_onboarding.names import ServerName
from dualspan_onboarding.sampling import ValueField
from dualspan_runtime.database import Connection


async def replace(connection: Connection, server: ServerName, found: Mapping[str, Sequence[ValueField]]) -> None:
    """Keep what is in the values of some nodes; what was found in them before goes."""
    of_server = (server.tenant, server.gateway, server.server)
    await connection.execute(
        "DELETE FROM value_field"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3 AND node_id = ANY($4::text[])",
        *of_server,
        list(found),
    )
    rows = [(node_id, place, field) for node_id, fields in found.items() for place, field in enumerate(fields)]
    await connection.execute(
        "INSERT INTO value_field (tenant_id, gateway_id, server_id, node_id, place, path, data_type, kind, length,"
        " is_optional) SELECT $1, $2, $3, f.* FROM unnest($4::text[], $5::integer[], $6::text[], $7::text[],"
        " $8::smallint[], $9::bigint[], $10::boolean[]) AS f ON CONFLICT DO NOTHING",
        *of_server,
        [node_id for node_id, _, _ in rows],
        [place for _, place, _ in rows],
        [field.path for _, _, field in rows],
        [field.data_type for _, _, field in rows],
        [field.kind for _, _, field in rows],
        [field.length for _, _, field in rows],
        [field.optional for _, _, field in rows],
    )


async def of_nodes(connection: Connection, server: ServerName, node_ids: Sequence[str]) -> dict[str, list[ValueField]]:
    """What is in the values of nodes, in the order of the structure; nodes that were not looked into are left out."""
    rows = await connection.fetch(
        "SELECT node_id, path, data_type, kind, length, is_optional FROM value_field"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3 AND node_id = ANY($4::text[])"
        " ORDER BY node_id, place",
        server.tenant,
        server.gateway,
        server.server,
        node_ids,
    )
    fields: dict[str, list[ValueField]] = {}
    for row in rows:
        field = ValueField(row["path"], row["data_type"], row["kind"], row["length"], row["is_optional"])
        fields.setdefault(row["node_id"], []).append(field)
    return fields
