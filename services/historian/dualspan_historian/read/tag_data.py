"""One tag's share of a processed read: which segments to decode, and what comes of them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dualspan_frame import BinaryColumn, Block
from dualspan_historian.model import Tag
from dualspan_historian.read.aggregates import Covered
from dualspan_historian.read.intervals import Intervals
from dualspan_historian.read.raw import merge
from dualspan_historian.read.samples import Samples
from dualspan_historian.storage.columns import join_row
from dualspan_historian.storage.segment_store import SegmentInfo

Columns = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.uint32]]
"""Timestamps, values and status codes."""


@dataclass(frozen=True, slots=True)
class Part:
    """Samples that were decoded, of a segment or a frame.

    Attributes:
        arrival: Their place in the order of commits.
        block: The samples; sorted by time if they come from a segment.
        all_good: All of them are known to count.
        of_segment: They come from a segment.
    """

    arrival: int
    block: Block
    all_good: bool = False
    of_segment: bool = False


@dataclass(frozen=True, slots=True)
class TagSources:
    """Where one tag's samples are.

    Attributes:
        tag: The tag.
        segments: Segments in and around the intervals.
        unsealed: Samples of frames.
    """

    tag: Tag
    segments: Sequence[SegmentInfo]
    unsealed: Sequence[Part]

    def inside(self, intervals: Intervals) -> list[SegmentInfo]:
        """Return the segments with anything in the intervals."""
        first, end = intervals.first_us, intervals.end_us
        return [segment for segment in self.segments if segment.t_max >= first and segment.t_min < end]

    def span(self) -> tuple[int, int] | None:
        """Return the first and the last timestamp that is known of."""
        spans = [(segment.t_min, segment.t_max) for segment in self.segments]
        spans += [_span(part.block) for part in self.unsealed]
        if not spans:
            return None
        return min(low for low, _ in spans), max(high for _, high in spans)

    def coverable(self, intervals: Intervals) -> list[SegmentInfo]:
        """Return segments whose statistics stand for all of their samples.

        Each lies in one interval, is all good, and overlaps nothing that could repeat its samples.
        """
        inside = self.inside(intervals)
        candidates = [one for one in inside if one.good_count == one.sample_count and one.v_sum is not None]
        candidates = [one for one in candidates if one.t_max - one.t_min <= intervals.length]
        if not candidates:
            return []
        spans = [(one.t_min, one.t_max) for one in inside] + [_span(part.block) for part in self.unsealed]
        low, high = np.array(spans, np.int64).T
        places = _places(intervals, [(one.t_min, one.t_max) for one in candidates])
        return [
            one
            for one, (first, last) in zip(candidates, places, strict=True)
            if first == last
            and 0 <= first < len(intervals)
            and np.count_nonzero((low <= one.t_max) & (high >= one.t_min)) == 1
        ]


def cover(segments: Sequence[SegmentInfo], intervals: Intervals) -> Covered:
    """Add up the statistics of segments by interval."""
    nothing = Covered.nothing(len(intervals))
    covered = Covered(nothing.count, nothing.total, nothing.minimum.copy(), nothing.maximum.copy())
    place = np.array([first for first, _ in _places(intervals, [(one.t_min, one.t_max) for one in segments])])
    np.add.at(covered.count, place, np.array([one.sample_count for one in segments], np.int64))
    np.add.at(covered.total, place, np.array([one.v_sum for one in segments], np.float64))
    np.fmin.at(covered.minimum, place, np.array([one.v_min for one in segments], np.float64))
    np.fmax.at(covered.maximum, place, np.array([one.v_max for one in segments], np.float64))
    return covered


def join_parts(sources: TagSources, parts: Sequence[Part], *, treat_uncertain_as_bad: bool) -> Samples:
    """Join what was decoded, sorted by time and without repeats."""
    earliest, latest = sources.span() or (None, None)
    ordered = sorted((part for part in parts if len(part.block)), key=lambda part: part.arrival)
    ts, value, status = _join_disjoint(ordered) or _columns(merge([part.block for part in ordered], sources.tag))
    all_good = all(part.all_good for part in ordered)
    return Samples(ts, value, status, earliest, latest, treat_uncertain_as_bad, all_good)


def missing_neighbours(sources: TagSources, samples: Samples, intervals: Intervals) -> list[SegmentInfo]:
    """Return segments outside the intervals that may hold a nearer bounding sample than what was decoded.

    Args:
        sources: Where the tag's samples are.
        samples: What was decoded.
        intervals: The intervals.
    """
    low, high = int(intervals.edges[0]), int(intervals.edges[-1])
    before = int(np.searchsorted(samples.ts, low, side="right"))
    after = int(np.searchsorted(samples.ts, high, side="left"))
    good_before = int(np.searchsorted(samples.good_ts, low, side="right"))
    good_after = int(np.searchsorted(samples.good_ts, high, side="left"))
    earlier = [one for one in sources.segments if one.t_max < intervals.first_us]
    later = [one for one in sources.segments if one.t_min >= intervals.end_us]
    wanted = _nearer(
        sorted((-one.t_max, one.segment_id, one) for one in earlier),
        (-samples.ts[:before][-1:]).tolist(),
        (-samples.good_ts[:good_before][-2:][::-1]).tolist(),
    )
    wanted += _nearer(
        sorted((one.t_min, one.segment_id, one) for one in later),
        samples.ts[after:][:1].tolist(),
        samples.good_ts[good_after:][:2].tolist(),
    )
    return list({one.segment_id: one for one in wanted}.values())


def around(samples: Samples, intervals: Intervals) -> Samples:
    """Return the samples in the intervals and the nearest ones that their bounds need."""
    low = int(np.searchsorted(samples.ts, intervals.edges[0], side="left"))
    high = int(np.searchsorted(samples.ts, intervals.edges[-1], side="right"))
    start, stop = low - 2, high + 2
    if not samples.all_good:
        # Bad ones between are passed over.
        start = min([low - 1, *np.flatnonzero(samples.good[:low])[-2:].tolist()])
        stop = max([high + 1, *(np.flatnonzero(samples.good[high:])[:1] + high + 1).tolist()])
    return samples.rows(max(start, 0), stop)


def _nearer(
    candidates: list[tuple[int, int, SegmentInfo]], nearest: list[int], nearest_good: list[int]
) -> list[SegmentInfo]:
    """Return candidates, given nearest first, that may hold one of the nearest sample and the two nearest good ones."""
    found: list[SegmentInfo] = []
    reach = min(nearest, default=None)
    good = sorted(nearest_good)[:2]
    for distance, _, segment in candidates:
        if reach is None or distance < reach:
            reach = distance
            found.append(segment)
        if segment.good_count and (len(good) < 2 or distance < good[1]):
            # Its good samples may lie deeper than its end, so the next segment is asked for too.
            good = sorted([*good, distance])[:2]
            found.append(segment)
    return found


def _join_disjoint(parts: Sequence[Part]) -> Columns | None:
    """Join segments that follow each other, which is the usual case and needs no sorting; None otherwise."""
    if not parts or not all(part.of_segment for part in parts):
        return None
    ordered = sorted((part.block for part in parts), key=lambda block: int(block.timestamp[0]))
    if any(one.timestamp[-1] >= following.timestamp[0] for one, following in pairwise(ordered)):
        return None
    return _columns(ordered[0] if len(ordered) == 1 else join_row(ordered))


def _columns(block: Block) -> Columns:
    column = block.value
    value = np.zeros(len(block)) if isinstance(column, BinaryColumn) else column.astype(np.float64, copy=False)
    return block.timestamp, value, block.status


def _places(intervals: Intervals, spans: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Return in which interval each span begins and ends."""
    # A sample at an edge belongs behind it, or before it when intervals run backwards.
    side = "left" if intervals.backwards else "right"
    return (np.searchsorted(intervals.edges, np.array(spans, np.int64), side=side) - 1).tolist()


def _span(block: Block) -> tuple[int, int]:
    return int(block.timestamp.min()), int(block.timestamp.max())
