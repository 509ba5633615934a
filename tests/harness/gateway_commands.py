"""Commands of gateways in tests: whose they are, asking for them, and what came of them."""

from dataclasses import dataclass, field
from datetime import timedelta

from google.longrunning.operations_pb2 import Operation
from google.protobuf.message import Message
from google.rpc import error_details_pb2

from dualspan.onboarding.v1.commands_pb2 import (
    GatewayCommandMetadata,
)
from dualspan.onboarding.v1.discovery_pb2 import DiscoverServersResponse
from dualspan.onboarding.v1.gateway_service_pb2 import ConnectRequest, ConnectResponse
from dualspan_onboarding.commands import Command
from dualspan_onboarding.model import Session
from dualspan_onboarding.names import GatewayName
from dualspan_onboarding.service.commands import Work
from dualspan_onboarding.servicer.commands import command_news
from dualspan_runtime.database import Connection
from dualspan_runtime.errors import DomainError, FailedPrecondition
from harness.onboarding import UseCases


@dataclass
class Owner:
    """Whose the commands are: counts what came of each."""

    succeeded_ones: list[str] = field(default_factory=list[str])
    failed_ones: dict[str, str] = field(default_factory=dict[str, str])
    refuses: bool = False

    async def succeeded(self, connection: Connection, command: Command, outcome: Message) -> Message:
        assert isinstance(outcome, DiscoverServersResponse)
        if self.refuses:
            raise FailedPrecondition("OUTCOME_REFUSED", "This outcome cannot be used. Ask again.")
        assert not connection.is_closed()
        self.succeeded_ones.append(command.reference)
        return outcome

    async def failed(self, connection: Connection, command: Command, error: DomainError) -> None:
        assert not connection.is_closed()
        assert command.reference not in self.failed_ones
        self.failed_ones[command.reference] = error.reason


def work(reference: str = "", *, repeatable: bool = True, lifetime: timedelta = timedelta(minutes=5)) -> Work:
    request = ConnectResponse.Command()
    request.discover.addresses.append(reference)
    return Work(request, repeatable=repeatable, lifetime=lifetime, reference=reference)


async def asked(use_cases: UseCases, gateway: GatewayName, work_to_do: Work) -> Operation:
    async with use_cases.database.transaction(gateway.tenant) as connection:
        return await use_cases.commands.submit(connection, gateway, work_to_do)


async def now_of(use_cases: UseCases, tenant: str, name: str) -> Operation:
    async with use_cases.database.transaction(tenant) as connection:
        return await use_cases.operations.get(connection, name)


def reason_of(operation: Operation) -> str:
    info = error_details_pb2.ErrorInfo()
    return info.reason if any(detail.Unpack(info) for detail in operation.error.details) else ""


def metadata_of(operation: Operation) -> GatewayCommandMetadata:
    metadata = GatewayCommandMetadata()
    assert operation.metadata.Unpack(metadata)
    return metadata


async def connected(use_cases: UseCases, owner: Owner) -> tuple[GatewayName, Session]:
    use_cases.commands.register("discover", owner)
    gateway = await use_cases.gateway()
    return gateway, await use_cases.sessions.open(gateway, "1.0", 0)


async def sent(use_cases: UseCases, session: Session) -> list[ConnectResponse.Command]:
    return [response.command for response in await use_cases.commands.orders(session)]


async def reports(use_cases: UseCases, session: Session, report: ConnectRequest.CommandReport) -> None:
    await use_cases.commands.save(session, command_news(report))
