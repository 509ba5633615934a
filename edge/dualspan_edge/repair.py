"""Gaps are filled from the server's own history: oldest first, in chunks, so slowly that live values are not held up.

What was read goes through the buffer like everything else, in frames of its own that say which gaps they fill and how
far; the historian stores both in one transaction. So whoever is killed, at whatever moment, the next attempt goes on
where the last committed chunk ended; what was read twice is stored once.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

import structlog
from asyncua import ua

from dualspan.historian.v1 import repair_pb2 as repair
from dualspan.historian.v1 import service_pb2_grpc as ingest_grpc
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan_edge.batch import Repaired
from dualspan_edge.buffer import Buffer
from dualspan_edge.channel import ChannelSource, words_of
from dualspan_edge.clock import now_microseconds
from dualspan_edge.decoder.history import HistoryResponse
from dualspan_edge.opcua.connection import Connection
from dualspan_edge.opcua.history import HistoryNode, microseconds_of, nodes_per_call, read_history, release
from dualspan_edge.opcua.plan import PlannedTag
from dualspan_edge.opcua.services import read_attributes
from dualspan_edge.opcua.structures import with_parts
from dualspan_edge.opcua.words import status_words
from dualspan_edge.repair_parts import (
    TagPart,
    Verdict,
    is_busy,
    judge,
    samples_of,
    steps_of,
    unreadable,
)
from dualspan_edge.waiting import cancellation_first

_log = structlog.get_logger(__name__)
_ASK_TIMEOUT = 30.0
_MOST_GAPS = 100
# A server that is silent so often in a row is left alone for a while.
_MOST_TIMEOUTS = 3
# The historian takes so many in a question.
_MOST_LEFT_OUT = 10_000
_POINT_GONE = ua.StatusCodes.BadContinuationPointInvalid


@dataclass(frozen=True, slots=True)
class RepairPace:
    """How eagerly gaps are filled.

    Attributes:
        poll: Seconds between questions for gaps, where there was none.
        chunk: Values per answer of the server, over all nodes.
        share: Of the time, how much may be spent waiting for the server's history.
        most_behind: Seconds; while live frames wait longer for the platform, nothing is repaired.
        again: Seconds after which what could not be read for the time being is tried again.
    """

    poll: float = 30.0
    chunk: int = 5000
    share: float = 0.25
    most_behind: float = 5.0
    again: float = 600.0


class RepairDesk:
    """What repairs of all servers share: the way to the historian, the buffer, the pace."""

    def __init__(self, channels: ChannelSource, buffer: Buffer, pace: RepairPace) -> None:
        self._channels = channels
        self.buffer = buffer
        self.pace = pace

    async def gaps(self, server: str, left_out: Collection[int]) -> Sequence[repair.RepairableGap]:
        """Gaps of a server to fill, oldest first, without tags that are left out."""
        async with self._channels.open() as channel:
            stub = ingest_grpc.IngestServiceStub(channel)
            request = repair.ListRepairableGapsRequest(server=server, page_size=_MOST_GAPS)
            request.except_tag_ids.extend(sorted(left_out)[:_MOST_LEFT_OUT])
            answer = await stub.ListRepairableGaps(request, timeout=_ASK_TIMEOUT)
        return answer.gaps

    async def until_live_is_through(self) -> None:
        """Returns when live frames do not wait for the platform any more, or not for long."""
        while self.buffer.is_full or self._behind() > self.pace.most_behind:  # noqa: ASYNC110 - an age has no event
            await asyncio.sleep(0.5)

    def _behind(self) -> float:
        oldest = self.buffer.occupancy.oldest_written
        return (now_microseconds() - oldest) / 1e6 if oldest else 0.0


@dataclass(slots=True)
class _Work:
    """A gap that is being filled, and tags of it that are read together."""

    gap: str
    start: int
    end: int
    tags: list[TagPart] = field(default_factory=list[TagPart])


class Repairer:
    """Fills the gaps of one server while one connection lasts. `run` never returns; cancel it to stop."""

    def __init__(
        self,
        server: str,
        connection: Connection,
        tags: Callable[[], Iterable[gateway.TagConfiguration]],
        desk: RepairDesk,
    ) -> None:
        self._server = server
        self._connection = connection
        self._tags = tags
        self._desk = desk
        self._log = _log.bind(server=server)
        # What cannot be read while this connection lasts, and why; asked for once, unless somebody wants it again.
        self._unreadable: dict[int, str] = {}
        self._no_history = self._said = ""
        self._attempts: dict[str, int] = {}
        # Tags that cannot be read for now, and until when they are left alone, on the event loop's clock.
        self._postponed: dict[int, float] = {}
        self._nodes_per_call = 1

    async def run(self) -> None:
        """Asks for gaps and fills them."""
        timeouts = 0
        while True:
            try:
                with cancellation_first():
                    await self._desk.buffer.committed()
                    filled = await self._fill_all()
                    timeouts = 0
            except Exception as error:  # noqa: BLE001 - supervised: neither a server nor the platform ends the live stream
                self._say(words_of(error))
                timeouts += isinstance(error, TimeoutError)
                filled = False
            if timeouts >= _MOST_TIMEOUTS:
                self._log.warning("repair_rests", why="the server does not answer when it is asked for history")
                timeouts = 0
                await asyncio.sleep(self._desk.pace.again)
            elif not filled:
                await asyncio.sleep(self._desk.pace.poll)

    def _say(self, words: str) -> None:
        """Once, for as long as it is the same."""
        if words != self._said:
            self._said = words
            self._log.warning("repair_failed", error=words)

    async def _fill_all(self) -> bool:
        """Fills what there is to fill; whether there was anything that went on."""
        now = asyncio.get_running_loop().time()
        self._postponed = {tag_id: until for tag_id, until in self._postponed.items() if until > now}
        gaps = await self._desk.gaps(self._server, self._postponed)
        self._forget_what_was_retried(gaps)
        if gaps:
            self._nodes_per_call = await nodes_per_call(self._connection)
        went_on = False
        for found in gaps:
            work = self._work_of(found)
            if work.tags:
                went_on = True
                await self._take_apart(work.tags)
                await self._fill(work)
        return went_on

    def _forget_what_was_retried(self, gaps: Sequence[repair.RepairableGap]) -> None:
        """Somebody says that history can be read now which could not: what was found out before does not hold."""
        for found in gaps:
            if found.attempts > self._attempts.get(found.gap.name, 0):
                self._attempts[found.gap.name] = found.attempts
                self._unreadable.clear()
                self._no_history = ""

    def _work_of(self, found: repair.RepairableGap) -> _Work:
        start, end = found.gap.start_time.ToMicroseconds(), found.gap.end_time.ToMicroseconds()
        work = _Work(found.gap.name, start, min(end, now_microseconds()))
        configured = {tag.tag_id: tag for tag in self._tags()}
        for pending in found.tags:
            tag = configured.get(pending.tag_id)
            if tag is None:
                # The platform has just taken it away, or has just made it.
                self._leave_alone(pending.tag_id)
            elif pending.tag_id not in self._postponed:
                begin = pending.start_time.ToMicroseconds()
                part = TagPart(tag, work.start, work.end, begin, self._connection.namespaces)
                part.why = self._unreadable.get(pending.tag_id, part.why)
                work.tags.append(part)
        return work

    async def _take_apart(self, parts: Sequence[TagPart]) -> None:
        """Finds out where fields and elements lie in the values of their nodes."""
        pieces = {part.tag.tag_id: part for part in parts if part.tag.field_path and not part.why}
        if not pieces:
            return
        asked = [PlannedTag(part.tag, part.node, b"") for part in pieces.values()]
        planned, unusable = await with_parts(self._connection, asked)
        for report in unusable:
            pieces[report.tag_id].why = report.detail
        for expansion in (member.expansion for member in planned if member.expansion is not None):
            for number, tag_id in enumerate(expansion.tag_ids):
                pieces[tag_id].piece = expansion.shape, number

    async def _fill(self, work: _Work) -> None:
        self._log.info("repair_begins", gap=work.gap, tags=len(work.tags), seconds=(work.end - work.start) / 1e6)
        if self._no_history:
            await self._give_up_all(work)
            return
        await self._store(steps_of(work.gap, [part for part in work.tags if part.why]))
        waiting = [part for part in work.tags if not part.why]
        while waiting and not self._no_history:
            # Those that are furthest behind and begin at the same time can share a call.
            first = min(part.begin for part in waiting)
            some = [part for part in waiting if part.begin == first][: self._nodes_per_call]
            await self._fill_some(work, some)
            waiting = [part for part in waiting if not part.done and not part.why and not self._is_postponed(part)]

    async def _fill_some(self, work: _Work, parts: list[TagPart]) -> None:
        """Reads the history of a few tags that begin at the same time, as far as their continuation points go."""
        fresh = [part for part in parts if part.begin == work.start and not part.reaches_back]
        if fresh and not await self._look_back(work, fresh):
            return
        most = max(self._desk.pace.chunk // len(parts), 10)
        waiting = [part for part in parts if not self._is_postponed(part)]
        try:
            while waiting:
                waiting = await self._read_chunk(work, waiting, most)
        finally:
            held = [part.history_node for part in waiting if part.continuation]
            if held:
                await release(self._connection, held)

    async def _look_back(self, work: _Work, parts: Sequence[TagPart]) -> bool:
        """Asks for the last value before the gap: where there is one, the history reaches back far enough.

        Returns:
            Whether the server has history at all.
        """
        await self._desk.until_live_is_through()
        response = await self._paced(parts, 0, work.start, 1)
        if response.service_result & 0x80000000:
            return await self._refused(work, response.service_result)
        for place, (part, answer) in enumerate(zip(parts, response.nodes, strict=True)):
            found = any(bool((run.handle == place).any()) for run in response.runs)
            part.reaches_back = judge(answer.status) is Verdict.READABLE and found
            if is_busy(answer.status):
                self._postpone(part, answer.status)
            if answer.continuation:
                await release(self._connection, [HistoryNode(part.node, part.tag.index_range, answer.continuation)])
        return True

    async def _read_chunk(self, work: _Work, parts: list[TagPart], most: int) -> list[TagPart]:
        """Reads once, and has it stored and committed; the tags of which there is more."""
        await self._desk.until_live_is_through()
        response = await self._paced(parts, parts[0].begin, work.end + 1, most)
        if response.service_result & 0x80000000:
            await self._refused(work, response.service_result)
            return []
        for place, (part, answer) in enumerate(zip(parts, response.nodes, strict=True)):
            verdict = judge(answer.status)
            if answer.status == _POINT_GONE and part.continuation:
                part.begin_again()
            elif verdict is Verdict.LATER:
                self._postpone(part, answer.status)
            elif verdict is Verdict.NEVER:
                part.why = self._unreadable[part.tag.tag_id] = unreadable(answer.status)
            else:
                values = samples_of(part, response.runs, place)
                part.take(values, answer.continuation, answered=answer.count, asked=most)
        await self._acquit([part for part in parts if part.is_silent])
        told = [part for part in parts if part.block is not None or part.why]
        await self._store(steps_of(work.gap, told))
        return [part for part in told if part.continuation and not part.done and not part.why]

    async def _acquit(self, parts: Sequence[TagPart]) -> None:
        """A value that has not changed for longer than the server keeps history is not missing."""
        nodes = [(part.node, ua.AttributeIds.Value) for part in parts]
        answers = await read_attributes(self._connection.session, nodes, self._connection.limits.nodes_per_read)
        for part, answer in zip(parts, answers, strict=True):
            if answer.SourceTimestamp is not None:
                part.unchanged_since(microseconds_of(answer.SourceTimestamp))

    async def _paced(self, parts: Sequence[TagPart], start: int, end: int, most: int) -> HistoryResponse:
        loop = asyncio.get_running_loop()
        asked = loop.time()
        nodes = [part.history_node if start else part.bare_node for part in parts]
        response = await read_history(self._connection, nodes, start, end, most)
        # The server was busy with this for so long; it gets a multiple of it for its live values.
        await asyncio.sleep(min((loop.time() - asked) * (1 / self._desk.pace.share - 1), 30.0))
        return response

    def _is_postponed(self, part: TagPart) -> bool:
        return part.tag.tag_id in self._postponed

    def _postpone(self, part: TagPart, status: int) -> None:
        self._log.info("repair_postponed", tag=part.tag.tag_id, why=status_words(status))
        self._leave_alone(part.tag.tag_id)

    def _leave_alone(self, tag_id: int) -> None:
        self._postponed[tag_id] = asyncio.get_running_loop().time() + self._desk.pace.again

    async def _refused(self, work: _Work, status: int) -> bool:
        """The server refused the whole call: for good, or for now."""
        if judge(status) is not Verdict.NEVER:
            raise ConnectionError(f"the server refuses to read history now: {status_words(status)}")
        self._no_history = unreadable(status)
        await self._give_up_all(work)
        return False

    async def _give_up_all(self, work: _Work) -> None:
        missing = repair.Repair.Missing(detail=self._no_history)
        step = repair.Repair(gap=work.gap, server=self._server, done=True, missing=[missing])
        await self._store([Repaired((), (step,))])

    async def _store(self, frames: Sequence[Repaired]) -> None:
        """Stores frames and waits until they are committed: one chunk is on its way at a time."""
        for frame in frames:
            await self._desk.buffer.submit_repaired(frame)
        if frames:
            await self._desk.buffer.committed()
