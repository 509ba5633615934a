"""Where an app may go: by name and port, and by what address the name has."""

import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network


class RefusedError(Exception):
    """A way that is not open; the message says why."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What was declared, and what the platform's administrator allows besides the internet.

    Attributes:
        hosts: Names in lower case, with a port each.
        private: Networks that are not the internet's and that a declared name may lead to nevertheless.
    """

    hosts: Collection[tuple[str, int]]
    private: Sequence[IPv4Network] = ()

    def declared(self, host: str, port: int) -> None:
        """Raises RefusedError unless the manifest declares a host at this port."""
        if (host, port) not in self.hosts:
            raise RefusedError("the app's manifest does not declare it")

    def open(self, addresses: Sequence[str]) -> None:
        """Raises RefusedError unless all addresses of a name may be gone to.

        One that may not closes the way: nobody's DNS chooses which of them is meant.
        """
        for each in addresses:
            if not self._is_open(IPv4Address(each)):
                raise RefusedError(f"it is {each}, no address on the internet")

    def _is_open(self, address: IPv4Address) -> bool:
        is_public = address.is_global and not address.is_multicast
        return is_public or any(address in each for each in self.private)


def read_hosts(text: str) -> frozenset[tuple[str, int]]:
    """`host:port`, with commas; raises ValueError."""
    found: set[tuple[str, int]] = set()
    for each in _items(text):
        host, _, port = each.rpartition(":")
        found.add((host.lower(), int(port)))
    return frozenset(found)


def read_networks(text: str) -> tuple[IPv4Network, ...]:
    """Networks such as 10.20.0.0/16, with commas; raises ValueError."""
    return tuple(ipaddress.IPv4Network(each) for each in _items(text))


def _items(text: str) -> Sequence[str]:
    return [each.strip() for each in text.split(",") if each.strip()]
