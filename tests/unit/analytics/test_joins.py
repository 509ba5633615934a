"""Joins against a plain reference that looks at one row at a time."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_analytics.columns import Series
from dualspan_analytics.queries.joins import horizon, join, share_of_intervals, union, without_future
from dualspan_analytics.queries.model import BAD_NO_DATA, Join

GOOD, UNCERTAIN, BAD = 0, 0x40000000, 0x80000000
SAMPLES = st.lists(
    st.tuples(st.integers(0, 60), st.integers(-5, 5), st.sampled_from([GOOD, GOOD, GOOD, UNCERTAIN, BAD])), max_size=12
)
ROWS = st.lists(st.integers(-10, 70), max_size=12)
TOLERANCES = st.none() | st.integers(0, 30)
Sample = tuple[int, int, int]


def series_of(samples: Sequence[Sample]) -> Series:
    ordered = sorted(samples, key=lambda sample: sample[0])
    return Series(
        np.array([sample[0] for sample in ordered], np.int64),
        np.array([sample[1] for sample in ordered], np.float64),
        np.array([sample[2] for sample in ordered], np.uint32),
        "",
    )


def by_hand(samples: Sequence[Sample], row: int, kind: Join, tolerance: int | None) -> tuple[float, int] | None:
    """Value and status of one row; None where no sample is near enough."""
    near = math.inf if tolerance is None else tolerance
    last = {t: (float(value), status) for t, value, status in sorted(samples, key=lambda sample: sample[0])}
    earlier, later = [t for t in last if t <= row], [t for t in last if t > row]
    if kind is Join.LAST:
        return last[max(earlier)] if earlier and row - max(earlier) <= near else None
    if kind is Join.NEAREST:
        best = min(last, key=lambda t: (abs(t - row), t), default=None)
        return last[best] if best is not None and abs(best - row) <= near else None
    if row in last:
        return last[row]
    if not earlier or not later:
        return None
    low, high = max(earlier), min(later)
    # Of several samples at the end of the line the first one is where the line goes.
    after = next((float(value), status) for t, value, status in sorted(samples, key=lambda s: s[0]) if t == high)
    if row - low > near or high - row > near:
        return None
    value = last[low][0] + (after[0] - last[low][0]) * (row - low) / (high - low)
    return value, max(last[low][1], after[1])


@given(SAMPLES, ROWS, st.sampled_from(list(Join)), TOLERANCES)
def test_a_join_is_that_of_the_reference(
    samples: list[Sample], rows: list[int], kind: Join, tolerance: int | None
) -> None:
    found = join(series_of(samples), np.array(rows, np.int64), kind, tolerance)
    for i, row in enumerate(rows):
        expected = by_hand(samples, row, kind, tolerance)
        if expected is None:
            assert found.missing[i]
            assert found.status[i] == BAD_NO_DATA
            continue
        assert found.status[i] == expected[1]
        assert found.missing[i] == (expected[1] >= BAD)
        if not found.missing[i]:
            assert found.value[i] == pytest.approx(expected[0])


@given(SAMPLES, st.integers(1, 20))
def test_the_share_of_good_time_is_that_of_the_reference(samples: list[Sample], length: int) -> None:
    edges = np.arange(-10, 80, length)
    last = {t: status for t, _, status in sorted(samples, key=lambda sample: sample[0])}
    shares = share_of_intervals(series_of(samples), edges)
    for share, low in zip(shares, edges, strict=False):
        states = [max((t for t in last if t <= tick), default=None) for tick in range(low, low + length)]
        good = sum(state is not None and last[state] == GOOD for state in states)
        assert share == pytest.approx(good / length)


def test_rows_of_several_series() -> None:
    times = union([series_of([(1, 0, 0), (5, 0, 0)]), series_of([(5, 0, 0), (9, 0, 0)])], 1, 9)
    assert times.tolist() == [1, 5]


def test_text_and_integers_keep_their_kind() -> None:
    text = Series(np.array([10]), np.array(["mould 7"], object), np.zeros(1, np.uint32), "")
    found = join(text, np.array([5, 15]), Join.LAST)
    assert found.value[1] == "mould 7"
    assert found.missing.tolist() == [True, False]
    count = Series(np.array([10]), np.array([2**60 + 1]), np.zeros(1, np.uint32), "{piece}")
    assert join(count, np.array([11]), Join.NEAREST).value.tolist() == [2**60 + 1]
    assert join(
        Series(np.empty(0, np.int64), np.empty(0, object), np.empty(0, np.uint32), ""), np.array([1]), Join.LAST
    ).missing.all()


def test_what_is_no_number_is_not_good_and_no_line_leads_there() -> None:
    value = np.array([1.0, math.nan, 3.0, math.inf, 5.0])
    series = Series(np.arange(5) * 10, value, np.zeros(5, np.uint32), "")
    assert share_of_intervals(series, np.array([0, 10, 20, 40, 50])).tolist() == [1.0, 0.0, 0.5, 1.0]
    found = join(series, np.array([5, 25, 35, 40]), Join.LINEAR)
    assert found.missing.tolist() == [True, True, True, False]
    assert found.status.tolist() == [BAD_NO_DATA] * 3 + [GOOD]
    # Where it stands a machine has sent it.
    assert join(series, np.array([10, 30]), Join.LINEAR).missing.tolist() == [False, False]


def test_the_last_value_holds_until_now_and_no_longer() -> None:
    series, rows = series_of([(0, 1, GOOD), (10, 2, GOOD)]), np.array([5, 15, 25, 35])
    until = horizon(series, 20)
    found = without_future(join(series, rows, Join.LAST), rows, until)
    assert found.missing.tolist() == [False, False, True, True]
    assert found.status[2:].tolist() == [BAD_NO_DATA] * 2
    assert share_of_intervals(series, np.array([0, 10, 30, 50]), until).tolist() == [1.0, 0.5, 0.0]
    # A clock that is ahead has told of later times.
    assert horizon(series, 5) == 11
    assert horizon(series_of([]), 5) == 5
