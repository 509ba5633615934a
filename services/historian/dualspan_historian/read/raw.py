"""Raw samples by pages, in order of tag and time."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dualspan_frame import BinaryColumn, Block, Frame
from dualspan_historian.model import Tag
from dualspan_historian.read.frames import cut
from dualspan_historian.read.snapshot import Snapshot, Snapshots, UnsealedFrame
from dualspan_historian.storage.columns import decode_segment, join
from dualspan_historian.storage.order import sort_samples
from dualspan_historian.storage.segment_store import SegmentColumns, SegmentInfo

# Tags whose segments are looked up in one go, and samples that are decoded in one go.
_TAGS_AT_ONCE = 64
_SAMPLES_AT_ONCE = 4_000_000
_BYTES_AT_ONCE = 128 << 20
_PAGE_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins.

    Attributes:
        tag_id: The tag.
        t: The timestamp, included.
        skip: Samples of exactly that tag and time which the page before had.
    """

    tag_id: int
    t: int
    skip: int = 0


@dataclass(frozen=True, slots=True)
class RawQuery:
    """What is asked for: tags in rising order, [start, end) in microseconds."""

    tag_ids: tuple[int, ...]
    start: int
    end: int
    page_size: int


@dataclass(frozen=True, slots=True)
class RawPage:
    """A page, and where the next one begins (None: it was the last)."""

    frame: Frame
    following: Cursor | None


async def read_raw(snapshots: Snapshots, tenant: str, query: RawQuery, cursor: Cursor | None) -> RawPage:
    """Read one page.

    Raises:
        NotFound: The tenant does not have one of the tags.
        ResourceExhausted: Too many queries run, or too much is unsealed.
    """
    page = _Page(query.page_size, cursor or Cursor(query.tag_ids[0], query.start))
    async with snapshots.open(tenant) as snapshot:
        tags = await snapshot.tags(query.tag_ids)
        keys = await snapshot.frame_keys(tags)
        frames = await snapshot.frames([key for key in keys if key.t_max >= query.start and key.t_min < query.end])
        remaining = [tag for tag in tags if tag.tag_id >= page.cursor.tag_id]
        while remaining and not page.full:
            some, remaining = remaining[:_TAGS_AT_ONCE], remaining[_TAGS_AT_ONCE:]
            await _read_tags(snapshot, page, some, frames, query)
    return page.finish()


async def read_all(snapshots: Snapshots, tenant: str, query: RawQuery) -> AsyncGenerator[Frame]:
    """Read page by page; between pages nothing is held, however slowly they are taken. Raises as `read_raw`."""
    following: Cursor | None = None
    while True:
        page = await read_raw(snapshots, tenant, query, following)
        if page.frame.sample_count:
            yield page.frame
        following = page.following
        if following is None:
            return


async def _read_tags(
    snapshot: Snapshot, page: "_Page", tags: Sequence[Tag], frames: Sequence[UnsealedFrame], query: RawQuery
) -> None:
    """Add the samples of a few tags, as many segments at a time as promise to fill the page."""
    start = page.cursor.t if len(tags) == 1 else query.start
    infos = await snapshot.overlapping([tag.tag_id for tag in tags], start, query.end)
    first, low = page.cursor.tag_id, page.cursor.t
    infos = [info for info in infos if info.tag_id != first or info.t_max >= low]
    parts = _Parts({tag.tag_id: tag for tag in tags}, frames)
    waiting = list(tags)
    while waiting and not page.full:
        taken = _enough(infos, page.room)
        columns = await snapshot.columns(taken)
        horizon = infos[len(taken)] if len(taken) < len(infos) else None
        infos = infos[len(taken) :]
        waiting = await snapshot.run(_emit, page, waiting, parts, taken, columns, horizon, query)


def _enough(infos: Sequence[SegmentInfo], room: int) -> list[SegmentInfo]:
    taken: list[SegmentInfo] = []
    samples = size = 0
    for info in infos:
        too_much = samples + info.sample_count > _SAMPLES_AT_ONCE or size + info.decoded_bytes > _BYTES_AT_ONCE
        if taken and (samples >= room or too_much):
            break
        taken.append(info)
        samples += info.sample_count
        size += info.decoded_bytes
    return taken


