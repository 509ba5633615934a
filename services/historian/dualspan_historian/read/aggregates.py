"""OPC UA Part 13 aggregates of one tag, over all intervals at once. Pure: arrays in, arrays out."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dualspan.historian.v1 import resources_pb2
from dualspan_historian.model import BAD_NO_DATA
from dualspan_historian.read import bounds
from dualspan_historian.read.areas import Areas, areas
from dualspan_historian.read.intervals import Intervals, reduce
from dualspan_historian.read.samples import Rules, Samples

GOOD = 0
BAD = 0x80000000
UNCERTAIN_DATA_SUB_NORMAL = 0x40A40000
# Part 4, 7.39.1: InfoType DataValue, then the historian's bits.
RAW = 0x0400
CALCULATED = 0x0401
INTERPOLATED = 0x0402
PARTIAL = 0x0004
MULTIPLE_VALUES = 0x0010


Aggregate: TypeAlias = "resources_pb2.Aggregate.ValueType"

BOUNDED = frozenset(
    {
        resources_pb2.AGGREGATE_INTERPOLATIVE,
        resources_pb2.AGGREGATE_TIME_AVERAGE,
        resources_pb2.AGGREGATE_TIME_AVERAGE2,
        resources_pb2.AGGREGATE_TOTAL,
        resources_pb2.AGGREGATE_TOTAL2,
        resources_pb2.AGGREGATE_DURATION_GOOD,
        resources_pb2.AGGREGATE_DURATION_BAD,
        resources_pb2.AGGREGATE_PERCENT_GOOD,
        resources_pb2.AGGREGATE_PERCENT_BAD,
    }
)
"""Aggregates that look at samples outside of the interval."""

WITHOUT_VALUES = frozenset(
    {
        resources_pb2.AGGREGATE_COUNT,
        resources_pb2.AGGREGATE_DURATION_GOOD,
        resources_pb2.AGGREGATE_DURATION_BAD,
        resources_pb2.AGGREGATE_PERCENT_GOOD,
        resources_pb2.AGGREGATE_PERCENT_BAD,
    }
)
"""Aggregates that make sense for text and bytes too."""


FROM_STATISTICS = frozenset(
    {
        resources_pb2.AGGREGATE_AVERAGE,
        resources_pb2.AGGREGATE_MINIMUM,
        resources_pb2.AGGREGATE_MAXIMUM,
        resources_pb2.AGGREGATE_RANGE,
        resources_pb2.AGGREGATE_COUNT,
    }
)
"""Aggregates that can be had from the statistics of segments."""


@dataclass(frozen=True, slots=True)
class Covered:
    """Statistics of good samples that lie in each interval and were not decoded, shape (m,) each."""

    count: NDArray[np.int64]
    total: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]

    @classmethod
    def nothing(cls, count: int) -> Self:
        """No such samples in `count` intervals."""
        none = np.full(count, np.nan)
        return cls(np.zeros(count, np.int64), np.zeros(count), none, none)


@dataclass(frozen=True, slots=True)
class Series:
    """One value for each interval, in the order of the request.

    Attributes:
        timestamp: int64 microseconds, shape (m,).
        status: uint32, shape (m,).
        value: float64, shape (m,); NaN where the status is bad.
    """

    timestamp: NDArray[np.int64]
    status: NDArray[np.uint32]
    value: NDArray[np.float64]


class Calculation:
    """Computes aggregates of one tag; what several of them need is computed once.

    Args:
        samples: The tag's samples, with those that bounding values need.
        intervals: The intervals.
        rules: The rules.
        covered: Samples that are known by their statistics only, for the aggregates of `FROM_STATISTICS`.
    """

    def __init__(self, samples: Samples, intervals: Intervals, rules: Rules, covered: Covered | None = None) -> None:
        self._covered = covered
        self._samples = samples
        self._intervals = intervals
        self._rules = rules

    def compute(self, aggregate: Aggregate) -> Series:
        """Compute one aggregate.

        Those that look at time look at repeated values too, which held then; those of raw values do not count them.
        """
        if aggregate not in BOUNDED and self._samples.measured is not self._samples:
            return Calculation(self._samples.measured, self._intervals, self._rules, self._covered).compute(aggregate)
        timestamp, status, value = _FORMULAS[aggregate](self)
        bad, partial = status >= BAD, self._partial
        if bool(bad.any()):
            value, partial = np.where(bad, np.nan, value), partial & ~bad
        series = Series(timestamp, status | partial.view(np.uint8) * np.uint32(PARTIAL), value)
        if not self._intervals.backwards:
            return series
        return Series(series.timestamp[::-1].copy(), series.status[::-1].copy(), series.value[::-1].copy())

    @cached_property
    def _partial(self) -> NDArray[np.bool_]:
        """Intervals that are a rest, or in which the data begins or ends."""
        edges, length = self._intervals.edges, self._intervals.length
        partial = np.zeros(len(edges) - 1, np.bool_)
        # Only at an end of the intervals can a rest be.
        partial[0] |= edges[1] - edges[0] < length
        partial[-1] |= edges[-1] - edges[-2] < length
        if self._samples.earliest is not None and self._samples.latest is not None:
            partial[: int(edges[:-1].searchsorted(self._samples.earliest))] = True
            partial[int(edges[1:].searchsorted(self._samples.latest, side="right")) :] = True
        return partial

    @cached_property
    def _rows(self) -> NDArray[np.int64]:
        return self._intervals.split(self._samples.ts)

    @cached_property
    def _good_rows(self) -> NDArray[np.int64]:
        return self._rows if self._samples.good_ts is self._samples.ts else self._intervals.split(self._samples.good_ts)

    @cached_property
    def _total_count(self) -> NDArray[np.int64]:
        count = np.diff(self._rows)
        return count if self._covered is None else count + self._covered.count

    @cached_property
    def _good_count(self) -> NDArray[np.int64]:
        if self._good_rows is self._rows:
            return self._total_count
        count = np.diff(self._good_rows)
        return count if self._covered is None else count + self._covered.count

    @cached_property
    def _mean(self) -> NDArray[np.float64]:
        total = reduce(np.add, self._samples.good_value, self._good_rows, 0.0)
        total = total if self._covered is None else total + self._covered.total
        return total / np.maximum(self._good_count, 1)

    @cached_property
    def _minimum(self) -> NDArray[np.float64]:
        lowest = reduce(np.minimum, self._samples.good_value, self._good_rows, np.nan)
        return lowest if self._covered is None else np.fmin(lowest, self._covered.minimum)

    @cached_property
    def _maximum(self) -> NDArray[np.float64]:
        highest = reduce(np.maximum, self._samples.good_value, self._good_rows, np.nan)
        return highest if self._covered is None else np.fmax(highest, self._covered.maximum)

    @cached_property
    def _interpolated_bounds(self) -> bounds.Bounds:
        return bounds.interpolated(self._samples, self._intervals.edges, self._rules, sloped=True)

    @cached_property
    def _lines(self) -> Areas:
        """Through the good samples, whatever the tag's Stepped property (5.4.3.6)."""
        ts, value = self._samples.good_ts, self._samples.good_value
        good = np.ones(len(ts), np.bool_)
        edges = self._interpolated_bounds
        return areas(ts, value, good, edges, self._intervals, sloped=True, to_uncertain=True)

    @cached_property
    def _simple_areas(self) -> Areas:
        samples, sloped = self._samples, self._rules.sloped
        edges = bounds.simple(samples, self._intervals.edges, sloped=sloped)
        return areas(samples.ts, samples.value, samples.good, edges, self._intervals, sloped=sloped)

    @cached_property
    def _good_seconds(self) -> NDArray[np.float64]:
        """By regions that begin at a sample and are as good as that is (5.4.3.30)."""
        samples = self._samples
        edges = bounds.simple(samples, self._intervals.edges, sloped=False)
        return areas(samples.ts, samples.value, samples.good, edges, self._intervals, sloped=False).good_seconds

    def _by_count(self) -> NDArray[np.uint32]:
        """Status by how many of the raw values are good; Bad_NoData without any."""
        if self._good_rows is self._rows:
            return np.where(self._good_count == 0, np.uint32(BAD_NO_DATA), np.uint32(CALCULATED))
        total = np.maximum(self._total_count, 1)
        status = self._by_percentage(
            100.0 * self._good_count / total, 100.0 * (self._total_count - self._good_count) / total
        )
        return np.where(self._good_count == 0, BAD_NO_DATA, status).astype(np.uint32)

    def _by_percentage(self, good: NDArray[np.float64], bad: NDArray[np.float64]) -> NDArray[np.uint32]:
        uncertain = np.where(good < self._rules.percent_good, UNCERTAIN_DATA_SUB_NORMAL | CALCULATED, CALCULATED)
        return np.where((bad >= self._rules.percent_bad) & (bad > 0), BAD, uncertain).astype(np.uint32)

    def _if_all_good(self, bits: int) -> NDArray[np.uint32]:
        """Good when all raw values are, uncertain when some are not, Bad_NoData when none is."""
        doubtful = np.where(self._good_count < self._total_count, UNCERTAIN_DATA_SUB_NORMAL, GOOD) | bits
        return np.where(self._good_count == 0, BAD_NO_DATA, doubtful).astype(np.uint32)

    def interpolative(self) -> "_Result":
        """5.4.3.4."""
        starts = self._intervals.starts
        found = bounds.interpolated(self._samples, starts, self._rules, sloped=self._rules.sloped)
        certain = np.where(found.certain, GOOD, UNCERTAIN_DATA_SUB_NORMAL) | np.where(found.exact, RAW, INTERPOLATED)
        return starts, np.where(found.known, certain, BAD_NO_DATA).astype(np.uint32), found.value

    def average(self) -> "_Result":
        """5.4.3.5."""
        return self._intervals.starts, self._by_count(), self._mean

    def time_average(self) -> "_Result":
        """5.4.3.6."""
        edges, lines = self._interpolated_bounds, self._lines
        # A start without a bound is the beginning of the data, which the Partial bit tells.
        doubtful = (edges.known & ~edges.certain)[:-1] | ~edges.certain[1:] | (self._good_count < self._total_count)
        status = np.where(doubtful, UNCERTAIN_DATA_SUB_NORMAL, GOOD) | CALCULATED
        status = np.where(lines.good_seconds > 0, status, BAD_NO_DATA).astype(np.uint32)
        return self._intervals.starts, status, _divide(lines.area, lines.good_seconds)

    def time_average2(self) -> "_Result":
        """5.4.3.7."""
        found = self._simple_areas
        share = 100.0 / self._intervals.seconds
        status = self._by_percentage(found.good_seconds * share, found.bad_seconds * share)
        status = np.where(found.good_seconds > 0, status, BAD_NO_DATA).astype(np.uint32)
        return self._intervals.starts, status, _divide(found.area, found.good_seconds)

    def total(self) -> "_Result":
        """5.4.3.8."""
        starts, status, value = self.time_average()
        return starts, status, value * self._intervals.seconds

    def total2(self) -> "_Result":
        """5.4.3.9."""
        starts, status, value = self.time_average2()
        return starts, status, value * self._intervals.seconds

    def minimum(self) -> "_Result":
        """5.4.3.10."""
        return self._intervals.starts, self._if_all_good(CALCULATED), self._minimum

    def maximum(self) -> "_Result":
        """5.4.3.11."""
        return self._intervals.starts, self._if_all_good(CALCULATED), self._maximum

    def minimum_actual_time(self) -> "_Result":
        """5.4.3.12."""
        return self._actual_time(self._minimum)

    def maximum_actual_time(self) -> "_Result":
        """5.4.3.13."""
        return self._actual_time(self._maximum)

    def _actual_time(self, extreme: NDArray[np.float64]) -> "_Result":
        rows, ts = self._good_rows, self._samples.good_ts
        span = slice(int(rows[0]), int(rows[-1]))
        matches = self._samples.good_value[span] == np.repeat(extreme, self._good_count)
        inside = rows - rows[0]
        number = np.arange(span.start, span.stop)
        first = reduce(np.minimum, np.where(matches, number, len(ts)), inside, len(ts))
        times = reduce(np.add, matches.astype(np.int64), inside, 0)
        timestamp = self._intervals.starts.copy()
        filled = self._good_count > 0
        timestamp[filled] = ts[first[filled]]
        status = self._if_all_good(RAW)
        return timestamp, np.where(filled & (times > 1), status | MULTIPLE_VALUES, status).astype(np.uint32), extreme

    def range(self) -> "_Result":
        """5.4.3.14."""
        with np.errstate(invalid="ignore"):
            return self._intervals.starts, self._if_all_good(CALCULATED), self._maximum - self._minimum

    def count(self) -> "_Result":
        """5.4.3.20: an interval without any raw value has a good count of 0."""
        status = np.where(self._total_count == 0, CALCULATED, self._by_count()).astype(np.uint32)
        nothing_good = (self._total_count > 0) & (self._good_count == 0)
        return (
            self._intervals.starts,
            np.where(nothing_good, BAD, status).astype(np.uint32),
            self._good_count.astype(np.float64),
        )

    def start(self) -> "_Result":
        """5.4.3.24."""
        return self._raw_at(self._rows[:-1])

    def end(self) -> "_Result":
        """5.4.3.25."""
        return self._raw_at(self._rows[1:] - 1)

    def _raw_at(self, rows: NDArray[np.int64]) -> "_Result":
        filled = self._total_count > 0
        timestamp = self._intervals.starts.copy()
        status = np.full(len(rows), BAD_NO_DATA, np.uint32)
        value = np.full(len(rows), np.nan)
        found = rows[filled]
        timestamp[filled] = self._samples.ts[found]
        status[filled] = (self._samples.status[found] & np.uint32(0xFFFFFBE0)) | np.uint32(RAW)
        value[filled] = self._samples.value[found]
        return timestamp, status, value

    def delta(self) -> "_Result":
        """5.4.3.26: uncertain when a bad value lies before the first good one or after the last."""
        rows, value = self._good_rows, self._samples.good_value
        filled = self._good_count > 0
        result = np.full(len(filled), np.nan)
        with np.errstate(invalid="ignore"):
            result[filled] = value[rows[1:][filled] - 1] - value[rows[:-1][filled]]
        status = np.full(len(filled), BAD_NO_DATA, np.uint32)
        ends_good = self._samples.good[self._rows[:-1][filled]] & self._samples.good[self._rows[1:][filled] - 1]
        status[filled] = np.where(ends_good, GOOD, UNCERTAIN_DATA_SUB_NORMAL) | CALCULATED
        return self._intervals.starts, status, result

    def duration_good(self) -> "_Result":
        """5.4.3.30."""
        return self._always_good(self._good_seconds * 1000)

    def duration_bad(self) -> "_Result":
        """5.4.3.31."""
        return self._always_good((self._intervals.seconds - self._good_seconds) * 1000)

    def percent_good(self) -> "_Result":
        """5.4.3.32."""
        return self._always_good(100.0 * self._good_seconds / self._intervals.seconds)

    def percent_bad(self) -> "_Result":
        """5.4.3.33."""
        return self._always_good(100.0 - 100.0 * self._good_seconds / self._intervals.seconds)

    def _always_good(self, value: NDArray[np.float64]) -> "_Result":
        return self._intervals.starts, np.full(len(value), CALCULATED, np.uint32), value

    def standard_deviation_sample(self) -> "_Result":
        """5.4.3.37: 0 for a single value."""
        return self._intervals.starts, self._by_count(), self._deviation(1)

    def standard_deviation_population(self) -> "_Result":
        """5.4.3.39."""
        return self._intervals.starts, self._by_count(), self._deviation(0)

    def _deviation(self, less: int) -> NDArray[np.float64]:
        """In two passes, because sums of squares cancel."""
        rows = self._good_rows
        inside = self._samples.good_value[rows[0] : rows[-1]]
        with np.errstate(invalid="ignore", over="ignore"):
            squares = (inside - np.repeat(self._mean, self._good_count)) ** 2
            total = reduce(np.add, squares, rows - rows[0], 0.0)
            return np.sqrt(total / np.maximum(self._good_count - less, 1)).astype(np.float64, copy=False)


