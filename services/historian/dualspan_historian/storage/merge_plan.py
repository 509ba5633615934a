"""Which segments of a tag to merge. Pure.

Size-tiered: a sample is rewritten only when its segment moves up a tier, and a tier is eight times the one below, so
that a sample is rewritten five times at the most on its way from single samples to 64 k, and once or twice when
sealing is fed well.
"""

import math
from collections.abc import Iterator, Sequence

from dualspan_historian.model import OPEN_BYTES, OPEN_SAMPLES, SEGMENT_BYTES, SEGMENT_SAMPLES
from dualspan_historian.storage.segment_store import SegmentInfo

FANOUT = 8
"""Segments of a tier that are merged into one of the next."""
_REWRITE_SHARE = 4
# Segments of this tier are large enough to be finished as soon as they fill a whole segment together.
_TOP_TIER = int(math.log(OPEN_SAMPLES - 1, FANOUT))


def plan(segments: Sequence[SegmentInfo]) -> list[list[SegmentInfo]]:
    """Choose groups to merge.

    Args:
        segments: All segments of one tag from the first open one on, in order of time.

    Returns:
        Disjoint groups, each of neighbours in time. Finished segments stand between groups, so that merging does not
        make a segment that spans another, but for one that late data overlaps by a good part.
    """
    groups: list[list[SegmentInfo]] = []
    for finished, run in _runs(segments):
        group = _late(finished, run) or _tier_group(run)
        if group:
            groups.append(group)
    return groups


def _runs(segments: Sequence[SegmentInfo]) -> Iterator[tuple[SegmentInfo | None, list[SegmentInfo]]]:
    """Yield each run of open neighbours, with the finished segment that stands before it."""
    finished: SegmentInfo | None = None
    run: list[SegmentInfo] = []
    for segment in segments:
        if segment.sample_count < OPEN_SAMPLES and segment.decoded_bytes < OPEN_BYTES:
            run.append(segment)
            continue
        if run:
            yield finished, run
        finished, run = segment, []
    if run:
        yield finished, run


def _late(finished: SegmentInfo | None, run: Sequence[SegmentInfo]) -> list[SegmentInfo]:
    """Return a finished segment with the open ones that overlap it, once they are worth rewriting it."""
    if finished is None:
        return []
    inside = [segment for segment in run if segment.t_min <= finished.t_max]
    if sum(segment.sample_count for segment in inside) * _REWRITE_SHARE < finished.sample_count:
        return []
    return [finished, *inside]


def _tier_group(run: Sequence[SegmentInfo]) -> list[SegmentInfo]:
    """Return the first neighbours that fill the next tier; smaller ones among them come along."""
    for tier in range(_TOP_TIER + 1):
        group: list[SegmentInfo] = []
        members = 0
        for segment in run:
            if _tier(segment) > tier:
                group, members = [], 0
                continue
            group.append(segment)
            members += _tier(segment) == tier
            full = tier == _TOP_TIER and sum(one.sample_count for one in group) >= SEGMENT_SAMPLES
            full |= sum(one.decoded_bytes for one in group) >= SEGMENT_BYTES
            if members >= FANOUT or (full and len(group) > 1):
                return group
    return []


def _tier(segment: SegmentInfo) -> int:
    return int(math.log(segment.sample_count, FANOUT) + 1e-9)
