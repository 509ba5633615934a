"""Counts what is stored of tags in a period; decodes only segments that the period cuts or that overlap others."""

from collections.abc import Sequence

import numpy as np

from dualspan_frame import Block
from dualspan_historian.model import Tag
from dualspan_historian.read.raw import merge
from dualspan_historian.read.snapshot import Snapshot, UnsealedFrame
from dualspan_historian.report.spans import Span
from dualspan_historian.storage.segment_store import SegmentInfo

_TAGS_AT_ONCE = 64


async def count_stored(snapshot: Snapshot, tags: Sequence[Tag], period: Span) -> dict[int, int]:
    """Return how many distinct samples of each tag are stored in [start, end).

    Raises:
        ResourceExhausted: Too much is unsealed, or must be decoded at once (`TOO_MANY_SAMPLES`).
    """
    start, end = period
    keys = await snapshot.frame_keys(tags)
    frames = await snapshot.frames([key for key in keys if key.t_max >= start and key.t_min < end])
    counts: dict[int, int] = {}
    for first in range(0, len(tags), _TAGS_AT_ONCE):
        counts |= await _count_some(snapshot, tags[first : first + _TAGS_AT_ONCE], frames, period)
    return counts


async def _count_some(
    snapshot: Snapshot, tags: Sequence[Tag], frames: Sequence[UnsealedFrame], period: Span
) -> dict[int, int]:
    infos = await snapshot.overlapping([tag.tag_id for tag in tags], *period)
    by_tag: dict[int, list[SegmentInfo]] = {tag.tag_id: [] for tag in tags}
    for info in infos:
        by_tag[info.tag_id].append(info)
    counts: dict[int, int] = {}
    for tag in tags:
        unsealed = _unsealed(tag, frames)
        whole = _countable(by_tag[tag.tag_id], [block for _, block in unsealed], period)
        counts[tag.tag_id] = sum(info.sample_count for info in whole)
        known = {info.segment_id for info in whole}
        rest = [info for info in by_tag[tag.tag_id] if info.segment_id not in known]
        snapshot.check(sum(info.sample_count for info in rest))
        if rest or unsealed:
            counts[tag.tag_id] += await _count_decoded(snapshot, tag, rest, unsealed, period)
    return counts


def _countable(infos: Sequence[SegmentInfo], unsealed: Sequence[Block], period: Span) -> list[SegmentInfo]:
    """Return segments that lie within the period and that nothing else overlaps: none of their samples repeats."""
    if not infos:
        return []
    spans = [(info.t_min, info.t_max) for info in infos]
    spans += [(int(block.timestamp.min()), int(block.timestamp.max())) for block in unsealed]
    low, high = np.array(spans, np.int64).T
    order = np.argsort(low, kind="stable")
    before = np.concatenate([[np.iinfo(np.int64).min], np.maximum.accumulate(high[order])[:-1]])
    after = np.concatenate([low[order][1:], [np.iinfo(np.int64).max]])
    alone = np.empty(len(low), np.bool_)
    alone[order] = (before < low[order]) & (after > high[order])
    inside = (low >= period[0]) & (high < period[1])
    return [info for info, fits in zip(infos, alone & inside, strict=False) if fits]


async def _count_decoded(
    snapshot: Snapshot, tag: Tag, infos: Sequence[SegmentInfo], unsealed: Sequence[tuple[int, Block]], period: Span
) -> int:
    blocks = await snapshot.blocks(infos)
    parts = [*unsealed, *((info.arrival, blocks[info.segment_id]) for info in infos)]
    ordered = [block for _, block in sorted(parts, key=lambda part: part[0])]
    return await snapshot.run_short(sum(map(len, ordered)), _distinct, ordered, tag, period)


def _distinct(blocks: Sequence[Block], tag: Tag, period: Span) -> int:
    inside = [block.take((block.timestamp >= period[0]) & (block.timestamp < period[1])) for block in blocks]
    return len(merge(inside, tag))


def _unsealed(tag: Tag, frames: Sequence[UnsealedFrame]) -> list[tuple[int, Block]]:
    found = ((frame.key.arrival, frame.indexed.part(tag.kind, tag.tag_id)) for frame in frames)
    return [(arrival, part) for arrival, part in found if part is not None and len(part)]
