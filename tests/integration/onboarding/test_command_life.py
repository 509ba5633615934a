"""Commands of both sorts over a stream that breaks at any moment: each ends once, whatever happens to it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from itertools import count
from typing import TypeVar

import pytest
from google.longrunning.operations_pb2 import Operation
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from dualspan.onboarding.v1.discovery_pb2 import DiscoverServersResponse
from dualspan.onboarding.v1.gateway_service_pb2 import ConnectRequest, ConnectResponse
from dualspan_edge.clock import now_microseconds
from dualspan_edge.commands import CommandRegistry, Progress
from dualspan_onboarding.model import Limits, Session, Timing
from dualspan_onboarding.names import GatewayName
from dualspan_onboarding.servicer.commands import command_news
from dualspan_onboarding.settings import OnboardingSettings
from harness.gateway_commands import Owner, asked, now_of, reason_of, work
from harness.onboarding import UseCases, open_use_cases

T = TypeVar("T")
# How many of some messages arrive before the stream breaks; mostly it holds.
ALL = 100
ARRIVING = st.sampled_from([ALL, ALL, ALL, 0, 1])
_tenants = (f"commands-{n}" for n in count(1))


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
