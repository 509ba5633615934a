"""Change points: when a value began to behave differently, found by ruptures (Truong, Oudre & Vayatis 2020)."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.intelligence.table import Floats

_MOST_POINTS = 2000
_LEAST_POINTS = 20
_MAD_TO_SIGMA = 1.4826
_PENALTY = 3.0


@dataclass(frozen=True, slots=True)
class Change:
    """A change of level.

    Attributes:
        time_us: When the new level began.
        before: Mean since the change before.
        after: Mean until the next.
        sigmas: Size of the step in standard deviations of what is within the levels.
    """

    time_us: int
    before: float
    after: float
    sigmas: float


def changes(time_us: NDArray[np.int64], value: Floats, sensitivity: float = 1.0, least: int = 5) -> list[Change]:
    """Changes of mean by PELT (Killick, Fearnhead & Eckley 2012) with a penalty of BIC's kind.

    Args:
        time_us: int64[n], ascending.
        value: float64[n]; NaN does not count. Long columns are averaged down to 2000 points.
        sensitivity: 2 halves the penalty, 0.5 doubles it.
        least: Points that a level lasts at least.
    """
    import ruptures

    there = np.isfinite(value)
    time_us, value = _averaged(time_us[there], value[there])
    if len(value) < _LEAST_POINTS or value.min() == value.max():
        return []
    scale = _long_run_deviation(value)
    search = ruptures.KernelCPD(kernel="linear", min_size=least).fit((value / scale)[:, None])
    ends = [0, *(search.predict(pen=_PENALTY * math.log(len(value)) / sensitivity) or [len(value)])]
    levels = [float(value[a:b].mean()) for a, b in itertools.pairwise(ends)]
    within = value - np.repeat(levels, np.diff(ends))
    sigma = max(float(within.std()), 1e-9 * (float(np.abs(value).max()) + 1e-9))
    steps = zip(ends[1:-1], levels[:-1], levels[1:], strict=True)
    return [Change(int(time_us[at]), before, after, abs(after - before) / sigma) for at, before, after in steps]


def _long_run_deviation(value: Floats) -> float:
    """Standard deviation that independent values of as uncertain a mean would have.

    A value that wanders has many neighbours that say the same; taken for noise of that size, its wandering is no series
    of changes. From the steps between means of neighbouring blocks, by their median so that true changes do not count.
    """
    per = max(2, math.isqrt(len(value)))
    blocks = value[: len(value) // per * per].reshape(-1, per).mean(axis=1)
    steps = np.diff(blocks)
    spread = _MAD_TO_SIGMA * float(np.median(np.abs(steps - np.median(steps)))) * math.sqrt(per / 2.0)
    return max(spread, float(np.abs(np.diff(value)).mean()) / 2.0, 1e-9 * (float(np.abs(value).max()) + 1e-9))


def _averaged(time_us: NDArray[np.int64], value: Floats) -> tuple[NDArray[np.int64], Floats]:
    per = -(-len(value) // _MOST_POINTS)
    if per <= 1:
        return time_us, value
    whole = len(value) // per * per
    return time_us[:whole:per], value[:whole].reshape(-1, per).mean(axis=1)
