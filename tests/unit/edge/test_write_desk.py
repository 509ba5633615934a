"""Writes at the gateway, on a server whose answers the test lets go: deadlines, stops, and what is said of them."""

import asyncio
from types import SimpleNamespace

import pytest
from asyncua import ua
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.onboarding.v1.gateway_service_pb2 import ConnectRequest, ConnectResponse
from dualspan.onboarding.v1.writes_pb2 import VariableWrite, WriteOutcome, WriteValue
from dualspan_edge.commands import CommandRegistry
from dualspan_edge.opcua.writing import Target
from dualspan_edge.writes import WriteDesk

SECOND = 1_000_000


class Slow:
    """A server that answers a write when it is let to, and the platform's clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0
        self.written: list[object] = []
        self.go = asyncio.Event()
        self.looked = asyncio.Event()
        self.looked.set()
        self.before = WriteValue(number="1")
        self.registry = CommandRegistry(lambda: self.now)
        WriteDesk(self, self.registry, enabled=True).register()  # pyright: ignore[reportArgumentType] - what it uses
        for name in ("look_at", "write", "read_value"):
            monkeypatch.setattr(f"dualspan_edge.writes.{name}", getattr(self, name))

    def connected(self, server: str) -> SimpleNamespace:
        return SimpleNamespace(connection=server)

    async def look_at(self, *_: object) -> Target:
        await self.looked.wait()
        return Target(ua.NodeId.from_string("ns=1;i=1"), 6, "Int32", self.before)

    async def write(self, _connection: object, _node: object, variant: ua.Variant) -> int:
        self.written.append(variant.Value)
        await self.go.wait()
        return 0

    async def read_value(self, *_: object) -> WriteValue:
        return WriteValue(number=str(self.written[-1]))

    async def ask(self, *values: int, seconds: int = 10) -> None:
        for value in values:
            work = VariableWrite(server="press", node_id="i=1", value=WriteValue(number=str(value)))
            work.check.limits.add()
            expire = Timestamp(seconds=seconds)
            command = ConnectResponse.Command(command_id=f"{value}.1", expire_time=expire, write=work)
            self.registry.accept(command)
        await settle()

    def told(self) -> dict[str, ConnectRequest.CommandReport]:
        return {report.command_id: report for report in self.registry.take()}


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.fixture
async def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    return Slow(monkeypatch)


async def test_what_waited_for_its_turn_beyond_its_deadline_is_not_written(slow: Slow) -> None:
    await slow.ask(1, 2, 3)
    assert slow.written == [1]
    slow.now = 11 * SECOND
    slow.go.set()
    await settle()
    reports = slow.told()
    assert slow.written == [1]
    assert reports["1.1"].write.result == WriteOutcome.RESULT_EXECUTED
    for late in ("2.1", "3.1"):
        assert reports[late].write.result == WriteOutcome.RESULT_REFUSED
        assert "too late" in reports[late].write.detail


async def test_the_clock_is_looked_at_once_more_right_before_the_sending(slow: Slow) -> None:
    slow.looked.clear()
    await slow.ask(1)
    slow.now = 11 * SECOND
    slow.looked.set()
    await settle()
    assert slow.written == []
    assert slow.told()["1.1"].write.result == WriteOutcome.RESULT_REFUSED


async def test_what_waits_for_its_turn_can_be_cancelled_and_what_was_sent_cannot(slow: Slow) -> None:
    await slow.ask(1, 2)
    slow.registry.cancel("1.1")
    slow.registry.cancel("2.1")
    await settle()
    reports = slow.told()
    assert reports["2.1"].cancelled
    assert not reports["1.1"].done
    slow.go.set()
    await settle()
    assert slow.written == [1]
    assert slow.told()["1.1"].write.result == WriteOutcome.RESULT_EXECUTED


async def test_what_was_sent_and_is_stopped_has_an_unknown_outcome(slow: Slow, monkeypatch: pytest.MonkeyPatch) -> None:
    await slow.ask(1)
    await slow.registry.stop()
    assert slow.told()["1.1"].write.result == WriteOutcome.RESULT_UNKNOWN
    monkeypatch.setattr("dualspan_edge.writes._LONGEST_SECONDS", 0.05)
    await slow.ask(2)
    await asyncio.sleep(0.1)
    report = slow.told()["2.1"]
    assert (report.write.result, report.error) == (WriteOutcome.RESULT_UNKNOWN, "")


async def test_the_wait_for_the_turn_is_not_part_of_how_long_a_write_may_take(
    slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dualspan_edge.writes._LONGEST_SECONDS", 0.1)
    await slow.ask(1, 2)
    await asyncio.sleep(0.15)
    slow.go.set()
    await asyncio.sleep(0.02)
    reports = slow.told()
    assert reports["1.1"].write.result == WriteOutcome.RESULT_UNKNOWN
    assert reports["2.1"].write.result == WriteOutcome.RESULT_EXECUTED


async def test_an_outcome_shows_no_more_than_anybody_reads(slow: Slow) -> None:
    slow.go.set()
    slow.before = WriteValue(text="x" * 1_000_000)
    await slow.ask(1)
    slow.before = WriteValue(binary=b"\x01" * 1_000_000)
    await slow.ask(2)
    reports = slow.told()
    for key, words in (("1.1", "1000000 characters"), ("2.1", "1000000 bytes")):
        before = reports[key].write.before.text
        assert "clipped" in before
        assert words in before
        assert len(before) < 1100
