"""From the items of a session to samples of tags."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_edge.conversion import SEVERITY_BITS, convert
from dualspan_edge.decoder import DataChange, ItemRun
from dualspan_edge.decoder.expansion import Expansion, Shape, expand
from dualspan_frame import BinaryColumn, Block, ValueKind

# Status code bits 10, 11 (InfoType: DataValue) and 7 (Overflow): Part 4, 7.39.1.
_OVERFLOW_BITS, _OVERFLOW = 0x0C80, 0x0480
_UNCERTAIN = 0x40000000
_EARLIEST = 946_684_800_000_000  # 2000-01-01: before that, the server's clock was never set
_FURTHEST_AHEAD = 1_800_000_000  # half an hour: the historian refuses what is an hour ahead of its own clock
_NEVER = np.iinfo(np.int64).min
_NO_TAG = -1
# In the place of a tag: the item's values are taken apart, and each part is a tag with a handle of its own.
_IN_PARTS = -2
# In the place of a kind: no values come for this handle, only parts of values, or events.
_EXPANDED, _EVENTS = 0, 255


@dataclass(frozen=True, slots=True, eq=False)
class Overflow:
    """Samples that the server says it had to drop: one element per item with the Overflow bit.

    Attributes:
        tag: int64, shape (n,).
        start: int64 microseconds: the tag's last sample before; that of the item itself if there was none.
        end: int64 microseconds: the sample that carries the bit.
    """

    tag: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Received:
    """The samples of one notification.

    Attributes:
        blocks: At most one per kind.
        overflow: What the server dropped; None if nothing.
        sample_count: Samples in all blocks.
    """

    blocks: tuple[Block, ...]
    overflow: Overflow | None
    sample_count: int


@dataclass(frozen=True, slots=True)
class EventSample:
    """An event on its way to be a sample: its item, its time in microseconds, and its serialized form."""

    handle: int
    timestamp: int
    content: bytes


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """A block that still has its handles and its order of arrival."""

    index: NDArray[np.int64]
    handle: NDArray[np.uint32]
    block: Block


class TagTable:
    """The monitored items of one session: which tag a ClientHandle is, and when it was last seen.

    Handles are given out in rising order, so a late notification of a removed item finds no tag.
    """

    def __init__(self) -> None:
        self._tag = np.full(64, _NO_TAG, np.int64)
        self._kind = np.zeros(64, np.uint8)
        self._last = np.full(64, _NEVER, np.int64)
        self._fresh = np.zeros(64, np.bool_)
        self._fresh_left = 0
        self._used = 0
        self._earlier: dict[int, int] = {}
        # Handle of an item whose values are taken apart → how, and the handles of the parts.
        self._parts: dict[int, tuple[Shape, NDArray[np.uint32]]] = {}

    def add(self, tag_id: int, kind: ValueKind, after: int | None = None) -> int:
        """Gives out a handle.

        A new monitored item begins with the current value (Part 4, 5.13.1.5). If that is the newest sample that an
        earlier item of the tag has sent, it is dropped when it comes.

        Args:
            tag_id: The tag.
            kind: Of its samples.
            after: The handle of an item of the same tag that still runs, and that this one will take the place of.
        """
        known = self._earlier.pop(tag_id, None)
        if after is not None and self._last[after] != _NEVER:
            known = int(self._last[after])
        return self._give(tag_id, kind, known)

    def add_parts(self, expansion: Expansion) -> int:
        """Gives out a handle for an item whose values are taken apart."""
        kinds = zip(expansion.tag_ids, expansion.kinds, strict=True)
        parts = [self._give(tag_id, kind, self._earlier.pop(tag_id, None)) for tag_id, kind in kinds]
        handle = self._give(_IN_PARTS, _EXPANDED, None)
        self._parts[handle] = (expansion.shape, np.array(parts, np.uint32))
        return handle

    def add_events(self, tag_id: int) -> int:
        """Gives out a handle for an event notifier."""
        return self._give(tag_id, _EVENTS, None)

    def _give(self, tag_id: int, kind: int, known: int | None) -> int:
        if self._used == len(self._tag):
            self._grow()
        handle = self._used
        self._used += 1
        self._tag[handle] = tag_id
        self._kind[handle] = kind
        self._last[handle] = _NEVER if known is None else known
        self._fresh[handle] = known is not None
        self._fresh_left += known is not None
        return handle

    def remove(self, handle: int) -> None:
        """Forgets a handle; samples that still come for it are dropped."""
        _, parts = self._parts.pop(handle, (None, ()))
        for part in parts:
            self.remove(int(part))
        last = int(self._last[handle])
        if last != _NEVER:
            self._earlier[int(self._tag[handle])] = last
        self._tag[handle] = _NO_TAG

    def compact(self) -> None:
        """Begins again with handle 0, if every handle is removed. Late notifications must not be able to come."""
        if (self._tag[: self._used] == _NO_TAG).all():
            self._used = self._fresh_left = 0
            self._fresh[:] = False

    def receive(self, change: DataChange, now: int) -> Received:
        """The samples of one notification.

        Args:
            change: The notification.
            now: The gateway's clock, microseconds since 1970. A sample from before 2000 or from more than half
                an hour ahead gets this time and, if it was Good, the status Uncertain: its source has no clock.
        """
        by_kind: dict[ValueKind, list[_Rows]] = {}
        for run in change.runs:
            for kind, part in self._by_kind(run):
                by_kind.setdefault(kind, []).append(self._rows(part, kind, now))
        blocks: list[Block] = []
        overflows: list[Overflow] = []
        for parts in by_kind.values():
            rows = self._without_repeats(_in_order(parts))
            overflow = self._overflow(rows)
            if overflow is not None:
                overflows.append(overflow)
            self._last[rows.handle] = rows.block.timestamp
            if len(rows.block):
                blocks.append(rows.block)
        return Received(tuple(blocks), _joined(overflows), sum(len(block) for block in blocks))

    def _grow(self) -> None:
        size = len(self._tag)
        self._tag = np.concatenate([self._tag, np.full(size, _NO_TAG, np.int64)])
        self._kind = np.concatenate([self._kind, np.zeros(size, np.uint8)])
        self._last = np.concatenate([self._last, np.full(size, _NEVER, np.int64)])
        self._fresh = np.concatenate([self._fresh, np.zeros(size, np.bool_)])

    def _by_kind(self, run: ItemRun) -> list[tuple[ValueKind, ItemRun]]:
        """The run, cut by the kind of its tags, without items that are nobody's."""
        if int(run.handle.max()) >= self._used:
            run = run.take(run.handle < self._used)
        tags = self._tag[run.handle]
        if len(run) and int(tags.min()) < 0:
            run = run.take(tags != _NO_TAG)
        if not len(run):
            return []
        kinds = self._kind[run.handle]
        first = int(kinds[0])
        if (kinds == first).all():
            return self._of_kind(run, first)
        return [part for kind in np.unique(kinds) for part in self._of_kind(run.take(kinds == kind), int(kind))]

    def _of_kind(self, run: ItemRun, kind: int) -> list[tuple[ValueKind, ItemRun]]:
        if kind == _EXPANDED:
            return [of_kind for part in self._taken_apart(run) for of_kind in self._by_kind(part)]
        # Values for an event notifier: no server sends any.
        return [] if kind == _EVENTS else [(ValueKind(kind), run)]

    def _taken_apart(self, run: ItemRun) -> list[ItemRun]:
        """The parts of values, each with its own handle; items of one shape are taken apart together."""
        by_shape: dict[int, list[int]] = {}
        for handle in np.unique(run.handle).tolist():
            by_shape.setdefault(id(self._parts[handle][0]), []).append(handle)
        found: list[ItemRun] = []
        for handles in by_shape.values():
            some = run.take(np.isin(run.handle, handles)) if len(by_shape) > 1 else run
            table = np.stack([self._parts[handle][1] for handle in handles])
            for number, part in expand(some, self._parts[handles[0]][0]):
                place = np.searchsorted(handles, part.handle)
                found.append(dataclasses.replace(part, handle=table[place, number]))
        return found

    def tags_of(self, handles: Sequence[int]) -> list[int]:
        """The tags of handles, of those that have one."""
        return [int(self._tag[handle]) for handle in handles if handle < self._used and self._tag[handle] >= 0]

    def receive_events(self, events: Sequence[EventSample]) -> Block | None:
        """The events of one notification as samples; None if none of them is anybody's."""
        known = [event for event in events if event.handle < self._used and self._kind[event.handle] == _EVENTS]
        known = [event for event in known if self._tag[event.handle] != _NO_TAG]
        if not known:
            return None
        return Block(
            ValueKind.BYTES,
            self._tag[[event.handle for event in known]],
            np.array([event.timestamp for event in known], np.int64),
            np.zeros(len(known), np.uint32),
            BinaryColumn.from_list(event.content for event in known),
        )

    def _rows(self, run: ItemRun, kind: ValueKind, now: int) -> _Rows:
        converted = convert(run, kind)
        timestamp, status = run.timestamp, converted.status
        if int(timestamp.min()) < _EARLIEST or int(timestamp.max()) > now + _FURTHEST_AHEAD:
            wrong = (timestamp < _EARLIEST) | (timestamp > now + _FURTHEST_AHEAD)
            timestamp = np.where(wrong, np.int64(now), timestamp)
            good = (status & SEVERITY_BITS) == 0
            status = np.where(wrong & good, np.uint32(_UNCERTAIN), status)
        block = Block(kind, self._tag[run.handle], timestamp, status, converted.values)
        return _Rows(run.index, run.handle, block)

    def _without_repeats(self, rows: _Rows) -> _Rows:
        if not self._fresh_left:
            return rows
        fresh = self._fresh[rows.handle]
        if not fresh.any():
            return rows
        keep = ~(fresh & (rows.block.timestamp == self._last[rows.handle]))
        self._fresh[rows.handle] = False
        self._fresh_left = int(self._fresh.sum())
        return _Rows(rows.index[keep], rows.handle[keep], rows.block.take(keep))

    def _overflow(self, rows: _Rows) -> Overflow | None:
        marked = (rows.block.status & _OVERFLOW_BITS) == _OVERFLOW
        if not marked.any():
            return None
        end = rows.block.timestamp[marked]
        start = self._last[rows.handle[marked]]
        return Overflow(rows.block.tag[marked], np.where((start == _NEVER) | (start > end), end, start), end)


def _in_order(parts: list[_Rows]) -> _Rows:
    """One set of rows in the order in which the items stood in the notification."""
    if len(parts) == 1:
        return parts[0]
    index = np.concatenate([part.index for part in parts])
    order = np.argsort(index, kind="stable")
    handle = np.concatenate([part.handle for part in parts])
    return _Rows(index[order], handle[order], Block.concat([part.block for part in parts]).take(order))


def _joined(overflows: list[Overflow]) -> Overflow | None:
    if not overflows:
        return None
    return Overflow(
        np.concatenate([overflow.tag for overflow in overflows]),
        np.concatenate([overflow.start for overflow in overflows]),
        np.concatenate([overflow.end for overflow in overflows]),
    )
