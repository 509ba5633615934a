import time
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_analytics.columns import Series
from dualspan_analytics.kpis.counters import bad_time, difference, increments

BAD = 0x80340000


def counter(values: Sequence[float], bad: tuple[int, ...] = (), kind: type = np.int64) -> Series:
    t = np.arange(len(values), dtype=np.int64) * 10
    status = np.zeros(len(values), np.uint32)
    status[list(bad)] = BAD
    return Series(t, np.array(values, kind), status, "{piece}")


@pytest.mark.parametrize(
    ("values", "modulus", "total", "resets", "backwards", "rollovers"),
    [
        ([5, 6, 8, 8, 11], 0, 6, 0, 0, 0),
        ([100, 103, 2, 5], 0, 3 + 5, 1, 0, 0),  # reset: the 2 were counted since
        ([100, 99, 100, 102], 0, 2, 0, 1, 0),  # corrected by one: not counted twice
        ([65530, 65535, 3, 5], 65536, 5 + 4 + 2, 0, 0, 1),
        ([60000, 3, 5], 65536, 5536 + 3 + 2, 0, 0, 1),
        ([50000, 3, 5], 65536, 3 + 2, 1, 0, 0),  # too far from its end to have rolled over
        ([32765, 32767, -32767, -32760], 65536, 2 + 2 + 7, 0, 0, 1),  # a signed number of 16 bits
        ([32765, 32767, -32767, -32760], 0, 2 + 7, 1, 0, 0),
    ],
)
def test_falls_of_counters(
    values: list[float], modulus: float, total: float, resets: int, backwards: int, rollovers: int
) -> None:
    found = increments(counter(values), 0, 1000, modulus)
    assert found.amount.sum() == total
    assert (len(found.resets), len(found.backwards), len(found.rollovers)) == (resets, backwards, rollovers)


@pytest.mark.parametrize(
    ("values", "modulus", "total"),
    [
        ([1000, 0, 1001], 0, 1),  # a PLC that boots
        ([1000, 0, 0, 3, 1001], 0, 1),
        ([100.0, 100.1, 49.0, 100.2], 0, 0.2),
        ([1000, 60000, 1001], 0, 1),  # a spike
        ([1000, 60000, 30000, 1001], 0, 1),
        ([65000, 0, 65001], 65536, 1),  # looks like a rollover
        ([100, 65535, 101], 65536, 1),
        ([5, 65535, 6, 7, 8, 9], 65536, 4),
        ([1000, 400, 1001], 0, 1),
        ([1000, 65535, *range(1001, 1100), 65535, 1101], 0, 101),  # what is between the spikes is true
        ([1000, 400, *range(1001, 1100), 400, 1101], 0, 101),
    ],
)
def test_values_that_cannot_be_true_count_nothing_and_are_marked(
    values: list[float], modulus: float, total: float
) -> None:
    found = increments(counter(values, kind=np.float64), 0, 10_000, modulus)
    assert found.amount.sum() == pytest.approx(total)
    assert len(found.dropped) >= 1
    assert found.around.start.tolist() == [each - 10 for each in found.dropped]
    assert (found.around.end > found.dropped).all()
    assert len(found.resets) == len(found.rollovers) == len(found.jumps) == 0


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ([*range(1000, 1010), 0, *range(1, 1200)], 9 + 1199),  # comes back step by step
        ([8, 0, 8, 16, 24], 24),  # eight cavities
        ([0, 1, 0, 1, 0, 1], 3),  # scrap of a shift
        ([1000, 1001, 1002, 1003, 400, 401], 3 + 1),  # what it was set to was not counted since
    ],
)
def test_a_reset_is_no_false_value(values: list[float], total: float) -> None:
    found = increments(counter(values), 0, 100_000)
    assert found.amount.sum() == total
    assert len(found.resets) >= 1
    assert len(found.dropped) == 0


def test_a_counter_that_is_set_back_counts_on_from_there() -> None:
    found = increments(counter([1000, 1001, 1002, 1003, 803, 804, 805]), 0, 1000)
    assert found.amount.tolist() == [1, 1, 1, 1, 1]
    assert found.backwards.tolist() == [40]
    found = increments(counter([1000, 800, 0, 50, 150]), 0, 1000)
    assert found.amount.tolist() == [50, 100]
    assert (found.backwards.tolist(), found.resets.tolist()) == ([10], [20])


