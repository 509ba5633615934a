"""Columns against slow and plain references: subgroups, their statistics, averages and sums with a memory."""

import math
import statistics
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_analytics.columns import Series
from dualspan_analytics.spc.charts import draw
from dualspan_analytics.spc.model import ChartKind, Estimate, Exclusion, Subgroups, Tuning
from dualspan_analytics.spc.subgrouping import Grouping, value_subgroups

BAD = 0x80000000
# Times in µs that often meet, values that often repeat, some of them of no use.
SAMPLES = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.one_of(st.integers(-3, 3).map(float), st.just(math.nan), st.just(math.inf)),
        st.sampled_from([0, 0, 0, BAD]),
    ),
    max_size=40,
)
CHANGES = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 2)), max_size=6)


def series(samples: list[tuple[int, float, int]]) -> Series:
    times = np.cumsum([step for step, _, _ in samples]).astype(np.int64)
    status = np.array([status for _, _, status in samples], np.uint32)
    return Series(times, np.array([value for _, value, _ in samples], np.float64), status, "g")


def plain_groups(given: Series, count: int, interval: int, changes: list[tuple[int, int]]) -> list[list[float | None]]:
    """Samples in subgroups as somebody would do it by hand; None is a sample of no use."""
    groups: list[list[float | None]] = []
    before: object = None
    for time, value, status in zip(given.timestamp.tolist(), given.value.tolist(), given.status.tolist(), strict=True):
        period = sum(1 for (_, old), (at, new) in pairwise(changes) if at <= time and old != new)
        here = (period, time // interval if interval else 0)
        if here != before or not groups or (count and len(groups[-1]) == count):
            groups.append([])
        before = here
        groups[-1].append(value if math.isfinite(value) and not status else None)
    return [group for group in groups if not count or len(group) == count]


@given(SAMPLES, st.integers(0, 4), st.sampled_from([0, 5, 7]), CHANGES)
def test_subgroups_are_those_made_by_hand(
    samples: list[tuple[int, float, int]], count: int, interval: int, steps: list[tuple[int, int]]
) -> None:
    values = series(samples)
    times = np.cumsum([step for step, _ in steps]).tolist()
    changes = [(-1, 0), *zip(times, [value for _, value in steps], strict=True)]
    split_by = Series(
        np.array([at for at, _ in changes], np.int64),
        np.array([value for _, value in changes], np.int64),
        np.zeros(len(changes), np.uint32),
        "",
    )
    ours = value_subgroups(values, 0, 10**6, Grouping(count, interval), split_by=split_by)
    expected = plain_groups(values, count, interval, changes)
    found = [ours.values[ours.offsets[at] : ours.offsets[at + 1]].tolist() for at in range(len(ours))]
    assert found == [[value for value in group if value is not None] for group in expected]
    assert ours.left_out.tolist() == [group.count(None) for group in expected]
    assert ours.spare == len(samples) - sum(map(len, expected))


@given(st.lists(st.lists(st.integers(-50, 50).map(lambda tenths: tenths / 10), max_size=5), max_size=12))
def test_statistics_of_subgroups_are_those_of_the_library(groups: list[list[float]]) -> None:
    sizes = np.array([len(group) for group in groups], np.int64)
    at = np.arange(len(groups), dtype=np.int64)
    values = np.array([value for group in groups for value in group], np.float64)
    data = Subgroups(at, at, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), values, 0 * at)
    means, deviations, ranges = data.means(), data.deviations(), data.ranges()
    for index, group in enumerate(groups):
        assert means[index] == pytest.approx(statistics.fmean(group) if group else math.nan, nan_ok=True)
        assert deviations[index] == pytest.approx(statistics.stdev(group) if len(group) > 1 else math.nan, nan_ok=True)
        assert ranges[index] == pytest.approx(max(group) - min(group) if len(group) > 1 else math.nan, nan_ok=True)


