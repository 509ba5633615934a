"""How long until a value reaches a limit, if it goes on as it does."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.intelligence.table import Floats

# The estimate compares every pair; so many points make a hundred thousand pairs.
_MOST_POINTS = 400
_LEAST_POINTS = 8


@dataclass(frozen=True, slots=True)
class Remaining:
    """When a limit is reached.

    Attributes:
        slope_per_s: Median slope (Theil 1950; Sen 1968), in the unit of the value per second.
        slope_low: Lower end of its confidence interval.
        slope_high: Upper end.
        level: Where the trend stands at the end of the span.
        us: Time until the limit; NaN if it is not approached. 0 if the trend reached it within the span.
        us_low: The earliest time within the confidence; NaN likewise.
        us_high: The latest; infinite if the interval holds slopes that never reach it.
    """

    slope_per_s: float
    slope_low: float
    slope_high: float
    level: float
    us: float
    us_low: float
    us_high: float


def remaining(time_us: NDArray[np.int64], value: Floats, limit: float, confidence: float = 0.9) -> Remaining | None:
    """The time to a limit from a robust trend; None with fewer than eight good values.

    Args:
        time_us: int64[n], ascending.
        value: float64[n]; NaN does not count.
        limit: In the unit of the values.
        confidence: Of the interval.
    """
    from scipy.stats import theilslopes

    there = np.isfinite(value)
    if int(there.sum()) < _LEAST_POINTS:
        return None
    time_us, value = time_us[there], value[there]
    pick = np.unique(np.linspace(0, len(value) - 1, _MOST_POINTS).astype(np.int64))
    seconds = (time_us[pick] - time_us[-1]) / 1e6
    slope, intercept, low, high = np.asarray(theilslopes(value[pick], seconds, confidence), np.float64).tolist()
    if (intercept + slope * float(seconds[0]) - limit) * (intercept - limit) <= 0.0:
        return Remaining(slope, low, high, intercept, 0.0, 0.0, 0.0)
    ways = sorted(
        (_seconds(limit - intercept, each) for each in (low, slope, high)), key=lambda way: (np.isnan(way), way)
    )
    known = [way for way in ways if not np.isnan(way)]
    best = _seconds(limit - intercept, slope)
    return Remaining(
        slope_per_s=slope,
        slope_low=low,
        slope_high=high,
        level=intercept,
        us=best * 1e6,
        us_low=known[0] * 1e6 if known else float("nan"),
        us_high=float("inf") if len(known) < len(ways) else known[-1] * 1e6,
    )


def _seconds(distance: float, slope: float) -> float:
    """Seconds for a distance at a slope; NaN if the slope leads away."""
    if distance == 0.0:
        return 0.0
    return distance / slope if slope != 0.0 and distance / slope > 0.0 else float("nan")
