from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_analytics.columns import Series
from dualspan_analytics.kpis.counters import bad_time, difference, increments

BAD = 0x80340000


def counter(values: list[float], bad: tuple[int, ...] = (), kind: type = np.int64) -> Series:
    t = np.arange(len(values), dtype=np.int64) * 10
    status = np.zeros(len(values), np.uint32)
    status[list(bad)] = BAD
    return Series(t, np.array(values, kind), status, "{piece}")


def plain(values: list[int]) -> int:
    """One sample at a time: what a person with a pencil would count."""
    total, top, low = 0, values[0], values[0]
    for value in values[1:]:
        if value < low and value < 0.5 * low:
            total += value  # reset
            top = value
        elif value > top:
            total += value - top
            top = value
        low = value
    return total


@pytest.mark.parametrize(
    ("values", "modulus", "total", "resets", "backwards", "rollovers"),
    [
        ([5, 6, 8, 8, 11], 0, 6, 0, 0, 0),
        ([100, 103, 2, 5], 0, 3 + 5, 1, 0, 0),  # reset: the 2 were counted since
        ([100, 99, 100, 102], 0, 2, 0, 1, 0),  # corrected by one: not counted twice
        ([65530, 65535, 3, 5], 65536, 5 + 4 + 2, 0, 0, 1),
        ([60000, 3, 5], 65536, 5536 + 3 + 2, 0, 0, 1),
        ([50000, 3, 5], 65536, 3 + 2, 1, 0, 0),  # too far from its end to have rolled over
    ],
)
def test_falls_of_counters(
    values: list[float], modulus: float, total: float, resets: int, backwards: int, rollovers: int
) -> None:
    found = increments(counter(values), 0, 1000, modulus)
    assert found.amount.sum() == total
    assert (len(found.resets), len(found.backwards), len(found.rollovers)) == (resets, backwards, rollovers)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=40))
def test_nothing_is_counted_twice(values: list[int]) -> None:
    found = increments(counter([float(value) for value in values], kind=np.float64), 0, 10_000)
    assert (found.amount > 0).all()
    # A counter that was corrected and then reset counts a little less than the pencil, never more.
    assert found.amount.sum() <= plain(values)
    if all(b >= a or b < 0.5 * a for a, b in pairwise(values)):
        assert found.amount.sum() == plain(values)


def test_bad_and_nan_are_passed_over_and_are_bad_time() -> None:
    tag = counter([1, 2, float("nan"), 4, 7], bad=(3,), kind=np.float64)
    found = increments(tag, 0, 50)
    assert list(zip(found.timestamp, found.since, found.amount, strict=True)) == [(10, 0, 1), (40, 10, 5)]
    assert found.bad.total == 20
    assert bad_time(tag, 0, 50).start.tolist() == [20]


def test_only_what_is_counted_in_the_span_counts() -> None:
    found = increments(counter([1, 2, 3, 4, 5]), 15, 35)
    assert found.timestamp.tolist() == [20, 30]
    assert found.amount.sum() == 2


def test_an_uncertain_start_is_bad_until_the_first_sample() -> None:
    assert increments(counter([5, 6]), -100, 50).bad.total == 100
    nobody = increments(counter([]), 0, 50)
    assert nobody.bad.total == 50
    assert len(nobody.amount) == 0


def test_time_is_open_where_no_later_sample_makes_up_for_it() -> None:
    found = increments(counter([1, 2, 0, 4, 0, 0], bad=(2, 4, 5)), -10, 70)
    assert found.amount.sum() == 3  # what was made in the gap came with the sample behind it
    assert list(zip(found.open.start.tolist(), found.open.end.tolist(), strict=True)) == [(-10, 0), (40, 70)]
    assert found.bad.total == 10 + 10 + 30


def test_good_from_all_and_defective() -> None:
    found = difference(increments(counter([0, 10, 20]), 0, 100), increments(counter([0, 1, 1]), 0, 100))
    assert found.amount.sum() == 19