class _Parts(dict[int, list[tuple[int, Block]]]):
    """What there is of each tag, with its arrival. Frames are looked through only for tags that the page reaches."""

    def __init__(self, tags: Mapping[int, Tag], frames: Sequence[UnsealedFrame]) -> None:
        super().__init__()
        self._tags = tags
        self._frames = frames

    def __missing__(self, tag_id: int) -> list[tuple[int, Block]]:
        kind = self._tags[tag_id].kind
        found = ((frame.key.arrival, frame.indexed.part(kind, tag_id)) for frame in self._frames)
        self[tag_id] = [(arrival, part) for arrival, part in found if part is not None]
        return self[tag_id]


def _emit(
    page: "_Page",
    waiting: list[Tag],
    parts: _Parts,
    taken: Sequence[SegmentInfo],
    columns: dict[int, SegmentColumns],
    horizon: SegmentInfo | None,
    query: RawQuery,
) -> list[Tag]:
    """Add what is complete: everything before the horizon, the first segment that was not fetched.

    Returns:
        The tags that are not done.
    """
    lines: dict[bytes, NDArray[np.int64]] = {}
    for info in taken:
        parts[info.tag_id].append((info.arrival, decode_segment(info, columns[info.segment_id], lines)))
    for place, tag in enumerate(waiting):
        at_horizon = horizon is not None and tag.tag_id == horizon.tag_id
        end = horizon.t_min if horizon is not None and at_horizon else query.end
        low = page.low(tag.tag_id, query.start)
        if at_horizon and end <= low:  # several segments reach back before the page
            return waiting[place:]
        blocks = [block for _, block in sorted(parts[tag.tag_id], key=lambda part: part[0])]
        page.add(tag.tag_id, merge([_between(block, low, end) for block in blocks], tag), end)
        if page.full or at_horizon:
            # What lies beyond the horizon stays for the next round.
            parts[tag.tag_id] = [part for part in parts[tag.tag_id] if int(part[1].timestamp.max()) >= end]
            return waiting[place:]
        del parts[tag.tag_id]
    return []


def merge(blocks: Sequence[Block], tag: Tag) -> Block:
    """Join one tag's samples, given in order of arrival, sort them by time and drop repeats."""
    joined = join(tag.kind, [block for block in blocks if len(block)])
    return sort_samples(joined) if len(joined) else joined


def _between(block: Block, start: int, end: int) -> Block:
    inside = (block.timestamp >= start) & (block.timestamp < end)
    return block if bool(inside.all()) else block.take(inside)


@dataclass(slots=True)
class _Page:
    """A page that is being filled."""

    size: int
    cursor: Cursor
    full: bool = False
    following: Cursor | None = None
    _blocks: list[Block] = field(default_factory=list[Block])
    _rows: int = 0
    _bytes: int = 0

    @property
    def room(self) -> int:
        """Samples that still fit."""
        return self.size - self._rows

    def low(self, tag_id: int, start: int) -> int:
        """The first timestamp of a tag that the page wants."""
        return self.cursor.t if tag_id == self.cursor.tag_id else start

    def add(self, tag_id: int, block: Block, end: int) -> None:
        """Add a tag's samples up to `end`, as many as fit; the cursor then stands behind them."""
        skip = self.cursor.skip if tag_id == self.cursor.tag_id else 0
        fitting = self._fitting(block, skip)
        if fitting > skip:
            self._blocks.append(cut(block, skip, fitting))
            self._rows += fitting - skip
        if fitting < len(block):
            t = int(block.timestamp[fitting])
            same = fitting - int(np.searchsorted(block.timestamp, t))
            self.full, self.following = True, Cursor(tag_id, t, same)
        self.cursor = Cursor(tag_id, end)

    def finish(self) -> RawPage:
        """Return the page."""
        frames = [Frame((block,)) for block in self._blocks]
        return RawPage(Frame.concat(frames), self.following)

    def _fitting(self, block: Block, skip: int) -> int:
        """Return how many of the block's rows fit, the skipped ones included; at least one on an empty page."""
        rows = min(len(block), skip + self.room)
        if isinstance(block.value, BinaryColumn):
            offsets = block.value.offsets
            budget = _PAGE_BYTES - self._bytes + int(offsets[min(skip, len(block))])
            rows = min(rows, int(np.searchsorted(offsets, budget, side="right")) - 1)
            rows = max(rows, skip if self._rows else min(skip + 1, len(block)))
            self._bytes += int(offsets[rows] - offsets[min(skip, rows)])
        return rows
