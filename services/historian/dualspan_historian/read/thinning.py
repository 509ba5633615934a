"""Which samples of a tag a chart needs: M4 (Jugel et al., VLDB 2014), and the worst quality. Arrays in and out."""

import numpy as np
from numpy.typing import NDArray

from dualspan_historian.model import SEVERITY_BAD

_SEVERITY_SHIFT = 30


def columns_of(start: int, end: int, points: int) -> NDArray[np.int64]:
    """Return the edges of columns of equal width from `start` to `end`, in microseconds, shape (points + 1,)."""
    # In Python's integers: a span of centuries times the number of a column does not fit into 64 bits.
    return np.array([start + (end - start) * place // points for place in range(points + 1)], np.int64)


def thin(
    ts: NDArray[np.int64], value: NDArray[np.float64] | None, status: NDArray[np.uint32], edges: NDArray[np.int64]
) -> NDArray[np.intp]:
    """Return the rows to draw: of each column the first, the last, the first of the worst quality, and the extremes.

    Values that are bad or NaN are no extremes.

    Args:
        ts: int64 microseconds within the edges, never falling, shape (n,).
        value: float64, shape (n,); None where values have no order: then there are no extremes.
        status: uint32, shape (n,).
        edges: Of the columns, in microseconds, rising, shape (m + 1,).

    Returns:
        Distinct rows in order, at most five for each column.
    """
    starts = np.unique(np.searchsorted(ts, edges[:-1], side="left"))
    starts = starts[starts < len(ts)]
    if not len(starts):
        return np.empty(0, np.intp)
    sizes = np.diff(np.append(starts, len(ts)))
    picked = [starts, starts + sizes - 1]
    good = status < SEVERITY_BAD
    if value is not None:
        good &= ~np.isnan(value)
    if not good.all():
        worst = np.where(good, status >> np.uint32(_SEVERITY_SHIFT), np.uint32(3))
        picked.append(_first_rows(worst, np.maximum.reduceat(worst, starts), starts, sizes))
    elif (severity := status >> np.uint32(_SEVERITY_SHIFT)).any():
        picked.append(_first_rows(severity, np.maximum.reduceat(severity, starts), starts, sizes))
    if value is not None:
        picked += _extremes(value, good, starts, sizes)
    return np.unique(np.concatenate(picked))


def _extremes(
    value: NDArray[np.float64], good: NDArray[np.bool_], starts: NDArray[np.intp], sizes: NDArray[np.intp]
) -> list[NDArray[np.intp]]:
    if good.all():
        low = high = value
    else:
        low, high = np.where(good, value, np.inf), np.where(good, value, -np.inf)
    least = _first_rows(low, np.minimum.reduceat(low, starts), starts, sizes)
    most = _first_rows(high, np.maximum.reduceat(high, starts), starts, sizes)
    # Where nothing is good, what was found stands for nothing.
    return [least[good[least]], most[good[most]]]


def _first_rows(
    values: NDArray[np.float64] | NDArray[np.uint32],
    wanted: NDArray[np.float64] | NDArray[np.uint32],
    starts: NDArray[np.intp],
    sizes: NDArray[np.intp],
) -> NDArray[np.intp]:
    """Return the first row of each group that has the group's wanted value."""
    rows = np.flatnonzero(values == np.repeat(wanted, sizes))
    return rows[np.searchsorted(rows, starts, side="left")]
