"""What an app on a cluster may reach, as addresses: its pods ask no server of names."""

import ipaddress
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dualspan_manifest import Manifest
from dualspan_marketplace.deployments.helm.sealing import Reach
from dualspan_marketplace.deployments.provisioner import CannotStartError, UnreachableError


def addresses(host: str) -> list[str]:
    """The addresses of a name, IPv4 first; raises OSError."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return sorted({str(each[4][0]) for each in found}, key=lambda each: (":" in each, each))


@dataclass(frozen=True, slots=True)
class Outlook:
    """Where the platform is, for its apps.

    Attributes:
        namespace: Of the platform's own pods.
        labels: Of those that apps ask, and that ask apps.
        services: host:port by variable without the prefix `DUALSPAN_APP_`, such as HISTORIAN.
        resolve: Gives the addresses of a name, or raises OSError.
    """

    namespace: str
    labels: Mapping[str, str]
    services: Mapping[str, str]
    resolve: Callable[[str], Sequence[str]] = addresses

    def platform(self) -> dict[str, str]:
        """The addresses of the platform's own services, by their names; raises UnreachableError."""
        found: dict[str, str] = {}
        for service in self.services.values():
            host = service.rpartition(":")[0]
            try:
                found[host] = self.resolve(host)[0]
            except OSError as err:
                raise UnreachableError(f"{host}, which apps ask, has no address: {err}") from err
        return found

    def reach(self, manifest: Manifest) -> Reach:
        """What an app may reach from now until it is started again.

        Raises:
            CannotStartError: A host that it declares has no address, or none on the internet.
            UnreachableError: The platform's own have none.
        """
        hosts = self.platform()
        outside: list[tuple[str, int]] = []
        for each in manifest.egress:
            # Nobody's declaration gives another address to what the platform is called.
            address = hosts.get(each.host) or self._outside(each.host)
            hosts[each.host] = address
            outside.append((address, each.port))
        ports = sorted({int(service.rpartition(":")[2]) for service in self.services.values()})
        return Reach(self.namespace, self.labels, ports, hosts, outside)

    def _outside(self, host: str) -> str:
        try:
            found = self.resolve(host)
        except OSError as err:
            raise CannotStartError(f"{host}, which it declares to reach, has no address: {err}") from err
        for each in found:
            if not ipaddress.ip_address(each).is_global:
                words = f"{host}, which it declares to reach, is {each}: no address on the internet."
                raise CannotStartError(f"{words} Apps reach nothing inside but the platform.")
        return found[0]
