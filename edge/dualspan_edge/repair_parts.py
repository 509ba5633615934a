"""One tag's part of a gap: what its server's history gave, and what is to be said of it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

import numpy as np
from asyncua import ua

from dualspan.historian.v1 import repair_pb2 as repair
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import sampling_pb2 as sampling
from dualspan_edge.batch import Repaired, bytes_of, pieces
from dualspan_edge.conversion import convert, no_values
from dualspan_edge.decoder import ItemRun
from dualspan_edge.decoder.expansion import Shape, expand
from dualspan_edge.gaps import timestamp_of
from dualspan_edge.opcua.history import HistoryNode
from dualspan_edge.opcua.nodeids import NodeIdError, parse_node_id
from dualspan_edge.opcua.words import status_words
from dualspan_frame import Block, ValueKind

# What goes into one frame; the historian takes far more.
_FRAME_BYTES, _FRAME_SAMPLES = 1_200_000, 20_000
# Answers that bring nothing new but say that there is more.
_MOST_STALLS = 3
_CODE_BITS = np.uint32(0xFFFF0000)
_BAD = 0x80000000
# The server says itself that its history has a hole there (Part 11, 6.5.3; Part 8, Annex A).
_OWN_HOLES = np.array([ua.StatusCodes.BadDataLost, ua.StatusCodes.BadDataUnavailable], np.uint32)
_NEVER = {
    ua.StatusCodes.BadHistoryOperationUnsupported: "the server keeps no history of this node",
    ua.StatusCodes.BadHistoryOperationInvalid: "the server keeps no history of this node",
    ua.StatusCodes.BadServiceUnsupported: "the server keeps no history",
    ua.StatusCodes.BadNotSupported: "the server keeps no history of this node",
    ua.StatusCodes.BadNotImplemented: "the server keeps no history",
    ua.StatusCodes.BadNotReadable: "access denied: the server does not let this user read the node's history",
    ua.StatusCodes.BadUserAccessDenied: "access denied: the server does not let this user read history; allow it there",
    ua.StatusCodes.BadNodeIdUnknown: "the server has no such node any more",
    ua.StatusCodes.BadNodeIdInvalid: "the server does not accept this NodeId",
    ua.StatusCodes.BadAttributeIdInvalid: "the node has no value",
    ua.StatusCodes.BadIndexRangeInvalid: "the server does not read parts of arrays from history",
    ua.StatusCodes.BadIndexRangeNoData: "the array in history is shorter than the part that is asked for",
}
# What a server says that has no room, or no way to the node's source, at the moment.
_BUSY = frozenset(
    {
        ua.StatusCodes.BadTimeout,
        ua.StatusCodes.BadTooManyOperations,
        ua.StatusCodes.BadNoContinuationPoints,
        ua.StatusCodes.BadOutOfMemory,
        ua.StatusCodes.BadResourceUnavailable,
        ua.StatusCodes.BadCommunicationError,
        ua.StatusCodes.BadNotConnected,
        ua.StatusCodes.BadNoCommunication,
        ua.StatusCodes.BadShutdown,
    }
)
_NOT_BACK_THAT_FAR = "the server's history does not reach back that far: it begins later"
_NOTHING_THERE = (
    "the server's history holds nothing of this time and nothing before it: it does not reach back that far, "
    "or the server does not record this node"
)
_OWN_HOLE = "the server's own history has a hole there"


class Verdict(Enum):
    """What a status of history means."""

    READABLE = auto()
    NEVER = auto()
    LATER = auto()


def judge(status: int) -> Verdict:
    """Whether history was read, will never be, or may be later."""
    if not status & _BAD or status == ua.StatusCodes.BadNoData:
        return Verdict.READABLE
    return Verdict.NEVER if status in _NEVER else Verdict.LATER


def is_busy(status: int) -> bool:
    """Whether the same question may be answered later; other refusals may be of the question's form."""
    return status in _BUSY


