"""When quartiles of enterprises may be shown, so that nobody learns another's figure.

After the Handbook on Statistical Disclosure Control, 2nd edition (Hundepool et al., Centre of Excellence on SDC, August
2024), chapter on tables of magnitudes: a minimum number of contributors, and the p% rule for dominance. A quartile of
few values is one enterprise's own value, which is why official statistics ask for a minimum of contributors to each
quantile (Australian Bureau of Statistics, DataLab output rules). Here a quartile is therefore the mean of `BAND`
enterprises around it, each mean is held against the p% rule, and what is shown is rounded. The means are chosen so that
no enterprise can take them and its own figure and solve for another's: two of them share one enterprise at the most.
"""

import math
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BAND = 3
"""Distinct enterprises that each quartile is the mean of. With two, either would know the other's figure."""
P_PERCENT = 10.0
"""Who knows one's own figure and the mean must not come closer than this to another's."""
OWN_MEDIAN = 3 * BAND
"""From so many on the median has a band of its own; with fewer it is the middle between the quartiles, which tells
nothing more than they do."""
COUNT_STEP = 5
"""The number of enterprises is told as a multiple of this, rounded down."""


@dataclass(frozen=True, slots=True)
class Quartiles:
    """What may be shown: means around the quartiles, rounded, and at least how many enterprises there are."""

    lower: float
    median: float
    upper: float
    at_least: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why nothing may be shown, in words for the enterprises of the group."""

    reason: str


def quartiles(values: Floats, minimum: int) -> Quartiles | Refusal:
    """Quartiles of one figure per enterprise, or why there are none.

    Args:
        values: float64[n], finite, one for each enterprise, in any order.
        minimum: Enterprises that must share; 5 or more.
    """
    if len(values) < minimum:
        return too_few(minimum)
    ascending = np.sort(values)
    means: list[float] = []
    for band in bands(len(values)):
        if _is_dominated(ascending[band]):
            return DOMINATED
        means.append(float(ascending[band].mean()))
    lower, *own, upper = means
    median = own[0] if own else (lower + upper) / 2
    return Quartiles(rounded(lower), rounded(median), rounded(upper), len(values) // COUNT_STEP * COUNT_STEP)


def bands(count: int) -> list[slice]:
    """Which of so many enterprises, in ascending order, each shown figure is the mean of; ascending as well."""
    shares = (0.25, 0.5, 0.75) if count >= OWN_MEDIAN else (0.25, 0.75)
    first = [round(share * (count - 1) - (BAND - 1) / 2) for share in shares]
    return [slice(max(each, 0), max(each, 0) + BAND) for each in first]


def too_few(minimum: int) -> Refusal:
    """Fewer enterprises share than must."""
    return Refusal(
        f"Fewer than {minimum} enterprises shared in this month. Nothing is shown, so that nobody's figure can"
        " be worked out."
    )


def tells_of_few(one: AbstractSet[str], other: AbstractSet[str]) -> bool:
    """Whether the difference of two groups of one KPI and month is one or two enterprises, either way.

    Args:
        one: Enterprises of a group whose quartiles are shown.
        other: Enterprises of the group in question.
    """
    return any(0 < len(difference) < BAND for difference in (one - other, other - one))


DOMINATED = Refusal(
    "One enterprise's figure stands out so far that the others could work it out. Nothing is shown for this month."
)
NESTED = Refusal(
    "Beside another group that is shown for this month, this one would tell of one or two enterprises. Nothing is"
    " shown."
)


def rounded(value: float) -> float:
    """To two significant digits, but never finer than 0.01: what is shown must not tell which values went in."""
    if value == 0:
        return 0.0
    return round(value, min(2, 1 - math.floor(math.log10(abs(value)))))


def _is_dominated(band: Floats) -> bool:
    """The p% rule: the second largest, who takes the own figure off the total, must miss the largest by p% of it."""
    descending = np.sort(np.abs(band))[::-1]
    return float(descending[2:].sum()) <= P_PERCENT / 100.0 * float(descending[0])
