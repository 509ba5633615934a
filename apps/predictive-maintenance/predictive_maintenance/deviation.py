"""How unlike itself a machine behaves: each measure against what it usually is with that product. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Median absolute deviation over sigma, of a normal process.
_MAD = 0.6745
# A mean of so many points is looked at, and must be as far out as this.
_WINDOW = 3
_LEAST = 6.0
# And twice as far as all but a few of the usual ones: faults are among what was learned from.
_USUAL = 0.95
_BEYOND = 2.0
_FEWEST = 24
# Points in a row that must be unusual.
_PERSISTENT = 3
# Points after a start in which a machine warms up, and is not looked at.
_WARM_UP = 6
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A machine's measures over time, by what is usual for them.

    Attributes:
        score: float64, shape (measures, points): distance from the median of the same product, in usual deviations,
            mean of three points; NaN where it is not known.
        limit: float64, shape (measures,): a score beyond it is unusual.
    """

    score: Floats
    limit: Floats

    @property
    def unusual(self) -> Flags:
        """bool, shape (measures, points): three points in a row are beyond the limit."""
        return _in_a_row(np.abs(np.nan_to_num(self.score)) > self.limit[:, None], _PERSISTENT)

    def severity(self) -> Floats:
        """float64, shape (measures, points): score over limit; 0 where it is not known."""
        return np.abs(np.nan_to_num(self.score)) / self.limit[:, None]


def behaviour(values: Floats, product: NDArray[np.int64], steady: Flags) -> Behaviour:
    """Score all measures of one machine.

    Args:
        values: float64, shape (measures, points); NaN where nothing is known.
        product: int64, shape (points,): what was made.
        steady: bool, shape (points,): the machine produced all the time; others, and the half hour after them, are not
            looked at.
    """
    steady = _in_a_row(steady[None, :], _WARM_UP + 1)[0]
    kept = np.where(steady, values, np.nan)
    scaled = np.full(values.shape, np.nan)
    for one in np.unique(product[steady]).tolist():
        mine = product == one
        part = kept[:, mine]
        enough = (~np.isnan(part)).sum(axis=1) >= _FEWEST
        if not enough.any():
            continue
        rows = np.flatnonzero(enough)
        middle = np.nanmedian(part[rows], axis=1, keepdims=True)
        spread = np.nanmedian(np.abs(part[rows] - middle), axis=1, keepdims=True) / _MAD
        # A measure that hardly moves still has the resolution of its transmitter.
        spread = np.maximum(spread, 1e-3 * np.abs(middle) + 1e-9)
        scaled[np.ix_(rows, np.flatnonzero(mine))] = (part[rows] - middle) / spread
    score = _mean_of_last(scaled, _WINDOW)
    usual = np.array([_quantile(np.abs(row)) for row in score])
    return Behaviour(score, np.maximum(_LEAST, _BEYOND * usual))


def since(unusual: Flags) -> int | None:
    """From which point on the newest ones are unusual without a break; None if the newest is not."""
    if not len(unusual) or not unusual[-1]:
        return None
    usual = np.flatnonzero(~unusual)
    return int(usual[-1]) + 1 if len(usual) else 0


def _mean_of_last(values: Floats, window: int) -> Floats:
    """The mean of each point and those before it, `window` in all; NaN unless all of them are known."""
    known = ~np.isnan(values)
    total = np.cumsum(np.nan_to_num(values), axis=1)
    count = np.cumsum(known, axis=1)
    means = np.full(values.shape, np.nan)
    if values.shape[1] < window:
        return means
    inside = total[:, window - 1 :].copy()
    inside[:, 1:] -= total[:, :-window]
    number = count[:, window - 1 :].copy()
    number[:, 1:] -= count[:, :-window]
    means[:, window - 1 :] = np.where(number == window, inside / window, np.nan)
    return means


def _in_a_row(flags: Flags, count: int) -> Flags:
    """Where a flag is set, and was at the points before it, `count` in all."""
    total = np.cumsum(flags, axis=1)
    before = np.zeros_like(total)
    before[:, count:] = total[:, :-count]
    return total - before == count


def _quantile(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.quantile(known, _USUAL)) if len(known) else 0.0