_Result = tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.float64]]

_FORMULAS: dict[Aggregate, Callable[[Calculation], _Result]] = {
    resources_pb2.AGGREGATE_INTERPOLATIVE: Calculation.interpolative,
    resources_pb2.AGGREGATE_AVERAGE: Calculation.average,
    resources_pb2.AGGREGATE_TIME_AVERAGE: Calculation.time_average,
    resources_pb2.AGGREGATE_TIME_AVERAGE2: Calculation.time_average2,
    resources_pb2.AGGREGATE_TOTAL: Calculation.total,
    resources_pb2.AGGREGATE_TOTAL2: Calculation.total2,
    resources_pb2.AGGREGATE_MINIMUM: Calculation.minimum,
    resources_pb2.AGGREGATE_MAXIMUM: Calculation.maximum,
    resources_pb2.AGGREGATE_MINIMUM_ACTUAL_TIME: Calculation.minimum_actual_time,
    resources_pb2.AGGREGATE_MAXIMUM_ACTUAL_TIME: Calculation.maximum_actual_time,
    resources_pb2.AGGREGATE_RANGE: Calculation.range,
    resources_pb2.AGGREGATE_COUNT: Calculation.count,
    resources_pb2.AGGREGATE_START: Calculation.start,
    resources_pb2.AGGREGATE_END: Calculation.end,
    resources_pb2.AGGREGATE_DELTA: Calculation.delta,
    resources_pb2.AGGREGATE_DURATION_GOOD: Calculation.duration_good,
    resources_pb2.AGGREGATE_DURATION_BAD: Calculation.duration_bad,
    resources_pb2.AGGREGATE_PERCENT_GOOD: Calculation.percent_good,
    resources_pb2.AGGREGATE_PERCENT_BAD: Calculation.percent_bad,
    resources_pb2.AGGREGATE_STANDARD_DEVIATION_SAMPLE: Calculation.standard_deviation_sample,
    resources_pb2.AGGREGATE_STANDARD_DEVIATION_POPULATION: Calculation.standard_deviation_population,
}
KNOWN = frozenset(_FORMULAS)
"""Aggregates that can be asked for."""


def _divide(area: NDArray[np.float64], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(area, seconds, out=np.full(len(area), np.nan), where=seconds > 0)