def test_a_total_that_was_there_before_anybody_looked_is_not_counted() -> None:
    found = increments(counter([0, 0, 123_456, 123_457, 123_458, 123_459]), 0, 1000)
    assert found.amount.tolist() == [1, 1, 1]
    assert found.jumps.tolist() == [20]


def test_a_few_false_samples_do_not_take_shifts_with_them() -> None:
    """A counter that begins again each shift, and a PLC that boots late in the fifth: 0 for twelve samples."""
    tick = np.arange(6 * 960)  # 10 s each, 960 to a shift
    value = tick // 6 - tick // 960 * 160
    value[4 * 960 + 900 :][:12] = 0
    found = increments(counter(value.tolist()), 0, 60_000)
    of_shifts = np.bincount(found.timestamp // 9600, found.amount)
    assert of_shifts.tolist() == [159.0] * 6
    assert found.resets.tolist() == [9600 * shift for shift in range(1, 6)]
    assert found.dropped.tolist() == [9600 * 4 + 9000]


def test_noise_of_a_scale_adds_up_to_nothing() -> None:
    found = increments(counter([100.0, 99.9, 100.0, 99.9, 100.0] * 20, kind=np.float64), 0, 10_000)
    assert found.amount.sum() == pytest.approx(0.0)


def test_what_was_made_in_a_gap_is_plausible_and_a_jump_without_one_is_told() -> None:
    made = [*range(10), 400, 401]
    gap = Series(
        np.array([*range(0, 100, 10), 95, 4100, 4110], np.int64),
        np.array([*range(10), 0, 400, 401]),
        np.array([0] * 10 + [BAD, 0, 0], np.uint32),
        "{piece}",
    )
    found = increments(gap, 0, 5000)
    assert (found.amount.sum(), len(found.jumps), found.doubtful) == (401, 0, False)
    found = increments(counter(made), 0, 5000)
    assert (found.amount.sum(), found.jumps.tolist(), found.doubtful) == (401, [100], True)


_FALSE = st.tuples(
    st.integers(2, 19).map(lambda each: each * 10), st.sampled_from([0, 1, 65535, 4_000_000_000]), st.integers(1, 3)
)


@given(
    st.lists(st.integers(0, 5), min_size=200, max_size=200),
    st.lists(_FALSE, max_size=3, unique_by=lambda each: each[0]),
    st.integers(1000, 60_000),
    st.sampled_from([np.int64, np.float64]),
)
def test_false_values_change_nothing_that_is_counted(
    steps: list[int], false: list[tuple[int, int, int]], begin: int, kind: type
) -> None:
    values = (begin + np.cumsum(steps)).tolist()
    for place, value, length in false:
        values[place : place + length] = [value] * length
    found = increments(counter(values, kind=kind), 0, 10_000)
    assert found.amount.sum() == values[-1] - values[0]
    assert len(found.dropped) == len(false)
    assert len(found.resets) == len(found.backwards) == 0


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60), st.sampled_from([0, 1024]))
def test_whatever_comes_no_step_counts_more_than_it_shows(values: list[int], modulus: int) -> None:
    found = increments(counter([float(value) for value in values], kind=np.float64), 0, 10_000, modulus)
    assert (found.amount != 0).all()
    assert found.amount.sum() <= sum(values) + modulus * len(values)
    assert (found.since < found.timestamp).all()
    assert (found.timestamp[1:] > found.timestamp[:-1]).all()
    rises = all(b >= a for a, b in pairwise(values))
    assert not rises or found.amount.sum() == values[-1] - values[0]


def test_false_values_without_end_are_looked_at_in_columns() -> None:
    values = np.arange(200_000) + 1_000_000
    values[1::2] = 0
    began = time.perf_counter()
    found = increments(counter(values.tolist()), 0, 10_000_000)
    assert time.perf_counter() - began < 2.0
    assert found.amount.sum() <= 200_000


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
