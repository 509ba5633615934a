"""Samples for charts: thinned to what a line needs, with statistics of segments where there are too many to decode."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from dualspan_frame import BinaryColumn, Block, Values, value_dtype
from dualspan_historian.model import BAD_NO_DATA, Tag
from dualspan_historian.read.aggregates import CALCULATED, UNCERTAIN_DATA_SUB_NORMAL
from dualspan_historian.read.frames import cut
from dualspan_historian.read.raw import merge
from dualspan_historian.read.snapshot import Snapshot, Snapshots, UnsealedFrame
from dualspan_historian.read.thinning import columns_of, thin
from dualspan_historian.storage.columns import empty_block, join_row, row_of
from dualspan_historian.storage.scope_store import Scope
from dualspan_historian.storage.segment_store import SegmentInfo

# Samples that are decoded for one chart; what is more is told by the statistics of segments.
_MOST_DECODED = 2_000_000
# Of a column: first, least, most, last.
_ROWS_PER_COLUMN = 4


@dataclass(frozen=True, slots=True)
class ChartQuery:
    """What is asked for: distinct tags, [start, end) in microseconds, and how many columns there are to fill."""

    tag_ids: tuple[int, ...]
    start: int
    end: int
    points: int


@dataclass(frozen=True, slots=True)
class ChartLine:
    """One tag's samples for a chart.

    Attributes:
        tag_id: The tag.
        samples: In order of time.
        before: The newest sample before the span, where the line begins later; else empty.
        stored: Samples in the span, before repeats are dropped.
        thinned: There are more samples than these.
        resolution_us: Width of the columns, in microseconds.
    """

    tag_id: int
    samples: Block
    before: Block
    stored: int
    thinned: bool
    resolution_us: int


@dataclass(frozen=True, slots=True)
class _Sources:
    """Where one tag's samples are: segments to decode, segments whose statistics will do, frames."""

    tag: Tag
    decoded: Sequence[SegmentInfo]
    told: Sequence[SegmentInfo]
    frames: Sequence[tuple[int, Block]]


async def read_chart(snapshots: Snapshots, tenant: str, query: ChartQuery) -> list[ChartLine]:
    """Read what a chart needs, in the order of the request.

    Raises:
        NotFound: The tenant does not have one of the tags.
        ResourceExhausted: Too many queries run, or too much is unsealed.
    """
    async with snapshots.open(tenant) as snapshot:
        scope = await snapshot.scope(query.tag_ids, query.start, query.end)
        frames = await snapshot.frames([key for key in scope.frames if key.t_min < query.end])
        sources, width = _plan(scope, frames, query)
        wanted = [info for each in sources for info in each.decoded]
        snapshot.check(sum(info.sample_count for info in wanted))
        blocks = await snapshot.blocks(wanted)
        lines = await _lines(snapshot, sources, blocks, query, width)
    by_tag = {line.tag_id: line for line in lines}
    return [by_tag[tag_id] for tag_id in query.tag_ids]


async def _lines(
    snapshot: Snapshot, sources: Sequence[_Sources], blocks: dict[int, Block], query: ChartQuery, width: int
) -> list[ChartLine]:
    edges = columns_of(query.start, query.end, query.points)
    lines: list[ChartLine] = []
    for each in sources:
        mine = [blocks[info.segment_id] for info in each.decoded]
        lines.append(await snapshot.run_short(sum(map(len, mine)), _line, each, mine, query, edges, width))
    return lines


