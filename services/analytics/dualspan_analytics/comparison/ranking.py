"""Machines in order of a KPI, their quartiles, and what lies between the best and the median."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.comparison.losses import Losses

Floats = NDArray[np.float64]
LESS_IS_BETTER = frozenset({"scrap-ratio", "rework-ratio", "setup-ratio", "energy-per-unit", "mttr"})
"""KPIs of the standard that are to be low."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Machines in order.

    Attributes:
        order: int64[n], places of the machines, the best first, those without a value last.
        rank: int64[n], by place of the machine; equal values have one rank, 0 is without a value.
        quartile: int64[n], 1 for the best quarter to 4; 0 without a value.
        lower: First quartile, by linear interpolation (type 7 of Hyndman and Fan, 1996); NaN without values.
        median: The median.
        upper: The third quartile.
    """

    order: NDArray[np.int64]
    rank: NDArray[np.int64]
    quartile: NDArray[np.int64]
    lower: float
    median: float
    upper: float


@dataclass(frozen=True, slots=True)
class Cause:
    """What the median loses to one cause and the best does not; hours are the median's less the best's."""

    cause: str
    share: float
    hours: float


def rank(values: Floats, *, higher_is_better: bool) -> Ranking:
    """Put machines in order.

    Args:
        values: float64[n]; NaN where there is none.
        higher_is_better: Otherwise the lowest comes first.
    """
    known = np.isfinite(values)
    count = int(known.sum())
    cost = np.where(known, -values if higher_is_better else values, np.inf)
    order = np.argsort(cost, kind="stable")
    sorted_cost = np.sort(cost[known])
    better = np.searchsorted(sorted_cost, cost)
    ranks = np.where(known, better + 1, 0)
    quartile = np.where(known, 1 + 4 * better // max(count, 1), 0)
    if not count:
        return Ranking(order, ranks, quartile, np.nan, np.nan, np.nan)
    lower, median, upper = (float(each) for each in np.quantile(values[known], [0.25, 0.5, 0.75]))
    return Ranking(order, ranks, quartile, lower, median, upper)


def best_to_median(ranking: Ranking, losses: Losses) -> Sequence[Cause]:
    """What the median loses and the best does not, the most first; the shares add up to the difference of the two.

    With an even number of machines the median lies between two: half of each is taken, so that the sum is still right.
    """
    count = int((ranking.rank > 0).sum())
    if count < 2:
        return []
    best, middle = ranking.order[0], ranking.order[[(count - 1) // 2, count // 2]]
    share = losses.share[middle].mean(axis=0) - losses.share[best]
    hours = losses.hours[middle].mean(axis=0) - losses.hours[best]
    found = [Cause(cause, float(share[place]), float(hours[place])) for place, cause in enumerate(losses.causes)]
    return sorted(found, key=lambda each: -each.share)
