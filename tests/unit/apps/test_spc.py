"""Control charts of the SPC studio, held against rules that are applied point by point."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spc_studio.charting import Limits, broken_rules, capability, limits_of

UNIT = Limits(0.0, 1.0, 100)


def plainly(values: list[float]) -> list[list[bool]]:
    """The five rules, one point after the other."""
    found = [[False] * len(values) for _ in range(5)]
    for n, value in enumerate(values):
        found[0][n] = abs(value) > 3
        nine, six = values[max(n - 8, 0) : n + 1], values[max(n - 5, 0) : n + 1]
        found[1][n] = len(nine) == 9 and (all(v > 0 for v in nine) or all(v < 0 for v in nine))
        steps = np.sign(np.diff(six))
        found[2][n] = len(six) == 6 and bool(abs(steps.sum()) == 5)
        for sign in (1, -1):
            three, five = values[max(n - 2, 0) : n + 1], values[max(n - 4, 0) : n + 1]
            found[3][n] |= len(three) == 3 and sum(sign * v > 2 for v in three) >= 2 and sign * value > 2
            found[4][n] |= len(five) == 5 and sum(sign * v > 1 for v in five) >= 4 and sign * value > 1
    return found


@given(st.lists(st.sampled_from([-3.5, -2.5, -1.5, -0.5, 0.0, 0.5, 1.5, 2.5, 3.5]), max_size=40))
def test_rules_are_those_of_the_standard(values: list[float]) -> None:
    assert broken_rules(np.array(values, float), UNIT).tolist() == plainly(values)


def test_a_point_that_is_missing_breaks_nothing_and_is_passed_over() -> None:
    values = np.array([1.0] * 5 + [np.nan] + [1.0] * 4)
    broken = broken_rules(values, UNIT)
    assert not broken[:, 5].any()
    assert np.flatnonzero(broken[1]).tolist() == [9]


def test_limits_of_a_normal_process() -> None:
    values = np.random.default_rng(1).normal(50.0, 2.0, 4000)
    limits = limits_of(values)
    assert limits is not None
    assert limits.centre == pytest.approx(50, abs=0.15)
    assert limits.sigma == pytest.approx(2, rel=0.05)


def test_a_fault_does_not_move_the_limits() -> None:
    values = np.random.default_rng(2).normal(12.0, 0.1, 200)
    values[60:75] -= np.linspace(0.5, 6, 15)
    limits = limits_of(values)
    assert limits is not None
    assert limits.centre == pytest.approx(12.0, abs=0.03)
    assert limits.sigma == pytest.approx(0.1, rel=0.15)
    assert limits_of(values[:19]) is None


def test_capability() -> None:
    values = np.random.default_rng(3).normal(10.0, 1.0, 5000)
    limits = limits_of(values)
    assert limits is not None
    fits = capability(values, limits, 7.0, 16.0)
    assert fits.cp == pytest.approx(1.5, rel=0.05)
    assert fits.cpk == pytest.approx(1.0, rel=0.05)
    assert fits.ppk == pytest.approx(1.0, rel=0.05)
    one_sided = capability(values, limits, None, 13.0)
    assert one_sided.cp is None
    assert one_sided.cpk == pytest.approx(1.0, rel=0.05)
    assert capability(values, limits, None, None).cpk is None
