"""Rational subgroups from columns: by count, by time, by the change of another property."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.columns import Series
from dualspan_analytics.kpis.counters import Increments, increments, usable_samples
from dualspan_analytics.spc.model import ChartError, Counts, Flags, Floats, Subgroups

MOST_POINTS = 200_000
"""Points of one chart; more than that nobody looks at, and rules cost memory."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """How samples become subgroups; what is stated holds together.

    Attributes:
        count: So many samples in a row; 0 does not limit it.
        interval_us: Samples of the same window of this length, windows beginning at multiples of it since the epoch.
    """

    count: int = 1
    interval_us: int = 0


@dataclass(frozen=True, slots=True)
class _Samples:
    timestamp: NDArray[np.int64]
    value: Floats
    usable: Flags


def value_subgroups(
    series: Series,
    start_us: int,
    end_us: int,
    grouping: Grouping,
    *,
    trigger: Series | None = None,
    split_by: Series | None = None,
) -> Subgroups:
    """Form subgroups of the measured values in [start_us, end_us).

    Servers report changes only, so that two equal parts in a row give one sample. A trigger tells them apart: at each
    of its changes (a cycle counter, a serial number) the value that held until then becomes one sample.

    Args:
        series: Of the charted property, the last sample before the start among them.
        start_us: Begin, µs.
        end_us: End, µs.
        grouping: How samples become subgroups.
        trigger: One sample for each of its periods; every sample of the series if None.
        split_by: A subgroup never reaches across a change of it (an order, a product).

    Raises:
        ChartError: The values are not numbers, or there would be too many points.
    """
    samples = _held(series, trigger, start_us, end_us) if trigger is not None else _raw(series, start_us, end_us)
    period = _period(split_by, samples.timestamp)
    group, spare = _groups(samples.timestamp, period, grouping)
    kept = group >= 0
    group, usable = group[kept], samples.usable[kept]
    total = int(group[-1]) + 1 if len(group) else 0
    if total > MOST_POINTS:
        raise ChartError(
            "TOO_MANY_POINTS", f"{total} points; at most {MOST_POINTS}. Choose larger subgroups or less time."
        )
    first = np.searchsorted(group, np.arange(total))
    last = np.searchsorted(group, np.arange(total), side="right") - 1
    times = samples.timestamp[kept]
    sizes = np.bincount(group[usable], minlength=total)
    return Subgroups(
        start=times[first],
        end=times[last],
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        values=samples.value[kept][usable],
        left_out=np.bincount(group[~usable], minlength=total),
        labels=_labels(split_by, period[kept][first]),
        spare=spare,
    )


def count_subgroups(
    counted: Sequence[Series],
    inspected: Sequence[Series],
    start_us: int,
    end_us: int,
    *,
    interval_us: int = 0,
    split_by: Series | None = None,
    units: float = 0.0,
    modulus: float = 0.0,
) -> Counts:
    """Form subgroups of what counters counted in [start_us, end_us).

    Windows in which nothing was inspected (the machine stood) give no point; those in which that is not known give
    one without a value.

    Args:
        counted: Counters whose sum is nonconforming units or nonconformities.
        inspected: Counters whose sum is units inspected; none if `units` is stated.
        start_us: Begin, µs.
        end_us: End, µs.
        interval_us: Length of the windows, which begin at multiples of it since the epoch; 0 for none.
        split_by: A window ends where it changes.
        units: Units inspected in each window, where no counter says so.
        modulus: Where counters begin again from 0; 0 if they never do.

    Raises:
        ChartError: Values are not numbers, windows are not stated, or there would be too many.
    """
    if not interval_us and split_by is None:
        raise ChartError("WINDOWS_MISSING", "State the time or the property by which counts are grouped.")
    edges, labels = _windows(start_us, end_us, interval_us, split_by)
    count = _added_up(counted, edges, modulus)
    size = _added_up(inspected, edges, modulus) if inspected else np.full(len(count), units)
    # Scrap is counted, and inspected too.
    every = [*counted, *(series for series in inspected if not any(series is other for other in counted))]
    missing, resets = _lost(every, edges, modulus)
    # Nothing inspected is no point; not knowing it is one without a value.
    keep = np.isnan(count) | np.isnan(size) | (size > 0)
    return Counts(edges[:-1], edges[1:], count, size, missing, labels, resets).chosen(keep)


def only_labelled(data: Subgroups | Counts, labels: Sequence[str]) -> Subgroups | Counts:
    """Those subgroups whose label is one of these; all if none is stated."""
    return data.chosen(np.array([label in labels for label in data.labels], np.bool_)) if labels else data


def _raw(series: Series, start_us: int, end_us: int) -> _Samples:
    # A value that is repeated because nothing was heard is no further measurement.
    inside = (series.timestamp >= start_us) & (series.timestamp < end_us) & ~series.is_held
    return _Samples(series.timestamp[inside], _numbers(series)[inside], usable_samples(series)[inside])


def _held(series: Series, trigger: Series, start_us: int, end_us: int) -> _Samples:
    """The value at the end of each whole period of the trigger."""
    changes = _changes(trigger)
    changes = changes[(changes >= start_us) & (changes < end_us)]
    begins, ends = changes[:-1], changes[1:]
    at = np.searchsorted(series.timestamp, ends, side="left") - 1
    known = at >= 0
    if not len(series):
        return _Samples(begins, np.full(len(begins), np.nan), np.zeros(len(begins), np.bool_))
    at = np.maximum(at, 0)
    return _Samples(begins, _numbers(series)[at], usable_samples(series)[at] & known)


def _changes(series: Series) -> NDArray[np.int64]:
    """int64[n], µs: when the value became another one; Bad samples are as if they were not there."""
    usable = usable_samples(series)
    times, values = series.timestamp[usable], series.value[usable]
    if len(values) < 2:
        return np.empty(0, np.int64)
    return times[1:][values[1:] != values[:-1]]


def _period(split_by: Series | None, times: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[n]: number of the period of the property that each time is in."""
    if split_by is None:
        return np.zeros(len(times), np.int64)
    return np.searchsorted(_changes(split_by), times, side="right")


