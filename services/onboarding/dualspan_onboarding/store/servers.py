"""OPC UA servers."""

import dataclasses
from collections.abc import Sequence

from asyncpg import Record

from dualspan_onboarding.model import (
    ConnectionState,
    OpcUaServer,
    SecurityMode,
    SecurityPolicy,
    ServerReport,
    ServerSettings,
)
from dualspan_onboarding.names import GatewayName, GatewayScope, ServerName
from dualspan_runtime.database import Connection

_COLUMNS = """
    tenant_id, gateway_id, server_id, display_name, endpoint_url, security_mode, security_policy, username,
    password_sealed, trusted_certificate_sha256, created_at, snapshot_browse_id, connection_state, status_detail,
    monitored_items, clock_offset_us, untrusted_certificate, reverse_connect, server_uri
"""


def _report(row: Record) -> ServerReport:
    return ServerReport(
        server=row["server_id"],
        state=ConnectionState(row["connection_state"]),
        detail=row["status_detail"],
        monitored_items=row["monitored_items"],
        clock_offset_us=row["clock_offset_us"],
        untrusted_certificate=row["untrusted_certificate"],
    )


def _server(row: Record) -> OpcUaServer:
    return OpcUaServer(
        name=ServerName(row["tenant_id"], row["gateway_id"], row["server_id"]),
        settings=ServerSettings(
            display_name=row["display_name"],
            endpoint_url=row["endpoint_url"],
            security_mode=SecurityMode(row["security_mode"]),
            security_policy=SecurityPolicy(row["security_policy"]),
            username=row["username"],
            trusted_certificate_sha256=row["trusted_certificate_sha256"],
            reverse_connect=row["reverse_connect"],
            server_uri=row["server_uri"],
        ),
        password_sealed=row["password_sealed"],
        created_at=row["created_at"],
        snapshot=row["snapshot_browse_id"],
        report=_report(row),
    )


async def insert(
    connection: Connection, name: ServerName, settings: ServerSettings, password_sealed: bytes | None
) -> bool:
    """Add a server; False if the id is taken."""
    row = await connection.fetchrow(
        "INSERT INTO opc_ua_server (tenant_id, gateway_id, server_id, display_name, endpoint_url, security_mode,"
        " security_policy, username, trusted_certificate_sha256, reverse_connect, server_uri, password_sealed)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING RETURNING server_id",
        name.tenant,
        name.gateway,
        name.server,
        *dataclasses.astuple(settings),
        password_sealed,
    )
    return row is not None


async def update(
    connection: Connection, name: ServerName, settings: ServerSettings, password_sealed: bytes | None
) -> None:
    """Change what is stated of a server."""
    await connection.execute(
        "UPDATE opc_ua_server SET display_name = $4, endpoint_url = $5, security_mode = $6, security_policy = $7,"
        " username = $8, trusted_certificate_sha256 = $9, reverse_connect = $10, server_uri = $11,"
        " password_sealed = $12"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3",
        name.tenant,
        name.gateway,
        name.server,
        *dataclasses.astuple(settings),
        password_sealed,
    )


async def trust(connection: Connection, name: ServerName, certificate_sha256: str) -> None:
    """Approve a certificate; nothing waits for approval any more."""
    await connection.execute(
        "UPDATE opc_ua_server SET trusted_certificate_sha256 = $4, untrusted_certificate = ''"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3",
        name.tenant,
        name.gateway,
        name.server,
        certificate_sha256,
    )


async def delete(connection: Connection, name: ServerName) -> bool:
    """Remove a server with its browses; False if there is none."""
    row = await connection.fetchrow(
        "DELETE FROM opc_ua_server WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3 RETURNING server_id",
        name.tenant,
        name.gateway,
        name.server,
    )
    return row is not None


async def find(connection: Connection, name: ServerName) -> OpcUaServer | None:
    """One server."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM opc_ua_server WHERE tenant_id = $1 AND gateway_id = $2 AND server_id = $3",
        name.tenant,
        name.gateway,
        name.server,
    )
    return None if row is None else _server(row)


async def count(connection: Connection, gateway: GatewayName) -> int:
    """How many servers a gateway has."""
    return await connection.fetchval(
        "SELECT count(*) FROM opc_ua_server WHERE tenant_id = $1 AND gateway_id = $2", gateway.tenant, gateway.gateway
    )


async def page(
    connection: Connection, scope: GatewayScope, after: tuple[str, str], limit: int
) -> Sequence[OpcUaServer]:
    """The servers after a (gateway id, server id), in that order."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM opc_ua_server WHERE tenant_id = $1 AND ($2::text IS NULL OR gateway_id = $2)"
        ' AND (gateway_id COLLATE "C", server_id COLLATE "C") > ($3, $4)'
        ' ORDER BY gateway_id COLLATE "C", server_id COLLATE "C" LIMIT $5',
        scope.tenant,
        scope.gateway,
        *after,
        limit,
    )
    return [_server(row) for row in rows]


async def of_gateway(connection: Connection, gateway: GatewayName) -> Sequence[OpcUaServer]:
    """Every server of a gateway, in order of id."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM opc_ua_server WHERE tenant_id = $1 AND gateway_id = $2 ORDER BY server_id",
        gateway.tenant,
        gateway.gateway,
    )
    return [_server(row) for row in rows]


async def reports(connection: Connection, tenant: str, gateway_ids: Sequence[str]) -> dict[str, list[ServerReport]]:
    """What gateways last said of their servers, by gateway id."""
    rows = await connection.fetch(
        "SELECT gateway_id, server_id, connection_state, status_detail, monitored_items, clock_offset_us,"
        " untrusted_certificate FROM opc_ua_server WHERE tenant_id = $1 AND gateway_id = ANY($2::text[])"
        " ORDER BY gateway_id, server_id",
        tenant,
        gateway_ids,
    )
    by_gateway: dict[str, list[ServerReport]] = {}
    for row in rows:
        by_gateway.setdefault(row["gateway_id"], []).append(_report(row))
    return by_gateway


async def save_reports(connection: Connection, gateway: GatewayName, reports: Sequence[ServerReport]) -> None:
    """Keep what the gateway says of its servers; those that it should not have are passed over."""
    await connection.execute(
        "UPDATE opc_ua_server AS s SET connection_state = r.state, status_detail = r.detail,"
        " monitored_items = r.items, clock_offset_us = r.clock, untrusted_certificate = r.certificate"
        " FROM unnest($3::text[], $4::smallint[], $5::text[], $6::integer[], $7::bigint[], $8::bytea[])"
        " AS r (server_id, state, detail, items, clock, certificate)"
        " WHERE s.tenant_id = $1 AND s.gateway_id = $2 AND s.server_id = r.server_id",
        gateway.tenant,
        gateway.gateway,
        [r.server for r in reports],
        [r.state for r in reports],
        [r.detail for r in reports],
        [r.monitored_items for r in reports],
        [r.clock_offset_us for r in reports],
        [r.untrusted_certificate for r in reports],
    )
