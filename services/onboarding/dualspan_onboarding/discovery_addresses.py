"""Whether what a person wants looked at is an address at all, so that typing errors are told before a gateway is asked.

The gateway reads the addresses itself and has the last word; nothing that it would take is refused here.
"""

import ipaddress
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

from dualspan_onboarding.errors import malformed
from dualspan_runtime.errors import InvalidArgument

DEFAULT_PORT = 4840
WIDEST_NETWORK = 22
_MOST_IN_RANGE = 1 << (32 - WIDEST_NETWORK)
_FORMS = "write plc7, 10.0.0.7:4840, 10.0.0.10-10.0.0.20, 10.0.0.0/24 or opc.tcp://plc7:4840/path"
_SPAN = re.compile(r"(?P<first>[0-9.]+)-(?P<last>[0-9.]+)", re.ASCII)
_NAME = re.compile(r"[A-Z0-9_][A-Z0-9_.-]*", re.ASCII | re.IGNORECASE)
_SEVERAL_PORTS = re.compile(r"\d+\s*[-,]\s*\d+", re.ASCII)

Host: TypeAlias = "int | str"


@dataclass(frozen=True, slots=True)
class Named:
    """What one address names.

    Attributes:
        hosts: IPv4 addresses as numbers, so that networks are counted quickly; other hosts in lower case.
        port: The port that it states; 0: each port of the search.
        path: What follows in a URL.
    """

    hosts: Collection[Host]
    port: int = 0
    path: str = ""


def read_address(address: str) -> Named:
    """Read a host, an IP address, a range, a network or a URL; raises InvalidArgument for anything else."""
    text = address.strip()
    if "://" in text:
        return _read_url(text)
    if _SPAN.fullmatch(text):
        return _read_range(text)
    if "/" in text:
        return _read_network(text)
    return Named((_host(text),)) if _is_ip(text) else _read_host_and_port(text)


def count_targets(addresses: Iterable[Named], ports: Collection[int]) -> int:
    """How many places are named, each counted once; `ports` are asked at addresses that state none."""
    everywhere: set[Host] = set()
    stated: set[tuple[Host, int, str]] = set()
    for one in addresses:
        if one.port:
            stated.update((host, one.port, one.path) for host in one.hosts)
        else:
            everywhere.update(one.hosts)
    asked = set(ports) or {DEFAULT_PORT}
    beside = sum(bool(path) or port not in asked or host not in everywhere for host, port, path in stated)
    return len(everywhere) * len(asked) + beside


def _refused(address: str, why: str) -> InvalidArgument:
    return malformed("MALFORMED_ADDRESS", "scope.addresses", f"{address[:100]!r} {why}.")


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _host(text: str) -> Host:
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return text.lower()
    return int(address) if address.version == 4 else str(address).lower()


def _read_url(text: str) -> Named:
    refused = _refused(text, "is no address of a server: write opc.tcp://plc7:4840/path, with a port from 1 to 65535")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise refused from None
    if parts.scheme != "opc.tcp" or not host or port == 0:
        raise refused
    return Named((_host(host),), port or DEFAULT_PORT, parts.path)


def _read_range(text: str) -> Named:
    first, _, last = text.partition("-")
    try:
        hosts = range(int(ipaddress.IPv4Address(first)), int(ipaddress.IPv4Address(last)) + 1)
    except ValueError:
        raise _refused(text, "is no range: write it like 10.0.0.10-10.0.0.20") from None
    if not 0 < len(hosts) <= _MOST_IN_RANGE:
        raise _refused(text, f"is no range that can be asked: upwards, and {_MOST_IN_RANGE} addresses at most")
    return Named(hosts)


def _read_network(text: str) -> Named:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise _refused(text, "is no network: write it like 10.0.0.0/24; ports go into `ports` (--port)") from None
    if network.version != 4 or network.prefixlen < WIDEST_NETWORK:
        raise _refused(text, f"is too wide: an IPv4 network of /{WIDEST_NETWORK} is the largest that is looked through")
    # The network's own address and the broadcast are no hosts, except where there is nothing between them.
    beside = int(network.prefixlen < 31)
    return Named(range(int(network.network_address) + beside, int(network.broadcast_address) + 1 - beside))


def _read_host_and_port(text: str) -> Named:
    host, separator, port = text.rpartition(":")
    if separator and _SEVERAL_PORTS.fullmatch(port):
        raise _refused(
            text, "names several ports: give the address alone, and each port in `ports` (--port, repeatable)"
        )
    if separator and not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise _refused(text, "has a port that is not between 1 and 65535")
    host = host if separator else text
    if not _is_ip(host) and (_NAME.fullmatch(host) is None or host.replace(".", "").isdigit()):
        raise _refused(text, f"is no address: {_FORMS}")
    return Named((_host(host),), int(port) if separator else 0)
