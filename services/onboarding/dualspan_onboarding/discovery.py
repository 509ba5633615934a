"""What may be looked for, and what is kept of what a gateway says that it found. No I/O."""

from urllib.parse import urlsplit

from dualspan.onboarding.v1.discovery_pb2 import (
    DISCOVERY_SOURCE_ADDRESS,
    DiscoveredServer,
    DiscoverServersResponse,
    DiscoveryScope,
)
from dualspan_onboarding.discovery_addresses import DEFAULT_PORT, Named, count_targets, read_address
from dualspan_onboarding.errors import malformed

MOST_ADDRESSES = 200
MOST_PORTS = 20
MOST_TARGETS = 4096
MOST_SERVERS = 2000
_LONGEST_ADDRESS = 1024
_FASTEST_PACE = 200
_LONGEST_TIMEOUT_MS = 30_000
_MOST_BYTES = 1 << 20


def check_scope(scope: DiscoveryScope) -> DiscoveryScope:
    """Return a scope that can be sent to a gateway, which has the last word; raises InvalidArgument."""
    if not scope.addresses and not scope.multicast:
        raise malformed("SCOPE_EMPTY", "scope.addresses", "Name an address, a range or a network, or set multicast.")
    if len(scope.addresses) > MOST_ADDRESSES:
        raise malformed("SCOPE_TOO_LARGE", "scope.addresses", f"At most {MOST_ADDRESSES} addresses at once.")
    addresses = [_read(address) for address in scope.addresses]
    if len(scope.ports) > MOST_PORTS or any(not 0 < port < 65536 for port in scope.ports):
        words = f"At most {MOST_PORTS} ports, each from 1 to 65535."
        raise malformed("MALFORMED_PORTS", "scope.ports", words)
    targets = count_targets(addresses, scope.ports)
    if targets > MOST_TARGETS:
        words = f"This names {targets} addresses with their ports, and {MOST_TARGETS} at most are asked in one search. "
        raise malformed("SCOPE_TOO_LARGE", "scope", words + "Name fewer addresses or fewer ports, or search in parts.")
    if scope.connections_per_second > _FASTEST_PACE:
        words = f"At most {_FASTEST_PACE} connections in a second; a plant's network may not bear more."
        raise malformed("PACE_OUT_OF_RANGE", "scope.connections_per_second", words)
    milliseconds = scope.answer_timeout.seconds * 1000 + scope.answer_timeout.nanos // 1_000_000
    if scope.HasField("answer_timeout") and not 0 < milliseconds <= _LONGEST_TIMEOUT_MS:
        raise malformed("TIMEOUT_OUT_OF_RANGE", "scope.answer_timeout", "Between 1 ms and 30 s.")
    return scope


def _read(address: str) -> Named:
    if not address.strip() or len(address) > _LONGEST_ADDRESS or not address.isprintable():
        words = f"{address[:100]!r} is no address: write plc7, 10.0.0.7:4840, 10.0.0.0/24 or opc.tcp://plc7:4840."
        raise malformed("MALFORMED_ADDRESS", "scope.addresses", words)
    return read_address(address)


def clean_findings(found: DiscoverServersResponse) -> DiscoverServersResponse:
    """What a gateway found, as it can be kept: each server once, none without a usable address, none endless."""
    servers: dict[str, DiscoveredServer] = {}
    for one in found.servers[: 2 * MOST_SERVERS]:
        # With and without a slash at the end, it is the same place.
        one.discovery_url = one.discovery_url.rstrip("/")
        if _keepable(one):
            servers[one.discovery_url] = one
    cleaned = DiscoverServersResponse(
        asked_addresses=found.asked_addresses,
        open_addresses=found.open_addresses,
        notes=[note[:500] for note in found.notes[:20]],
    )
    cleaned.servers.extend(servers[url] for url in sorted(servers)[:MOST_SERVERS])
    for server in cleaned.servers:
        server.server = ""
    return cleaned


def _keepable(server: DiscoveredServer) -> bool:
    url = server.discovery_url
    return 0 < len(url.encode()) <= _LONGEST_ADDRESS and url.isprintable() and server.ByteSize() <= _MOST_BYTES


def seen_again(known: DiscoveredServer, now: DiscoveredServer) -> DiscoveredServer:
    """A server as it is kept when it is found once more: what it said of itself stays known while it says nothing."""
    if now.reached or not known.endpoints:
        return now
    kept = DiscoveredServer()
    kept.CopyFrom(known)
    if now.source == DISCOVERY_SOURCE_ADDRESS:
        # It was asked and did not answer.
        kept.reached, kept.detail = False, now.detail
    kept.capabilities.extend(one for one in now.capabilities if one not in kept.capabilities)
    return kept


def place_of(url: str) -> tuple[str, int, str]:
    """What makes two URLs the same place: host, port and path."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "").lower(), parts.port or DEFAULT_PORT, parts.path.rstrip("/")
    except ValueError:
        return url, 0, ""