VALUES = st.lists(st.one_of(st.integers(-40, 40).map(lambda tenths: tenths / 10), st.just(math.nan)), max_size=40)


def individuals(values: list[float]) -> Subgroups:
    at = np.arange(len(values), dtype=np.int64)
    there = np.isfinite(np.array(values, np.float64))
    offsets = np.concatenate([[0], np.cumsum(there)]).astype(np.int64)
    return Subgroups(at, at, offsets, np.array(values, np.float64)[there], (~there).astype(np.int64))


@given(VALUES, st.sampled_from([0.1, 0.3, 1.0]), st.booleans())
def test_an_ewma_is_the_recursion(values: list[float], weight: float, steady: bool) -> None:
    tuning = Tuning(target=1.0, weight=weight, is_steady=steady)
    panel = draw(ChartKind.EWMA, individuals(values), tuning, fixed=Estimate(0.0, 2.0)).panels[0]
    average, points = 1.0, 0
    for index, value in enumerate(values):
        if math.isnan(value):
            assert math.isnan(panel.value[index])
            continue
        average, points = weight * value + (1 - weight) * average, points + 1
        share = 1.0 if steady else 1 - (1 - weight) ** (2 * points)
        assert panel.value[index] == pytest.approx(average, abs=1e-12)
        assert panel.upper[index] - 1.0 == pytest.approx(3 * 2.0 * math.sqrt(weight / (2 - weight) * share))


@given(VALUES, st.sampled_from([0.0, 0.5]), st.sampled_from([0.0, 0.5, 0.9]))
def test_a_cusum_is_the_recursion(values: list[float], slack: float, head_start: float) -> None:
    tuning = Tuning(target=0.5, slack=slack, interval=4.0, head_start=head_start)
    upper, lower = draw(ChartKind.CUSUM, individuals(values), tuning, fixed=Estimate(0.0, 2.0)).panels
    high = low = head_start * 4.0
    for index, value in enumerate(values):
        if math.isnan(value):
            assert math.isnan(upper.value[index])
            continue
        z = (value - 0.5) / 2.0
        high, low = max(0.0, high + z - slack), max(0.0, low - z - slack)
        assert upper.value[index] == pytest.approx(high, abs=1e-9)
        assert lower.value[index] == pytest.approx(-low, abs=1e-9)


@pytest.mark.parametrize("kind", [ChartKind.EWMA, ChartKind.CUSUM])
def test_what_is_left_out_is_not_remembered(kind: ChartKind) -> None:
    values = [0.5, -0.5, 90.0, 0.5, -0.5]
    outlier = Exclusion(2, 3, "a hand on the scale")
    drawn = draw(kind, individuals(values), Tuning(), fixed=Estimate(0.0, 1.0), exclusions=[outlier])
    without = draw(kind, individuals([*values[:2], math.nan, *values[3:]]), Tuning(), fixed=Estimate(0.0, 1.0))
    for ours, theirs in zip(drawn.panels, without.panels, strict=True):
        assert np.array_equal(ours.value, theirs.value, equal_nan=True)
    assert drawn.shifts == without.shifts == ()


@pytest.mark.parametrize("kind", [ChartKind.XBAR_R, ChartKind.XBAR_S, ChartKind.INDIVIDUALS])
def test_printed_constants_differ_from_exact_ones_in_the_fourth_digit_only(kind: ChartKind) -> None:
    random = np.random.default_rng(1)
    size = 1 if kind is ChartKind.INDIVIDUALS else 4
    at = np.arange(40, dtype=np.int64)
    data = Subgroups(at, at, np.arange(41, dtype=np.int64) * size, random.normal(10, 1, 40 * size), 0 * at)
    printed, exact = (draw(kind, data, Tuning(is_exact=exact)) for exact in (False, True))
    for ours, theirs in zip(printed.panels, exact.panels, strict=True):
        assert ours.upper == pytest.approx(theirs.upper, rel=1e-3)
        assert (ours.upper != theirs.upper).any()
