"""Discovery: what is in a plant, asked through a gateway and kept as it was seen last."""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from google.longrunning.operations_pb2 import Operation
from google.protobuf.message import Message

from dualspan.onboarding.v1.discovery_pb2 import DiscoveredServer, DiscoverServersResponse, DiscoveryScope
from dualspan.onboarding.v1.gateway_service_pb2 import ConnectResponse
from dualspan_onboarding.commands import Command
from dualspan_onboarding.discovery import MOST_SERVERS, check_scope, clean_findings, place_of, seen_again
from dualspan_onboarding.names import GatewayName
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.service.commands import Commands, Work
from dualspan_onboarding.service.gateways import Gateways
from dualspan_onboarding.store import discovery, servers
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import DomainError

_LIFETIME = timedelta(minutes=2)
_MOST_KEPT = 2 * MOST_SERVERS
_AUDITED_ADDRESSES = 20


class Discovery:
    """The use cases around discovery, and the owner of the command `discover`.

    Args:
        database: Where what was found is.
        commands: Carries the command to the gateway.
        all_gateways: Finds the gateway.
    """

    def __init__(self, database: Database, commands: Commands, all_gateways: Gateways) -> None:
        self._database = database
        self._commands = commands
        self._gateways = all_gateways
        commands.register("discover", self)

    async def discover(self, gateway: GatewayName, scope: DiscoveryScope) -> Operation:
        """Have a gateway look for servers at the addresses that are named, and nowhere else.

        Raises:
            InvalidArgument: the scope is malformed.
            NotFound: there is no such gateway.
            FailedPrecondition: it is not connected.
        """
        request = ConnectResponse.Command(discover=check_scope(scope))
        async with self._database.transaction(gateway.tenant) as connection:
            await self._gateways.found(connection, gateway)
            operation = await self._commands.submit(connection, gateway, Work(request, lifetime=_LIFETIME))
            named = ", ".join(scope.addresses[:_AUDITED_ADDRESSES])
            await audit(connection, gateway.tenant, "gateway.discover", gateway, addresses=named[:1000])
            return operation

    async def succeeded(self, connection: Connection, command: Command, outcome: Message) -> Message:
        """Keep what was found; the response has it too."""
        found = clean_findings(outcome) if isinstance(outcome, DiscoverServersResponse) else DiscoverServersResponse()
        known = await discovery.known(connection, command.gateway, [one.discovery_url for one in found.servers])
        kept = [seen_again(known.get(one.discovery_url, one), one) for one in found.servers]
        await discovery.keep(connection, command.gateway, kept)
        await discovery.drop_oldest(connection, command.gateway, _MOST_KEPT)
        await self._name_configured(connection, command.gateway, found.servers)
        return found

    async def failed(self, connection: Connection, command: Command, error: DomainError) -> None:
        """Nothing was found, and what was found before stays."""

    async def page(self, gateway: GatewayName, after: str, limit: int) -> Sequence[DiscoveredServer]:
        """The servers after a URL, in order of it, each as it was seen last; raises NotFound."""
        async with self._database.transaction(gateway.tenant, readonly=True) as connection:
            await self._gateways.found(connection, gateway)
            found = await discovery.page(connection, gateway, after, limit)
            await self._name_configured(connection, gateway, found)
            return found

    @staticmethod
    async def _name_configured(connection: Connection, gateway: GatewayName, found: Iterable[DiscoveredServer]) -> None:
        configured = await servers.of_gateway(connection, gateway)
        by_place = {place_of(server.settings.endpoint_url): str(server.name) for server in configured}
        for server in found:
            server.server = by_place.get(place_of(server.discovery_url), "")
