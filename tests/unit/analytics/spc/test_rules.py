"""Run rules, against a slow and plain reference and against runs made by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualspan_analytics.spc.model import Panel
from dualspan_analytics.spc.rules import NELSON, WESTERN_ELECTRIC, Rule, Violation, applicable, violations


def panel(zone: list[float], name: str = "mean") -> Panel:
    """A panel whose values are its zones."""
    values = np.array(zone, np.float64)
    ones = np.ones(len(values))
    return Panel(name, values, 0 * ones, -3 * ones, 3 * ones, ones)


def found(zone: list[float], *rules: Rule) -> list[Violation]:
    return violations(panel(zone), rules, np.ones(len(zone), np.bool_))


def breaks(rule: Rule, zone: list[float], at: int) -> bool:
    """Whether the rule is broken by the points up to and including `at`: the rule as its author wrote it."""

    def last(count: int) -> list[float] | None:
        points = zone[at - count + 1 : at + 1] if at + 1 >= count else []
        return points if points and not any(math.isnan(point) for point in points) else None

    def some(needed: int, length: int, beyond: float) -> bool:
        for count in range(needed, length + 1):
            points = last(count)
            if points is None:
                continue
            for sign in (1, -1):
                if sign * points[-1] > beyond and sum(sign * point > beyond for point in points) >= needed:
                    return True
        return False

    if rule is Rule.BEYOND_LIMITS:
        return abs(zone[at]) > 3
    if rule in {Rule.WE_EIGHT_ON_ONE_SIDE, Rule.NELSON_NINE_ON_ONE_SIDE}:
        points = last(8 if rule is Rule.WE_EIGHT_ON_ONE_SIDE else 9)
        return points is not None and (min(points) > 0 or max(points) < 0)
    if rule in {Rule.WE_TWO_OF_THREE, Rule.NELSON_TWO_OF_THREE}:
        return some(2, 3, 2.0)
    if rule in {Rule.WE_FOUR_OF_FIVE, Rule.NELSON_FOUR_OF_FIVE}:
        return some(4, 5, 1.0)
    if rule is Rule.NELSON_SIX_TREND:
        steps = np.diff(last(6) or [0.0, 0.0])
        return bool((steps > 0).all() or (steps < 0).all())
    if rule is Rule.NELSON_FOURTEEN_ALTERNATING:
        steps = np.diff(last(14) or [0.0, 0.0, 0.0])
        return bool((steps[1:] * steps[:-1] < 0).all())
    if rule is Rule.NELSON_FIFTEEN_NEAR:
        points = last(15)
        return points is not None and max(map(abs, points)) < 1
    points = last(8)
    return points is not None and min(map(abs, points)) > 1 and min(points) < 0 < max(points)


# Whole and half sigmas, so that edges are hit, and few of them, so that runs happen.
ZONE = st.one_of(
    st.lists(st.sampled_from([-3.5, -2.5, -1.5, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, math.nan]), max_size=60),
    st.lists(st.sampled_from([-1.5, 1.5, 2.5]), max_size=60),
    st.lists(st.sampled_from([-0.5, 0.25, 0.5, math.nan, 0.75, -0.75]), max_size=60),
    st.lists(st.integers(-20, 20).map(lambda tenths: tenths / 10), max_size=60).map(sorted),
)


@settings(max_examples=400)
@given(ZONE, st.sampled_from([*WESTERN_ELECTRIC, *NELSON]))
def test_are_broken_first_where_the_plain_reference_says_so(zone: list[float], rule: Rule) -> None:
    broken = [at for at in range(len(zone)) if breaks(rule, zone, at)]
    ours = found(zone, rule)
    # Every violation begins where the rule is broken, and none is missing: a run covers what it goes on with.
    assert {violation.signalled for violation in ours} <= set(broken)
    assert set(broken) <= {point for violation in ours for point in violation.points}
    assert bool(broken) == bool(ours)
    if broken:
        assert min(violation.signalled for violation in ours) == broken[0]


def test_a_long_run_is_one_violation() -> None:
    (violation,) = found([0.5] * 20, Rule.NELSON_NINE_ON_ONE_SIDE)
    assert violation.signalled == 8
    assert violation.points == tuple(range(20))
    assert violation.text == "20 points in a row above the centre line"


def test_a_point_on_the_centre_line_ends_a_run() -> None:
    assert found([0.5] * 7 + [0.0] + [0.5] * 7, Rule.WE_EIGHT_ON_ONE_SIDE) == []


def test_a_point_without_a_value_ends_a_run() -> None:
    assert found([0.5] * 7 + [math.nan] + [0.5] * 7, Rule.WE_EIGHT_ON_ONE_SIDE) == []
    assert found([2.5, math.nan, 2.5], Rule.WE_TWO_OF_THREE) == []
    assert found([math.nan, 2.5, 2.5], Rule.WE_TWO_OF_THREE) != []


def test_a_point_left_out_ends_a_run_and_breaks_no_rule() -> None:
    included = np.array([True] * 7 + [False] + [True] * 7)
    chart = panel([0.5] * 7 + [9.0] + [0.5] * 7)
    assert violations(chart, WESTERN_ELECTRIC, included) == []
    assert [v.signalled for v in violations(chart, WESTERN_ELECTRIC, ~included | included)] == [7, 7]


def test_fourteen_points_up_and_down_are_all_named() -> None:
    (violation,) = found([0.1, -0.1] * 8, Rule.NELSON_FOURTEEN_ALTERNATING)
    assert violation.signalled == 13
    assert violation.points == tuple(range(16))
    assert found([0.1, -0.1] * 6 + [0.1], Rule.NELSON_FOURTEEN_ALTERNATING) == []


def test_two_of_three_names_those_beyond() -> None:
    (violation,) = found([0.0, 2.5, 0.0, 2.4, 0.0], Rule.NELSON_TWO_OF_THREE)
    assert (violation.signalled, violation.points) == (3, (1, 3))
    assert found([2.5, -2.5, 0.0], Rule.NELSON_TWO_OF_THREE) == []


def test_findings_that_share_a_point_are_one_run() -> None:
    (violation,) = found([2.5, 2.5, 0.0, 2.5], Rule.WE_TWO_OF_THREE)
    assert (violation.signalled, violation.points) == (1, (0, 1, 3))
    assert len(found([2.5, 2.5, 0.0, 0.0, 2.5, 2.5], Rule.WE_TWO_OF_THREE)) == 2


def test_a_point_on_the_edge_of_a_zone_is_not_beyond_it() -> None:
    assert found([2.0, 2.0, 2.0, 3.0, -3.0], Rule.WE_TWO_OF_THREE, Rule.BEYOND_LIMITS) == []
    assert found([-2.0, -2.0], Rule.NELSON_TWO_OF_THREE) == []
    assert found([1.0] * 5, Rule.WE_FOUR_OF_FIVE) == found([-1.0] * 5, Rule.NELSON_FOUR_OF_FIVE) == []
    assert found([1.0] * 15, Rule.NELSON_FIFTEEN_NEAR) == []
    assert found([1.0, -1.0] * 4, Rule.NELSON_EIGHT_FAR) == []
    assert found([0.5, 0.5, 0.6, 0.7, 0.8, 0.9], Rule.NELSON_SIX_TREND) == []


def test_zones_are_not_asked_of_what_has_none() -> None:
    assert applicable("moving range", NELSON) == (Rule.BEYOND_LIMITS,)
    assert applicable("ewma", WESTERN_ELECTRIC) == (Rule.BEYOND_LIMITS,)
    assert applicable("range", WESTERN_ELECTRIC) == (Rule.BEYOND_LIMITS, Rule.WE_EIGHT_ON_ONE_SIDE)
    assert applicable("mean", WESTERN_ELECTRIC) == WESTERN_ELECTRIC


def test_limits_are_those_of_each_point() -> None:
    values = np.array([0.5, 0.5])
    chart = Panel("share", values, np.full(2, 0.3), np.zeros(2), np.array([0.4, 0.6]), np.full(2, 0.05))
    (violation,) = violations(chart, NELSON, np.ones(2, np.bool_))
    assert (violation.signalled, violation.text) == (0, "0.5 is above the upper limit 0.4")


@pytest.mark.parametrize("rules", [WESTERN_ELECTRIC, NELSON])
def test_empty_and_short_charts_break_nothing(rules: tuple[Rule, ...]) -> None:
    for length in range(8):
        assert violations(panel([0.5] * length), rules, np.ones(length, np.bool_)) == []
