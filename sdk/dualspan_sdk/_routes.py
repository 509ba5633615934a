"""From frames of tags to columns of properties. Pure, and never one sample at a time."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dualspan_frame import BinaryColumn, Block, Frame, ValueKind, Values
from dualspan_sdk._assets import Source
from dualspan_sdk._columns import Columns, LiveColumns, PropertyRef, no_values, plain_values

_NEVER = np.iinfo(np.int64).min


def scaled(values: Values, kind: ValueKind, source: Source) -> NDArray[np.generic]:
    """Values of a property from values of its tag: numbers scaled, text as str, everything else as it is."""
    plain: NDArray[np.generic] = plain_values(values, kind)
    if source.is_identity or isinstance(values, BinaryColumn) or values.dtype == np.bool_:
        return plain
    return values * source.factor + source.offset


def by_tag(frame: Frame) -> dict[int, Block]:
    """The samples of a frame, tag by tag, each ascending in time; of one instant in their order."""
    found: dict[int, Block] = {}
    for block in frame.blocks:
        ordered = block.take(np.lexsort((block.timestamp, block.tag)))
        tags, starts = np.unique(ordered.tag, return_index=True)
        edges = [*starts.tolist(), len(ordered)]
        for tag, (low, high) in zip(tags.tolist(), pairwise(edges), strict=True):
            found[tag] = ordered.take(np.arange(low, high))
    return found


def columns_of(block: Block | None, ref: PropertyRef, source: Source, unit: str, kind: ValueKind) -> Columns:
    """The samples of a property's tag as the property's; none, of the model's kind, where there are none."""
    if block is None:
        return Columns(ref, unit, np.empty(0, np.int64), no_values(kind), np.empty(0, np.uint32))
    return Columns(ref, unit, block.timestamp, scaled(block.value, block.kind, source), block.status)


def joined(first: Columns, second: Columns) -> Columns:
    """The samples of one property in two spans, the earlier span first."""
    if not len(first) or not len(second):
        return second if len(second) else first
    return Columns(
        first.ref,
        first.unit,
        np.concatenate([first.timestamp, second.timestamp]),
        np.concatenate([first.value, second.value]),
        np.concatenate([first.status, second.status]),
    )


class LiveRoutes:
    """Turns what a subscription brings into columns, each sample once.

    Of each property only what is newer than all that came before is passed on. So nothing comes twice after a
    reconnect; a sample that a gateway fills in later from a server's history is stored, and does not come.

    Args:
        refs: What was subscribed to.
        sources: Where each comes from; several may be the same tag.
    """

    def __init__(self, refs: Sequence[PropertyRef], sources: Sequence[Source]) -> None:
        self._refs = tuple(refs)
        tags = np.array([source.tag_id for source in sources], np.int64)
        self._order = np.argsort(tags, kind="stable").astype(np.int32)
        self._tags = tags[self._order]
        self._factors = np.array([source.factor for source in sources], np.float64)
        self._offsets = np.array([source.offset for source in sources], np.float64)
        self._newest = np.full(len(sources), _NEVER, np.int64)

    @property
    def tag_ids(self) -> list[int]:
        """The distinct tags, in rising order."""
        return np.unique(self._tags).tolist()

    @property
    def since(self) -> int | None:
        """Microseconds after which something may be missing when the stream broke; None if nothing has come."""
        came = self._newest[self._newest != _NEVER]
        return int(came.min()) + 1 if len(came) else None

    def take(self, frame: Frame) -> Iterator[LiveColumns]:
        """What of a frame is new, block by block; structures are left out."""
        for block in frame.blocks:
            if block.kind is ValueKind.BYTES:
                continue
            columns = self._route(block)
            if len(columns):
                yield columns

    def _route(self, block: Block) -> LiveColumns:
        low = np.searchsorted(self._tags, block.tag, side="left")
        count = np.searchsorted(self._tags, block.tag, side="right") - low
        # A sample of a tag that two properties are bound to becomes two rows.
        rows = np.repeat(np.arange(len(block)), count)
        nth = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
        place = self._order[low[rows] + nth]
        fresh = block.timestamp[rows] > self._newest[place]
        rows, place = rows[fresh], place[fresh]
        mine = block.take(rows)
        np.maximum.at(self._newest, place, mine.timestamp)
        return LiveColumns(self._refs, place, mine.timestamp, self._values(mine, place), mine.status)

    def _values(self, block: Block, place: NDArray[np.int32]) -> NDArray[np.generic]:
        values = block.value
        if isinstance(values, BinaryColumn) or values.dtype == np.bool_:
            return plain_values(values, block.kind)
        factors, offsets = self._factors[place], self._offsets[place]
        if bool(((factors == 1.0) & (offsets == 0.0)).all()):
            return values
        return values * factors + offsets