def _labels(split_by: Series | None, period: NDArray[np.int64]) -> tuple[str, ...]:
    if split_by is None:
        return ()
    usable = usable_samples(split_by)
    values = split_by.value[usable]
    if not len(values):
        return ("",) * len(period)
    distinct = values[np.append(True, values[1:] != values[:-1])]
    return tuple(str(value) for value in distinct[period].tolist())


def _groups(times: NDArray[np.int64], period: NDArray[np.int64], grouping: Grouping) -> tuple[NDArray[np.int64], int]:
    """int64[n]: subgroup of each sample, -1 for one that does not fill any; and how many those are."""
    if not len(times):
        return np.empty(0, np.int64), 0
    window = times // grouping.interval_us if grouping.interval_us else np.zeros(len(times), np.int64)
    begins = np.append(True, (np.diff(window) != 0) | (np.diff(period) != 0))
    if not grouping.count:
        return np.cumsum(begins) - 1, 0
    segment = np.cumsum(begins) - 1
    firsts = np.flatnonzero(begins)
    position = np.arange(len(times)) - firsts[segment]
    lengths = np.diff(np.append(firsts, len(times)))
    filled = position < (lengths // grouping.count * grouping.count)[segment]
    starts = filled & (position % grouping.count == 0)
    return np.where(filled, np.cumsum(starts) - 1, -1), int((~filled).sum())


def _windows(
    start_us: int, end_us: int, interval_us: int, split_by: Series | None
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Edges of the windows in [start_us, end_us), and what the property says in each."""
    edges = [np.array([start_us, end_us], np.int64)]
    if interval_us:
        if (end_us - start_us) // interval_us > MOST_POINTS:
            raise ChartError("TOO_MANY_POINTS", f"More than {MOST_POINTS} points. Choose longer windows or less time.")
        edges.append(np.arange(-(-start_us // interval_us) * interval_us, end_us, interval_us, dtype=np.int64))
    if split_by is not None:
        edges.append(_changes(split_by))
    every = np.unique(np.concatenate(edges))
    every = every[(every >= start_us) & (every <= end_us)]
    return every, _labels(split_by, _period(split_by, every[:-1]))


def _added_up(counters: Sequence[Series], edges: NDArray[np.int64], modulus: float) -> Floats:
    """What counters counted between edges; NaN where that is not known."""
    total = np.zeros(len(edges) - 1)
    for series in counters:
        _numbers(series)
        found = increments(series, int(edges[0]), int(edges[-1]), modulus)
        at = np.searchsorted(edges, found.timestamp, side="right") - 1
        total += np.maximum(np.bincount(at, found.amount, len(total)), 0.0)
        total[_uncertain(found, edges, at)] = np.nan
    return total


def _lost(counters: Sequence[Series], edges: NDArray[np.int64], modulus: float) -> tuple[NDArray[np.int64], int]:
    """Unusable samples between edges, and how often counters did anything but rise."""
    missing, resets = np.zeros(len(edges) - 1, np.int64), 0
    for series in counters:
        lost = series.timestamp[~usable_samples(series)]
        lost = lost[(lost >= edges[0]) & (lost < edges[-1])]
        missing += np.bincount(np.searchsorted(edges, lost, side="right") - 1, minlength=len(missing))
        found = increments(series, int(edges[0]), int(edges[-1]), modulus)
        resets += len(found.resets) + len(found.doubts)
    return missing, resets


def _uncertain(found: Increments, edges: NDArray[np.int64], at: NDArray[np.int64]) -> Flags:
    """bool[windows]: nothing is known of the window, or part of what it has was counted in another one.

    What was counted while there was no good data is known as a sum: windows that a gap reaches into from outside
    cannot be told apart, unless nothing was counted in it.
    """
    starts, ends = edges[:-1], edges[1:]
    unknown = found.bad.covered(starts, ends) >= ends - starts
    blind = np.flatnonzero(found.bad.covered(found.since, found.timestamp) > 0)
    gaps = found.bad.start[np.searchsorted(found.bad.start, found.since[blind], side="left")]
    begins = np.maximum(np.searchsorted(edges, gaps, side="right") - 1, 0)
    for first, last in zip(begins.tolist(), at[blind].tolist(), strict=True):
        if first < last:
            unknown[first : last + 1] = True
    return unknown


def _numbers(series: Series) -> Floats:
    if series.value.dtype.kind not in "fiub":
        raise ChartError("NOT_NUMERIC", "The property has text, not numbers. Chart a measurement or a counter.")
    return series.value.astype(np.float64)
