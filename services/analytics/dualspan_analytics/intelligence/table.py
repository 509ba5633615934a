"""A machine on a grid of time: what models are trained on and judge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from dualspan_analytics.columns import Series
from dualspan_analytics.intelligence.watching import StateRule, Summary, Watched

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Table:
    """One machine, step by step; all columns have n rows.

    Attributes:
        start_us: Where the first step begins, µs since the Unix epoch.
        step_us: Length of a step.
        run_share: float64[n], share of each step in which it ran; NaN where nobody knows.
        failed: bool[n], whether it stood broken down at the end of the step.
        categories: For each category its values at the ends of the steps, object[n] (str; None where unknown).
        columns: For each watched property the summary of each step, float64[n]; NaN without good data.
    """

    start_us: int
    step_us: int
    run_share: Floats
    failed: Bools
    categories: Mapping[str, NDArray[Any]]
    columns: Mapping[Watched, Floats]

    def __len__(self) -> int:
        return len(self.run_share)

    @property
    def end_us(self) -> int:
        """Where the last step ends."""
        return self.start_us + len(self) * self.step_us

    @property
    def ends_us(self) -> NDArray[np.int64]:
        """int64[n]: where each step ends, which is when it can be judged."""
        return self.start_us + self.step_us * np.arange(1, len(self) + 1, dtype=np.int64)

    def row(self, time_us: int) -> int:
        """The first step that begins at or after a time, within 0 and n."""
        return int(np.clip(-((self.start_us - time_us) // self.step_us), 0, len(self)))

    def cut(self, first: int, last: int) -> "Table":
        """The steps [first, last)."""
        return Table(
            start_us=self.start_us + first * self.step_us,
            step_us=self.step_us,
            run_share=self.run_share[first:last],
            failed=self.failed[first:last],
            categories={name: values[first:last] for name, values in self.categories.items()},
            columns={watched: values[first:last] for watched, values in self.columns.items()},
        )


def words(values: NDArray[Any]) -> NDArray[Any]:
    """object[n]: values of a state or category as text; True is `true`, and 6.0 is `6`."""
    if values.dtype == np.bool_:
        return np.where(values, "true", "false").astype(object)
    if values.dtype.kind == "f":
        whole = np.where(np.isfinite(values), values, 0.0).astype(np.int64)
        exact = np.where(whole == values, whole.astype(str).astype(object), values.astype(str).astype(object))
        return exact.astype(object)
    return values.astype(str).astype(object)


def held(series: Series, times_us: NDArray[np.int64]) -> NDArray[Any]:
    """object[n]: the value in force at each time, as text; None where there is none or it is Bad."""
    if not len(series):
        return np.full(len(times_us), None, object)
    at = np.searchsorted(series.timestamp, times_us, side="right") - 1
    values = words(series.value)[np.maximum(at, 0)]
    values[(at < 0) | series.is_bad[np.maximum(at, 0)]] = None
    return values


def run_share(series: Series, rule: StateRule, edges_us: NDArray[np.int64]) -> Floats:
    """float64[n] of n + 1 edges: the share of each step in which the machine ran; NaN where its state is not known.

    A step of which less than half is known counts as not known.
    """
    steps = len(edges_us) - 1
    if not len(series):
        return np.full(steps, np.nan)
    good = ~series.is_bad
    runs = np.isin(words(series.value), rule.running) & good
    known_us = _integral(series.timestamp, good, edges_us)
    runs_us = _integral(series.timestamp, runs, edges_us)
    known, ran = np.diff(known_us), np.diff(runs_us)
    enough = known * 2 >= np.diff(edges_us)
    return np.where(enough, ran / np.maximum(known, 1.0), np.nan)


def _integral(timestamp: NDArray[np.int64], on: Bools, at_us: NDArray[np.int64]) -> Floats:
    """µs up to each time in which a held flag was set."""
    spans = np.diff(timestamp) * on[:-1]
    before = np.concatenate([[0], np.cumsum(spans)])
    place = np.searchsorted(timestamp, at_us, side="right") - 1
    first = np.maximum(place, 0)
    return np.where(place >= 0, before[first] + (at_us - timestamp[first]) * on[first], 0).astype(np.float64)


def trailing(values: Floats, width: int, summary: Summary) -> Floats:
    """float64[n]: mean, maximum or minimum of the last `width` steps; NaN where one of them is missing."""
    result = np.full(len(values), np.nan)
    if len(values) < width:
        return result
    windows = sliding_window_view(values, width)
    reduce = {Summary.MEAN: np.mean, Summary.MAXIMUM: np.max, Summary.MINIMUM: np.min}[summary]
    result[width - 1 :] = reduce(windows, axis=1)
    return result
