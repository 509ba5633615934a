"""What apps read is counted by hour, and told as it stands until it is heard."""

from dataclasses import dataclass, field

import grpc
import grpc.aio
import pytest
from google.protobuf.empty_pb2 import Empty

from dualspan.marketplace.v1 import usage_pb2
from dualspan_historian.metering import ReadCounter, ReadReports
from dualspan_runtime.context import set_call
from dualspan_runtime.principal import ANONYMOUS, Principal, PrincipalKind

APP = Principal(PrincipalKind.APP, "subscriptions/oee", "acme")
OTHER = Principal(PrincipalKind.APP, "subscriptions/oee", "rival")
PERSON = Principal(PrincipalKind.USER, "users/ada", "acme")
HOUR = 3600


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 10.0 * HOUR

    def __call__(self) -> float:
        return self.now


@dataclass
class Ledger:
    """Keeps the largest count of each hour, as the marketplace does; away while `away`."""

    away: bool = False
    forgets_to_answer: bool = False
    counts: dict[tuple[str, str, int], tuple[int, int]] = field(default_factory=dict)
    calls: int = 0

    async def RecordReads(self, request: usage_pb2.RecordReadsRequest) -> Empty:  # noqa: N802 - the contract's name
        self.calls += 1
        if not self.away:
            for each in request.counts:
                key = (request.source, each.subscription, each.hour.seconds // HOUR)
                self.counts[key] = max(self.counts.get(key, (0, 0)), (each.requests, each.samples))
        if self.away or self.forgets_to_answer:
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())
        return Empty()

    def of(self, subscription: str) -> list[tuple[int, int, int]]:
        return sorted((hour, *count) for (_, name, hour), count in self.counts.items() if name == subscription)


def read(counter: ReadCounter, who: Principal, *samples: int) -> None:
    set_call(who, who.tenant)
    for each in samples:
        counter.count(each)
    set_call(ANONYMOUS, "")


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_counts_are_of_apps_by_hour(clock: Clock) -> None:
    counter, ledger = ReadCounter(clock), Ledger()
    reports = ReadReports(counter, ledger)  # pyright: ignore[reportArgumentType] - what is called of a stub
    read(counter, APP, 5, 0)
    read(counter, OTHER, 7)
    read(counter, PERSON, 1000)
    await reports.tell()
    clock.now += HOUR
    read(counter, APP, 1)
    await reports.tell()
    assert ledger.of("tenants/acme/subscriptions/oee") == [(10, 2, 5), (11, 1, 1)]
    assert ledger.of("tenants/rival/subscriptions/oee") == [(10, 1, 7)]
    calls = ledger.calls
    await reports.tell()
    assert ledger.calls == calls, "what was heard is not told again"


async def test_what_is_told_twice_or_was_not_heard_counts_once(clock: Clock) -> None:
    counter, ledger = ReadCounter(clock), Ledger()
    reports = ReadReports(counter, ledger)  # pyright: ignore[reportArgumentType] - what is called of a stub
    read(counter, APP, 5)
    ledger.forgets_to_answer = True
    await reports.tell()
    await reports.tell()
    ledger.forgets_to_answer, ledger.away = False, True
    read(counter, APP, 5)
    await reports.tell()
    ledger.away = False
    await reports.tell()
    assert ledger.of("tenants/acme/subscriptions/oee") == [(10, 2, 10)]


async def test_hours_that_are_over_are_forgotten_once_they_were_heard(clock: Clock) -> None:
    counter, ledger = ReadCounter(clock), Ledger(away=True)
    reports = ReadReports(counter, ledger)  # pyright: ignore[reportArgumentType] - what is called of a stub
    read(counter, APP, 5)
    clock.now += 9 * HOUR
    await reports.tell()
    assert len(counter.untold()) == 1, "what the marketplace has not heard is kept"
    ledger.away = False
    await reports.tell()
    assert ledger.of("tenants/acme/subscriptions/oee") == [(10, 1, 5)]
    assert counter.kept == 0