def unreadable(status: int) -> str:
    """Why a history will never be read, in words."""
    return f"{_NEVER.get(status, 'history cannot be read')} ({status_words(status)})"


@dataclass(slots=True)
class TagPart:
    """A tag's part of a gap; times in microseconds since 1970.

    Attributes:
        tag: The tag.
        start: The gap's start.
        end: The gap's end.
        begin: Where reading begins: the gap's start, or where an earlier attempt came to.
        namespaces: The server's, as they are now.
        until: How far it was read.
        continuation: Where the server goes on; empty if there is no more.
        reaches_back: The server has a value from before the gap, or an earlier attempt has seen to that.
        done: Nothing more will be read.
        why: Why nothing, or nothing more, can be had; empty if that is not so.
        missing: What history does not have, with the reason.
        block: What was read and is not stored yet.
        piece: Where the tag is a field or an element: how values are taken apart, and which part it is.
    """

    tag: gateway.TagConfiguration
    start: int
    end: int
    begin: int
    namespaces: Sequence[str]
    until: int = 0
    continuation: bytes = b""
    reaches_back: bool = False
    done: bool = False
    why: str = ""
    missing: list[tuple[int, int, str]] = field(default_factory=list[tuple[int, int, str]])
    block: Block | None = None
    piece: tuple[Shape, int] | None = None
    node: ua.NodeId = field(default_factory=lambda: ua.NodeId())  # noqa: PLW0108 - its overloads confuse checkers
    _found: bool = False
    _stalls: int = 0
    _answered: int = 0

    def __post_init__(self) -> None:
        self.until = self.begin
        self.reaches_back = self._found = self.begin > self.start
        if self.tag.source == sampling.TAG_SOURCE_EVENTS:
            self.why = "events are not read from history"
            return
        try:
            self.node = parse_node_id(self.tag.node_id, self.namespaces)
        except NodeIdError as error:
            self.why = str(error)

    @property
    def bare_node(self) -> HistoryNode:
        """The node as it is asked for the first time."""
        return HistoryNode(self.node, self.tag.index_range)

    @property
    def history_node(self) -> HistoryNode:
        """The node as it is asked for now."""
        return HistoryNode(self.node, self.tag.index_range, self.continuation)

    def take(self, block: Block, continuation: bytes, *, answered: int, asked: int) -> None:
        """Takes an answer.

        If there were as many values as were asked for, in this answer and those that it continues, there may be more
        even without a continuation point: some servers take the number as the most that is ever wanted, over all
        answers (Part 11, 6.5.3.2 can be read so).

        Args:
            block: Values within the gap, in order of time.
            continuation: Where the server goes on.
            answered: How many values there were in the answer.
            asked: How many were asked for.
        """
        newest = int(block.timestamp[-1]) if len(block) else self.until
        self._answered += answered
        more = bool(continuation) or self._answered >= asked
        self._stalls = self._stalls + 1 if more and newest <= self.until else 0
        if len(block) and not self._found:
            self._found = True
            first = int(block.timestamp[0])
            if not self.reaches_back and first > self.start:
                self.missing.append((self.start, first, _NOT_BACK_THAT_FAR))
        self.continuation = continuation
        self.block = self._without_own_holes(block, newest if more else self.end)
        self.until = max(self.until, newest) if more else self.end
        self.done = not more
        if self._stalls >= _MOST_STALLS:
            self.why, self.done = "the server answers with the same history again and again", True
        elif not more and not self._found and not self.reaches_back:
            self.why = _NOTHING_THERE
        if not continuation:
            self.begin_again()

    def begin_again(self) -> None:
        """The next question goes on from where this came to, without a continuation point."""
        self.continuation, self.begin, self._answered = b"", self.until, 0

    @property
    def is_silent(self) -> bool:
        """Whether history has nothing of the node, neither in the gap nor before it."""
        return self.why == _NOTHING_THERE

    def unchanged_since(self, moment: int) -> None:
        """The current value is from that moment: if that lies before the gap, nothing happened in it."""
        if moment <= self.start:
            self.why = ""

    def _without_own_holes(self, block: Block, end: int) -> Block:
        lost = np.isin(block.status & _CODE_BITS, _OWN_HOLES)
        if not lost.any():
            return block
        following = np.append(block.timestamp[1:], end)
        for row in np.flatnonzero(lost).tolist():
            self.missing.append((int(block.timestamp[row]), int(following[row]), _OWN_HOLE))
        return block.take(~lost)

    def step(self, gap: str, *, until: int | None = None) -> repair.Repair:
        """What is to be said now; with `until`, only that it was read so far."""
        told = repair.Repair(gap=gap, tag_id=self.tag.tag_id, until_time=timestamp_of(until or self.until))
        if until is not None:
            return told
        if self.why:
            told.done = True
            partly = self._found and self.until > self.start
            whole = repair.Repair.Missing(detail=self.why)
            told.missing.append(_missing(self.until, self.end, self.why) if partly else whole)
            return told
        told.done = self.done
        told.missing.extend(_missing(*span) for span in self.missing if span[0] < span[1])
        self.missing.clear()
        return told


