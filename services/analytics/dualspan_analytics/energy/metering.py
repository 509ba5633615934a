"""Energy from what meters show: counters, or power where there is no counter."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.columns import Series
from dualspan_analytics.intervals import Intervals, Micros
from dualspan_analytics.kpis.counters import Increments, bad_time, increments, usable_samples
from dualspan_analytics.units import convert

Floats = NDArray[np.float64]
HOUR_US = 3_600_000_000
ENERGY_UNIT = "kW.h"
# How many readings say what is usual, and how many times that silence must last to mean that nothing is counted.
_RECENT = 100
_PATIENCE = 3.0
POWER_UNIT = "kW"


@dataclass(frozen=True, slots=True)
class Metered:
    """Energy that was used until each of some times, straight between them.

    Attributes:
        time: int64[n], µs, ascending.
        total: float64[n], kWh since the first of them, never falling.
        bad: Time without good data. What a counter counted in it is known as a sum and spread evenly; what power was
            drawn in it is not known at all.
        is_counted: A counter says so; otherwise power was integrated, and `bad` is missing from the total.
        notes: What a reader must know.
    """

    time: Micros
    total: Floats
    bad: Intervals
    is_counted: bool
    notes: tuple[str, ...] = field(default=())

    def between(self, edges: Micros) -> Floats:
        """float64[n]: kWh used between each two of n + 1 edges; NaN where nothing at all is known."""
        if len(self.time) < 2:
            return np.full(len(edges) - 1, np.nan)
        used = np.diff(np.interp(edges, self.time, self.total))
        known = (np.minimum(edges[1:], self.time[-1]) > np.maximum(edges[:-1], self.time[0])) & (
            self.is_counted | (self.good_share(edges) > 0)
        )
        return np.where(known, used, np.nan)

    def good_share(self, edges: Micros) -> Floats:
        """float64[n]: share of the time between each two of n + 1 edges with good data."""
        length = np.diff(edges)
        return 1.0 - self.bad.covered(edges[:-1], edges[1:]) / np.maximum(length, 1)


@dataclass(frozen=True, slots=True)
class Pieces:
    """Energy of a meter in pieces of time, of which longer spans are made.

    Attributes:
        edges: int64[n + 1], µs.
        energy: float64[n], kWh; NaN where nothing is known.
        share: float64[n]: share of the time with good data.
        notes: What a reader must know.
    """

    edges: Micros
    energy: Floats
    share: Floats
    notes: tuple[str, ...] = field(default=())

    def between(self, edges: Micros) -> Floats:
        """float64[n]: kWh between each two of n + 1 of its own edges; NaN where nothing at all is known."""
        known = np.isfinite(self.energy)
        used = self._summed(np.where(known, self.energy, 0.0), edges)
        return np.where(self._summed(known.astype(np.float64), edges) > 0, used, np.nan)

    def good_share(self, edges: Micros) -> Floats:
        """float64[n]: share of the time with good data between each two of n + 1 of its own edges."""
        return self._summed(self.share * np.diff(self.edges), edges) / np.maximum(np.diff(edges), 1)

    def _summed(self, values: Floats, edges: Micros) -> Floats:
        total = np.concatenate([[0.0], np.cumsum(values)])
        return np.diff(total[np.searchsorted(self.edges, edges)])


def cut(meter: Metered, edges: Micros) -> Pieces:
    """What a meter says of pieces of time, in much less memory than its readings."""
    return Pieces(edges, meter.between(edges), meter.good_share(edges), meter.notes)


def from_counter(series: Series, start_us: int, end_us: int, modulus: float = 0.0) -> Metered:
    """What a meter counted around [start_us, end_us).

    Between two readings the energy is taken to be used evenly: a meter that is read every quarter of an hour says no
    more, and one that is read every second is off by no more than a second.

    Args:
        series: Readings in a unit of energy, ascending; one before the start and one after the end make the ends exact.
        start_us: Begin, µs.
        end_us: End, µs.
        modulus: In the unit of the series: where the meter begins again with 0; 0: never.

    Raises:
        InvalidArgument: The unit is none of energy.
    """
    first = min(start_us, int(series.timestamp[0])) if len(series) else start_us
    last = max(end_us, int(series.timestamp[-1]) + 1) if len(series) else end_us
    found = increments(series, first, last, modulus)
    usable = usable_samples(series)
    readings = series.timestamp[usable]
    if len(series) and usable[-1] and _stands(readings, end_us):
        readings = np.append(readings, end_us)
    counted = np.searchsorted(found.timestamp, readings, side="right")
    # A little that was taken back is no energy that was given back.
    steps = np.maximum.accumulate(np.concatenate([[0.0], np.cumsum(found.amount)]))
    total = convert(steps[counted], series.unit, ENERGY_UNIT)
    notes = _notes(found, start_us, end_us)
    return Metered(readings, total, bad_time(series, start_us, end_us), is_counted=True, notes=notes)


def _notes(found: Increments, start_us: int, end_us: int) -> tuple[str, ...]:
    """What a reader must know of what a meter counted in [start_us, end_us)."""
    return tuple(
        words.format("once" if count == 1 else f"{count} times")
        for times, words in (
            (found.resets, "The meter was reset {}; what it counted just before is missing."),
            (found.backwards, "The meter went backwards {}; that is counted as no use."),
            (found.dropped, "The meter showed {} what cannot be true; that is left out."),
            (found.jumps, "The meter jumped ahead {}, by far more than it counts in that time."),
        )
        if (count := int(((times >= start_us) & (times < end_us)).sum()))
    )


def _stands(readings: Micros, end_us: int) -> bool:
    """Whether the meter has shown the same for so long that it would have been read again if it had counted.

    Servers send changes only: a machine that is switched off has no readings. One that is read every quarter of an
    hour has none either in the last few minutes, of which nothing can be said.
    """
    if len(readings) < 2:
        return False
    usual = float(np.median(np.diff(readings[-_RECENT:])))
    return end_us - readings[-1] > _PATIENCE * usual


def from_power(series: Series, start_us: int, end_us: int) -> Metered:
    """Power integrated over [start_us, end_us): each value holds until the next, as servers send changes only.

    Args:
        series: Power in a unit of power, ascending, the last sample before the start among them.
        start_us: Begin, µs.
        end_us: End, µs.

    Raises:
        InvalidArgument: The unit is none of power.
    """
    inside = (series.timestamp > start_us) & (series.timestamp < end_us)
    times = np.concatenate([[start_us], series.timestamp[inside], [end_us]]).astype(np.int64)
    at = np.searchsorted(series.timestamp, times[:-1], side="right") - 1
    power = np.zeros(len(times) - 1)
    if len(series):
        values = convert(series.value.astype(np.float64), series.unit, POWER_UNIT)
        power = np.where((at >= 0) & usable_samples(series)[at], values[at], 0.0)
    used = np.where(np.isfinite(power), power, 0.0) * np.diff(times) / HOUR_US
    total = np.concatenate([[0.0], np.cumsum(np.maximum(used, 0.0))])
    bad = bad_time(series, start_us, end_us)
    notes = ["The energy is power integrated over time; no meter counted it."]
    if bad.total:
        notes.append("What was drawn while there was no good data is not in it.")
    if (used < 0).any():
        notes.append("Power flowed back at times; that is counted as no use.")
    return Metered(times, total, bad, is_counted=False, notes=tuple(notes))
