"""Charts of measured values: individuals and moving range, X̄-R, X̄-S."""

import math

import numpy as np

from dualspan_analytics.spc.constants import Factors, d2, deviation_factors, range_factors
from dualspan_analytics.spc.model import ChartError, ChartKind, Estimate, Flags, Floats, Panel, Subgroups, Tuning

_MOVING = 2
# Of two moving ranges that share a value: covariance, for σ = 1. |X||Y| of normals correlated by -1/2.
_MOVING_VARIANCE = 2 - 4 / math.pi
_MOVING_COVARIANCE = (4 / math.pi) * (math.sqrt(0.75) + 0.5 * math.asin(0.5)) - 4 / math.pi
# Beyond these, chi has lost its skewness and 1 / (2 CV²) is exact enough.
_MANY_DEGREES = 1e5


def estimate_variables(kind: ChartKind, subgroups: Subgroups, included: Flags, tuning: Tuning) -> Estimate:
    """Estimate mean and within-subgroup standard deviation from the included subgroups.

    Where sizes differ, each subgroup's estimate of σ is weighted by its precision (Burr 1969, "Control charts for
    measurements with varying sample sizes"); with one size that is R̄/d2 or s̄/c4.

    Args:
        kind: Of the chart. EWMA and CUSUM use s̄/c4, or the moving range if subgroups have one value.
        subgroups: k of them.
        included: bool[k].
        tuning: Says whether constants are exact.

    Raises:
        ChartError: Too few subgroups, or they do not vary.
    """
    means, sizes = subgroups.means(), subgroups.size
    used = included & (sizes > 0)
    if used.sum() < 2:
        raise ChartError(
            "TOO_FEW_POINTS", f"{int(used.sum())} points have values; limits need 2 at the least, and 20 to be of use."
        )
    single = kind is ChartKind.INDIVIDUALS or bool((sizes[used] == 1).all())
    if single and kind in {ChartKind.XBAR_R, ChartKind.XBAR_S}:
        raise ChartError("SUBGROUPS_TOO_SMALL", "No subgroup has two values. Use an individuals chart.")
    if single:
        sigma, degrees = _from_moving_ranges(means, used, tuning)
    elif kind is ChartKind.XBAR_R:
        factors = range_factors(sizes[used], tuning.sigmas, is_exact=tuning.is_exact)
        sigma, degrees = _from_spread(subgroups.ranges()[used], factors)
    else:
        factors = deviation_factors(sizes[used], tuning.sigmas, is_exact=tuning.is_exact)
        sigma, degrees = _from_spread(subgroups.deviations()[used], factors)
    if not sigma > 0:
        raise ChartError("NO_VARIATION", "The values do not vary within subgroups: there is nothing to make limits of.")
    weights = np.ones(int(used.sum())) if kind is ChartKind.INDIVIDUALS else sizes[used].astype(np.float64)
    centre = float(np.average(means[used], weights=weights))
    return Estimate(centre, sigma, degrees, int(used.sum()), float(weights.sum()))


def moving_ranges(values: Floats) -> Floats:
    """float64[k]: |x[i] - x[i - 1]|; NaN for the first and on both sides of a value that is not there."""
    return np.abs(np.diff(values, prepend=np.nan))


def individuals(subgroups: Subgroups, estimate: Estimate, tuning: Tuning) -> tuple[Panel, Panel]:
    """Individuals and their moving ranges (ISO 7870-2, 6.2; NIST e-Handbook 6.3.2.2)."""
    values = subgroups.means()
    two = np.full(len(values), _MOVING, np.int64)
    factors = range_factors(two, tuning.sigmas, is_exact=tuning.is_exact)
    return (
        symmetric("individuals", values, estimate.centre, np.full(len(values), estimate.sigma), tuning.sigmas),
        _spread("moving range", moving_ranges(values), factors, estimate),
    )


def mean_and_range(subgroups: Subgroups, estimate: Estimate, tuning: Tuning) -> tuple[Panel, Panel]:
    """X̄ and R (ISO 7870-2, 6.1)."""
    factors = range_factors(subgroups.size, tuning.sigmas, is_exact=tuning.is_exact)
    return _means(subgroups, factors, estimate, tuning), _spread("range", subgroups.ranges(), factors, estimate)


