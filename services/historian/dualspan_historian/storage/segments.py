"""Frames to segments: sort by tag and time, drop repeats, cut, encode. Pure: arrays in, rows out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dualspan_frame import BinaryColumn, Block, Frame, ValueKind, Values
from dualspan_historian.model import HELD, HELD_BITS, SEGMENT_BYTES, SEGMENT_SAMPLES, SEVERITY_UNCERTAIN
from dualspan_historian.storage.order import sort_samples
from dualspan_historian.storage.timestamps import encode_timestamps
from dualspan_historian.storage.values import encode_status, encode_values

# pcodec's levels. For values the higher one costs nothing measurable; for timestamps a third of the speed.
VALUE_LEVEL = 8
SEAL_LEVEL = 4
MERGE_LEVEL = 8
# A shared timeline is a row of its own; below this many bytes a copy in each segment is smaller.
_SHORTEST_TIMELINE = 96
# Samples that came much later than their neighbours (a repaired gap) get a segment of their own, because a segment
# that spans both would be read for everything between.
_LONG_PAUSE = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Segment:
    """One tag, a span of time, compressed columns.

    Attributes:
        tag_id: The tag.
        kind: What its values are.
        t_min: First timestamp, microseconds.
        t_max: Last timestamp.
        sample_count: Samples.
        good_count: Samples that count in the statistics: Good, not NaN, and measured.
        v_min: Smallest of them; None for text and bytes, and when there is none.
        v_max: Largest of them.
        v_sum: Their sum.
        ts: The timestamps' column; None when `timeline` has them.
        timeline: Index of a timeline of the same `Sealed`.
        status: The status column; None when all are Good.
        value: The value column.
        decoded_bytes: What all of it takes in memory once it is decoded.
    """

    tag_id: int
    kind: ValueKind
    t_min: int
    t_max: int
    sample_count: int
    good_count: int
    v_min: float | None
    v_max: float | None
    v_sum: float | None
    ts: bytes | None
    timeline: int | None
    status: bytes | None
    value: bytes
    decoded_bytes: int

    @property
    def byte_count(self) -> int:
        """Bytes of its own columns."""
        return len(self.ts or b"") + len(self.status or b"") + len(self.value)


@dataclass(frozen=True, slots=True)
class LatestSample:
    """The newest sample of a tag; the value as its raw column would hold it."""

    tag_id: int
    t: int
    status: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """What some frames became.

    Attributes:
        segments: In order of tag and time.
        timelines: Encoded timestamps that more than one segment shares.
        latest: The newest sample of each tag.
        taken_samples: Samples that came in.
        repeated_samples: Samples that were dropped because the same (tag, timestamp, value, status) is there.
    """

    segments: list[Segment]
    timelines: list[bytes]
    latest: list[LatestSample]
    taken_samples: int
    repeated_samples: int

    @property
    def byte_count(self) -> int:
        """Bytes of all columns."""
        return sum(segment.byte_count for segment in self.segments) + sum(len(line) for line in self.timelines)


def seal(frames: Sequence[Frame], *, merging: bool = False) -> Sealed:
    """Make segments of frames that are given in order of arrival.

    Args:
        frames: The samples.
        merging: They come from segments: take the time to find the best encoding, and do not cut at long pauses,
            which would undo the merge.
    """
    frame = Frame.concat(frames)
    timelines = _Timelines(MERGE_LEVEL if merging else SEAL_LEVEL)
    segments: list[Segment] = []
    latest: list[LatestSample] = []
    kept = 0
    for block in frame.blocks:
        if not len(block):
            continue
        ordered = sort_samples(block)
        kept += len(ordered)
        segments.extend(_cut(ordered, timelines, merging=merging))
        latest.extend(_latest(ordered))
    shared, segments = timelines.resolve(segments)
    return Sealed(segments, shared, latest, frame.sample_count, frame.sample_count - kept)


def tag_starts(tag: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each tag begins in a sorted column of tags, shape (tags,)."""
    return np.concatenate((np.zeros(1, np.int64), np.flatnonzero(np.diff(tag)) + 1))


def usable(block: Block) -> NDArray[np.bool_]:
    """Return which samples count in statistics: Good, not NaN, and not only repeated after a silence."""
    good = block.status < SEVERITY_UNCERTAIN
    if block.status.any():
        good &= (block.status & np.uint32(HELD_BITS)) != HELD
    if block.kind is ValueKind.FLOAT64 and not isinstance(block.value, BinaryColumn):
        good &= ~np.isnan(block.value)
    return good


def weigh(value: Values, count: int) -> int:
    """Return how many bytes `count` samples take in memory, with their tags, times and status."""
    return 20 * count + (len(value.data) + value.offsets.nbytes if isinstance(value, BinaryColumn) else value.nbytes)


def newest_of_each_tag(block: Block) -> Block:
    """Return the last sample of each tag of a sorted block."""
    return block.take(np.append(tag_starts(block.tag)[1:], len(block)) - 1)