def _plan(scope: Scope, frames: Sequence[UnsealedFrame], query: ChartQuery) -> tuple[list[_Sources], int]:
    """Choose what to decode; returns it with the width of the columns that extremes are right to."""
    by_tag: defaultdict[int, list[SegmentInfo]] = defaultdict(list)
    for info in scope.segments:
        if info.t_min < query.end:
            by_tag[info.tag_id].append(info)
    column = max(1, -(-(query.end - query.start) // query.points))
    inside = [info for infos in by_tag.values() for info in infos if info.t_max >= query.start]
    width = _width(inside, query, column)
    sources = [_sources_of(tag, by_tag[tag.tag_id], frames, query, width) for tag in scope.tags]
    return sources, max(width, column)


def _width(inside: Sequence[SegmentInfo], query: ChartQuery, column: int) -> int:
    """Return how long a segment may be whose statistics are taken; 0 if there is no need for any."""
    left = sum(info.sample_count for info in inside)
    width = 0
    while left > _MOST_DECODED:
        width = width * 2 or column
        left = sum(info.sample_count for info in inside if not _is_told(info, query, width))
        if width > query.end - query.start:
            break
    return width


def _is_told(info: SegmentInfo, query: ChartQuery, width: int) -> bool:
    """Whether a segment's statistics stand for it: it has numbers, lies wholly in the span and is short enough."""
    within = info.t_min >= query.start and info.t_max < query.end
    return within and info.v_sum is not None and info.t_max - info.t_min < width


def _sources_of(
    tag: Tag, infos: Sequence[SegmentInfo], frames: Sequence[UnsealedFrame], query: ChartQuery, width: int
) -> _Sources:
    found = ((frame.key.arrival, frame.indexed.part(tag.kind, tag.tag_id)) for frame in frames)
    parts = [(arrival, part) for arrival, part in found if part is not None]
    inside = [info for info in infos if info.t_max >= query.start]
    told = [info for info in inside if _is_told(info, query, width)]
    decoded = [info for info in inside if not _is_told(info, query, width)]
    # A line that begins within the first column needs no sample from before.
    soon = query.start + (query.end - query.start) // query.points
    known = [info.t_min for info in inside] + [int(part.timestamp.min()) for _, part in parts]
    if not any(first <= soon for first in known):
        decoded += sorted((info for info in infos if info.t_max < query.start), key=lambda info: info.t_max)[-1:]
    return _Sources(tag, decoded, told, parts)


def _line(
    source: _Sources, decoded: Sequence[Block], query: ChartQuery, edges: NDArray[np.int64], width: int
) -> ChartLine:
    ordered = _in_order(source, decoded)
    low, high = np.searchsorted(ordered.timestamp, [query.start, query.end], side="left").tolist()
    inside = cut(ordered, low, high)
    stored = len(inside) + sum(info.sample_count for info in source.told)
    before = cut(ordered, max(low - 1, 0), low)
    if source.told:
        inside = merge([inside, _told_block(source.tag, source.told)], source.tag)
    thinned = bool(source.told) or len(inside) > _ROWS_PER_COLUMN * query.points
    if len(inside) > _ROWS_PER_COLUMN * query.points:
        inside = inside.take(thin(inside.timestamp, _ordered_values(inside), inside.status, edges))
    starts_late = not len(inside) or int(inside.timestamp[0]) > int(edges[1])
    return ChartLine(source.tag.tag_id, inside, before if starts_late else cut(before, 0, 0), stored, thinned, width)


def _in_order(source: _Sources, decoded: Sequence[Block]) -> Block:
    """Return all samples of a tag in order of time, without repeats."""
    row = None if source.frames else row_of(source.decoded)
    if row is not None:
        by_id = {info.segment_id: block for info, block in zip(source.decoded, decoded, strict=True)}
        return join_row([by_id[info.segment_id] for info in row])
    parts = [(info.arrival, block) for info, block in zip(source.decoded, decoded, strict=True)]
    blocks = [block for _, block in sorted([*parts, *source.frames], key=lambda part: part[0])]
    if len(blocks) == 1 and not source.frames:
        return blocks[0]
    return merge(blocks, source.tag) if blocks else empty_block(source.tag.kind)


def _told_block(tag: Tag, told: Sequence[SegmentInfo]) -> Block:
    """Return the extremes of segments as samples: the least at a segment's beginning, the most at its end.

    They were calculated, and say so; where some samples were bad they are uncertain, where all were, bad.
    """
    times = np.array([(info.t_min, info.t_max) for info in told], np.int64).ravel()
    values = np.array([(info.v_min or 0.0, info.v_max or 0.0) for info in told]).ravel()
    status = np.array([_told_status(info) for info in told], np.uint32).repeat(2)
    # Only numbers have statistics.
    column = cast("Values", values.astype(value_dtype(tag.kind)))
    return Block(tag.kind, np.broadcast_to(np.int64(tag.tag_id), times.shape), times, status, column)


def _told_status(info: SegmentInfo) -> int:
    if not info.good_count or info.v_min is None or info.v_max is None:
        return BAD_NO_DATA
    return CALCULATED | (0 if info.good_count == info.sample_count else UNCERTAIN_DATA_SUB_NORMAL)


def _ordered_values(block: Block) -> NDArray[np.float64] | None:
    """The values as numbers; None if they have no order that a line could show."""
    return None if isinstance(block.value, BinaryColumn) else block.value.astype(np.float64, copy=False)