def mean_and_deviation(subgroups: Subgroups, estimate: Estimate, tuning: Tuning) -> tuple[Panel, Panel]:
    """X̄ and s (ISO 7870-2, 6.1)."""
    factors = deviation_factors(subgroups.size, tuning.sigmas, is_exact=tuning.is_exact)
    spread = _spread("standard deviation", subgroups.deviations(), factors, estimate)
    return _means(subgroups, factors, estimate, tuning), spread


def _means(subgroups: Subgroups, factors: Factors, estimate: Estimate, tuning: Tuning) -> Panel:
    """Means, with limits by the size of each subgroup; a single value has its own, without a factor."""
    error = np.where(
        np.isnan(factors.location), standard_errors(subgroups, estimate), factors.location * estimate.sigma
    )
    return symmetric("mean", subgroups.means(), estimate.centre, error, tuning.sigmas)


def standard_errors(subgroups: Subgroups, estimate: Estimate) -> Floats:
    """float64[k]: σ/√n; NaN without a value."""
    sizes = subgroups.size
    return np.divide(estimate.sigma, np.sqrt(sizes), out=np.full(len(sizes), np.nan), where=sizes > 0)


def symmetric(name: str, values: Floats, centre: float, error: Floats, sigmas: float) -> Panel:
    """A panel whose limits lie as far above the centre as below."""
    middle = np.full(len(values), centre)
    return Panel(name, values, middle, middle - sigmas * error, middle + sigmas * error, error)


def _spread(name: str, values: Floats, factors: Factors, estimate: Estimate) -> Panel:
    """A panel of ranges or standard deviations, whose lower limit is never below zero."""
    centre = factors.expected * estimate.sigma
    return Panel(name, values, centre, centre * factors.lower, centre * factors.upper, factors.scatter * estimate.sigma)


def _from_spread(values: Floats, factors: Factors) -> tuple[float, float]:
    """σ and its degrees of freedom from ranges or standard deviations of subgroups."""
    there = np.isfinite(values) & np.isfinite(factors.expected)
    expected = factors.expected[there]
    precision = (expected / factors.scatter[there]) ** 2
    sigma = float(np.average(values[there] / expected, weights=precision))
    return sigma, equivalent_degrees(1 / float(precision.sum()))


def _from_moving_ranges(values: Floats, used: Flags, tuning: Tuning) -> tuple[float, float]:
    """σ = MR̄/d2(2); its precision allows for each value being in two ranges (Cryer and Ryan 1990)."""
    ranges = moving_ranges(np.where(used, values, np.nan))
    there = np.isfinite(ranges)
    count = int(there.sum())
    if not count:
        raise ChartError("TOO_FEW_POINTS", "No two points in a row have values; limits of individuals need them.")
    neighbours = int((there[1:] & there[:-1]).sum())
    variance = (count * _MOVING_VARIANCE + 2 * neighbours * _MOVING_COVARIANCE) / count**2
    factors = range_factors(np.array([_MOVING], np.int64), tuning.sigmas, is_exact=tuning.is_exact)
    return float(ranges[there].mean() / factors.expected[0]), equivalent_degrees(variance / d2(_MOVING) ** 2)


def equivalent_degrees(relative_variance: float) -> float:
    """Degrees of freedom of the chi whose relative variance an estimate of σ has (Patnaik 1950).

    Args:
        relative_variance: Variance of the estimate, in σ².
    """
    from scipy.optimize import root_scalar

    def surplus(degrees: float) -> float:
        return (1 / c4_of(degrees) ** 2 - 1) - relative_variance

    if surplus(_MANY_DEGREES) > 0:
        return 1 / (2 * relative_variance)
    return float(root_scalar(surplus, bracket=(0.05, _MANY_DEGREES)).root)


def c4_of(degrees: float) -> float:
    """c4 for degrees of freedom that need not be whole."""
    return math.exp(0.5 * math.log(2 / degrees) + math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2))
