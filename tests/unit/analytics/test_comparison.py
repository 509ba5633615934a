"""Like machines ranked, and what lies between the best and the median."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_analytics.comparison.losses import losses_of
from dualspan_analytics.comparison.ranking import best_to_median, rank
from dualspan_analytics.kpis.measures import MEASURES, Measure
from dualspan_analytics.kpis.ratios import figures

HOUR = 3_600e6
SUMS_OF_LOSSES = (
    "oee",
    "availability",
    "allocation-efficiency",
    "utilization-efficiency",
    "technical-efficiency",
    "effectiveness",
    "quality-ratio",
)


def machine(**sums: float) -> list[float]:
    row = np.zeros(MEASURES)
    for name, value in sums.items():
        row[Measure[name.upper()]] = value
    return row.tolist()


def made(apt: float, adot: float, adet: float, aust: float, pieces: int, scrap: int) -> list[float]:
    """Hours, and pieces of a planned 36 s each."""
    return machine(
        apt=apt * HOUR,
        adot=adot * HOUR,
        adet=adet * HOUR,
        aust=aust * HOUR,
        good=pieces - scrap,
        scrap=scrap,
        timed=pieces,
        ideal=pieces * 36e6,
    )


PLANT = np.array(
    [
        made(9.0, 1.0, 0.0, 0.0, 800, 0),
        made(8.0, 1.0, 0.5, 0.5, 700, 35),
        made(6.0, 3.0, 0.5, 0.5, 550, 11),
        made(9.5, 0.0, 0.5, 0.0, 900, 0),
    ]
)
# Hours: none, or a second at the least.
floats = st.just(0.0) | st.floats(1 / 3600, 100.0)


@pytest.mark.parametrize("kpi", SUMS_OF_LOSSES)
def test_a_kpi_and_its_losses_add_up_to_one(kpi: str) -> None:
    losses = losses_of(kpi, PLANT)
    assert losses is not None
    assert np.allclose(figures(kpi, PLANT).value + losses.share.sum(axis=1), 1.0)


@given(st.lists(st.tuples(floats, floats, floats, floats, st.integers(0, 500), st.integers(0, 500)), min_size=1))
def test_and_whatever_the_sums_are(rows: list[tuple[float, float, float, float, int, int]]) -> None:
    measures = np.array([made(*row[:4], row[4] + row[5], row[5]) for row in rows])
    for kpi in SUMS_OF_LOSSES:
        losses, value = losses_of(kpi, measures), figures(kpi, measures).value
        assert losses is not None
        there = np.isfinite(value)
        assert np.allclose(value[there] + losses.share[there].sum(axis=1), 1.0, rtol=1e-9, atol=1e-7)
        assert np.isnan(losses.share[~there]).all()


def test_the_losses_of_one_machine_by_hand() -> None:
    """10 h busy: 8 h run, 1 h down, 0.5 h delayed, 0.5 h setup; 700 pieces of 36 s are 7 h, 5 % of them scrap."""
    losses = losses_of("oee", PLANT)
    assert losses is not None
    assert losses.causes == ("down", "delay", "setup", "speed", "quality")
    assert np.allclose(losses.hours[1], [1.0, 0.5, 0.5, 1.0, 0.35])
    assert np.allclose(losses.share[1], [0.1, 0.05, 0.05, 0.1, 0.035])


def test_a_rate_is_no_sum_of_losses() -> None:
    assert losses_of("throughput-rate", PLANT) is None


def test_ranks_and_quartiles() -> None:
    values = np.array([0.5, np.nan, 0.9, 0.7, 0.7, 0.1])
    found = rank(values, higher_is_better=True)
    assert found.order.tolist() == [2, 3, 4, 0, 5, 1]
    assert found.rank.tolist() == [4, 0, 1, 2, 2, 5]
    assert (found.lower, found.median, found.upper) == (0.5, 0.7, 0.7)
    assert rank(values, higher_is_better=False).order.tolist() == [5, 0, 3, 4, 2, 1]
    assert rank(np.arange(8.0), higher_is_better=True).quartile.tolist() == [4, 4, 3, 3, 2, 2, 1, 1]
    nothing = rank(np.array([np.nan]), higher_is_better=True)
    assert nothing.rank.tolist() == [0]
    assert np.isnan(nothing.median)


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("kpi", SUMS_OF_LOSSES)
def test_what_is_told_adds_up_to_the_difference(kpi: str, count: int) -> None:
    measures = PLANT[:count]
    values, losses = figures(kpi, measures).value, losses_of(kpi, measures)
    assert losses is not None
    ranking = rank(values, higher_is_better=True)
    gap = best_to_median(ranking, losses)
    assert sum(each.share for each in gap) == pytest.approx(values.max() - ranking.median)
    assert [each.share for each in gap] == sorted((each.share for each in gap), reverse=True)


def test_one_machine_alone_has_nothing_to_lose_to() -> None:
    losses = losses_of("oee", PLANT[:1])
    assert losses is not None
    assert best_to_median(rank(figures("oee", PLANT[:1]).value, higher_is_better=True), losses) == []
