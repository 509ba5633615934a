"""How much apps read, for the marketplace, which keeps it by hour.

What is counted here only rises within an hour, and is told as it stands: a message that is lost, or told twice, changes
nothing. A process that is killed takes the counts of its last seconds with it; nothing is ever counted twice.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import grpc.aio
import structlog

from dualspan.marketplace.v1 import usage_pb2
from dualspan.marketplace.v1.usage_pb2_grpc import UsageServiceStub
from dualspan_runtime.context import current_principal
from dualspan_runtime.principal import PrincipalKind

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.marketplace.v1.usage_pb2_grpc import UsageServiceAsyncStub

_HOUR = 3600
_TELL_SECONDS = 2.0
_LAST_SECONDS = 2.0
_AT_ONCE = 1000
# Of an hour that was over so long ago nobody adds to the count any more.
_FINISHED_HOURS = 2
_log = structlog.stdlib.get_logger()
_Key: TypeAlias = tuple[str, int]


@dataclass(slots=True)
class _Count:
    """Of one app and one hour; `told` are the requests that the marketplace has heard of."""

    requests: int = 0
    samples: int = 0
    told: int = 0


class ReadCounter:
    """Counts what apps are answered.

    Args:
        clock: Seconds since the Unix epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._counts: dict[_Key, _Count] = {}
        self.source = uuid.uuid4().hex

    def count(self, samples: int) -> None:
        """One answer with so many samples goes out; whatever is not for an app costs nothing and is not counted."""
        caller = current_principal()
        if caller.kind is not PrincipalKind.APP:
            return
        key = (f"tenants/{caller.tenant}/{caller.actor}", int(self._clock()) // _HOUR)
        count = self._counts.get(key)
        if count is None:
            count = self._counts[key] = _Count()
        count.requests += 1
        count.samples += samples

    @property
    def kept(self) -> int:
        """Counts that are kept in memory."""
        return len(self._counts)

    def untold(self) -> list[usage_pb2.ReadCount]:
        """Counts that the marketplace does not have as they are, the oldest first."""
        found: list[usage_pb2.ReadCount] = []
        for (subscription, hour), count in self._counts.items():
            if count.requests != count.told:
                message = usage_pb2.ReadCount(subscription=subscription, requests=count.requests, samples=count.samples)
                message.hour.FromSeconds(hour * _HOUR)
                found.append(message)
        return found

    def heard(self, told: usage_pb2.ReadCount) -> None:
        """The marketplace has a count; of an hour that is long over, nothing needs to be known any more."""
        hour = told.hour.seconds // _HOUR
        key = (told.subscription, hour)
        count = self._counts[key]
        count.told = told.requests
        if count.told == count.requests and hour < int(self._clock()) // _HOUR - _FINISHED_HOURS:
            del self._counts[key]


class ReadReports:
    """Tells the marketplace, every few seconds.

    Args:
        counter: What there is to tell.
        stub: Of a channel that carries this service's token.
    """

    def __init__(self, counter: ReadCounter, stub: "UsageServiceAsyncStub") -> None:
        self._counter = counter
        self._stub = stub
        self._missed = False

    async def run(self) -> None:
        """Tell for ever. What cannot be told now is told later, as it is by then."""
        while True:
            await asyncio.sleep(_TELL_SECONDS)
            await self.tell()

    async def tell(self) -> None:
        """Tell all that is not told yet, or as far as the marketplace answers."""
        untold = self._counter.untold()
        try:
            for start in range(0, len(untold), _AT_ONCE):
                part = untold[start : start + _AT_ONCE]
                await self._stub.RecordReads(usage_pb2.RecordReadsRequest(source=self._counter.source, counts=part))
                for each in part:
                    self._counter.heard(each)
            self._missed = False
        except grpc.aio.AioRpcError as error:
            if not self._missed:
                _log.warning("reads of apps not told to the marketplace; told later", error=error.details())
            self._missed = True


@asynccontextmanager
async def telling(
    counter: ReadCounter, connect: Callable[[], AbstractAsyncContextManager[grpc.aio.Channel]]
) -> AsyncGenerator[ReadReports]:
    """What tells of a counter, once more when the context ends.

    Args:
        counter: What there is to tell.
        connect: Opens a channel to the marketplace that carries this service's token.
    """
    async with connect() as channel:
        reports = ReadReports(counter, UsageServiceStub(channel))
        try:
            yield reports
        finally:
            try:
                async with asyncio.timeout(_LAST_SECONDS):
                    await reports.tell()
            except TimeoutError:
                _log.warning("the last reads of apps were not told to the marketplace: they are not counted")
