"""OPC UA Part 13 aggregates, slow and plain: one interval, one sample at a time. The fast ones are held against it."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from dualspan.historian.v1 import resources_pb2
from dualspan_historian.model import BAD_NO_DATA
from dualspan_historian.read.aggregates import (
    BAD,
    CALCULATED,
    INTERPOLATED,
    MULTIPLE_VALUES,
    PARTIAL,
    RAW,
    UNCERTAIN_DATA_SUB_NORMAL,
)
from dualspan_historian.read.samples import Rules

Interval = tuple[int, int, bool]


@dataclass(frozen=True)
class Sample:
    t: int
    value: float
    status: int = 0


@dataclass(frozen=True)
class Answer:
    t: int
    status: int
    value: float


@dataclass(frozen=True)
class Edge:
    value: float | None
    certain: bool
    exact: bool = False


class Reference:
    """All of one tag's samples, in order of time."""

    def __init__(self, samples: Sequence[Sample], rules: Rules) -> None:
        self.samples = list(samples)
        self.rules = rules
        self.good_samples = [sample for sample in samples if self.good(sample)]

    def good(self, sample: Sample) -> bool:
        limit = 0x40000000 if self.rules.treat_uncertain_as_bad else 0x80000000
        return sample.status < limit and not math.isnan(sample.value)

    def compute(self, aggregate: resources_pb2.Aggregate.ValueType, start: int, end: int, length: int) -> list[Answer]:
        span = abs(end - start)
        length = length if 0 < length < span else span
        formula = getattr(self, resources_pb2.Aggregate.Name(aggregate).removeprefix("AGGREGATE_").lower())
        return [
            self._finish(formula(low, high, backwards), low, high, length)
            for low, high, backwards in self.cut(start, end, length)
        ]

    @staticmethod
    def cut(start: int, end: int, length: int) -> list[tuple[int, int, bool]]:
        intervals: list[tuple[int, int, bool]] = []
        at = start
        while at != end:
            if start < end:
                following = min(at + length, end)
                intervals.append((at, following, False))
            else:
                following = max(at - length, end)
                intervals.append((following, at, True))
            at = following
        return intervals

    def _finish(self, answer: Answer, low: int, high: int, length: int) -> Answer:
        if answer.status >= BAD:
            return Answer(answer.t, answer.status, math.nan)
        span = [sample.t for sample in self.samples]
        partial = high - low < length or (bool(span) and (low < min(span) or high > max(span)))
        return Answer(answer.t, answer.status | (PARTIAL if partial else 0), answer.value)

    def inside(self, low: int, high: int, backwards: bool) -> list[Sample]:
        if backwards:
            return [sample for sample in self.samples if low < sample.t <= high]
        return [sample for sample in self.samples if low <= sample.t < high]

    def interpolated(self, t: int, *, sloped: bool) -> Edge:
        before = [sample for sample in self.good_samples if sample.t <= t]
        after = [sample for sample in self.good_samples if sample.t > t]
        if not before:
            return Edge(None, False)
        last = before[-1]
        if last.t == t:
            return Edge(next(sample for sample in before if sample.t == t).value, True, True)
        raw_before = [sample for sample in self.samples if sample.t <= t]
        raw_after = [sample for sample in self.samples if sample.t > t]
        clean = self.good(raw_before[-1]) and (not sloped or (bool(raw_after) and self.good(raw_after[0])))
        if not after:
            value = last.value
            others = [sample for sample in before if sample.t < last.t]
            if sloped and self.rules.sloped_extrapolation and others:
                value += (last.value - others[-1].value) / (last.t - others[-1].t) * (t - last.t)
            return Edge(value, False)
        if not sloped:
            return Edge(last.value, clean)
        following = after[0]
        share = (t - last.t) / (following.t - last.t)
        return Edge(last.value + (following.value - last.value) * share, clean)

    def simple(self, t: int, *, sloped: bool) -> Edge:
        before = [sample for sample in self.samples if sample.t <= t]
        after = [sample for sample in self.samples if sample.t > t]
        if not before:
            return Edge(None, False)
        if before[-1].t == t:
            first = next(sample for sample in before if sample.t == t)
            return Edge(first.value, True, True) if self.good(first) else Edge(None, False)
        if not self.good(before[-1]):
            return Edge(None, False)
        if not sloped:
            return Edge(before[-1].value, True)
        if not after or not self.good(after[0]):
            return Edge(before[-1].value, False)
        share = (t - before[-1].t) / (after[0].t - before[-1].t)
        return Edge(before[-1].value + (after[0].value - before[-1].value) * share, True)

    # Value-based.

    def _counts(self, low: int, high: int, backwards: bool) -> tuple[list[Sample], list[Sample]]:
        raw = self.inside(low, high, backwards)
        return raw, [sample for sample in raw if self.good(sample)]

    def _begin(self, low: int, high: int, backwards: bool) -> int:
        return high if backwards else low

    def _percent(self, good: float, bad: float) -> int:
        if bad > 0 and bad >= self.rules.percent_bad:
            return BAD
        return (UNCERTAIN_DATA_SUB_NORMAL if good < self.rules.percent_good else 0) | CALCULATED

    def _valued(self, low: int, high: int, backwards: bool, formula: Callable[[list[float]], float]) -> Answer:
        raw, good = self._counts(low, high, backwards)
        at = self._begin(low, high, backwards)
        if not good:
            return Answer(at, BAD_NO_DATA, math.nan)
        status = self._percent(100.0 * len(good) / len(raw), 100.0 * (len(raw) - len(good)) / len(raw))
        return Answer(at, status, formula([sample.value for sample in good]))

    def average(self, low: int, high: int, backwards: bool) -> Answer:
        return self._valued(low, high, backwards, lambda values: math.fsum(values) / len(values))

    def standard_deviation_sample(self, low: int, high: int, backwards: bool) -> Answer:
        return self._valued(low, high, backwards, lambda values: _deviation(values, 1))

    def standard_deviation_population(self, low: int, high: int, backwards: bool) -> Answer:
        return self._valued(low, high, backwards, lambda values: _deviation(values, 0))

    def count(self, low: int, high: int, backwards: bool) -> Answer:
        raw, good = self._counts(low, high, backwards)
        at = self._begin(low, high, backwards)
        if not raw:
            return Answer(at, CALCULATED, 0.0)
        if not good:
            return Answer(at, BAD, math.nan)
        status = self._percent(100.0 * len(good) / len(raw), 100.0 * (len(raw) - len(good)) / len(raw))
        return Answer(at, status, float(len(good)))

    def _extreme(self, interval: Interval, choose: Callable[[Iterable[float]], float], *, actual: bool) -> Answer:
        raw, good = self._counts(*interval)
        at = self._begin(*interval)
        if not good:
            return Answer(at, BAD_NO_DATA, math.nan)
        value = choose(sample.value for sample in good)
        found = [sample for sample in good if sample.value == value]
        status = UNCERTAIN_DATA_SUB_NORMAL if len(good) < len(raw) else 0
        if not actual:
            return Answer(at, status | CALCULATED, value)
        return Answer(found[0].t, status | RAW | (MULTIPLE_VALUES if len(found) > 1 else 0), value)

    def minimum(self, low: int, high: int, backwards: bool) -> Answer:
        return self._extreme((low, high, backwards), min, actual=False)

    def maximum(self, low: int, high: int, backwards: bool) -> Answer:
        return self._extreme((low, high, backwards), max, actual=False)

    def minimum_actual_time(self, low: int, high: int, backwards: bool) -> Answer:
        return self._extreme((low, high, backwards), min, actual=True)

    def maximum_actual_time(self, low: int, high: int, backwards: bool) -> Answer:
        return self._extreme((low, high, backwards), max, actual=True)

    def range(self, low: int, high: int, backwards: bool) -> Answer:
        interval = (low, high, backwards)
        least, most = self.minimum(*interval), self.maximum(*interval)
        return Answer(least.t, least.status, most.value - least.value)

    def start(self, low: int, high: int, backwards: bool) -> Answer:
        return self._raw((low, high, backwards), 0)

    def end(self, low: int, high: int, backwards: bool) -> Answer:
        return self._raw((low, high, backwards), -1)

    def _raw(self, interval: Interval, place: int) -> Answer:
        raw = self.inside(*interval)
        if not raw:
            return Answer(self._begin(*interval), BAD_NO_DATA, math.nan)
        return Answer(raw[place].t, raw[place].status & ~0x41F | RAW, raw[place].value)

    def delta(self, low: int, high: int, backwards: bool) -> Answer:
        raw, good = self._counts(low, high, backwards)
        at = self._begin(low, high, backwards)
        if not good:
            return Answer(at, BAD_NO_DATA, math.nan)
        doubtful = not self.good(raw[0]) or not self.good(raw[-1])
        status = (UNCERTAIN_DATA_SUB_NORMAL if doubtful else 0) | CALCULATED
        return Answer(at, status, good[-1].value - good[0].value)

    # Time-weighted.

    def interpolative(self, low: int, high: int, backwards: bool) -> Answer:
        at = self._begin(low, high, backwards)
        edge = self.interpolated(at, sloped=self.rules.sloped)
        if edge.value is None:
            return Answer(at, BAD_NO_DATA, math.nan)
        bits = RAW if edge.exact else INTERPOLATED
        return Answer(at, (0 if edge.certain else UNCERTAIN_DATA_SUB_NORMAL) | bits, edge.value)

    def time_average(self, low: int, high: int, backwards: bool) -> Answer:
        first, last = self.interpolated(low, sloped=True), self.interpolated(high, sloped=True)
        points = [] if first.value is None else [(low, first.value)]
        points += [(sample.t, sample.value) for sample in self.good_samples if low <= sample.t < high]
        points += [] if last.value is None else [(high, last.value)]
        area = sum((a[1] + b[1]) / 2 * (b[0] - a[0]) for a, b in pairwise(points))
        covered = sum(b[0] - a[0] for a, b in pairwise(points))
        at = self._begin(low, high, backwards)
        if not covered:
            return Answer(at, BAD_NO_DATA, math.nan)
        raw, good = self._counts(low, high, backwards)
        doubtful = (first.value is not None and not first.certain) or not last.certain or len(good) < len(raw)
        return Answer(at, (UNCERTAIN_DATA_SUB_NORMAL if doubtful else 0) | CALCULATED, area / covered)

    def total(self, low: int, high: int, backwards: bool) -> Answer:
        answer = self.time_average(low, high, backwards)
        return Answer(answer.t, answer.status, answer.value * (high - low) / 1e6)

    def _regions(self, low: int, high: int, *, sloped: bool) -> Iterator[tuple[float, bool, float | None]]:
        """(seconds, begins good, area or None if it does not count) of each region."""
        points = [(low, self.simple(low, sloped=sloped))]
        for sample in self.samples:
            if low <= sample.t < high:
                good = self.good(sample)
                points.append((sample.t, Edge(sample.value if good else None, good)))
        points.append((high, self.simple(high, sloped=sloped)))
        for (t, edge), (following, other) in pairwise(points):
            seconds = (following - t) / 1e6
            if edge.value is None:
                yield seconds, False, None
            elif not sloped:
                yield seconds, True, edge.value * seconds
            elif edge.certain and other.certain and other.value is not None:
                yield seconds, True, (edge.value + other.value) / 2 * seconds
            else:
                yield seconds, True, None

    def time_average2(self, low: int, high: int, backwards: bool) -> Answer:
        regions = list(self._regions(low, high, sloped=self.rules.sloped))
        seconds = (high - low) / 1e6
        good = sum(region[0] for region in regions if region[2] is not None)
        bad = sum(region[0] for region in regions if not region[1])
        at = self._begin(low, high, backwards)
        if not good:
            return Answer(at, BAD_NO_DATA, math.nan)
        area = sum(region[2] for region in regions if region[2] is not None)
        return Answer(at, self._percent(good * (100.0 / seconds), bad * (100.0 / seconds)), area / good)

    def total2(self, low: int, high: int, backwards: bool) -> Answer:
        answer = self.time_average2(low, high, backwards)
        return Answer(answer.t, answer.status, answer.value * (high - low) / 1e6)

    def _good_seconds(self, low: int, high: int) -> float:
        return sum(seconds for seconds, good, _ in self._regions(low, high, sloped=False) if good)

    def duration_good(self, low: int, high: int, backwards: bool) -> Answer:
        return Answer(self._begin(low, high, backwards), CALCULATED, self._good_seconds(low, high) * 1000)

    def duration_bad(self, low: int, high: int, backwards: bool) -> Answer:
        bad = (high - low) / 1e6 - self._good_seconds(low, high)
        return Answer(self._begin(low, high, backwards), CALCULATED, bad * 1000)

    def percent_good(self, low: int, high: int, backwards: bool) -> Answer:
        share = 100.0 * self._good_seconds(low, high) / ((high - low) / 1e6)
        return Answer(self._begin(low, high, backwards), CALCULATED, share)

    def percent_bad(self, low: int, high: int, backwards: bool) -> Answer:
        good = self.percent_good(low, high, backwards)
        return Answer(good.t, good.status, 100.0 - good.value)


def _deviation(values: list[float], less: int) -> float:
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / max(len(values) - less, 1))
