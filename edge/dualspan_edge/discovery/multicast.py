"""Servers that announce themselves by multicast DNS (Part 12, 4.2.2 and annex C)."""

import asyncio
import ipaddress
from collections.abc import Mapping

from zeroconf import BadTypeInNameException, IPVersion, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from dualspan.onboarding.v1 import discovery_pb2
from dualspan_edge.discovery.describing import text
from dualspan_edge.discovery.probe import announced

SERVICE_TYPE = "_opcua-tcp._tcp.local."
_LISTEN_SECONDS = 3.0
_RESOLVE_MS = 1500
_MOST_SERVICES = 500
_MOST_CAPABILITIES = 50


class NoMulticastError(Exception):
    """This machine, or this network, has no multicast."""


async def listen(seconds: float = _LISTEN_SECONDS) -> list[discovery_pb2.DiscoveredServer]:
    """What is announced within some seconds; nobody is connected to.

    Raises:
        NoMulticastError: Nothing can be heard here; containers often have no multicast.
    """
    names: set[str] = set()

    def heard(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        del zeroconf, service_type
        if state_change is not ServiceStateChange.Removed and len(names) < _MOST_SERVICES:
            names.add(name)

    try:
        zeroconf = AsyncZeroconf(ip_version=IPVersion.V4Only)
    except OSError as error:
        raise NoMulticastError(str(error)) from error
    try:
        browser = AsyncServiceBrowser(zeroconf.zeroconf, SERVICE_TYPE, handlers=[heard])
        await asyncio.sleep(seconds)
        await browser.async_cancel()
        found = await asyncio.gather(*(_resolve(zeroconf.zeroconf, name) for name in sorted(names)))
    except OSError as error:
        raise NoMulticastError(str(error)) from error
    finally:
        await zeroconf.async_close()
    return [server for server in found if server is not None]


async def _resolve(zeroconf: Zeroconf, name: str) -> discovery_pb2.DiscoveredServer | None:
    try:
        information = AsyncServiceInfo(SERVICE_TYPE, name)
    except BadTypeInNameException:
        return None
    if not await information.async_request(zeroconf, _RESOLVE_MS):
        return None
    return described(
        name, information.server or "", information.parsed_addresses(), information.port or 0, information.properties
    )


def described(
    name: str, host: str, addresses: list[str], port: int, properties: Mapping[bytes, bytes | None]
) -> discovery_pb2.DiscoveredServer | None:
    """An announcement as what was found; None if it says no address.

    Args:
        name: `server._opcua-tcp._tcp.local.`
        host: The host's name.
        addresses: Its addresses.
        port: TCP port.
        properties: `path` and `caps` (Part 12, annex C).
    """
    where = next((_bracketed(address) for address in addresses), host.rstrip("."))
    if not where or not port:
        return None
    path = _decoded(properties.get(b"path")).lstrip("/")
    url = f"opc.tcp://{where}:{port}" + (f"/{path}" if path else "")
    server = announced(text(url), discovery_pb2.DISCOVERY_SOURCE_MULTICAST, "")
    server.application_name = text(name.removesuffix("." + SERVICE_TYPE))
    capabilities = _decoded(properties.get(b"caps")).split(",")[:_MOST_CAPABILITIES]
    server.capabilities.extend(text(one.strip(), 50) for one in capabilities if one.strip())
    return server


def _bracketed(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return f"[{parsed}]" if parsed.version == 6 else str(parsed)


def _decoded(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "replace")
