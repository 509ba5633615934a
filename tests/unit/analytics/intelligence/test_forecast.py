"""Forecasts against series whose future is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dualspan_analytics.intelligence import archive, forecast
from dualspan_analytics.intelligence.detector import NotEnoughDataError
from dualspan_analytics.intelligence.forecast import ForecastSpec, Kind
from dualspan_analytics.intelligence.proof import Verdict, judge_accuracy
from plc_sim.model.machine import COMMISSIONED_US, WEEK
from plc_sim.plants import make_plant

SEASON = 24
SPEC = ForecastSpec("active-power", step_us=3_600_000_000, season=SEASON, horizon=12)


def load(days: int, seed: int = 1) -> NDArray[np.float64]:
    """A day's shape, a level that wanders, and noise."""
    rng = np.random.default_rng(seed)
    hours = np.arange(days * SEASON)
    wander = np.zeros(len(hours))
    for hour in range(1, len(hours)):
        wander[hour] = 0.9 * wander[hour - 1] + rng.normal()
    return 100.0 + 30.0 * np.sin(2 * np.pi * hours / SEASON) + 2.0 * wander + rng.normal(size=len(hours))


def test_it_beats_both_naive_forecasts_and_its_intervals_hold() -> None:
    figures = forecast.backtest(SPEC, 0, load(56), folds=7)
    assert figures["model"].pinball < figures["seasonal naive"].pinball < figures["last value"].pinball
    assert figures["model"].mase < 0.9
    assert 0.8 <= figures["model"].coverage <= 0.98


@pytest.mark.parametrize(
    ("plant", "counter"),
    [
        ("moulding", "IMM01/Energy/ActiveEnergy"),
        ("moulding", "IMM01/Production/GoodCount"),
        ("curing", "Press01/Energy/ActiveEnergy"),
        ("curing", "Press01/Production/GoodCount"),
        ("packaging", "Line1Filler/Energy/ActiveEnergy"),
        ("packaging", "Line1Filler/Admin/ProdProcessedCount"),
    ],
)
def test_energy_and_output_of_the_simulated_plants(plant: str, counter: str) -> None:
    start, step = COMMISSIONED_US + 8 * WEEK, 900_000_000
    variable = make_plant(plant, 1).variables[counter]
    _, read, _ = variable.ticks(start, start + 3 * WEEK + step, step // variable.grid_us)
    counted = np.diff(np.asarray(read, np.float64))
    spec = ForecastSpec(counter, kind=Kind.COUNTED, step_us=step, season=96, horizon=8)
    figures = forecast.backtest(spec, start, np.where(counted < 0.0, np.nan, counted), folds=5)
    assert judge_accuracy(figures).verdict is Verdict.BETTER, figures
    assert 0.8 <= figures["model"].coverage <= 0.95, figures


def test_what_repeats_itself_to_the_last_digit_has_an_interval_all_the_same() -> None:
    values = np.where(np.arange(21 * SEASON) % 50 == 7, 9.0, 11.5)
    quantiles = forecast.predict(forecast.train(SPEC, 0, values), 0, values)
    assert (quantiles[:, -1] > 11.5).all()
    assert (quantiles[:, 0] < 11.5).all()
    assert (quantiles[:, -1] < 11.7).all()


def test_what_cannot_be_forecast_is_not_said_to_be() -> None:
    walk = np.cumsum(np.random.default_rng(2).normal(size=28 * SEASON)) + 500.0
    figures = forecast.backtest(SPEC, 0, walk, folds=5)
    assert figures["model"].pinball > 0.8 * figures["last value"].pinball


def test_quantiles_do_not_cross_and_stay_above_zero() -> None:
    values = np.maximum(load(21) - 95.0, 0.0)
    quantiles = forecast.predict(forecast.train(SPEC, 0, values), 0, values)
    assert quantiles.shape == (12, 5)
    assert (np.diff(quantiles, axis=1) >= 0.0).all()
    assert (quantiles >= 0.0).all()


def test_gaps_are_borne_and_too_many_are_refused() -> None:
    values = load(21)
    values[100:130] = np.nan
    assert np.isfinite(forecast.predict(forecast.train(SPEC, 0, values), 0, values)).all()
    values[::3] = values[1::3] = np.nan
    with pytest.raises(NotEnoughDataError, match="good data"):
        forecast.train(SPEC, 0, values)
    with pytest.raises(NotEnoughDataError, match="steps"):
        forecast.train(SPEC, 0, load(2))


def test_a_counter_is_counted_from_step_to_step_and_never_across_what_nobody_knows() -> None:
    nan = np.nan
    last = np.array([5.0, 9.0, nan, 12.0, nan, 20.0, 24.0, 30.0, 3.0, 6.0])
    least = np.array([1.0, 6.0, nan, 10.0, nan, 15.0, 21.0, 0.0, 3.0, 4.0])
    good = np.array([100.0, 100, 100, 100, 0, 100, 100, 100, 100, 100])
    # It stood still in the third step; of the fifth nothing is known; in the eighth it was set back and went beyond
    # what it had read, in the ninth it was set back and did not.
    expected = [4.0, 0.0, 3.0, nan, nan, 4.0, nan, nan, 3.0]
    assert np.array_equal(forecast.counted(last, least, good), expected, equal_nan=True)


def test_it_is_the_same_after_it_was_stored() -> None:
    values = load(21)
    model = forecast.train(SPEC, 0, values)
    again = archive.load_forecast(archive.store_forecast(model))
    assert np.array_equal(forecast.predict(model, 0, values), forecast.predict(again, 0, values))


def test_accuracy_is_the_pinball_loss() -> None:
    quantiles = np.tile([1.0, 2.0, 3.0, 4.0, 5.0], (2, 1))
    found = forecast.accuracy(quantiles, np.array([3.0, np.nan]), 2.0)
    # Levels 0.05, 0.25, 0.5, 0.75, 0.95; errors 2, 1, 0, -1, -2.
    assert found.pinball == pytest.approx((0.1 + 0.25 + 0.0 + 0.25 + 0.1) / 5)
    assert (found.mase, found.coverage, found.forecasts) == (0.0, 1.0, 1)
