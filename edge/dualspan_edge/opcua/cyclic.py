"""Tags that the gateway reads in cycles instead of subscribing to them.

Many small servers bear reads better than monitored items. The reads of one interval are one encoded request, sent
again and again; the answer is decoded as columns. A value whose timestamp and status are those of the last read is the
same sample and is not stored again.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import structlog
from asyncua import ua
from numpy.typing import NDArray

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.clock import now_microseconds
from dualspan_edge.decoder import DataChange, ItemRun
from dualspan_edge.decoder.reading import decode_values
from dualspan_edge.errors import ServiceRefusedError
from dualspan_edge.opcua.connection import Connection
from dualspan_edge.opcua.items import report
from dualspan_edge.opcua.nodekeys import key_of
from dualspan_edge.opcua.plan import PlannedTag, sampling_ms
from dualspan_edge.opcua.planning import find_nodes
from dualspan_edge.opcua.requests import BOTH_TIMESTAMPS, READ_REQUEST, behind_node, read_parameters
from dualspan_edge.samples import TagTable
from dualspan_edge.waiting import first_to_end
from dualspan_frame import ValueKind

_log = structlog.get_logger(__name__)
_TIMEOUT_SECONDS = 15.0
# "As fast as the server can" is no interval to read in.
_DEFAULT_MS, _SHORTEST_MS = 1000.0, 50.0
_MOST_VALUES = 5000
_NEVER = np.iinfo(np.int64).min
_TOO_MUCH = frozenset(
    {
        int(ua.StatusCodes.BadTooManyOperations),
        int(ua.StatusCodes.BadEncodingLimitsExceeded),
        int(ua.StatusCodes.BadResponseTooLarge),
    }
)

# A server that is always late has a gap for each minute in which it was.
_LONGEST_LATENESS_US = 60_000_000

TakeChange = Callable[[DataChange], "asyncio.Future[None]"]
TellLate = Callable[[Collection[int], int, int, str], None]


@dataclass(slots=True, eq=False)
class _Portion:
    """Values that are read in one call.

    Attributes:
        request: The encoded parameters.
        handles: uint32, shape (n,): the tags' handles, in the order of the request.
        timestamp: int64, shape (n,): of the last sample.
        status: uint32, shape (n,): of the last sample.
    """

    request: bytes
    handles: NDArray[np.uint32]
    timestamp: NDArray[np.int64]
    status: NDArray[np.uint32]


@dataclass(slots=True)
class _Cycle:
    """All reads of one interval.

    Attributes:
        interval: Seconds.
        members: What is read, with the handles.
        portions: The same as calls.
        late_since: Since when reads that were due are left out, microseconds; 0 if none are.
    """

    interval: float
    members: list[tuple[PlannedTag, int]] = field(default_factory=list)
    portions: list[_Portion] = field(default_factory=list)
    late_since: int = 0

    @property
    def tag_ids(self) -> set[int]:
        """The tags that are read."""
        return {tag.tag_id for member, _ in self.members for tag in member.all_tags}


class CyclicReads:
    """The tags of one server that are read in cycles.

    Args:
        table: Knows which tag a handle is.
        take: Takes what was read; the future is done when it is on the disk.
        tell_late: Told between which moments reads of tags were left out, and why.
    """

    def __init__(self, table: TagTable, take: TakeChange, tell_late: TellLate) -> None:
        self._table = table
        self._take = take
        self._tell_late = tell_late
        self._tags: dict[int, gateway.TagConfiguration] = {}
        self._cycles: dict[float, _Cycle] = {}
        self._changed = asyncio.Event()
        self.complete_until = 0

    @property
    def tags(self) -> Mapping[int, gateway.TagConfiguration]:
        """What is read, by tag id."""
        return self._tags

    async def configure(
        self, connection: Connection, tags: Sequence[gateway.TagConfiguration]
    ) -> list[gateway.TagReport]:
        """Reads these tags from now on, and no others; reports how each of them fares."""
        self._forget()
        planned, reports = await find_nodes(connection, tags)
        for member in planned:
            cycle = self._cycles.setdefault(interval := _interval_ms(member.tag), _Cycle(interval / 1000))
            cycle.members.append((member, self._handle(member)))
            self._tags.update((tag.tag_id, tag) for tag in member.all_tags)
            reports += [_reading(tag, interval) for tag in member.all_tags]
        for cycle in self._cycles.values():
            cycle.portions = _portions(cycle.members, min(connection.limits.nodes_per_read, _MOST_VALUES))
        self._changed.set()
        return reports

    def _forget(self) -> None:
        for cycle in self._cycles.values():
            for _, handle in cycle.members:
                self._table.remove(handle)
        self._tags, self._cycles = {}, {}

    def _handle(self, member: PlannedTag) -> int:
        if member.expansion is not None:
            return self._table.add_parts(member.expansion)
        return self._table.add(member.tag.tag_id, ValueKind(member.tag.kind))

    async def run(self, connection: Connection) -> None:
        """Reads until the connection fails.

        Raises:
            ConnectionError, TimeoutError, ua.UaError, DecodeError: The connection is no good any more.
        """
        while True:
            self._changed.clear()
            reading = (self._repeat(connection, cycle) for cycle in list(self._cycles.values()))
            await first_to_end(self._until_changed(), *reading)

    async def _until_changed(self) -> None:
        await self._changed.wait()

    async def _repeat(self, connection: Connection, cycle: _Cycle) -> None:
        """Reads in an interval. What takes longer than it is not made up for: the next cycle begins when it is due."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        try:
            while True:
                for portion in list(cycle.portions):
                    await self._read(connection, cycle, portion)
                passed = loop.time() - due
                self._note_lateness(cycle, passed)
                # Whatever is told of another cycle: of one that is late, nothing is complete since then.
                late = (other.late_since for other in self._cycles.values() if other.late_since)
                self.complete_until = min(late, default=now_microseconds())
                due += cycle.interval * max(1, int(passed / cycle.interval) + (passed % cycle.interval > 0))
                await asyncio.sleep(max(due - loop.time(), 0.0))
        finally:
            self._end_lateness(cycle)

    def _note_lateness(self, cycle: _Cycle, passed: float) -> None:
        """Writes down when reads that were due are left out."""
        now = now_microseconds()
        is_late = passed > cycle.interval
        if is_late and not cycle.late_since:
            cycle.late_since = now - int(passed * 1e6)
            _log.warning("cyclic_reads_late", interval_seconds=cycle.interval, took_seconds=round(passed, 3))
        elif cycle.late_since and (not is_late or now - cycle.late_since > _LONGEST_LATENESS_US):
            self._end_lateness(cycle)

    def _end_lateness(self, cycle: _Cycle) -> None:
        since, cycle.late_since = cycle.late_since, 0
        if since:
            words = f"the server took longer to answer than the {cycle.interval:g} s in which it is read"
            self._tell_late(cycle.tag_ids, since, now_microseconds(), words)

    async def _read(self, connection: Connection, cycle: _Cycle, portion: _Portion) -> None:
        body = await connection.ask(READ_REQUEST, portion.request, _TIMEOUT_SECONDS)
        try:
            change = decode_values(body, len(portion.handles), now_microseconds())
        except ServiceRefusedError as error:
            if error.code not in _TOO_MUCH or len(portion.handles) == 1:
                raise ua.UaStatusCodeError(error.code) from error
            cycle.portions = _portions(cycle.members, max(1, len(portion.handles) // 2))
            return
        runs = tuple(run for run in (_fresh(run, portion) for run in change.runs) if len(run))
        if runs:
            await self._take(DataChange(sum(len(run) for run in runs), runs))


def _interval_ms(tag: gateway.TagConfiguration) -> float:
    return max(sampling_ms(tag) or _DEFAULT_MS, _SHORTEST_MS)


def _reading(tag: gateway.TagConfiguration, interval_ms: float) -> gateway.TagReport:
    told = report(tag, onboarding.TAG_STATE_ACTIVE, 0, "")
    told.revised_sampling_interval.FromMicroseconds(int(interval_ms * 1000))
    return told


def _fresh(run: ItemRun, portion: _Portion) -> ItemRun:
    """What was not read before, with the handles of its tags."""
    place = run.index
    new = (run.timestamp != portion.timestamp[place]) | (run.status != portion.status[place])
    portion.timestamp[place], portion.status[place] = run.timestamp, run.status
    return replace(run, handle=portion.handles[place]).take(new)


def _portions(members: Sequence[tuple[PlannedTag, int]], most: int) -> list[_Portion]:
    portions: list[_Portion] = []
    in_order = sorted(members, key=lambda member: (member[0].kind, member[0].data_type))
    for start in range(0, len(in_order), most):
        part = in_order[start : start + most]
        count = len(part)
        portions.append(
            _Portion(
                _request([member for member, _ in part]),
                np.array([handle for _, handle in part], np.uint32),
                np.full(count, _NEVER, np.int64),
                np.zeros(count, np.uint32),
            )
        )
    return portions


def _request(members: Sequence[PlannedTag]) -> bytes:
    value = int(ua.AttributeIds.Value)
    nodes = [(key_of(member.node), behind_node(value, member.tag.index_range)) for member in members]
    return read_parameters(nodes, BOTH_TIMESTAMPS)
