"""One machine's time cut into cells, and what happened in each: the smallest things that KPIs are sums of."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.intervals import Intervals, Micros, pieces
from dualspan_analytics.kpis.counters import Increments
from dualspan_analytics.kpis.measures import MEASURES, TIME_ELEMENTS, Measure, Measures
from dualspan_analytics.states.losses import failures
from dualspan_analytics.states.model import Element
from dualspan_analytics.states.stops import stops_of
from dualspan_analytics.states.timeline import Steps, Timeline

NO_SHIFT = -1


@dataclass(frozen=True, slots=True)
class Frame:
    """What the time is cut by.

    Attributes:
        start: int64[s], starts of the shifts' occurrences, ascending, disjoint.
        end: int64[s].
        shift: int16[s], which shift of the calendar each is.
        stops: Planned stops of the calendar.
        product: Which product is made.
        order: For which order.
    """

    start: Micros
    end: Micros
    shift: NDArray[np.int16]
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
        return self.value[np.maximum(np.searchsorted(self.start, t, side="right") - 1, 0)]


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of one machine: one for each occurrence of a shift, product and order.

    Attributes:
        start: int64[n], µs: of the shift's occurrence; outside of shifts, of the time between two.
        end: int64[n].
        shift: int16[n], `NO_SHIFT` outside of all shifts.
        product: int32[n], as the frame has them.
        order: int32[n].
        measures: float64[n, MEASURES].
    """

    start: Micros
    end: Micros
    shift: NDArray[np.int16]
    product: NDArray[np.int32]
    order: NDArray[np.int32]
    measures: Measures

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True)
class _Pieces:
    """The time cut at everything, and the cell of each piece."""

    start: Micros
    end: Micros
    slot: NDArray[np.int64]
    cell: NDArray[np.int64]
    count: int

    def cell_at(self, t: Micros) -> NDArray[np.int64]:
        return self.cell[np.clip(np.searchsorted(self.start, t, side="right") - 1, 0, len(self.start) - 1)]

    def add(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(self.cell, weights=weights, minlength=self.count)

    def inside(self, spans: Intervals) -> NDArray[np.float64]:
        return self.add(spans.covered(self.start, self.end).astype(np.float64))


def cells(line: Timeline, frame: Frame, counted: Counted) -> Cells:
    """Cut a machine's time, and add up what happened in each cell.

    Outside of shifts only quantities, energy and the length count: a machine is not to run there, so no time there can
    be lost. A planned stop of the calendar does not count as lost either, unless the machine produced in it.

    Args:
        line: What the machine did, over the whole span.
        frame: What to cut by.
        counted: What was counted.
    """
    bad = _bad(line, counted)
    cut, key = _cut(line, frame)
    in_shift = cut.slot % 2 == 1
    measures = np.zeros((cut.count, MEASURES))
    _add_times(measures, cut, line, frame, in_shift)
    _add_bad(measures, cut, in_shift, bad)
    _add_counts(measures, cut, line, counted)
    stops = stops_of(line)
    begun = cut.cell_at(stops.start[failures(stops)])
    measures[:, Measure.FAILURES] = np.bincount(begun, minlength=cut.count)
    _apart(measures, key.slot % 2 == 0)
    return _labelled(key, frame, line, measures)


@dataclass(frozen=True, slots=True)
class _Key:
    """What makes a cell: slot 2 i + 1 is the i-th occurrence of a shift, 2 i the time before it."""

    slot: NDArray[np.int64]
    product: NDArray[np.int32]
    order: NDArray[np.int32]


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
    energy = Intervals.none() if counted.energy is None else counted.energy.bad
    return _Bad(Intervals.joined(line.start[unknown], line.end[unknown]), quantity, energy)


def _cut(line: Timeline, frame: Frame) -> tuple[_Pieces, _Key]:
    low, high = int(line.start[0]), int(line.end[-1])
    edges = pieces(
        (line.start, frame.start, frame.end, frame.stops.edges, frame.product.start, frame.order.start), low, high
    )
    start, end = edges[:-1], edges[1:]
    shifts = np.column_stack([frame.start, frame.end]).ravel()
    # Shifts that meet leave an empty slot between them.
    slot = np.searchsorted(shifts, start, side="right")
    product, order = frame.product.at(start), frame.order.at(start)
    keys = np.stack([slot, product.astype(np.int64), order.astype(np.int64)], axis=1)
    unique, cell = np.unique(keys, axis=0, return_inverse=True)
    key = _Key(unique[:, 0], unique[:, 1].astype(np.int32), unique[:, 2].astype(np.int32))
    return _Pieces(start, end, slot, cell.ravel(), len(unique)), key


def _add_times(measures: Measures, cut: _Pieces, line: Timeline, frame: Frame, in_shift: NDArray[np.bool_]) -> None:
    length = (cut.end - cut.start).astype(np.float64)
    element = line.element[np.searchsorted(line.start, cut.start, side="right") - 1]
    busy = (element == Element.APT) | (element == Element.AUST)
    element = np.where(frame.stops.contains(cut.start) & ~busy, Element.PDOT, element)
    for column in TIME_ELEMENTS:
        measures[:, column] = cut.add(np.where(in_shift & (element == int(column)), length, 0.0))
    measures[:, Measure.UNSCHEDULED] = cut.add(np.where(in_shift, 0.0, length))


def _add_bad(measures: Measures, cut: _Pieces, in_shift: NDArray[np.bool_], bad: _Bad) -> None:
    either = Intervals.joined(
        np.concatenate([bad.state.start, bad.quantity.start]), np.concatenate([bad.state.end, bad.quantity.end])
    )
    columns = ((Measure.QUANTITY_BAD, bad.quantity), (Measure.EITHER_BAD, either), (Measure.ENERGY_BAD, bad.energy))
    for column, spans in columns:
        covered = spans.covered(cut.start, cut.end)
        measures[:, column] = cut.add(np.where(in_shift, covered, 0).astype(np.float64))


def _add_counts(measures: Measures, cut: _Pieces, line: Timeline, counted: Counted) -> None:
    unknown = line.element == Element.UNKNOWN
    unknown_time = Intervals.joined(line.start[unknown], line.end[unknown])
    for column, found in counted.quantities.items():
        cell = cut.cell_at(found.timestamp)
        measures[:, column] += np.bincount(cell, weights=found.amount, minlength=cut.count)
        span = np.maximum(found.timestamp - found.since, 1)
        known = found.amount * (1.0 - unknown_time.covered(found.since, found.timestamp) / span)
        measures[:, Measure.BLIND] += np.bincount(cell, weights=found.amount - known, minlength=cut.count)
        run_time = counted.run_time.at(found.timestamp)
        timed = np.where(run_time > 0, known, 0.0)
        measures[:, Measure.TIMED] += np.bincount(cell, weights=timed, minlength=cut.count)
        measures[:, Measure.IDEAL] += np.bincount(cell, weights=timed * run_time, minlength=cut.count)
        for mark, times in ((Measure.RESETS, found.resets), (Measure.BACKWARDS, found.backwards)):
            measures[:, mark] += np.bincount(cut.cell_at(times), minlength=cut.count)
    if counted.energy is not None:
        cell = cut.cell_at(counted.energy.timestamp)
        measures[:, Measure.ENERGY] = np.bincount(cell, weights=counted.energy.amount, minlength=cut.count)


def _apart(measures: Measures, outside: NDArray[np.bool_]) -> None:
    """Outside of shifts: no failures, and no time that pieces could be held against."""
    made = measures[:, [Measure.GOOD, Measure.SCRAP, Measure.REWORK]].sum(axis=1)
    measures[outside, Measure.BLIND] = made[outside]
    measures[np.ix_(outside, [Measure.FAILURES, Measure.TIMED, Measure.IDEAL])] = 0.0


def _labelled(key: _Key, frame: Frame, line: Timeline, measures: Measures) -> Cells:
    low, high = int(line.start[0]), int(line.end[-1])
    # Slot i runs from bound i to bound i + 1.
    bounds = np.concatenate([[low], np.column_stack([frame.start, frame.end]).ravel(), [high]])
    occurrence = key.slot // 2
    inside = key.slot % 2 == 1
    shifts = np.append(frame.shift, NO_SHIFT).astype(np.int16)
    shift = np.where(inside, shifts[np.minimum(occurrence, len(frame.shift))], NO_SHIFT).astype(np.int16)
    return Cells(bounds[key.slot], bounds[key.slot + 1], shift, key.product, key.order, measures)
