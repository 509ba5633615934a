"""Subgroups from columns: by count, time and change; what is Bad or not a number is left out and seen to be."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from dualspan_analytics.columns import Series
from dualspan_analytics.spc.charts import draw
from dualspan_analytics.spc.model import ChartError, ChartKind, Subgroups, Tuning
from dualspan_analytics.spc.subgrouping import Grouping, count_subgroups, only_labelled, value_subgroups
from dualspan_runtime.errors import InvalidArgument

SECOND = 1_000_000
BAD = 0x80000000


def series(values: Sequence[object], times: Sequence[float] | None = None, bad: tuple[int, ...] = ()) -> Series:
    at = np.array(times if times is not None else range(len(values)), np.float64) * SECOND
    status = np.zeros(len(values), np.uint32)
    status[list(bad)] = BAD
    is_text = any(isinstance(value, str) for value in values)
    return Series(at.astype(np.int64), np.array(values, object if is_text else None), status, "g")


def test_by_count_a_bad_sample_makes_a_smaller_subgroup() -> None:
    data = value_subgroups(series([1.0, 2, 3, 4, math.nan, 6, 7], bad=(1,)), 0, 7 * SECOND, Grouping(3))
    assert data.size.tolist() == [2, 2]
    assert data.left_out.tolist() == [1, 1]
    assert data.means().tolist() == [2.0, 5.0]
    assert data.spare == 1


def test_individuals_show_where_a_value_is_missing() -> None:
    values = [1.0, 2, math.inf, 4, 5, 3, 1, 2]
    data = value_subgroups(series(values), 0, 8 * SECOND, Grouping(1))
    assert np.isnan(data.means()).tolist() == [False, False, True, False, False, False, False, False]
    drawn = draw(ChartKind.INDIVIDUALS, data, Tuning())
    assert np.isnan(drawn.panels[1].value).tolist() == [True, False, True, True, False, False, False, False]
    assert "1 samples were Bad or not a number and are left out." in drawn.notes
    assert any("1 points have no usable sample" in note for note in drawn.notes)


def test_by_time_windows_begin_at_their_multiples() -> None:
    data = value_subgroups(
        series([1.0, 2, 3, 4, 5], [8, 9, 10, 19, 31]), 8 * SECOND, 40 * SECOND, Grouping(0, 10 * SECOND)
    )
    assert data.size.tolist() == [2, 2, 1]
    assert (data.start // SECOND).tolist() == [8, 10, 31]
    assert (data.end // SECOND).tolist() == [9, 19, 31]


def test_by_change_of_an_order_and_count_within_it() -> None:
    order = series(["A", "A", "B"], [-5, 1, 3])
    data = value_subgroups(series([1.0, 2, 3, 4, 5, 6, 7]), 0, 7 * SECOND, Grouping(2), split_by=order)
    assert data.means().tolist() == [1.5, 4.5, 6.5]
    assert data.labels == ("A", "B", "B")
    assert data.spare == 1


def test_points_of_one_product_can_be_chosen() -> None:
    product = series(["lid", "cup", "lid"], [-5, 2, 5])
    data = value_subgroups(series([1.0, math.nan, 3, 4, 5, 6, 7, 8]), 0, 8 * SECOND, Grouping(2), split_by=product)
    lids = only_labelled(data, ["lid"])
    assert isinstance(lids, Subgroups)
    assert (lids.start // SECOND).tolist() == [0, 5]
    assert lids.values.tolist() == [1.0, 6.0, 7.0]
    assert lids.means().tolist() == [1.0, 6.5]
    assert lids.left_out.tolist() == [1, 0]
    assert only_labelled(data, []) is data


def test_a_cycle_counter_tells_equal_parts_apart() -> None:
    weight = series([10.0, 11.0], [0.5, 3.5])
    cycles = series([100, 101, 102, 103, 104], [0, 1, 2, 3, 4])
    data = value_subgroups(weight, 0, 5 * SECOND, Grouping(1), trigger=cycles)
    # Cycles 101 and 102 had the same weight, which was sent once; 104 is not over.
    assert data.values.tolist() == [10.0, 10.0, 11.0]


def test_a_value_that_was_repeated_for_a_silence_is_no_measurement() -> None:
    values = series([1.0, 2, 2, 3])
    values.status[2] = 0x00000402
    data = value_subgroups(values, 0, 4 * SECOND, Grouping(1))
    assert data.values.tolist() == [1.0, 2.0, 3.0]
    assert data.left_out.tolist() == [0, 0, 0]


def test_a_bad_value_is_held_as_bad() -> None:
    weight = series([10.0, 0.0], [0.5, 2.5], bad=(1,))
    cycles = series([100, 101, 102, 103, 104], [0, 1, 2, 3, 4])
    data = value_subgroups(weight, 0, 5 * SECOND, Grouping(1), trigger=cycles)
    assert data.size.tolist() == [1, 0, 0]


def test_text_is_no_value_to_chart() -> None:
    with pytest.raises(ChartError, match="text"):
        value_subgroups(series(["a", "b"]), 0, SECOND, Grouping(1))


def test_nothing_makes_no_subgroup_and_no_chart() -> None:
    data = value_subgroups(series([]), 0, SECOND, Grouping(1))
    assert len(data) == 0
    with pytest.raises(ChartError, match="0 points"):
        draw(ChartKind.INDIVIDUALS, data, Tuning())


def test_counters_are_counted_by_window_across_a_reset() -> None:
    scrap = series([0, 1, 3, 1, 2], [0, 5, 9, 12, 19])
    good = series([100, 110, 119, 10, 20], [0, 5, 9, 12, 19])
    data = count_subgroups([scrap], [scrap, good], 0, 20 * SECOND, interval_us=10 * SECOND)
    assert data.count.tolist() == [3.0, 2.0]
    assert data.size.tolist() == [22.0, 22.0]
    assert data.resets == 2


def test_counters_that_begin_again_behind_their_modulus_lose_nothing() -> None:
    scrap = series([0, 60, 4], [0, 5, 12])
    good = series([65_500, 65_530, 14], [0, 5, 12])
    data = count_subgroups([scrap], [good], 0, 20 * SECOND, interval_us=10 * SECOND, modulus=65_536.0)
    assert data.size.tolist() == [30.0, 20.0]
    assert data.resets == 1  # 60 to 4 is no rollover


def test_a_window_in_which_the_machine_stood_is_no_point() -> None:
    good = series([0, 50, 60], [0, 5, 25])
    scrap = series([0, 1, 1], [0, 5, 25])
    data = count_subgroups([scrap], [good, scrap], 0, 30 * SECOND, interval_us=10 * SECOND)
    assert (data.start // SECOND).tolist() == [0, 20]


def test_windows_that_a_gap_reaches_across_are_marked() -> None:
    good = series([0, 10, 0, 30, 40], [0, 5, 8, 14, 25], bad=(2,))
    data = count_subgroups([good], [], 0, 30 * SECOND, interval_us=10 * SECOND, units=1.0)
    assert np.isnan(data.count).tolist() == [True, True, False]
    assert data.left_out.tolist() == [1, 0, 0]
    drawn = draw(ChartKind.U, data, Tuning())
    assert np.isnan(drawn.panels[0].value).tolist() == [True, True, False]


def test_counts_that_contradict_their_chart_are_refused() -> None:
    few = series([0, 5], [0, 5])
    many = series([0, 9], [0, 5])
    data = count_subgroups([many], [few], 0, 10 * SECOND, interval_us=10 * SECOND)
    with pytest.raises(ChartError, match="More units are nonconforming"):
        draw(ChartKind.P, data, Tuning())
    with pytest.raises(ChartError, match="State the time"):
        count_subgroups([many], [few], 0, 10 * SECOND)
    sizes = count_subgroups([few], [series([0, 5, 9], [0, 5, 15])], 0, 20 * SECOND, interval_us=10 * SECOND)
    with pytest.raises(ChartError, match="Use a u chart"):
        draw(ChartKind.C, sizes, Tuning())


@pytest.mark.parametrize(
    "tuning", [Tuning(sigmas=0.0), Tuning(weight=1.5), Tuning(head_start=1.0), Tuning(interval=math.nan)]
)
def test_tuning_that_cannot_be_is_refused(tuning: Tuning) -> None:
    with pytest.raises(InvalidArgument, match="cannot be"):
        draw(ChartKind.INDIVIDUALS, value_subgroups(series([1.0, 2]), 0, SECOND, Grouping(1)), tuning)


def test_values_that_do_not_vary_have_no_limits() -> None:
    data = value_subgroups(series([5.0] * 30), 0, 30 * SECOND, Grouping(1))
    with pytest.raises(ChartError, match="do not vary"):
        draw(ChartKind.INDIVIDUALS, data, Tuning())
