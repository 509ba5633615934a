"""The onboarding service's use cases on a real database, and words to set a plant up with."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from dualspan.historian.v1.coverage_pb2 import GetGatewayCoverageRequest, GetGatewayCoverageResponse
from dualspan_onboarding.browsed import BrowsedNode
from dualspan_onboarding.clients import Coverage
from dualspan_onboarding.migrations import MIGRATIONS
from dualspan_onboarding.model import Limits, SecurityMode, SecurityPolicy, ServerSettings, Session, Timing
from dualspan_onboarding.names import GatewayName, ServerName
from dualspan_onboarding.service.browsing import BrowseNews, Browsing
from dualspan_onboarding.service.commands import Commands
from dualspan_onboarding.service.gateways import Gateways
from dualspan_onboarding.service.notices import Notices
from dualspan_onboarding.service.servers import Servers
from dualspan_onboarding.service.sessions import Sessions
from dualspan_onboarding.service.tagging import Choice, Tagging
from dualspan_onboarding.service.trust import Trust
from dualspan_onboarding.settings import OnboardingSettings
from dualspan_onboarding.vault import Vault
from dualspan_runtime.database import Database
from dualspan_runtime.operations import OperationStore

SECRET = "a secret of the platform, for tests"


@dataclass(frozen=True, slots=True)
class UseCases:
    """Everything that the composition root makes, without the network."""

    database: Database
    operations: OperationStore
    gateways: Gateways
    servers: Servers
    browsing: Browsing
    tagging: Tagging
    sessions: Sessions
    commands: Commands
    notices: Notices
    trust: Trust

    async def gateway(self, tenant: str = "acme", gateway: str = "g1") -> GatewayName:
        """An enrolled gateway."""
        name = (await self.gateways.create(tenant, gateway, "", "")).name
        async with self.database.transaction(tenant) as connection:
            await connection.execute("UPDATE gateway SET enrolled_at = now()")
        return name

    async def server(self, gateway: GatewayName, server: str = "press-1") -> ServerName:
        """A server of it."""
        made = await self.servers.create(gateway, server, settings(), "")
        return made.name

    async def browsed(self, session: Session, server: ServerName, nodes: Sequence[BrowsedNode]) -> None:
        """A finished browse that found these nodes."""
        await self.browsing.start(server, "", 0)
        (browse,) = (await self.sessions.orders(session, 0)).browses
        await self.browsing.save(session, BrowseNews(browse.command_id, nodes, done=True, error=""))

    async def plant(self, nodes: Sequence[BrowsedNode]) -> tuple[Session, ServerName]:
        """A connected gateway with a server that was browsed."""
        gateway = await self.gateway()
        server = await self.server(gateway)
        session = await self.sessions.open(gateway, "1.0", 0)
        await self.browsed(session, server, nodes)
        return session, server


class NothingRecorded:
    """The historian's answer, in process: no earlier box has recorded anything."""

    async def GetGatewayCoverage(  # noqa: N802 - the contract's name
        self, _request: GetGatewayCoverageRequest
    ) -> GetGatewayCoverageResponse:
        return GetGatewayCoverageResponse()


def settings(**changes: object) -> ServerSettings:
    stated: dict[str, object] = {
        "display_name": "Press 1",
        "endpoint_url": "opc.tcp://10.0.0.5:4840",
        "security_mode": SecurityMode.SIGN_AND_ENCRYPT,
        "security_policy": SecurityPolicy.STRONGEST,
        "username": "",
        "trusted_certificate_sha256": "",
    }
    return ServerSettings(**(stated | changes))  # pyright: ignore[reportArgumentType]


def variable(number: int, **changes: object) -> BrowsedNode:
    stated: dict[str, object] = {
        "node_id": f"nsu=http://plant;s=Press.T{number}",
        "browse_path": f"Plant/Press {number % 10}/T{number:05}",
        "display_name": f"T{number}",
        "node_class": 2,
        "data_type": "Double",
        "kind": 1,
        "value_rank": -1,
        "access_level": 3,
        "unit": "°C",
        "minimum_sampling_interval_ms": 100.0,
    }
    return BrowsedNode(**(stated | changes))  # pyright: ignore[reportArgumentType]


def everything() -> Choice:
    return Choice((), "/", None, None)


@asynccontextmanager
async def open_use_cases(stated: OnboardingSettings, limits: Limits, timing: Timing) -> AsyncGenerator[UseCases]:
    """What the composition root makes, without servers and channels."""
    async with Database.open(stated, schema=MIGRATIONS) as opened:
        operations, vault = OperationStore(), Vault(SECRET)
        gateways = Gateways(opened, timing)
        browsing = Browsing(opened, operations, limits, timing)
        commands = Commands(opened, operations, vault, timing)
        recorded: Any = NothingRecorded()
        yield UseCases(
            database=opened,
            operations=operations,
            gateways=gateways,
            servers=Servers(opened, vault, browsing, commands, limits),
            browsing=browsing,
            tagging=Tagging(opened, limits),
            sessions=Sessions(opened, gateways, vault, commands, Coverage(recorded)),
            commands=commands,
            notices=Notices(opened),
            trust=Trust(opened),
        )
