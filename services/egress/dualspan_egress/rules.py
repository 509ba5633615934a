"""Where an app may go: by name and port, and by what address the name has."""

import ipaddress
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

# Where clouds tell a machine about itself, and hand out its credentials: nothing that an app declares is meant. Some of
# these are the internet's by their number.
_METADATA = frozenset(
    IPv4Address(each)
    for each in (
        "169.254.169.254",  # AWS, Azure, Google, Oracle, IBM, Hetzner, OVH and others
        "169.254.170.2",  # AWS: credentials of containers
        "169.254.170.23",  # AWS: credentials of pods
        "168.63.129.16",  # Azure: WireServer
        "100.100.100.200",  # Alibaba
        "169.254.0.23",  # Tencent
        "169.254.42.42",  # Scaleway
        "192.0.0.192",  # Oracle, as it was before
        "192.80.8.124",  # Equinix Metal
    )
)


class RefusedError(Exception):
    """A way that is not open; the message says why, `code` in a stable word."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True, slots=True)
class Rules:
    """What was declared, and what the platform's administrator allows besides the internet.

    Attributes:
        hosts: Names in lower case, with a port each.
        private: Networks that are not the internet's and that a declared name may lead to nevertheless.
        denied: Networks that no name leads to, whatever else is said: addresses of the machine's own, as a rule.
    """

    hosts: Collection[tuple[str, int]]
    private: Sequence[IPv4Network] = ()
    denied: Sequence[IPv4Network] = ()

    def declared(self, host: str, port: int) -> None:
        """Raises RefusedError unless the manifest declares a host at this port."""
        if (host, port) not in self.hosts:
            raise RefusedError("UNDECLARED", "the app's manifest does not declare it")

    def open(self, addresses: Sequence[str]) -> None:
        """Raises RefusedError unless all addresses of a name may be gone to.

        One that may not closes the way: nobody's DNS chooses which of them is meant.
        """
        for each in addresses:
            address = IPv4Address(each)
            if self._is_denied(address):
                raise RefusedError("DENIED_ADDRESS", f"it is {each}, which nobody goes to from here")
            if not self._is_open(address):
                raise RefusedError("PRIVATE_ADDRESS", f"it is {each}, no address on the internet")

    def _is_denied(self, address: IPv4Address) -> bool:
        return address in _METADATA or any(address in each for each in self.denied)

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
