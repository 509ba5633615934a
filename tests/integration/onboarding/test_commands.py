"""Commands between a real database and the gateway's own registry, whatever the stream between them does."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import TypeVar

import pytest
from google.longrunning.operations_pb2 import Operation
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from dualspan.onboarding.v1.commands_pb2 import (
    GATEWAY_COMMAND_STATE_QUEUED,
    GATEWAY_COMMAND_STATE_SENT,
    GatewayCommandMetadata,
)
from dualspan.onboarding.v1.discovery_pb2 import DiscoverServersResponse
from dualspan.onboarding.v1.gateway_service_pb2 import ConnectRequest, ConnectResponse
from dualspan_edge.clock import now_microseconds
from dualspan_edge.commands import CommandRegistry, Progress
from dualspan_onboarding.commands import Command
from dualspan_onboarding.model import Limits, Session, Timing
from dualspan_onboarding.names import GatewayName
from dualspan_onboarding.service.commands import Work
from dualspan_onboarding.servicer.commands import command_news
from dualspan_onboarding.settings import OnboardingSettings
from dualspan_runtime.database import Connection
from dualspan_runtime.errors import DomainError, FailedPrecondition
from harness.onboarding import UseCases, open_use_cases

T = TypeVar("T")
# How many of some messages arrive before the stream breaks; mostly it holds.
ALL = 100
ARRIVING = st.sampled_from([ALL, ALL, ALL, 0, 1])
_tenants = (f"commands-{n}" for n in count(1))


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


async def test_a_command_shows_how_far_it_is_and_ends_with_its_outcome(use_cases: UseCases) -> None:
    owner = Owner()
    gateway, session = await connected(use_cases, owner)
    operation = await asked(use_cases, gateway, work("one"))
    assert metadata_of(operation).state == GATEWAY_COMMAND_STATE_QUEUED
    (command,) = await sent(use_cases, session)
    assert list(command.discover.addresses) == ["one"]
    assert command.repeatable
    assert await sent(use_cases, session) == [], "once per stream"
    report = ConnectRequest.CommandReport(command_id=command.command_id, step="asking 10.0.0.7", percent=40)
    await reports(use_cases, session, report)
    metadata = metadata_of(await now_of(use_cases, "acme", operation.name))
    assert (metadata.step, metadata.percent, metadata.state) == ("asking 10.0.0.7", 40, GATEWAY_COMMAND_STATE_SENT)
    done = ConnectRequest.CommandReport(
        command_id=command.command_id, done=True, discover=DiscoverServersResponse(asked_addresses=3)
    )
    await reports(use_cases, session, done)
    await reports(use_cases, session, done)  # told again by a later stream
    ended, response = await now_of(use_cases, "acme", operation.name), DiscoverServersResponse()
    assert ended.done
    assert ended.response.Unpack(response)
    assert response.asked_addresses == 3
    assert owner.succeeded_ones == ["one"]


async def test_an_outcome_that_its_owner_refuses_is_a_failure(use_cases: UseCases) -> None:
    owner = Owner(refuses=True)
    gateway, session = await connected(use_cases, owner)
    operation = await asked(use_cases, gateway, work("one"))
    (command,) = await sent(use_cases, session)
    done = ConnectRequest.CommandReport(command_id=command.command_id, done=True, discover=DiscoverServersResponse())
    await reports(use_cases, session, done)
    assert reason_of(await now_of(use_cases, "acme", operation.name)) == "OUTCOME_REFUSED"
    assert owner.failed_ones == {"one": "OUTCOME_REFUSED"}


async def test_an_end_without_an_outcome_is_a_failure(use_cases: UseCases) -> None:
    gateway, session = await connected(use_cases, Owner())
    operation = await asked(use_cases, gateway, work())
    (command,) = await sent(use_cases, session)
    await reports(use_cases, session, ConnectRequest.CommandReport(command_id=command.command_id, done=True))
    assert reason_of(await now_of(use_cases, "acme", operation.name)) == "COMMAND_UNANSWERED"


async def test_what_is_asked_for_is_sealed_in_the_database(use_cases: UseCases) -> None:
    gateway, _ = await connected(use_cases, Owner())
    await asked(use_cases, gateway, work("a password"))
    async with use_cases.database.transaction("acme") as connection:
        row = await connection.fetchrow("SELECT request_sealed FROM command")
    assert row is not None
    assert b"password" not in row["request_sealed"]


async def test_a_gateway_that_is_not_connected_is_asked_nothing(use_cases: UseCases) -> None:
    use_cases.commands.register("discover", Owner())
    gateway = await use_cases.gateway()
    with pytest.raises(FailedPrecondition, match="GATEWAY_OFFLINE"):
        await asked(use_cases, gateway, work())


async def test_another_gateway_cannot_speak_of_a_command(use_cases: UseCases) -> None:
    owner = Owner()
    gateway, session = await connected(use_cases, owner)
    operation = await asked(use_cases, gateway, work("one"))
    (command,) = await sent(use_cases, session)
    other = await use_cases.sessions.open(await use_cases.gateway(gateway="g2"), "1.0", 0)
    stranger = await use_cases.sessions.open(await use_cases.gateway(tenant="rival"), "1.0", 0)
    done = ConnectRequest.CommandReport(command_id=command.command_id, done=True, discover=DiscoverServersResponse())
    for foreign in (other, stranger):
        await reports(use_cases, foreign, done)
    for nonsense in ("", "x", f"{command.command_id}0", command.command_id.replace(".1", ".2")):
        await reports(use_cases, session, ConnectRequest.CommandReport(command_id=nonsense, done=True))
    assert not (await now_of(use_cases, "acme", operation.name)).done
    assert not owner.succeeded_ones


async def test_a_stream_that_was_taken_over_takes_no_commands(use_cases: UseCases) -> None:
    gateway, older = await connected(use_cases, Owner())
    await asked(use_cases, gateway, work("one"))
    newer = await use_cases.sessions.open(gateway, "1.0", 0)
    assert await sent(use_cases, older) == []
    (command,) = await sent(use_cases, newer)
    assert list(command.discover.addresses) == ["one"]


async def test_the_wish_to_stop_reaches_the_gateway_once(use_cases: UseCases) -> None:
    gateway, session = await connected(use_cases, Owner())
    operation = await asked(use_cases, gateway, work("one"))
    (command,) = await sent(use_cases, session)
    async with use_cases.database.transaction("acme") as connection:
        await use_cases.operations.request_cancel(connection, operation.name)
    await use_cases.commands.give_up_overdue()
    (order,) = await use_cases.commands.orders(session)
    assert order.cancel_command.command_id == command.command_id
    assert await use_cases.commands.orders(session) == []
    stopped = ConnectRequest.CommandReport(command_id=command.command_id, done=True, cancelled=True, error="stopped")
    await reports(use_cases, session, stopped)
    ended = await now_of(use_cases, "acme", operation.name)
    assert (ended.error.code, reason_of(ended)) == (code_pb2.CANCELLED, "COMMAND_CANCELLED")


async def test_a_write_that_has_begun_is_not_stopped_and_its_own_end_is_told(use_cases: UseCases) -> None:
    go = asyncio.Event()

    async def write(_command: ConnectResponse.Command, _progress: Progress) -> ConnectRequest.CommandReport:
        await go.wait()
        raise RuntimeError("the machine refuses")

    registry = CommandRegistry(now_microseconds)
    registry.register("discover", write)
    gateway, session = await connected(use_cases, Owner())
    operation = await asked(use_cases, gateway, work("one", repeatable=False))
    (command,) = await sent(use_cases, session)
    registry.accept(command)
    await asyncio.sleep(0.05)
    async with use_cases.database.transaction("acme") as connection:
        await use_cases.operations.request_cancel(connection, operation.name)
    await use_cases.commands.give_up_overdue()
    (order,) = await use_cases.commands.orders(session)
    registry.cancel(order.cancel_command.command_id)
    go.set()
    await asyncio.sleep(0.05)
    for report in registry.take():
        await reports(use_cases, session, report)
    assert reason_of(await now_of(use_cases, "acme", operation.name)) == "OUTCOME_UNKNOWN"


class Link(RuleBasedStateMachine):
    """One gateway, commands of both sorts, and a stream that breaks at any moment, noticed or not."""

    service_settings: OnboardingSettings

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.opened = open_use_cases(self.service_settings, Limits(), Timing())
        self.use_cases: UseCases = self.run(self.opened.__aenter__())
        self.owner = Owner()
        self.use_cases.commands.register("discover", self.owner)
        self.tenant = next(_tenants)
        self.numbers = count()
        self.repeatable: dict[str, bool] = {}
        self.operations: dict[str, str] = {}
        self.executions: Counter[str] = Counter()
        self.working: list[tuple[str, asyncio.Future[bool]]] = []
        self.session: Session | None = None
        self.registry = self.run(self._new_registry())

    def run(self, work_to_do: Awaitable[T]) -> T:
        async def main() -> T:
            result = await work_to_do
            for _ in range(5):
                await asyncio.sleep(0)
            return result

        return self.runner.run(main())

    async def _new_registry(self) -> CommandRegistry:
        registry = CommandRegistry(now_microseconds)
        registry.register("discover", self._execute, at_once=2)
        return registry

    async def _execute(self, command: ConnectResponse.Command, progress: Progress) -> ConnectRequest.CommandReport:
        (reference,) = command.discover.addresses
        self.executions[reference] += 1
        progress("at it", 10)
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.working.append((reference, done))
        if not await done:
            raise RuntimeError("the machine refuses")
        return ConnectRequest.CommandReport(discover=DiscoverServersResponse(asked_addresses=1))

    @initialize()
    def a_gateway_connects(self) -> None:
        self.gateway: GatewayName = self.run(self.use_cases.gateway(self.tenant))
        self.connect()

    @precondition(lambda self: self.session is not None)
    @rule(repeatable=st.booleans())
    def somebody_asks(self, repeatable: bool) -> None:
        reference = f"{next(self.numbers)}"
        operation = self.run(asked(self.use_cases, self.gateway, work(reference, repeatable=repeatable)))
        self.repeatable[reference], self.operations[reference] = repeatable, operation.name

    @rule()
    def connect(self) -> None:
        """A new stream begins with what waits for it."""
        self.session = self.run(self.use_cases.sessions.open(self.gateway, "1.0", 0))
        self.registry.tell_again()
        self.platform_sends(arrives=ALL)

    @precondition(lambda self: self.session is not None)
    @rule(noticed=st.booleans())
    def stream_breaks(self, noticed: bool) -> None:
        assert self.session is not None
        if noticed:
            self.run(self.use_cases.sessions.close(self.session))
        self.session = None

    @precondition(lambda self: self.session is not None)
    @rule(arrives=ARRIVING)
    def platform_sends(self, arrives: int) -> None:
        """The first so many messages arrive; if that is not all, the stream is broken."""
        assert self.session is not None
        responses = list(self.run(self.use_cases.commands.orders(self.session)))
        for response in responses[:arrives]:
            if response.WhichOneof("message") == "command":
                self.run(self._accept(response.command))
            else:
                self.run(self._cancel(response.cancel_command.command_id))
        if len(responses) > arrives:
            self.stream_breaks(noticed=arrives % 2 == 0)

    async def _accept(self, command: ConnectResponse.Command) -> None:
        self.registry.accept(command)

    async def _cancel(self, command_id: str) -> None:
        self.registry.cancel(command_id)

    @rule(well=st.booleans())
    def a_machine_answers(self, well: bool) -> None:
        self.working = [(reference, done) for reference, done in self.working if not done.done()]
        if self.working:
            _, done = self.working.pop(0)
            self.run(self._answer(done, well))

    async def _answer(self, done: "asyncio.Future[bool]", well: bool) -> None:
        if not done.done():
            done.set_result(well)

    @precondition(lambda self: self.session is not None)
    @rule(arrives=ARRIVING)
    def gateway_tells(self, arrives: int) -> None:
        assert self.session is not None
        told = self.registry.take()
        for report in told[:arrives]:
            self.run(self.use_cases.commands.save(self.session, command_news(report)))
        if len(told) > arrives:
            self.stream_breaks(noticed=arrives % 2 == 0)

    @rule(back=st.booleans())
    def the_gateway_starts_again(self, back: bool) -> None:
        self.run(self.registry.stop())
        self.working = []
        self.registry = self.run(self._new_registry())
        self.session = None
        if back:
            self.connect()

    @precondition(lambda self: self.operations)
    @rule(data=st.data(), told=st.booleans())
    def somebody_cancels(self, data: st.DataObject, told: bool) -> None:
        """The wish may reach the gateway at once."""
        name = self.operations[data.draw(st.sampled_from(sorted(self.operations)))]

        async def cancel() -> None:
            async with self.use_cases.database.transaction(self.tenant) as connection:
                await self.use_cases.operations.request_cancel(connection, name)

        self.run(cancel())
        if told:
            self.time_passes(much_later=False)
            if self.session is not None:
                self.platform_sends(arrives=ALL)

    @rule(much_later=st.booleans())
    def time_passes(self, much_later: bool) -> None:
        if much_later:
            self.run(self._age())
        self.run(self.use_cases.commands.give_up_overdue())

    async def _age(self) -> None:
        async with self.use_cases.database.transaction(self.tenant) as connection:
            await connection.execute(
                "UPDATE command SET progressed_at = progressed_at - interval '1 hour',"
                " expire_at = expire_at - interval '1 hour'"
            )

    def teardown(self) -> None:
        try:
            if hasattr(self, "gateway"):
                self.settle()
        finally:
            self.run(self.registry.stop())
            self.run(self.opened.__aexit__(None, None, None))
            self.runner.close()

    def settle(self) -> None:
        """The stream holds and the machines answer: after that nothing is open, and every end is a true one."""
        self.connect()
        for _ in range(3 + len(self.operations)):
            self.platform_sends(arrives=ALL)
            self.a_machine_answers(well=True)
            self.a_machine_answers(well=True)
            self.gateway_tells(arrives=ALL)
            self.time_passes(much_later=False)
        self.time_passes(much_later=True)
        for reference, name in self.operations.items():
            self.check_end(reference, self.run(now_of(self.use_cases, self.tenant, name)))

    def check_end(self, reference: str, operation: Operation) -> None:
        assert operation.done, reference
        executions, reason = self.executions[reference], reason_of(operation)
        assert (reference in self.owner.succeeded_ones) == operation.HasField("response")
        assert self.owner.failed_ones.get(reference, "") == reason
        assert self.owner.succeeded_ones.count(reference) <= 1
        if operation.HasField("response"):
            assert executions >= 1
        if self.repeatable[reference]:
            assert reason in {"", "COMMAND_FAILED", "COMMAND_CANCELLED", "COMMAND_EXPIRED", "COMMAND_STALLED"}
            return
        assert executions <= 1, "what must not be done twice was done twice"
        assert reason in {"", "COMMAND_FAILED", "COMMAND_CANCELLED", "COMMAND_EXPIRED", "OUTCOME_UNKNOWN"}
        if reason in {"COMMAND_CANCELLED", "COMMAND_EXPIRED"}:
            assert executions == 0, "it was done, and its operation says that it was not"


@pytest.mark.slow
def test_every_command_ends_once_and_what_must_not_be_done_twice_is_not(
    onboarding_settings: OnboardingSettings,
) -> None:
    Link.service_settings = onboarding_settings
    run_state_machine_as_test(
        Link,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            derandomize=True,
            phases=[Phase.generate],
        ),
    )
