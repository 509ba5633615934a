"""Aggregates by interval, for many tags: what to fetch, in portions of bounded size."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from dualspan_frame import Block, ValueKind
from dualspan_historian.errors import not_numeric, too_many_samples
from dualspan_historian.model import Tag
from dualspan_historian.read.aggregates import BOUNDED, FROM_STATISTICS, WITHOUT_VALUES, Aggregate, Calculation, Series
from dualspan_historian.read.intervals import Intervals
from dualspan_historian.read.memory import Memory
from dualspan_historian.read.samples import Rules, Samples
from dualspan_historian.read.snapshot import FEW_SAMPLES, Snapshot, Snapshots, UnsealedFrame
from dualspan_historian.read.tag_data import Part, TagSources, around, cover, join_parts, missing_neighbours
from dualspan_historian.storage.columns import row_of
from dualspan_historian.storage.frame_store import FrameKey
from dualspan_historian.storage.scope_store import Scope
from dualspan_historian.storage.segment_store import SegmentInfo

# Samples that are decoded in one go, unless a single interval has more; and the most that one may have.
_AT_ONCE = 2_000_000
_MOST_PER_INTERVAL = 8_000_000
# To look for one tag in a frame takes about as long as to look at so many samples.
_SAMPLES_PER_SEARCH = 20


@dataclass(frozen=True, slots=True)
class ProcessedQuery:
    """What is asked for.

    Attributes:
        tag_ids: Distinct tags, in the order of the answer.
        intervals: The intervals.
        aggregates: In the order of the answer.
        rules: The rules; whether a tag slopes comes from the tag.
    """

    tag_ids: tuple[int, ...]
    intervals: Intervals
    aggregates: tuple[Aggregate, ...]
    rules: Rules

    @property
    def bounded(self) -> bool:
        """Whether samples outside of the intervals matter."""
        return not BOUNDED.isdisjoint(self.aggregates)

    @property
    def from_statistics(self) -> bool:
        """Whether statistics of segments will do."""
        return FROM_STATISTICS.issuperset(self.aggregates)


@dataclass(frozen=True, slots=True)
class Portion:
    """Some intervals of one tag, and the segments to decode for them."""

    sources: TagSources
    intervals: Intervals
    covered: Sequence[SegmentInfo]
    decoded: Sequence[SegmentInfo]


async def read_processed(snapshots: Snapshots, tenant: str, query: ProcessedQuery) -> dict[int, list[Series]]:
    """Compute aggregates; returns each tag's series in the order of the aggregates.

    Raises:
        NotFound: The tenant does not have one of the tags.
        InvalidArgument: A tag has no numbers (`NOT_NUMERIC`).
        ResourceExhausted: Too many queries run, or this one covers too many samples.
    """
    remembered = await _at_hand(snapshots, tenant, query)
    if remembered is not None:
        return remembered
    async with snapshots.open(tenant) as snapshot:
        scope = await snapshot.scope(query.tag_ids, query.intervals.first_us, query.intervals.end_us)
        _check_kinds(scope.tags, query)
        frames = await snapshot.frames(_relevant(scope, query))
        sources = await snapshot.run_short(_effort(scope, [frame.key for frame in frames]), _sources, scope, frames)
        portions = [portion for source in sources for portion in _portions(source, query)]
        snapshot.check(sum(info.sample_count for portion in portions for info in portion.decoded))
        results: defaultdict[int, list[list[Series]]] = defaultdict(list)
        for batch in _batches(portions):
            for portion, series in zip(batch, await _compute(snapshot, batch, query), strict=True):
                results[portion.sources.tag.tag_id].append(series)
    return {tag_id: _join(parts, backwards=query.intervals.backwards) for tag_id, parts in results.items()}


def _check_kinds(tags: Sequence[Tag], query: ProcessedQuery) -> None:
    if WITHOUT_VALUES.issuperset(query.aggregates):
        return
    for tag in tags:
        if tag.kind in {ValueKind.TEXT, ValueKind.BYTES}:
            raise not_numeric(tag.tag_id)


async def _at_hand(snapshots: Snapshots, tenant: str, query: ProcessedQuery) -> dict[int, list[Series]] | None:
    """Answer with what is decoded already, in one round trip; None if that is not all that it takes."""
    memory, most = snapshots.memory(tenant), min(FEW_SAMPLES, snapshots.max_samples)
    asked = (tenant, query.tag_ids, query.intervals.first_us, query.intervals.end_us)
    expected, answer = snapshots.expectations.get(asked), None
    looking = asyncio.ensure_future(snapshots.look(*asked))
    try:
        if expected is not None:
            # While the database looks, this is computed of what it will most likely find. If it finds anything else,
            # this is thrown away.
            await asyncio.sleep(0)
            answer = _from_memory(memory, expected, query, most)
        scope = await looking
    finally:
        looking.cancel()
    _check_kinds(scope.tags, query)
    if scope != expected:
        answer = _from_memory(memory, scope, query, most)
    if answer is not None:
        snapshots.expectations.learn(asked, scope)
    return answer


def _from_memory(memory: Memory, scope: Scope, query: ProcessedQuery, most: int) -> dict[int, list[Series]] | None:
    """Compute aggregates of at most so many samples that are all decoded already; None if there is more to it."""
    keys = _relevant(scope, query)
    frames = [UnsealedFrame(key, indexed) for key in keys if (indexed := memory.frame(key)) is not None]
    if len(frames) < len(keys) or _effort(scope, keys) > most:
        return None
    portions = [portion for source in _sources(scope, frames) for portion in _portions(source, query)]
    if sum(info.sample_count for portion in portions for info in portion.decoded) > most:
        return None
    parts = [_remembered_parts(memory, portion) for portion in portions]
    known = [mine for mine in parts if mine is not None]
    if len(known) < len(portions):
        return None
    if not query.bounded:
        results = _join_and_evaluate(portions, query, known)
    else:
        samples, missing = _join_bounded(portions, query, known)
        if any(missing):
            return None
        results = _evaluate(portions, query, samples)
    return {portion.sources.tag.tag_id: series for portion, series in zip(portions, results, strict=True)}


def _remembered_parts(memory: Memory, portion: Portion) -> list[Part] | None:
    row = row_of(portion.decoded)
    if row is not None:
        block = memory.segments(row)
        return None if block is None else [_row_part(row, block)]
    blocks = {info.segment_id: memory.segments([info]) for info in portion.decoded}
    known = {segment_id: block for segment_id, block in blocks.items() if block is not None}
    return _parts_of(portion.decoded, known) if len(known) == len(blocks) else None


def _effort(scope: Scope, keys: Sequence[FrameKey]) -> int:
    """How much work it is to find the tags in frames, in samples."""
    return sum(key.sample_count for key in keys) + _SAMPLES_PER_SEARCH * len(keys) * len(scope.tags)


def _sources(scope: Scope, frames: Sequence[UnsealedFrame]) -> list[TagSources]:
    by_tag: defaultdict[int, list[SegmentInfo]] = defaultdict(list)
    for info in scope.segments:
        by_tag[info.tag_id].append(info)
    return [TagSources(tag, by_tag[tag.tag_id], _unsealed(tag, frames)) for tag in scope.tags]


def _relevant(scope: Scope, query: ProcessedQuery) -> list[FrameKey]:
    """Return frames in the intervals, and those outside that may hold a nearer sample than the segments there."""
    if not scope.frames:
        return []
    first, end = query.intervals.first_us, query.intervals.end_us
    before = {info.tag_id: info.t_max for info in scope.segments if info.t_max < first and info.good_count}
    after = {info.tag_id: info.t_min for info in scope.segments if info.t_min >= end and info.good_count}
    lower = min(before.values()) if len(before) == len(scope.tags) else None
    upper = max(after.values()) if len(after) == len(scope.tags) else None
    return [
        key
        for key in scope.frames
        if (key.t_max >= first or lower is None or key.t_max > lower)
        and (key.t_min < end or upper is None or key.t_min < upper)
    ]


def _unsealed(tag: Tag, frames: Sequence[UnsealedFrame]) -> list[Part]:
    found = ((frame.key.arrival, frame.indexed.part(tag.kind, tag.tag_id)) for frame in frames)
    return [Part(arrival, part) for arrival, part in found if part is not None]


def _portions(sources: TagSources, query: ProcessedQuery) -> Iterator[Portion]:
    """Cut a tag's intervals into portions that are not too large to decode at once."""
    intervals = query.intervals
    covered = sources.coverable(intervals) if query.from_statistics else []
    known = {info.segment_id for info in covered}
    rest = [info for info in sources.inside(intervals) if info.segment_id not in known]
    if sum(info.sample_count for info in rest) <= _AT_ONCE:
        yield Portion(sources, intervals, covered, rest)
        return
    for part in _parts(rest, intervals):
        decoded = [info for info in rest if info.t_max >= part.first_us and info.t_min < part.end_us]
        if sum(info.sample_count for info in decoded) > _MOST_PER_INTERVAL:
            raise too_many_samples(sum(info.sample_count for info in decoded), _MOST_PER_INTERVAL)
        mine = [info for info in covered if info.t_max >= part.first_us and info.t_min < part.end_us]
        yield Portion(sources, part, mine, decoded)


