"""One machine's time cut into cells, and what happened in each: the smallest things that KPIs are sums of."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.intervals import Intervals, Micros, pieces
from dualspan_analytics.kpis.counters import Increments
from dualspan_analytics.kpis.measures import MEASURES, TIME_ELEMENTS, Measure, Measures
from dualspan_analytics.states.losses import failure_starts
from dualspan_analytics.states.model import Element
from dualspan_analytics.states.timeline import Steps, Timeline


@dataclass(frozen=True, slots=True)
class Frame:
    """What the time is cut by.

    Attributes:
        start: int64[s], starts of the slots, ascending, disjoint: occurrences of shifts and the times between them.
        end: int64[s].
        in_shift: bool[s], whether a slot is of a shift.
        stops: Planned stops of the calendar.
        product: Which product is made.
        order: For which order.
    """

    start: Micros
    end: Micros
    in_shift: NDArray[np.bool_]
    stops: Intervals
    product: Steps
    order: Steps


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted and measured.

    Attributes:
        quantities: Increments by GOOD, SCRAP and REWORK.
        run_time: Planned run time per item (PRI) as it held.
        energy: Increments of the meter, kWh; None: it has none.
    """

    quantities: Mapping[Measure, Increments]
    run_time: "RunTime"
    energy: Increments | None


