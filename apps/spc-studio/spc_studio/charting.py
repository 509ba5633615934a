"""Control charts of individuals, run rules and capability. Pure: arrays in, arrays out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Mean and median of the moving range of two, over sigma, of a normal process (ISO 7870-2, table 2).
_D2 = 1.128
_D2_OF_MEDIAN = 0.954
_FEWEST = 20
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

RULES = ("beyond 3 sigma", "9 on one side", "6 rising or falling", "2 of 3 beyond 2 sigma", "4 of 5 beyond 1 sigma")
"""The run rules 1, 2, 3, 5 and 6 of Nelson (1984), which ISO 7870-2 has too."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a process is when nothing happens to it.

    Attributes:
        centre: Mean.
        sigma: From the mean moving range: what the process does from one point to the next.
        points: How many points they were made of.
    """

    centre: float
    sigma: float
    points: int

    @property
    def upper(self) -> float:
        """Upper control limit."""
        return self.centre + 3 * self.sigma

    @property
    def lower(self) -> float:
        """Lower control limit."""
        return self.centre - 3 * self.sigma


@dataclass(frozen=True, slots=True)
class Capability:
    """How a process fits between what is allowed (ISO 22514-2); None where a limit is not given.

    Attributes:
        cp: Width of what is allowed to six sigma, of what happens from point to point.
        cpk: The same to the nearer side.
        ppk: To the nearer side, with the deviation over the whole time.
    """

    cp: float | None
    cpk: float | None
    ppk: float | None


def limits_of(values: Floats) -> Limits | None:
    """The limits that a stretch of points gives; None for fewer than 20 points.

    Args:
        values: float64, shape (n,); NaN where there is no point: ranges across it are not counted.
    """
    known = ~np.isnan(values)
    ranges = np.abs(np.diff(values))
    if known.sum() < _FEWEST or np.isnan(ranges).all():
        return None
    # Medians first, which a fault within the stretch does not move; then means, of what is within their limits.
    centre, sigma = float(np.median(values[known])), float(np.nanmedian(ranges)) / _D2_OF_MEDIAN
    kept = values if sigma <= 0 else np.where(np.abs(values - centre) > 3 * sigma, np.nan, values)
    ranges, known = np.abs(np.diff(kept)), ~np.isnan(kept)
    if known.sum() < _FEWEST or np.isnan(ranges).all():
        return Limits(centre, sigma, int(known.sum()))
    return Limits(float(kept[known].mean()), float(np.nanmean(ranges)) / _D2, int(known.sum()))


def broken_rules(values: Floats, limits: Limits) -> Flags:
    """bool, shape (5, n): at which points each of `RULES` is broken; points without a value break none."""
    known = np.flatnonzero(~np.isnan(values))
    found = np.zeros((len(RULES), len(values)), np.bool_)
    if not len(known) or limits.sigma <= 0:
        return found
    z = (values[known] - limits.centre) / limits.sigma
    side = np.sign(z)
    rising = np.sign(np.diff(z, prepend=z[:1]))
    found[0, known] = np.abs(z) > 3
    found[1, known] = np.abs(_sum(side, 9)) == 9
    found[2, known] = np.abs(_sum(rising, 5)) == 5
    for sign in (1, -1):
        found[3, known] |= (_sum((sign * z > 2).astype(float), 3) >= 2) & (sign * z > 2)
        found[4, known] |= (_sum((sign * z > 1).astype(float), 5) >= 4) & (sign * z > 1)
    return found


def capability(values: Floats, limits: Limits, low: float | None, high: float | None) -> Capability:
    """How the points fit between a lower and an upper limit of what is allowed."""
    known = values[~np.isnan(values)]
    overall = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    cp = (high - low) / (6 * limits.sigma) if low is not None and high is not None and limits.sigma > 0 else None
    return Capability(cp, _nearer(known, limits.sigma, low, high), _nearer(known, overall, low, high))


def _nearer(values: Floats, sigma: float, low: float | None, high: float | None) -> float | None:
    if sigma <= 0 or not len(values):
        return None
    mean = float(values.mean())
    below = np.inf if low is None else mean - low
    above = np.inf if high is None else high - mean
    nearer = min(below, above)
    return nearer / (3 * sigma) if np.isfinite(nearer) else None


def _sum(values: Floats, length: int) -> Floats:
    """The sum of each point and those before it, `length` in all; 0 where there are fewer."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    sums = np.zeros(len(values))
    if len(values) >= length:
        sums[length - 1 :] = total[length:] - total[:-length]
    return sums
