"""Servers that gateways found."""

from collections.abc import Mapping, Sequence

from dualspan.onboarding.v1.discovery_pb2 import DiscoveredServer
from dualspan_onboarding.names import GatewayName
from dualspan_runtime.database import Connection


async def keep(connection: Connection, gateway: GatewayName, found: Sequence[DiscoveredServer]) -> None:
    """Keep each server as it was found now."""
    await connection.execute(
        "INSERT INTO discovered_server (tenant_id, gateway_id, discovery_url, seen_at, found)"
        " SELECT $1, $2, n.url, now(), n.found FROM unnest($3::text[], $4::bytea[]) AS n (url, found)"
        " ON CONFLICT (tenant_id, gateway_id, discovery_url) DO UPDATE SET seen_at = now(), found = EXCLUDED.found",
        gateway.tenant,
        gateway.gateway,
        [server.discovery_url for server in found],
        [server.SerializeToString() for server in found],
    )


async def known(connection: Connection, gateway: GatewayName, urls: Sequence[str]) -> Mapping[str, DiscoveredServer]:
    """Those of the servers that were found before, by URL, held until the transaction ends."""
    rows = await connection.fetch(
        "SELECT discovery_url, found FROM discovered_server WHERE tenant_id = $1 AND gateway_id = $2"
        " AND discovery_url = ANY($3::text[]) FOR UPDATE",
        gateway.tenant,
        gateway.gateway,
        urls,
    )
    return {row["discovery_url"]: DiscoveredServer.FromString(row["found"]) for row in rows}


async def drop_oldest(connection: Connection, gateway: GatewayName, most: int) -> None:
    """Forget the servers that were not seen for longest, down to so many."""
    await connection.execute(
        "DELETE FROM discovered_server WHERE tenant_id = $1 AND gateway_id = $2 AND discovery_url IN ("
        " SELECT discovery_url FROM discovered_server WHERE tenant_id = $1 AND gateway_id = $2"
        " ORDER BY seen_at DESC, discovery_url OFFSET $3)",
        gateway.tenant,
        gateway.gateway,
        most,
    )


async def page(connection: Connection, gateway: GatewayName, after: str, limit: int) -> Sequence[DiscoveredServer]:
    """The servers after a URL, in order of it, with when they were seen."""
    rows = await connection.fetch(
        "SELECT found, seen_at FROM discovered_server"
        " WHERE tenant_id = $1 AND gateway_id = $2 AND discovery_url > $3 ORDER BY discovery_url LIMIT $4",
        gateway.tenant,
        gateway.gateway,
        after,
        limit,
    )
    servers: list[DiscoveredServer] = []
    for row in rows:
        server = DiscoveredServer.FromString(row["found"])
        # The platform's clock: a gateway's may be wrong.
        server.seen_time.FromDatetime(row["seen_at"])
        servers.append(server)
    return servers
