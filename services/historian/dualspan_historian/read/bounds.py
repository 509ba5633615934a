"""Bounding values: what a tag's value is at the edges of intervals. Part 13, 3.1.8 and 3.1.9, 5.4.3.4."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_historian.read.samples import Rules, Samples


@dataclass(frozen=True, slots=True)
class Bounds:
    """Values at edges.

    Attributes:
        value: float64, shape (m + 1,); NaN where there is none.
        known: There is a value.
        certain: It is good: neither extrapolated, nor was a bad sample passed over.
        exact: It is a raw sample of exactly that time.
    """

    value: NDArray[np.float64]
    known: NDArray[np.bool_]
    certain: NDArray[np.bool_]
    exact: NDArray[np.bool_]


def interpolated(samples: Samples, edges: NDArray[np.int64], rules: Rules, *, sloped: bool) -> Bounds:
    """Interpolated bounding values: from the nearest good samples, passing over bad ones."""
    ts, value = samples.good_ts, samples.good_value
    if not len(ts):
        return _nothing(len(edges))
    after = np.searchsorted(ts, edges, side="right")
    known = after > 0
    before = np.maximum(after - 1, 0)
    exact = known & (ts[before] == edges)
    first = np.searchsorted(ts, edges, side="left")  # of several samples at that time the first
    at = np.where(exact, np.minimum(first, len(ts) - 1), before)
    ended = after == len(ts)
    result = value[at]
    if sloped:
        result = np.where(exact | ended, result, _line(ts, value, before, np.minimum(after, len(ts) - 1), edges))
    if rules.sloped_extrapolation and sloped:
        result = np.where(ended & ~exact, _extrapolated(ts, value, edges), result)
    certain = known & (exact | (_clean(samples, edges, sloped=sloped) & ~ended))
    return Bounds(np.where(known, result, np.nan), known, certain, exact)


def simple(samples: Samples, edges: NDArray[np.int64], *, sloped: bool) -> Bounds:
    """Simple bounding values: from the samples right before and after, good or not."""
    ts = samples.ts
    if not len(ts):
        return _nothing(len(edges))
    after = np.searchsorted(ts, edges, side="right")
    before = np.maximum(after - 1, 0)
    following = np.minimum(after, len(ts) - 1)
    first = np.searchsorted(ts, edges, side="left")
    exact = (after > 0) & (ts[before] == edges)
    at = np.where(exact, np.minimum(first, len(ts) - 1), before)
    known = (after > 0) & samples.good[at]
    result = samples.value[at]
    certain = known.copy()
    if sloped:
        line = (after < len(ts)) & samples.good[following]
        result = np.where(exact | ~line, result, _line(ts, samples.value, before, following, edges))
        certain &= exact | line
    return Bounds(np.where(known, result, np.nan), known, certain, exact & known)


def _nothing(count: int) -> Bounds:
    none = np.zeros(count, np.bool_)
    return Bounds(np.full(count, np.nan), none, none, none)


def _line(
    ts: NDArray[np.int64],
    value: NDArray[np.float64],
    before: NDArray[np.integer],
    after: NDArray[np.integer],
    edges: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Values at edges on the lines between the rows `before` and `after`."""
    span = np.maximum(ts[after] - ts[before], 1)
    with np.errstate(invalid="ignore", over="ignore"):
        return value[before] + (value[after] - value[before]) * ((edges - ts[before]) / span)


def _extrapolated(ts: NDArray[np.int64], value: NDArray[np.float64], edges: NDArray[np.int64]) -> NDArray[np.float64]:
    """Values at edges on the line through the last two samples of different times."""
    other = int(np.searchsorted(ts, ts[-1], side="left")) - 1
    if other < 0:
        return np.full(len(edges), value[-1])
    with np.errstate(invalid="ignore", over="ignore"):
        slope = (value[-1] - value[other]) / float(ts[-1] - ts[other])
        return value[-1] + slope * (edges - ts[-1])


def _clean(samples: Samples, edges: NDArray[np.int64], *, sloped: bool) -> NDArray[np.bool_]:
    """Whether the sample right before each edge, and for a line the one right after, is good."""
    after = np.searchsorted(samples.ts, edges, side="right")
    clean = samples.good[np.maximum(after - 1, 0)]
    if sloped:
        clean &= samples.good[np.minimum(after, len(samples.ts) - 1)]
    return clean
