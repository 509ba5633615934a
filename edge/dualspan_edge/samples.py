"""From the items of a session to samples of tags."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_edge.conversion import SEVERITY_BITS, convert
from dualspan_edge.decoder import DataChange, ItemRun
from dualspan_frame import Block, ValueKind

# Status code bits 10, 11 (InfoType: DataValue) and 7 (Overflow): Part 4, 7.39.1.
_OVERFLOW_BITS, _OVERFLOW = 0x0C80, 0x0480
_UNCERTAIN = 0x40000000
_EARLIEST = 946_684_800_000_000  # 2000-01-01: before that, the server's clock was never set
_FURTHEST_AHEAD = 1_800_000_000  # half an hour: the historian refuses what is an hour ahead of its own clock
_NEVER = np.iinfo(np.int64).min
_NO_TAG = -1


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

    def add(self, tag_id: int, kind: ValueKind) -> int:
        """Gives out a handle.

        A new monitored item begins with the current value (Part 4, 5.13.1.5). If that is the newest sample that an
        earlier item of the tag has sent, it is dropped when it comes.
        """
        if self._used == len(self._tag):
            self._grow()
        handle = self._used
        self._used += 1
        self._tag[handle] = tag_id
        self._kind[handle] = kind
        known = self._earlier.pop(tag_id, None)
        self._last[handle] = _NEVER if known is None else known
        self._fresh[handle] = known is not None
        self._fresh_left += known is not None
        return handle

    def remove(self, handle: int) -> None:
        """Forgets a handle; samples that still come for it are dropped."""
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
        if len(run) and int(tags.min()) == _NO_TAG:
            run = run.take(tags != _NO_TAG)
        if not len(run):
            return []
        kinds = self._kind[run.handle]
        first = int(kinds[0])
        if (kinds == first).all():
            return [(ValueKind(first), run)]
        return [(ValueKind(int(kind)), run.take(kinds == kind)) for kind in np.unique(kinds)]

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