def samples_of(part: TagPart, runs: Iterable[ItemRun], place: int) -> Block:
    """A node's values within the gap as samples of the tag, in order of time."""
    kind = ValueKind(part.tag.kind)
    blocks: list[Block] = []
    for run in runs:
        inside = (run.handle == place) & (run.timestamp >= part.start) & (run.timestamp <= part.end)
        if not inside.any():
            continue
        for own in _pieces_of(run.take(inside), part):
            converted = convert(own, kind)
            tag_ids = np.full(len(own), part.tag.tag_id, np.int64)
            blocks.append(Block(kind, tag_ids, own.timestamp, converted.status, converted.values))
    if not blocks:
        return _empty(kind)
    joined = Block.concat(blocks)
    return joined.take(np.argsort(joined.timestamp, kind="stable"))


def _pieces_of(run: ItemRun, part: TagPart) -> list[ItemRun]:
    if part.piece is None:
        return [run]
    shape, wanted = part.piece
    return [piece for number, piece in expand(run, shape) if number == wanted and len(piece)]


def steps_of(gap: str, parts: Sequence[TagPart]) -> list[Repaired]:
    """What was read of a gap, as frames of bounded size, each with how far it fills the gap."""
    frames: list[Repaired] = []
    blocks: list[Block] = []
    steps: list[repair.Repair] = []
    size = samples = 0
    for part in parts:
        for block, step in _pieces(gap, part):
            if steps and (size + bytes_of(block) > _FRAME_BYTES or samples + len(block) > _FRAME_SAMPLES):
                frames.append(Repaired(tuple(blocks), tuple(steps)))
                blocks, steps, size, samples = [], [], 0, 0
            blocks.append(block)
            steps.append(step)
            size += bytes_of(block)
            samples += len(block)
    if steps:
        frames.append(Repaired(tuple(blocks), tuple(steps)))
    return frames


def _pieces(gap: str, part: TagPart) -> Iterable[tuple[Block, repair.Repair]]:
    """What was read of a tag, cut so that each piece fits into a frame; it is taken from the tag."""
    block, part.block = part.block or _empty(ValueKind(part.tag.kind)), None
    *before, last = pieces(block, _FRAME_SAMPLES, _FRAME_BYTES)
    for piece in before:
        yield piece, part.step(gap, until=int(piece.timestamp[-1]))
    yield last, part.step(gap)


def _empty(kind: ValueKind) -> Block:
    nothing = np.empty(0, np.int64)
    return Block(kind, nothing, nothing, np.empty(0, np.uint32), no_values(kind, 0))


def _missing(start: int, end: int, why: str) -> repair.Repair.Missing:
    return repair.Repair.Missing(start_time=timestamp_of(start), end_time=timestamp_of(end), detail=why)
