"""Forecasts with intervals: load, energy and output, by steps of a quarter of an hour or so.

A day's profile, and a direct regression for every step ahead (Marcellino, Stock & Watson 2006) of how far the machine
is from its profile now. Intervals are quantiles of errors on data that the regression did not see (split conformal
prediction, Papadopoulos et al. 2002; Vovk et al. 2005), half a percent of the usual value wide to either side at the
least. The naive forecasts beside it get theirs in the same way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from dualspan_analytics.intelligence.detector import NotEnoughDataError
from dualspan_analytics.intelligence.regression import fit
from dualspan_analytics.intelligence.table import Floats

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of a forecast; the outer ones bound 90 %."""
_MEDIAN = 2
_SEEN_SHARE = 0.7
_RECENT = 4
_LEAST_SEASONS = 4
_LEAST_ROWS = 50
_TOLERANCE = 0.005
_STANDS = 50.0


class Kind(IntEnum):
    """What a step's value is; the numbers of the contract."""

    MEAN = 1
    COUNTED = 2


@dataclass(frozen=True, slots=True)
class ForecastSpec:
    """What is forecast of a machine.

    Attributes:
        property: Of the asset model.
        index: From 1 for an indexed property; 0 for any other.
        kind: The mean over a step (power), or what a counter counted in it (energy, good parts).
        step_us: Length of a step.
        season: Steps of a season: a day.
        horizon: Steps ahead.
    """

    property: str
    index: int = 0
    kind: Kind = Kind.MEAN
    step_us: int = 900_000_000
    season: int = 96
    horizon: int = 96


@dataclass(frozen=True, slots=True)
class ForecastModel:
    """A fitted forecast of one machine.

    Attributes:
        spec: What is forecast.
        first_phase: A step that begins at `t` µs has the phase (t / step) mod season; kept to check stored profiles.
        profile: float64[season], a usual day.
        coefficients: float64[horizon, 5].
        offsets: float64[horizon, len(LEVELS)], what to add for each quantile.
    """

    spec: ForecastSpec
    first_phase: int
    profile: Floats
    coefficients: NDArray[np.float64]
    offsets: NDArray[np.float64]


def problems(spec: ForecastSpec) -> list[tuple[str, str]]:
    """What is wrong with a definition: (field, what to do)."""
    found: list[tuple[str, str]] = []
    if not spec.property:
        found.append(("property", "Say which property is forecast."))
    if not 60_000_000 <= spec.step_us <= 86_400_000_000:
        found.append(("step", "A step is 1 min to 1 day long."))
    if not 2 <= spec.season <= 2016:
        found.append(("season", "A season has 2 to 2016 steps."))
    if not 1 <= spec.horizon <= 672:
        found.append(("horizon", "Forecast 1 to 672 steps ahead."))
    return found


