"""Time-weighted sums: the line through samples and bounding values, cut at the edges of intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_historian.read.bounds import Bounds
from dualspan_historian.read.intervals import Intervals


@dataclass(frozen=True, slots=True)
class Areas:
    """Sums over each interval, shape (m,).

    Attributes:
        area: Value times seconds, of the pieces that count.
        good_seconds: How long those are.
        bad_seconds: How long the pieces are that begin with a bad value, or with none.
    """

    area: NDArray[np.float64]
    good_seconds: NDArray[np.float64]
    bad_seconds: NDArray[np.float64]


def areas(
    ts: NDArray[np.int64],
    value: NDArray[np.float64],
    good: NDArray[np.bool_],
    bounds: Bounds,
    intervals: Intervals,
    *,
    sloped: bool,
    to_uncertain: bool = False,
) -> Areas:
    """Sum the pieces between neighbouring points (samples and edges).

    Args:
        ts: Timestamps of the samples, sorted, shape (n,).
        value: Their values.
        good: Which of them count.
        bounds: Values at the edges.
        intervals: The intervals.
        sloped: A piece is a straight line, and counts only when both ends are good; otherwise it holds its first
            value, and counts when that is good.
        to_uncertain: A line to or from an uncertain edge counts too.
    """
    edges = intervals.edges
    place = np.searchsorted(ts, edges, side="left")
    at = place + np.arange(len(edges))
    points, values = np.insert(ts, place, edges), np.insert(value, place, bounds.value)
    begins = np.insert(good, place, bounds.known)
    ends = np.insert(good, place, bounds.known if to_uncertain else bounds.certain)
    low, high = int(at[0]), int(at[-1])
    seconds = np.diff(points[low : high + 1]) / 1e6
    left, right = values[low:high], values[low + 1 : high + 1]
    counts = begins[low:high]
    if sloped:
        counts = counts & ends[low:high] & ends[low + 1 : high + 1]
    with np.errstate(invalid="ignore", over="ignore"):
        area = (left + right) / 2 * seconds if sloped else left * seconds
    starts = at[:-1] - low
    return Areas(
        np.add.reduceat(np.where(counts, area, 0.0), starts),
        np.add.reduceat(np.where(counts, seconds, 0.0), starts),
        np.add.reduceat(np.where(begins[low:high], 0.0, seconds), starts),
    )