def _cut(block: Block, timelines: "_Timelines", *, merging: bool) -> Iterator[Segment]:
    good = usable(block)
    starts = tag_starts(block.tag)
    for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), len(block)], strict=True):
        for low, high in _pieces(block, start, stop, at_pauses=not merging):
            yield _segment(block, good, low, high, timelines, merging=merging)


def _pieces(block: Block, start: int, stop: int, *, at_pauses: bool) -> Iterator[tuple[int, int]]:
    """Cut one tag's samples at long pauses, then into equal pieces that are not too large."""
    ts = block.timestamp
    bounds = [start, stop]
    span = int(ts[stop - 1] - ts[start])
    if at_pauses and span > _LONG_PAUSE:
        pauses = np.flatnonzero(np.diff(ts[start:stop]) > max(_LONG_PAUSE, span // 4)) + 1
        bounds = [start, *(pauses + start).tolist(), stop]
    for low, high in pairwise(bounds):
        pieces = -(-(high - low) // SEGMENT_SAMPLES)
        edges = [low + (high - low) * i // pieces for i in range(pieces + 1)]
        for first, last in pairwise(edges):
            yield from pairwise([first, *_full_of_bytes(block, first, last), last])


def _full_of_bytes(block: Block, low: int, high: int) -> list[int]:
    """Return where to cut rows that hold too many bytes of text; a piece exceeds the most by one value at most."""
    if not isinstance(block.value, BinaryColumn):
        return []
    ends = block.value.offsets[low + 1 : high + 1] - block.value.offsets[low]
    return (np.flatnonzero(np.diff(ends // SEGMENT_BYTES)) + 1 + low).tolist()


def _segment(
    block: Block,
    good: NDArray[np.bool_],
    low: int,
    high: int,
    timelines: "_Timelines",
    *,
    merging: bool,
) -> Segment:
    ts, status, mask = block.timestamp[low:high], block.status[low:high], good[low:high]
    value = block.value.slice(low, high) if isinstance(block.value, BinaryColumn) else block.value[low:high]
    v_min = v_max = v_sum = None
    good_count = int(np.count_nonzero(mask))
    if good_count and not isinstance(value, BinaryColumn):
        numbers = value if good_count == len(value) else value[mask]
        v_min, v_max, v_sum = float(numbers.min()), float(numbers.max()), float(numbers.sum(dtype=np.float64))
    return Segment(
        tag_id=int(block.tag[low]),
        kind=block.kind,
        t_min=int(ts[0]),
        t_max=int(ts[-1]),
        sample_count=high - low,
        good_count=good_count,
        v_min=v_min,
        v_max=v_max,
        v_sum=v_sum,
        ts=None,
        timeline=timelines.add(ts),
        status=encode_status(status, timelines.level),
        value=encode_values(value, VALUE_LEVEL, thorough=merging),
        decoded_bytes=weigh(value, high - low),
    )


def _latest(block: Block) -> Iterator[LatestSample]:
    newest = newest_of_each_tag(block)
    if isinstance(newest.value, BinaryColumn):
        values = newest.value.to_list()
    else:
        raw, size = newest.value.tobytes(), newest.value.itemsize
        values = [raw[i : i + size] for i in range(0, len(raw), size)]
    columns = (newest.tag.tolist(), newest.timestamp.tolist(), newest.status.tolist(), values)
    yield from (LatestSample(*row) for row in zip(*columns, strict=True))


@dataclass(slots=True)
class _Timelines:
    """Encodes each distinct run of timestamps once, and counts who has it."""

    level: int
    _known: dict[bytes, int] = field(default_factory=dict[bytes, int])
    _encoded: list[bytes] = field(default_factory=list[bytes])
    _users: list[int] = field(default_factory=list[int])

    def add(self, ts: NDArray[np.int64]) -> int:
        """Return the number of a run of timestamps."""
        content = ts.tobytes()
        number = self._known.setdefault(content, len(self._encoded))
        if number == len(self._encoded):
            self._encoded.append(encode_timestamps(ts, self.level))
            self._users.append(0)
        self._users[number] += 1
        return number

    def resolve(self, segments: list[Segment]) -> tuple[list[bytes], list[Segment]]:
        """Return the runs worth sharing, and the segments with either such a run's index or their own column."""
        shared = [
            number
            for number, users in enumerate(self._users)
            if users > 1 and len(self._encoded[number]) >= _SHORTEST_TIMELINE
        ]
        index = {number: i for i, number in enumerate(shared)}
        return [self._encoded[number] for number in shared], [self._place(segment, index) for segment in segments]

    def _place(self, segment: Segment, index: dict[int, int]) -> Segment:
        number = segment.timeline
        if number is None or number in index:
            return segment if number is None else replace(segment, timeline=index[number])
        return replace(segment, ts=self._encoded[number], timeline=None)