def phases(spec: ForecastSpec, start_us: int, count: int) -> NDArray[np.int64]:
    """int64[count]: where in the season the steps from `start_us` on are."""
    return (start_us // spec.step_us + np.arange(count, dtype=np.int64)) % spec.season


def _profile(spec: ForecastSpec, phase: NDArray[np.int64], values: Floats) -> Floats:
    overall = float(np.nanmedian(values))
    daily = np.array([_median(values[phase == each], overall) for each in range(spec.season)])
    around = np.concatenate([daily[-1:], daily, daily[:1]])
    return (around[:-2] + 2.0 * around[1:-1] + around[2:]) / 4.0


def _median(values: Floats, otherwise: float) -> float:
    there = values[np.isfinite(values)]
    return float(np.median(there)) if len(there) else otherwise


def _regressors(deviation: Floats, season: int, ahead: int, origins: NDArray[np.int64]) -> Floats:
    """float64[m, 5]: a constant, now, the last hour, the last season, and a season before what is asked for."""
    filled = np.nan_to_num(deviation)
    sums = np.concatenate([[0.0], np.cumsum(filled)])
    recent = (sums[origins + 1] - sums[np.maximum(origins + 1 - _RECENT, 0)]) / _RECENT
    daily = (sums[origins + 1] - sums[np.maximum(origins + 1 - season, 0)]) / season
    seasons_back = -(-ahead // season)
    same = filled[np.maximum(origins + ahead - seasons_back * season, 0)]
    return np.column_stack([np.ones(len(origins)), filled[origins], recent, daily, same])


def train(spec: ForecastSpec, start_us: int, values: Floats) -> ForecastModel:
    """Fit a forecast to float64[n] values by step; NaN where nothing is known.

    Raises:
        NotEnoughDataError: Fewer than four seasons, or too many gaps.
    """
    if len(values) < _LEAST_SEASONS * spec.season or np.isfinite(values).mean() < 0.5:
        least = _LEAST_SEASONS * spec.season
        raise NotEnoughDataError(
            f"A forecast needs {least} steps with good data in half of them; the span has {len(values)} steps,"
            f" {int(np.isfinite(values).sum())} of them with data."
        )
    phase = phases(spec, start_us, len(values))
    split = int(len(values) * _SEEN_SHARE)
    early = _profile(spec, phase[:split], values[:split])
    offsets = _offsets(spec, values, values - early[phase], early[phase], split)
    profile = _profile(spec, phase, values)
    coefficients = _direct(spec, values - profile[phase], len(values))
    return ForecastModel(spec, int(phase[0]), profile, coefficients, offsets)


def _direct(spec: ForecastSpec, deviation: Floats, until: int) -> NDArray[np.float64]:
    """float64[horizon, 5]: one regression per step ahead, on targets before `until`."""
    coefficients = np.zeros((spec.horizon, 5))
    for ahead in range(1, spec.horizon + 1):
        origins = np.arange(spec.season, until - ahead, dtype=np.int64)
        origins = origins[np.isfinite(deviation[origins + ahead])]
        if len(origins) < _LEAST_ROWS:
            raise NotEnoughDataError(
                f"There are {len(origins)} steps to learn {ahead} steps ahead from; 50 are needed."
            )
        found = fit(_regressors(deviation, spec.season, ahead, origins), deviation[origins + ahead])
        coefficients[ahead - 1] = found.coefficients
    return coefficients


def _offsets(spec: ForecastSpec, values: Floats, deviation: Floats, level: Floats, split: int) -> NDArray[np.float64]:
    """float64[horizon, q]: quantiles of errors behind the split, of regressions that saw what lies before it."""
    coefficients, tolerance = _direct(spec, deviation, split), _tolerance(values)
    offsets = np.zeros((spec.horizon, len(LEVELS)))
    for ahead in range(1, spec.horizon + 1):
        origins = np.arange(split - ahead, len(values) - ahead, dtype=np.int64)
        predicted = _regressors(deviation, spec.season, ahead, origins) @ coefficients[ahead - 1]
        error = values[origins + ahead] - level[origins + ahead] - predicted
        offsets[ahead - 1] = _quantiles(error, tolerance)
    return offsets


def _quantiles(error: Floats, tolerance: float) -> Floats:
    """Quantiles of errors, apart from the median by the tolerance at the least."""
    there = error[np.isfinite(error)]
    apart = tolerance * np.sign(np.array(LEVELS) - LEVELS[_MEDIAN])
    return np.quantile(there, LEVELS) + apart if len(there) else apart


def _tolerance(values: Floats) -> float:
    """Half a percent of the usual value: a meter that repeats itself to the last digit moves by as much in a week."""
    return _TOLERANCE * float(np.nanmedian(np.abs(values)))


def predict(model: ForecastModel, start_us: int, values: Floats) -> NDArray[np.float64]:
    """float64[horizon, q]: quantiles of the steps after the last of `values`, which begin at `start_us`.

    Raises:
        NotEnoughDataError: Fewer values than a season.
    """
    spec = model.spec
    if len(values) < spec.season:
        raise NotEnoughDataError(f"A forecast needs the last {spec.season} steps; {len(values)} are there.")
    phase = phases(spec, start_us, len(values) + spec.horizon)
    deviation = values - model.profile[phase[: len(values)]]
    origin = np.array([len(values) - 1])
    ahead = range(1, spec.horizon + 1)
    moved = [float((_regressors(deviation, spec.season, h, origin) @ model.coefficients[h - 1])[0]) for h in ahead]
    point = model.profile[phase[len(values) :]] + np.array(moved)
    quantiles = point[:, None] + model.offsets
    # What is never negative is not forecast to be.
    return np.maximum(quantiles, 0.0) if np.nanmin(values) >= 0.0 else quantiles


def last_value(_season: int, values: Floats, _ahead: int, origins: NDArray[np.int64]) -> Floats:
    """float64[m]: the naive forecast that nothing changes."""
    return _known(values)[origins]


def seasonal_naive(season: int, values: Floats, ahead: int, origins: NDArray[np.int64]) -> Floats:
    """float64[m]: the naive forecast that a day is like the one before."""
    back = -(-ahead // season) * season
    return _known(values)[np.maximum(origins + ahead - back, 0)]


Naive = Callable[[int, Floats, int, NDArray[np.int64]], Floats]
BASELINES: dict[str, Naive] = {"last value": last_value, "seasonal naive": seasonal_naive}


def _known(values: Floats) -> Floats:
    """The last known value at each step."""
    place = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(len(values)), 0))
    return np.nan_to_num(values[place])


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What forecasts were worth.

    Attributes:
        pinball: Mean pinball loss over the levels, in the unit of the values.
        mase: Mean absolute error of the median over that of the seasonal naive forecast in the training span.
        coverage: Share of values within the outer quantiles, which should be 0.9.
        forecasts: Values that were forecast.
    """

    pinball: float
    mase: float
    coverage: float
    forecasts: int


def accuracy(quantiles: NDArray[np.float64], actual: Floats, scale: float) -> Accuracy:
    """Figures of float64[m, q] quantiles against float64[m] values; NaN values do not count."""
    there = np.isfinite(actual)
    quantiles, actual = quantiles[there], actual[there]
    if not len(actual):
        return Accuracy(float("nan"), float("nan"), float("nan"), 0)
    error = actual[:, None] - quantiles
    levels = np.array(LEVELS)
    pinball = np.maximum(levels * error, (levels - 1.0) * error)
    inside = (actual >= quantiles[:, 0]) & (actual <= quantiles[:, -1])
    return Accuracy(
        float(pinball.mean()), float(np.abs(error[:, _MEDIAN]).mean() / scale), float(inside.mean()), len(actual)
    )


def backtest(spec: ForecastSpec, start_us: int, values: Floats, folds: int = 3) -> dict[str, Accuracy]:
    """Rolling origin: the model and both naive forecasts, trained before each fold and judged within it.

    Returns:
        By method: `model`, `last value`, `seasonal naive`.

    Raises:
        NotEnoughDataError: Too few steps for a training span and the folds.
    """
    season, horizon = spec.season, spec.horizon
    first = len(values) - folds * season
    if first < _LEAST_SEASONS * season:
        raise NotEnoughDataError(
            f"The backtest needs {(_LEAST_SEASONS + folds) * season} steps; the span has {len(values)}."
        )
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in ("model", *BASELINES)}
    actual: list[Floats] = []
    scale = _seasonal_scale(values[:first], season)
    for fold in range(folds):
        known = first + fold * season
        model = train(spec, start_us, values[:known])
        naive_offsets = {name: _naive_offsets(spec, values[:known], naive) for name, naive in BASELINES.items()}
        for origin in range(known, min(known + season, len(values) - 1), max(1, season // 8)):
            length = min(horizon, len(values) - origin)
            actual.append(values[origin : origin + length])
            found["model"].append(predict(model, start_us, values[:origin])[:length])
            for name, naive in BASELINES.items():
                at = np.array([origin - 1])
                point = np.array([naive(season, values[:origin], h, at)[0] for h in range(1, length + 1)])
                found[name].append(point[:, None] + naive_offsets[name][:length])
    truth = np.concatenate(actual)
    return {name: accuracy(np.concatenate(parts), truth, scale) for name, parts in found.items()}


def _naive_offsets(spec: ForecastSpec, values: Floats, naive: Naive) -> NDArray[np.float64]:
    offsets, tolerance = np.zeros((spec.horizon, len(LEVELS))), _tolerance(values)
    for ahead in range(1, spec.horizon + 1):
        origins = np.arange(spec.season, len(values) - ahead, dtype=np.int64)
        offsets[ahead - 1] = _quantiles(values[origins + ahead] - naive(spec.season, values, ahead, origins), tolerance)
    return offsets


def _seasonal_scale(values: Floats, season: int) -> float:
    error = np.abs(values[season:] - values[:-season])
    there = error[np.isfinite(error)]
    return max(float(there.mean()) if len(there) else 0.0, 1e-9)


def by_step(values: Floats, per: int) -> Floats:
    """float64[n // per]: means of `per` neighbours; NaN where less than half of them are known."""
    whole = sliding_window_view(values, per)[::per] if len(values) >= per else np.empty((0, per))
    known = np.isfinite(whole).sum(axis=1)
    return np.where(known * 2 >= per, np.nansum(whole, axis=1) / np.maximum(known, 1), np.nan)


def counted(last: Floats, least: Floats, good: Floats) -> Floats:
    """float64[n]: what a counter counted in each step but the first; NaN where nobody knows.

    Nobody knows what was counted in a step in which the counter was set back, or without data at either end of it.

    Args:
        last: float64[n + 1], the last good reading in each step; NaN without one.
        least: float64[n + 1], the least good reading in each step.
        good: float64[n + 1], percent of each step with good data: in a step without a reading, but with good data, the
            counter stood still.
    """
    row, known = np.arange(len(last)), np.isfinite(last)
    stands = ~known & (np.nan_to_num(good) >= _STANDS)
    place = np.maximum.accumulate(np.where(known, row, -1))
    broken = np.maximum.accumulate(np.where(known | stands, -1, row))
    reading = np.where(place > broken, last[np.maximum(place, 0)], np.nan)
    steps = np.diff(reading)
    return np.where((least[1:] < reading[:-1]) | (steps < 0.0), np.nan, steps)
