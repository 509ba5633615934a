"""Losses: how much time each reason cost, how often machines failed and how long that took."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.intervals import Intervals, Micros
from dualspan_analytics.states.model import Element
from dualspan_analytics.states.stops import Stops
from dualspan_analytics.states.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Pareto:
    """Losses by key, the largest first.

    Attributes:
        key: int64[n], what was counted by.
        count: int64[n], stops.
        duration: int64[n], µs.
        share: float64[n], of the whole duration.
        cumulative: float64[n], of this and all larger ones.
    """

    key: NDArray[np.int64]
    count: NDArray[np.int64]
    duration: NDArray[np.int64]
    share: NDArray[np.float64]
    cumulative: NDArray[np.float64]


def pareto(key: NDArray[np.int64], duration: NDArray[np.int64]) -> Pareto:
    """Add up stops by a key.

    Args:
        key: int64[n], of each stop.
        duration: int64[n], µs.
    """
    unique, inverse = np.unique(key, return_inverse=True)
    count = np.bincount(inverse, minlength=len(unique)).astype(np.int64)
    total = np.bincount(inverse, weights=duration, minlength=len(unique)).astype(np.int64)
    order = np.lexsort((unique, -total))
    unique, count, total = unique[order], count[order], total[order]
    whole = int(total.sum())
    share = total / whole if whole else np.zeros(len(total))
    return Pareto(unique, count, total, share, np.cumsum(share))


def within(stops: Stops, windows: Intervals) -> NDArray[np.int64]:
    """int64[n]: µs of each stop that lie in the windows."""
    return windows.covered(stops.start, stops.end)


def failure_starts(line: Timeline) -> Micros:
    """int64[n], µs: when failures began (ISO 22400-2, FE: the machine goes down without a plan).

    One lasts until something else is known of the machine: time without good data does not cut it in two, and neither
    does a reason that changes. One that nobody saw begin, because it is there at the start, began before.
    """
    known = line.element != Element.UNKNOWN
    down = line.element[known] == Element.ADOT
    return line.start[known][down & ~np.append(True, down[:-1])[: len(down)]]


def unseen_starts(line: Timeline) -> Intervals:
    """Where it takes what was before to tell whether a failure began: none is known to run up to these spans' ends.

    Each is time of which nobody knows the state and behind which the machine is down, with the known part before it,
    or from the start of the timeline if there is none.
    """
    known = np.flatnonzero(line.element != Element.UNKNOWN)
    down = line.element[known] == Element.ADOT
    found = np.flatnonzero(down & (np.diff(known, prepend=-1) > 1))
    before = np.where(found > 0, line.start[known[found - 1]], line.start[0])
    return Intervals(before, line.start[known[found]])