@dataclass(frozen=True, slots=True)
class RunTime:
    """Planned run time per item (PRI) from each time on.

    Attributes:
        start: int64[n], µs.
        value: float64[n], µs per item; 0: not known.
    """

    start: Micros
    value: NDArray[np.float64]

    def at(self, t: Micros) -> NDArray[np.float64]:
        """float64[m]: the value at each time."""
        if len(self.value) == 1:
            return np.full(len(t), self.value[0])
        return self.value[np.maximum(np.searchsorted(self.start, t, side="right") - 1, 0)]


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of one machine: one for each slot, product and order.

    Attributes:
        slot: int64[n], index into the frame's slots, ascending.
        product: int32[n], as the frame has them.
        order: int32[n].
        measures: float64[n, MEASURES].
    """

    slot: NDArray[np.int64]
    product: NDArray[np.int32]
    order: NDArray[np.int32]
    measures: Measures

    def __len__(self) -> int:
        return len(self.slot)


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The slots' time cut at everything, and the cell and kind of each piece."""

    start: Micros
    end: Micros
    cell: NDArray[np.int64]
    in_shift: NDArray[np.bool_]
    count: int

    def cell_at(self, t: Micros) -> NDArray[np.int64]:
        """int64[n]: the cell of each time; `count` outside of all slots."""
        place = np.searchsorted(self.start, t, side="right") - 1
        inside = (place >= 0) & (t < self.end[place])
        return np.where(inside, self.cell[place], self.count)

    def add(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64[count]: the sum of the pieces of each cell."""
        return np.bincount(self.cell, weights=weights, minlength=self.count).astype(np.float64, copy=False)

    def add_at(self, cell: NDArray[np.int64], weights: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """float64[count]: the sum of what happened in cells; what is outside of all slots is left out."""
        return np.bincount(cell, weights=weights, minlength=self.count + 1)[: self.count].astype(np.float64, copy=False)


def cells(line: Timeline, frame: Frame, counted: Counted) -> Cells:
    """Cut a machine's time, and add up what happened in each cell.

    Outside of shifts only quantities, energy and the length count: a machine is not to run there, so no time there can
    be lost. A planned stop of the calendar does not count as lost either, unless the machine produced in it.

    Args:
        line: What the machine did, over the whole span.
        frame: What to cut by; slots may reach beyond the span.
        counted: What was counted.
    """
    bad = _bad(line, counted)
    cut, found = _cut(line, frame)
    measures = found.measures
    _add_times(measures, cut, line, frame, counted)
    _add_bad(measures, cut, bad)
    _add_counts(measures, cut, line, counted)
    _add_doubts(measures, cut, counted)
    measures[:, Measure.FAILURES] = cut.add_at(cut.cell_at(failure_starts(line)))
    _apart(measures, ~frame.in_shift[found.slot])
    return found


@dataclass(frozen=True, slots=True)
class _Bad:
    state: Intervals
    quantity: Intervals
    energy: Intervals


def _bad(line: Timeline, counted: Counted) -> _Bad:
    unknown = line.element == Element.UNKNOWN
    given = [each.bad for each in counted.quantities.values()]
    quantity = Intervals.joined(
        np.concatenate([np.empty(0, np.int64), *(each.start for each in given)]),
        np.concatenate([np.empty(0, np.int64), *(each.end for each in given)]),
    )
    if not counted.quantities:  # what nobody counts is not known
        quantity = Intervals.of([(int(line.start[0]), int(line.end[-1]))])
    energy = Intervals.none() if counted.energy is None else counted.energy.bad
    return _Bad(Intervals.joined(line.start[unknown], line.end[unknown]), quantity, energy)


def _cut(line: Timeline, frame: Frame) -> tuple[_Pieces, Cells]:
    """The pieces, and the cells that they make, without any measure."""
    low, high = int(line.start[0]), int(line.end[-1])
    edges = pieces(
        (line.start, frame.start, frame.end, frame.stops.edges, frame.product.start, frame.order.start), low, high
    )
    start, end = edges[:-1], edges[1:]
    slot = np.searchsorted(frame.start, start, side="right") - 1
    inside = (slot >= 0) & (start < frame.end[slot]) if len(frame.start) else np.zeros(len(start), np.bool_)
    start, end, slot = start[inside], end[inside], slot[inside]
    product, order = frame.product.at(start).astype(np.int64), frame.order.at(start).astype(np.int64)
    # One number for each combination: sorting rows of three takes twenty times as long.
    products, orders = int(product.max(initial=0)) + 1, int(order.max(initial=0)) + 1
    unique, cell = np.unique((slot * products + product) * orders + order, return_inverse=True)
    found = Cells(
        unique // (products * orders),
        (unique // orders % products).astype(np.int32),
        (unique % orders).astype(np.int32),
        np.zeros((len(unique), MEASURES)),
    )
    return _Pieces(start, end, cell.ravel(), frame.in_shift[slot], len(unique)), found


def _add_times(measures: Measures, cut: _Pieces, line: Timeline, frame: Frame, counted: Counted) -> None:
    length = (cut.end - cut.start).astype(np.float64)
    element = line.element[np.searchsorted(line.start, cut.start, side="right") - 1]
    busy = (element == Element.APT) | (element == Element.AUST)
    element = np.where(frame.stops.contains(cut.start) & ~busy, Element.PDOT, element)
    for column in TIME_ELEMENTS:
        measures[:, column] = cut.add(np.where(cut.in_shift & (element == int(column)), length, 0.0))
    good = counted.quantities.get(Measure.GOOD)
    if good is None or len(good.open):
        uncounted = length if good is None else good.open.covered(cut.start, cut.end).astype(np.float64)
        measures[:, Measure.UNCOUNTED] = cut.add(np.where(cut.in_shift & (element == Element.APT), uncounted, 0.0))
    measures[:, Measure.UNSCHEDULED] = cut.add(np.where(cut.in_shift, 0.0, length))


def _add_bad(measures: Measures, cut: _Pieces, bad: _Bad) -> None:
    either = Intervals.joined(
        np.concatenate([bad.state.start, bad.quantity.start]), np.concatenate([bad.state.end, bad.quantity.end])
    )
    columns = ((Measure.QUANTITY_BAD, bad.quantity), (Measure.EITHER_BAD, either), (Measure.ENERGY_BAD, bad.energy))
    for column, spans in columns:
        covered = spans.covered(cut.start, cut.end)
        measures[:, column] = cut.add(np.where(cut.in_shift, covered, 0).astype(np.float64))


def _add_counts(measures: Measures, cut: _Pieces, line: Timeline, counted: Counted) -> None:
    unknown = line.element == Element.UNKNOWN
    unknown_time = Intervals.joined(line.start[unknown], line.end[unknown])
    for column, found in counted.quantities.items():
        t = found.timestamp
        cell, known = cut.cell_at(t), found.amount
        measures[:, column] += cut.add_at(cell, found.amount)
        if len(unknown_time):
            span = np.maximum(t - found.since, 1)
            known = found.amount * (1.0 - unknown_time.covered(found.since, t) / span)
            measures[:, Measure.BLIND] += cut.add_at(cell, found.amount - known)
        run_time = counted.run_time.at(t)
        timed = np.where(run_time > 0, known, 0.0)
        measures[:, Measure.TIMED] += cut.add_at(cell, timed)
        measures[:, Measure.IDEAL] += cut.add_at(cell, timed * run_time)
    if counted.energy is not None:
        measures[:, Measure.ENERGY] = cut.add_at(cut.cell_at(counted.energy.timestamp), counted.energy.amount)


def _add_doubts(measures: Measures, cut: _Pieces, counted: Counted) -> None:
    found = list(counted.quantities.values())
    meter = [] if counted.energy is None else [counted.energy.resets, counted.energy.doubts]
    # Good pieces may be those of all counters together, so that one reset is found more than once.
    for column, times in (
        (Measure.RESETS, [each.resets for each in found]),
        (Measure.BACKWARDS, [each.doubts for each in found]),
        (Measure.METER_DOUBTS, meter),
    ):
        t = np.unique(np.concatenate([np.empty(0, np.int64), *times]))
        if len(t):
            measures[:, column] = cut.add_at(cut.cell_at(t))


def _apart(measures: Measures, outside: NDArray[np.bool_]) -> None:
    """Outside of shifts: no failures, and no time that pieces could be held against."""
    made = measures[:, [Measure.GOOD, Measure.SCRAP, Measure.REWORK]].sum(axis=1)
    measures[outside, Measure.BLIND] = made[outside]
    for column in (Measure.FAILURES, Measure.TIMED, Measure.IDEAL):
        measures[outside, column] = 0.0
