"""What a person named, as the addresses to ask: hosts, URLs, ranges, networks. No I/O."""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from dualspan.onboarding.v1 import discovery_pb2
from dualspan_edge.errors import GatewayError

DEFAULT_PORT = 4840
MOST_TARGETS = 4096
_MOST_ADDRESSES = 200
_MOST_PORTS = 20
_WIDEST_NETWORK = 22
_MOST_IN_RANGE = 1 << (32 - _WIDEST_NETWORK)
_HOST = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?", re.ASCII
)
_RANGE = re.compile(r"([0-9.]+)-([0-9.]+)", re.ASCII)


class ScopeError(GatewayError):
    """What was named cannot be looked for."""


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """One address to ask.

    Attributes:
        host: Name or IP address, without brackets.
        port: TCP port.
        path: What follows in the URL; empty, or begins with "/".
        named: A person named this very address, and wants to hear also that nothing answers there.
    """

    host: str
    port: int
    path: str = ""
    named: bool = True

    @property
    def url(self) -> str:
        """`opc.tcp://host:port/path`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"opc.tcp://{host}:{self.port}{self.path}"


def targets_of(scope: discovery_pb2.DiscoveryScope) -> list[Target]:
    """Every address that the scope names, once, in the order in which they were named.

    Raises:
        ScopeError: An address is malformed, or there are too many.
    """
    if len(scope.addresses) > _MOST_ADDRESSES or len(scope.ports) > _MOST_PORTS:
        raise ScopeError(f"at most {_MOST_ADDRESSES} addresses and {_MOST_PORTS} ports can be named at once")
    ports = list(dict.fromkeys(_port(str(port), str(port)) for port in scope.ports)) or [DEFAULT_PORT]
    found: dict[tuple[str, int, str], Target] = {}
    for address in scope.addresses:
        for target in _targets(address.strip(), ports):
            key = (target.host.lower(), target.port, target.path)
            if key not in found or target.named:
                found[key] = target
            if len(found) > MOST_TARGETS:
                raise ScopeError(f"this names more than {MOST_TARGETS} addresses; name fewer, or fewer ports")
    return list(found.values())


def _targets(address: str, ports: Iterable[int]) -> Iterator[Target]:
    if "://" in address:
        yield _of_url(address)
        return
    hosts, named = _hosts(address)
    if hosts is not None:
        yield from (Target(host, port, named=named) for host in hosts for port in ports)
        return
    host, separator, port = address.rpartition(":")
    if not separator:
        host, port = address, ""
    host = _host(host, address)
    numbers = [_port(port, address)] if separator else ports
    yield from (Target(host, number) for number in numbers)


def _hosts(address: str) -> tuple[Iterable[str], bool] | tuple[None, bool]:
    """The hosts of a network, a range or a plain IP address, and whether it names one; None if it is none of these."""
    span = _RANGE.fullmatch(address)
    if span is not None:
        return _range(span[1], span[2], address), False
    try:
        if "/" in address:
            return _network(address), False
        return [str(ipaddress.ip_address(address.strip("[]")))], True
    except ValueError:
        return None, True


def _network(address: str) -> Iterable[str]:
    try:
        network = ipaddress.ip_network(address, strict=False)
    except ValueError as error:
        raise ScopeError(f"{address!r} is not a network; write it like 10.0.0.0/24") from error
    if not isinstance(network, ipaddress.IPv4Network) or network.prefixlen < _WIDEST_NETWORK:
        raise ScopeError(f"{address!r} is too wide: an IPv4 network of /{_WIDEST_NETWORK} is the largest")
    return [str(host) for host in network.hosts()]


def _range(first: str, last: str, address: str) -> Iterable[str]:
    try:
        begin, end = ipaddress.IPv4Address(first), ipaddress.IPv4Address(last)
    except ValueError as error:
        raise ScopeError(f"{address!r} is not a range; write it like 10.0.0.10-10.0.0.20") from error
    if not 0 <= int(end) - int(begin) < _MOST_IN_RANGE:
        raise ScopeError(f"{address!r} must go upwards and have at most {_MOST_IN_RANGE} addresses")
    return [str(ipaddress.IPv4Address(number)) for number in range(int(begin), int(end) + 1)]


def _of_url(address: str) -> Target:
    refused = ScopeError(f"{address[:200]!r} is not an address; write it like opc.tcp://host:4840/path")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise refused from error
    if parts.scheme != "opc.tcp" or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise refused
    if len(address) > 1024 or not address.isprintable() or port == 0:
        raise refused
    return Target(_host(parts.hostname, address), port or DEFAULT_PORT, parts.path)


def _host(host: str, address: str) -> str:
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        # Digits and dots that are no address would be looked up as a name, and some resolvers take 10.1 for 10.0.0.1.
        if _HOST.fullmatch(host) is None or host.replace(".", "").isdigit():
            words = f"{address[:200]!r} is neither a host, an IP address, a range nor a network"
            raise ScopeError(f"{words}; write it like plc7, 10.0.0.7:4840 or 10.0.0.0/24") from None
        return host


def _port(text: str, address: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise ScopeError(f"{address[:200]!r} has a port that is not between 1 and 65535")
    return int(text)