def _parts(segments: Sequence[SegmentInfo], intervals: Intervals) -> Iterator[Intervals]:
    """Cut intervals so that each part touches about `_AT_ONCE` samples; an interval is never cut."""
    ends = np.array([info.t_max for info in segments], np.int64)
    order = np.argsort(ends, kind="stable")
    running = np.cumsum(np.array([info.sample_count for info in segments], np.int64)[order])
    cuts = ends[order][np.flatnonzero(np.diff(running // (_AT_ONCE // 2)))]
    inner = np.unique(np.clip(np.searchsorted(intervals.edges, cuts, side="right"), 1, len(intervals) - 1))
    bounds = [0, *(int(place) for place in inner if 0 < place < len(intervals)), len(intervals)]
    for low, high in pairwise(bounds):
        yield intervals.part(low, high)


def _batches(portions: Sequence[Portion]) -> Iterator[list[Portion]]:
    batch: list[Portion] = []
    samples = 0
    for portion in portions:
        count = sum(info.sample_count for info in portion.decoded)
        if batch and samples + count > _AT_ONCE:
            yield batch
            batch, samples = [], 0
        batch.append(portion)
        samples += count
    if batch:
        yield batch


async def _compute(snapshot: Snapshot, batch: list[Portion], query: ProcessedQuery) -> list[list[Series]]:
    values = not WITHOUT_VALUES.issuperset(query.aggregates) or any(
        portion.sources.tag.kind is ValueKind.FLOAT64 for portion in batch
    )
    count = sum(info.sample_count for portion in batch for info in portion.decoded)
    count += sum(len(part.block) for portion in batch for part in portion.sources.unsealed)
    parts = await _sealed_parts(snapshot, batch, values=values)
    if not query.bounded:
        return await snapshot.run_short(count, _join_and_evaluate, batch, query, parts)
    samples, missing = await snapshot.run_short(count, _join_bounded, batch, query, parts)
    if any(missing):
        wanted = list({info.segment_id: info for infos in missing for info in infos}.values())
        more = await snapshot.blocks(wanted, values=values)
        parts = [[*mine, *_parts_of(infos, more)] for mine, infos in zip(parts, missing, strict=True)]
        samples, _ = await snapshot.run(_join_bounded, batch, query, parts)
    return await snapshot.run_short(count, _evaluate, batch, query, samples)


async def _sealed_parts(snapshot: Snapshot, batch: Sequence[Portion], *, values: bool) -> list[list[Part]]:
    """Return each portion's sealed samples: as one part where its segments follow each other."""
    rows = [row_of(portion.decoded) if values else None for portion in batch]
    known = [None if row is None else snapshot.known_row(row) for row in rows]
    absent = [portion.decoded for portion, block in zip(batch, known, strict=True) if block is None]
    blocks = await snapshot.blocks([info for infos in absent for info in infos], values=values)
    parts: list[list[Part]] = []
    for portion, row, block in zip(batch, rows, known, strict=True):
        if row is None:
            parts.append(_parts_of(portion.decoded, blocks))
            continue
        whole = block or await snapshot.keep_row(row, blocks)
        parts.append([_row_part(row, whole)])
    return parts


def _row_part(row: Sequence[SegmentInfo], block: Block) -> Part:
    all_good = all(info.good_count == info.sample_count for info in row)
    return Part(max(info.arrival for info in row), block, all_good=all_good, of_segment=True)


def _parts_of(infos: Sequence[SegmentInfo], blocks: dict[int, Block]) -> list[Part]:
    return [
        Part(
            info.arrival,
            blocks[info.segment_id],
            all_good=info.good_count == info.sample_count,
            of_segment=True,
        )
        for info in infos
    ]


def _join_bounded(
    batch: Sequence[Portion], query: ProcessedQuery, parts: Sequence[Sequence[Part]]
) -> tuple[list[Samples], list[list[SegmentInfo]]]:
    """Return the portions' samples, and the segments around them that their bounding values need besides."""
    samples = [_joined(portion, query, mine) for portion, mine in zip(batch, parts, strict=True)]
    missing = [
        missing_neighbours(portion.sources, mine, portion.intervals)
        for portion, mine in zip(batch, samples, strict=True)
    ]
    return samples, missing


def _joined(portion: Portion, query: ProcessedQuery, parts: Sequence[Part]) -> Samples:
    every = [*parts, *portion.sources.unsealed]
    return join_parts(portion.sources, every, treat_uncertain_as_bad=query.rules.treat_uncertain_as_bad)


def _join_and_evaluate(
    batch: Sequence[Portion], query: ProcessedQuery, parts: Sequence[Sequence[Part]]
) -> list[list[Series]]:
    samples = [_joined(portion, query, mine) for portion, mine in zip(batch, parts, strict=True)]
    return _evaluate(batch, query, samples)


def _evaluate(batch: Sequence[Portion], query: ProcessedQuery, samples: Sequence[Samples]) -> list[list[Series]]:
    results: list[list[Series]] = []
    for portion, mine in zip(batch, samples, strict=True):
        # What lies between samples concerns bounding values only, and so do samples outside.
        rules = replace(query.rules, sloped=portion.sources.tag.sloped) if query.bounded else query.rules
        covered = cover(portion.covered, portion.intervals) if portion.covered else None
        nearby = mine if mine.all_good and not query.bounded else around(mine, portion.intervals)
        calculation = Calculation(nearby, portion.intervals, rules, covered)
        results.append([calculation.compute(aggregate) for aggregate in query.aggregates])
    return results


def _join(parts: list[list[Series]], *, backwards: bool) -> list[Series]:
    """Join the portions of one tag, which are in rising order of time."""
    if len(parts) == 1:
        return parts[0]
    ordered = parts[::-1] if backwards else parts
    return [
        Series(*(np.concatenate([getattr(one, name) for one in column]) for name in ("timestamp", "status", "value")))
        for column in zip(*ordered, strict=True)
    ]
