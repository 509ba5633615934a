"""What a completeness report is asked about. No I/O."""

from dataclasses import dataclass
from datetime import datetime

from dualspan_onboarding.errors import malformed
from dualspan_onboarding.names import GatewayName, ServerName
from dualspan_onboarding.rules import check_text

MOST_TAGS = 50_000


@dataclass(frozen=True, slots=True)
class Scope:
    """A plant, one of its gateways, or one of its servers.

    Attributes:
        site: The plant: the site of its gateways; empty if the scope is smaller.
        gateway: The gateway; None for a plant.
        server: The server; None for more than one.
    """

    site: str = ""
    gateway: GatewayName | None = None
    server: ServerName | None = None

    @property
    def subject(self) -> str:
        """The scope as a report names it."""
        if self.server is not None:
            return str(self.server)
        return f"plant {self.site}" if self.gateway is None else str(self.gateway)


def scope_of(tenant: str, site: str, gateway: str, server: str) -> Scope:
    """Return the one scope that is stated; raises InvalidArgument if there is none, or more than one."""
    if [bool(site), bool(gateway), bool(server)].count(True) != 1:
        raise malformed("SCOPE_MISSING", "site", "State one of site, gateway and server.")
    if site:
        return Scope(site=check_text(site, "site"))
    named = GatewayName.parse(gateway) if gateway else ServerName.parse(server)
    if named.tenant != tenant:
        raise malformed("FOREIGN_NAME", "gateway", "The gateway or server must be one of the parent's.")
    return Scope(gateway=named) if isinstance(named, GatewayName) else Scope(gateway=named.parent, server=named)


@dataclass(frozen=True, slots=True)
class ReportedTag:
    """A tag of a report; deleted tags count until they were."""

    tag_id: int
    browse_path: str
    server: ServerName
    deleted_at: datetime | None
