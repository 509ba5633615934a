"""Rates of change over a span, for many conditions at once."""

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.alarms.table import Tail

_POINTS_PER_SPAN = 128
_MINUTE_US = 60_000_000


def rates(
    tail: Tail,
    row: NDArray[np.int64],
    timestamp: NDArray[np.int64],
    value: NDArray[np.float64],
    span: NDArray[np.int64],
) -> tuple[NDArray[np.float64], Tail]:
    """How fast values changed: against the newest value that is at least the span older.

    Args:
        tail: What is kept of samples before.
        row: int64 (p,), ascending: the condition of each sample.
        timestamp: int64 (p,), ascending within a condition, microseconds.
        value: float64 (p,).
        span: int64 (n,) of all conditions, microseconds.

    Returns:
        float64 (p,), per minute, NaN where nothing is that old yet; and the tail for the next call. It keeps about 128
        values for a span at the most, so that a fast signal costs no more memory than a slow one.
    """
    rows = np.concatenate([tail.row, row])
    times = np.concatenate([tail.timestamp, timestamp])
    values = np.concatenate([tail.value, value])
    order = np.lexsort((times, rows))
    rows, times, values = rows[order], times[order], values[order]
    older = _newest_before(rows, times, row, timestamp - span[row])
    minutes = (timestamp - times[older]) / _MINUTE_US
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(older >= 0, (value - values[older]) / minutes, np.nan)
    return found, _thinned(rows, times, values, span)


def _newest_before(
    rows: NDArray[np.int64], times: NDArray[np.int64], row: NDArray[np.int64], limit: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Place of the newest entry of each row that is not newer than its limit, -1 without any."""
    # Ranks instead of times, so that a row and a time fit into one number whatever the times are.
    ranks, inverse = np.unique(np.concatenate([times, limit]), return_inverse=True)
    width = len(ranks)
    keys = rows * width + inverse[: len(times)]
    found = np.searchsorted(keys, row * width + inverse[len(times) :], "right") - 1
    return np.where((found >= 0) & (rows[found] == row), found, -1)


def _thinned(
    rows: NDArray[np.int64], times: NDArray[np.int64], values: NDArray[np.float64], span: NDArray[np.int64]
) -> Tail:
    last = np.flatnonzero(np.append(rows[1:] != rows[:-1], True))
    needed = _newest_before(rows, times, rows[last], times[last] - span[rows[last]])
    first_needed = np.repeat(needed, np.diff(last, prepend=-1))
    spacing = np.maximum(span[rows] // _POINTS_PER_SPAN, 1)
    bucket = times // spacing
    begins = np.append(True, (rows[1:] != rows[:-1]) | (bucket[1:] != bucket[:-1]))
    keep = (np.arange(len(rows)) >= first_needed) & (begins | (np.arange(len(rows)) == first_needed))
    return Tail(rows[keep], times[keep], values[keep])
