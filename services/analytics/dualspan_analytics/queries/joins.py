"""Joining series in time: which value each row gets. Pure, columnar."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.columns import Series
from dualspan_analytics.queries.model import BAD_NO_DATA, Join

_FOREVER = (1 << 62) - 1


@dataclass(frozen=True, slots=True)
class Joined:
    """Values of rows; arrays of one length.

    Attributes:
        value: As the series has them, float64 where they lie on a line.
        missing: bool: no sample is near enough, or it is bad.
        status: uint32; Bad_NoData where no sample is near enough.
    """

    value: NDArray[Any]
    missing: NDArray[np.bool_]
    status: NDArray[np.uint32]


def join(series: Series, rows: NDArray[np.int64], kind: Join, tolerance_us: int | None = None) -> Joined:
    """The value of a series at each row's time.

    Args:
        series: Ascending in time; of several samples of one time the last one counts.
        rows: int64, µs.
        kind: Which value a row gets.
        tolerance_us: A sample farther from its row is not used; None if any is.
    """
    if not len(series):
        return _nothing(series, len(rows))
    tolerance = _FOREVER if tolerance_us is None else tolerance_us
    before = np.searchsorted(series.timestamp, rows, side="right") - 1
    if kind is Join.LINEAR:
        return _on_lines(series, rows, before, tolerance)
    at = before if kind is Join.LAST else _nearer(series, rows, before)
    distance = np.abs(rows - series.timestamp[np.maximum(at, 0)])
    return _taken(series, at, (at >= 0) & (distance <= tolerance))


def union(series: Sequence[Series], start_us: int, end_us: int) -> NDArray[np.int64]:
    """Every time in [start, end) at which any of the series has a sample, int64, rising."""
    inside = [each.timestamp[(each.timestamp >= start_us) & (each.timestamp < end_us)] for each in series]
    return np.unique(np.concatenate(inside)) if inside else np.empty(0, np.int64)


def horizon(series: Series, now_us: int) -> int:
    """Up to here something is known, µs: up to now, or up to the last sample of a clock that is ahead."""
    return max(now_us, int(series.timestamp[-1]) + 1) if len(series) else now_us


def without_future(found: Joined, rows: NDArray[np.int64], until_us: int) -> Joined:
    """The same with rows from `until_us` on missing: the last value holds until now and no longer."""
    future = rows >= until_us
    if not future.any():
        return found
    status = np.where(future, np.uint32(BAD_NO_DATA), found.status).astype(np.uint32)
    return Joined(found.value, found.missing | future, status)


def share_of_intervals(series: Series, edges: NDArray[np.int64], until_us: int = _FOREVER) -> NDArray[np.float64]:
    """The share of time with good data in each interval between edges, float64, shape (len(edges) - 1,).

    A sample holds until the next one: the time after a good sample is good. Before the first sample there is none, and
    neither from `until_us` on.
    """
    if not len(series):
        return np.zeros(len(edges) - 1)
    length, edges = np.diff(edges), np.minimum(edges, until_us)
    is_good = good_samples(series)
    lengths = np.diff(series.timestamp) * is_good[:-1]
    good = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    at = np.searchsorted(series.timestamp, edges, side="right") - 1
    row = np.maximum(at, 0)
    partly = (edges - series.timestamp[row]) * is_good[row]
    until = np.where(at >= 0, good[row] + partly, 0)
    return np.diff(until) / np.maximum(length, 1)


def good_samples(series: Series) -> NDArray[np.bool_]:
    """bool[n]: samples of Good status that are a number, where they are to be one."""
    return series.is_good & is_number(series.value)


def is_number(value: NDArray[Any]) -> NDArray[np.bool_]:
    """bool[n]: neither NaN nor infinite; what is no float64 is never either."""
    return np.isfinite(value) if value.dtype.kind == "f" else np.ones(len(value), np.bool_)


def _taken(series: Series, at: NDArray[np.integer], found: NDArray[np.bool_]) -> Joined:
    row = np.maximum(at, 0)
    status = np.where(found, series.status[row], np.uint32(BAD_NO_DATA)).astype(np.uint32)
    return Joined(series.value[row], (status >> 31) == 1, status)


def _nearer(series: Series, rows: NDArray[np.int64], before: NDArray[np.integer]) -> NDArray[np.integer]:
    last = len(series) - 1
    after = np.minimum(before + 1, last)
    # Of several samples at that later time the last one counts too.
    after = np.searchsorted(series.timestamp, series.timestamp[after], side="right") - 1
    to_before = rows - series.timestamp[np.maximum(before, 0)]
    to_after = series.timestamp[after] - rows
    take_after = (before < 0) | ((before < last) & (to_after < to_before))
    return np.where(take_after, after, before)


def _on_lines(series: Series, rows: NDArray[np.int64], before: NDArray[np.integer], tolerance: int) -> Joined:
    ts, value = series.timestamp, series.value.astype(np.float64)
    low = np.maximum(before, 0)
    high = np.minimum(before + 1, len(series) - 1)
    exact = (before >= 0) & (ts[low] == rows)
    between = (before >= 0) & (before + 1 < len(series))
    near = between & (rows - ts[low] <= tolerance) & (ts[high] - rows <= tolerance)
    span = np.maximum(ts[high] - ts[low], 1)
    with np.errstate(invalid="ignore", over="ignore"):
        line = value[low] + (value[high] - value[low]) * ((rows - ts[low]) / span)
    status = np.where(exact, series.status[low], np.maximum(series.status[low], series.status[high]))
    # There is no line to what is no number.
    drawn = near & np.isfinite(line)
    status = np.where(exact | drawn, status, np.uint32(BAD_NO_DATA)).astype(np.uint32)
    return Joined(np.where(exact, value[low], line), (status >> 31) == 1, status)


def _nothing(series: Series, count: int) -> Joined:
    value = np.empty(count, series.value.dtype)
    value[:] = "" if series.value.dtype == object else 0
    return Joined(value, np.ones(count, np.bool_), np.full(count, BAD_NO_DATA, np.uint32))
