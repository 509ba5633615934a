"""Changes of level, time to a limit, and drift."""

import math

import numpy as np
import pytest

from dualspan_analytics.intelligence.changes import changes
from dualspan_analytics.intelligence.drift import drift
from dualspan_analytics.intelligence.remaining import remaining

SECOND = 1_000_000
RNG = np.random.default_rng(5)
TIMES = np.arange(1000) * 60 * SECOND


def test_changes_are_where_they_are() -> None:
    level = np.where(np.arange(1000) < 400, 10.0, np.where(np.arange(1000) < 700, 14.0, 9.0))
    found = changes(TIMES, level + RNG.normal(size=1000))
    assert [each.time_us / (60 * SECOND) for each in found] == pytest.approx([400, 700], abs=5)
    assert found[0].before == pytest.approx(10.0, abs=0.3)
    assert found[0].after == pytest.approx(14.0, abs=0.3)
    assert found[0].sigmas == pytest.approx(4.0, rel=0.2)


def test_noise_has_no_changes_and_little_data_none() -> None:
    assert changes(TIMES, RNG.normal(size=1000)) == []
    assert changes(TIMES[:5], np.arange(5.0)) == []
    assert changes(TIMES, np.full(1000, np.nan)) == []
    assert changes(TIMES, np.full(1000, 7.0)) == []


def test_what_wanders_does_not_change_at_every_turn() -> None:
    knots = RNG.normal(size=60)
    wandering = np.interp(np.arange(1000), np.arange(60) * 17, knots) + 0.05 * RNG.normal(size=1000)
    assert len(changes(TIMES, wandering)) <= 2
    stepped = wandering + np.where(np.arange(1000) < 500, 0.0, 8.0)
    assert min(abs(each.time_us / (60 * SECOND) - 500) for each in changes(TIMES, stepped)) < 15


def test_the_time_to_a_limit_lies_in_its_interval() -> None:
    hours = TIMES / 3.6e9
    found = remaining(TIMES, 50.0 + 0.5 * hours + 0.2 * RNG.normal(size=1000), 70.0)
    assert found is not None
    left_h = (70.0 - (50.0 + 0.5 * hours[-1])) / 0.5
    assert found.us_low <= found.us <= found.us_high
    assert found.us / 3.6e9 == pytest.approx(left_h, rel=0.02)
    assert found.slope_per_s * 3600 == pytest.approx(0.5, rel=0.02)


def test_a_trend_that_leads_away_never_reaches_the_limit() -> None:
    found = remaining(TIMES, 50.0 - TIMES / 3.6e9 + 0.01 * RNG.normal(size=1000), 70.0)
    assert found is not None
    assert math.isnan(found.us)
    assert math.isnan(found.us_low)
    assert remaining(TIMES[:3], np.arange(3.0), 5.0) is None


@pytest.mark.parametrize("limit", [60.0, 90.0])
def test_a_limit_that_was_passed_is_reached(limit: float) -> None:
    way = np.linspace(50.0, 100.0, 1000) + 0.2 * RNG.normal(size=1000)
    for values in (way, way[::-1]):
        found = remaining(TIMES, values, limit)
        assert found is not None
        assert (found.us_low, found.us, found.us_high) == (0.0, 0.0, 0.0)


def test_without_a_trend_the_latest_time_is_open() -> None:
    found = remaining(TIMES, RNG.normal(size=1000), 10.0)
    assert found is not None
    assert math.isinf(found.us_high)


def test_drift_is_told_from_chance() -> None:
    reference = RNG.normal(size=2000)
    assert not drift(reference, RNG.normal(size=1000)).is_drifted
    moved = drift(reference, RNG.normal(size=1000) + 1.5)
    assert moved.is_drifted
    assert moved.psi > 0.25
    assert math.isnan(drift(reference, np.full(10, np.nan)).psi)
