"""Commands at the gateway, without a stream: what is begun, how often, and what is told of it."""

import asyncio
from collections.abc import Callable

from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.onboarding.v1.discovery_pb2 import DiscoverServersResponse
from dualspan.onboarding.v1.gateway_service_pb2 import ConnectRequest, ConnectResponse
from dualspan_edge.clock import now_microseconds
from dualspan_edge.commands import CommandRegistry, Progress

Report = ConnectRequest.CommandReport


class Machine:
    """A handler whose work is let go by the test."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.running = self.most_running = 0
        self.go = asyncio.Event()

    async def work(self, command: ConnectResponse.Command, progress: Progress) -> Report:
        self.begun.append(command.discover.addresses[0])
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        progress("at it", 30)
        try:
            await self.go.wait()
        finally:
            self.running -= 1
        return Report(discover=DiscoverServersResponse(asked_addresses=len(self.begun)))


def command(key: str, attempt: int = 1, *, repeatable: bool = True, lifetime: int = 60) -> ConnectResponse.Command:
    expire = Timestamp()
    expire.FromMicroseconds(now_microseconds() + lifetime * 1_000_000)
    made = ConnectResponse.Command(command_id=f"{key}.{attempt}", expire_time=expire, repeatable=repeatable)
    made.discover.addresses.append(key)
    return made


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def registry_with(machine: Machine, *, at_once: int = 4, clock: Callable[[], int] = now_microseconds):
    registry = CommandRegistry(clock)
    registry.register("discover", machine.work, at_once=at_once)
    return registry


def told(registry: CommandRegistry) -> dict[str, Report]:
    return {report.command_id: report for report in registry.take()}


async def test_a_command_is_told_of_as_it_goes_and_once_in_the_end() -> None:
    machine = Machine()
    registry = await registry_with(machine)
    registry.accept(command("a"))
    await settle()
    report = told(registry)["a.1"]
    assert (report.step, report.percent, report.done) == ("at it", 30, False)
    assert not registry.take()
    machine.go.set()
    await settle()
    report = told(registry)["a.1"]
    assert report.done
    assert report.discover.asked_addresses == 1
    assert not registry.take()


async def test_so_many_run_at_once_and_the_others_wait() -> None:
    machine = Machine()
    registry = await registry_with(machine, at_once=2)
    for number in range(5):
        registry.accept(command(f"c{number}"))
    await settle()
    assert len(machine.begun) == 2
    machine.go.set()
    await settle()
    await settle()
    assert len(machine.begun) == 5
    assert machine.most_running == 2
    assert all(report.done for report in registry.take())


async def test_what_is_sent_again_goes_on_and_is_told_under_its_new_name() -> None:
    machine = Machine()
    registry = await registry_with(machine)
    registry.accept(command("a"))
    await settle()
    registry.take()
    registry.tell_again()
    registry.accept(command("a", 2))
    machine.go.set()
    await settle()
    assert machine.begun == ["a"]
    assert list(told(registry)) == ["a.2"]
    registry.accept(command("a", 3))
    await settle()
    assert machine.begun == ["a"], "what was done is not done again"
    assert told(registry)["a.3"].discover.asked_addresses == 1


async def test_what_comes_too_late_is_not_begun() -> None:
    machine = Machine()
    registry = await registry_with(machine)
    registry.accept(command("a", lifetime=-1))
    await settle()
    assert not machine.begun
    assert "too late" in told(registry)["a.1"].error


async def test_what_waits_until_it_is_too_late_is_not_begun() -> None:
    now = [now_microseconds()]
    machine = Machine()
    registry = await registry_with(machine, at_once=1, clock=lambda: now[0])
    registry.accept(command("a", lifetime=60))
    registry.accept(command("b", lifetime=60))
    await settle()
    now[0] += 61_000_000
    machine.go.set()
    await settle()
    assert machine.begun == ["a"]
    assert "too late" in told(registry)["b.1"].error


async def test_a_repeatable_command_is_stopped() -> None:
    machine = Machine()
    registry = await registry_with(machine)
    registry.accept(command("a"))
    await settle()
    registry.cancel("a.1")
    await settle()
    report = told(registry)["a.1"]
    assert report.done
    assert report.cancelled
    assert machine.running == 0


async def test_what_must_not_be_done_twice_is_stopped_only_before_it_begins() -> None:
    machine = Machine()
    registry = await registry_with(machine, at_once=1)
    registry.accept(command("a", repeatable=False))
    registry.accept(command("b", repeatable=False))
    await settle()
    registry.cancel("a.1")
    registry.cancel("b.1")
    registry.cancel("unknown.1")
    await settle()
    reports = told(registry)
    assert not reports["a.1"].done
    assert reports["b.1"].cancelled
    machine.go.set()
    await settle()
    assert told(registry)["a.1"].discover.asked_addresses == 1
    assert machine.begun == ["a"]


async def test_an_unknown_kind_is_refused_with_what_to_do() -> None:
    registry = CommandRegistry(now_microseconds)
    registry.accept(ConnectResponse.Command(command_id="a.1"))
    assert "update" in told(registry)["a.1"].error


async def test_a_handler_that_fails_harms_nothing_else() -> None:
    async def broken(_command: ConnectResponse.Command, _progress: Progress) -> Report:
        raise ZeroDivisionError("one over nothing")

    registry = CommandRegistry(now_microseconds)
    registry.register("discover", broken)
    registry.accept(command("a"))
    registry.accept(command("b"))
    await settle()
    reports = told(registry)
    assert all("one over nothing" in reports[key].error for key in ("a.1", "b.1"))


async def test_a_handler_that_hangs_is_stopped_in_the_end() -> None:
    machine = Machine()
    registry = CommandRegistry(now_microseconds)
    registry.register("discover", machine.work, longest=0.05)
    registry.accept(command("a"))
    await asyncio.sleep(0.1)
    assert told(registry)["a.1"].done
    assert machine.running == 0


async def test_more_than_the_platform_may_ask_for_is_refused_and_old_outcomes_are_forgotten() -> None:
    machine = Machine()
    registry = await registry_with(machine, at_once=1)
    for number in range(250):
        registry.accept(command(f"c{number}"))
    await settle()
    reports = told(registry)
    assert sum("too much" in report.error for report in reports.values()) == 50
    assert len(reports) <= 251
    machine.go.set()
    for _ in range(250):
        await settle()
    registry.take()
    registry.tell_again()
    assert len(registry.take()) == 50


async def test_large_outcomes_are_remembered_up_to_a_bound() -> None:
    async def much(_command: ConnectResponse.Command, _progress: Progress) -> Report:
        return Report(discover=DiscoverServersResponse(notes=["x" * (3 << 20)]))

    registry = CommandRegistry(now_microseconds)
    registry.register("discover", much)
    for number in range(10):
        registry.accept(command(f"c{number}"))
    await settle()
    assert len(registry.take()) == 10, "each is told once in any case"
    registry.tell_again()
    assert len(registry.take()) == 2
