"""Charts with a memory: EWMA and tabular CUSUM."""

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.spc.model import Estimate, Flags, Floats, Panel, Shift, Subgroups, Tuning
from dualspan_analytics.spc.variables import standard_errors


def target(estimate: Estimate, tuning: Tuning) -> float:
    """Where the centre is: the target if one is set, the mean otherwise."""
    return estimate.centre if tuning.target is None else tuning.target


def ewma(subgroups: Subgroups, estimate: Estimate, tuning: Tuning) -> Panel:
    """The exponentially weighted moving average of the means (Roberts 1959; NIST e-Handbook 6.3.2.4).

    A point without a value has none here either, and the average goes on after it as if it had not been.
    Where sizes differ, variances are weighted as the values are.
    """
    from scipy.signal import lfilter

    values, errors, centre = subgroups.means(), standard_errors(subgroups, estimate), target(estimate, tuning)
    there = np.isfinite(values)
    weight = tuning.weight
    smoothed, _ = lfilter([weight], [1.0, weight - 1.0], values[there], zi=[(1 - weight) * centre])
    keep = (1 - weight) ** 2
    variance, _ = lfilter([weight**2], [1.0, -keep], errors[there] ** 2, zi=[0.0])
    if tuning.is_steady:
        variance = errors[there] ** 2 * weight / (2 - weight)
    error = _placed(np.sqrt(variance), there)
    middle = np.full(len(values), centre)
    return Panel(
        "ewma",
        _placed(smoothed, there),
        middle,
        middle - tuning.sigmas * error,
        middle + tuning.sigmas * error,
        np.full(len(values), np.nan),
    )


def cusum(subgroups: Subgroups, estimate: Estimate, tuning: Tuning) -> tuple[Panel, Panel]:
    """Upper and lower sum of the standardised means (Page 1954; Montgomery 9.1; ISO 7870-4).

    In standard errors of the means. The sums go on after a signal. A point without a value adds nothing.
    """
    upper, lower = _sums(subgroups, estimate, tuning)
    there = np.isfinite(subgroups.means())
    nothing, unbounded = np.zeros(len(there)), np.full(len(there), np.inf)
    limit, no_zones = np.full(len(there), tuning.interval), np.full(len(there), np.nan)
    return (
        Panel("upper sum", _placed(upper, there), nothing, -unbounded, limit, no_zones),
        Panel("lower sum", -_placed(lower, there), nothing, -limit, unbounded, no_zones),
    )


def shifts(subgroups: Subgroups, estimate: Estimate, tuning: Tuning) -> list[Shift]:
    """Each time that a sum begins to exceed h, upwards first: since when, and where the mean has moved to."""
    there = np.flatnonzero(np.isfinite(subgroups.means()))
    centre, error = target(estimate, tuning), standard_errors(subgroups, estimate)[there]
    result: list[Shift] = []
    for sums, sign in zip(_sums(subgroups, estimate, tuning), (1.0, -1.0), strict=True):
        exceeds = sums > tuning.interval
        starts = np.flatnonzero(exceeds & ~np.r_[False, exceeds[:-1]])
        last_zero = _last_where(sums <= 0)
        for at in starts.tolist():
            began = int(last_zero[at]) + 1
            moved = tuning.slack + float(sums[at]) / (at - began + 1)
            result.append(Shift(int(there[at]), int(there[began]), centre + sign * moved * float(error[at])))
    return result


def _sums(subgroups: Subgroups, estimate: Estimate, tuning: Tuning) -> tuple[Floats, Floats]:
    """Both sums at the points that have a value; neither is negative."""
    values, errors = subgroups.means(), standard_errors(subgroups, estimate)
    there = np.isfinite(values)
    z = (values[there] - target(estimate, tuning)) / errors[there]
    start = tuning.head_start * tuning.interval
    return _reflected(z - tuning.slack, start), _reflected(-z - tuning.slack, start)


def _reflected(steps: Floats, start: float) -> Floats:
    """C[i] = max(0, C[i - 1] + steps[i]), C[-1] = start: a cumulative sum, less its lowest point so far."""
    walk = start + np.cumsum(steps)
    return walk - np.minimum(np.minimum.accumulate(walk), 0.0) if len(walk) else walk


def _placed(values: Floats, there: Flags) -> Floats:
    result = np.full(len(there), np.nan)
    result[there] = values
    return result


def _last_where(flags: Flags) -> NDArray[np.int64]:
    """int64[n]: index of the latest True at or before each; -1 before the first."""
    return np.maximum.accumulate(np.where(flags, np.arange(len(flags)), -1))
