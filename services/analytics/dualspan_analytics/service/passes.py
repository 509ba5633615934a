"""Machines computed from samples, one vectorised pass for each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from dualspan_analytics.calendars.expansion import planned_stops
from dualspan_analytics.columns import PropertyRef, Series
from dualspan_analytics.expressions.instants import Work
from dualspan_analytics.expressions.model import Property
from dualspan_analytics.kpis.machine import Around, Computed, compute
from dualspan_analytics.kpis.planning import Machine
from dualspan_analytics.kpis.slots import MARGIN_US, DataVersions, Needs, Slots, depends_on, reaching_back
from dualspan_analytics.kpis.table import CellTable, table_of
from dualspan_analytics.service.rollup_records import rollups_of
from dualspan_analytics.states.model import StopNote
from dualspan_analytics.store.production import Note, Rollup

Batch: TypeAlias = Sequence[tuple[int, Slots]]
"""Machines by their place in the question, and the slots that are to be computed."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What a pass found.

    Attributes:
        tables: Cells.
        rollups: What is to be kept.
        doubtful: What is not among these, because earlier or later samples matter.
        unseen: States that are to be read further back, besides counters.
        untold: States that are to be read further on: a stop may still be given its reason.
    """

    tables: Sequence[CellTable]
    rollups: Sequence[Rollup]
    doubtful: Batch
    unseen: Sequence[PropertyRef]
    untold: Sequence[PropertyRef]


@dataclass(frozen=True, slots=True)
class Look:
    """How far is looked.

    Attributes:
        around: So much is read around the span of states and reasons.
        is_first: Counters and states may need to be read further back.
        is_last: Nothing is read further on.
    """

    around: Around
    is_first: bool
    is_last: bool


@dataclass(frozen=True, slots=True)
class Passes:
    """How the machines of a question are computed.

    Attributes:
        machines: Of the question.
        notes: What people said, by machine.
        versions: Of the data, by machine; without any there is nothing to be kept.
        work: What the question may still do.
        now_us: Later there is nothing to be read.
    """

    machines: Sequence[Machine]
    notes: Mapping[str, Sequence[Note]]
    versions: Mapping[str, Sequence[DataVersions]]
    work: Work
    now_us: int

    def counters(self, batch: Batch) -> dict[PropertyRef, float]:
        """What counts of the machines of a batch, and where each begins again with 0 (0: never)."""
        return {ref: modulus for place, _ in batch for ref, modulus in self.machines[place].counters.items()}

    def over(self, batch: Batch, series: Mapping[PropertyRef, Series], end_us: int, look: Look) -> Passed:
        """One pass for each machine.

        Args:
            batch: Which, and what of them.
            series: Their samples.
            end_us: Up to here they are read.
            look: How far is looked.
        """
        found, rollups, doubtful = list[CellTable](), list[Rollup](), list[tuple[int, Slots]]()
        unseen, untold = list[PropertyRef](), list[PropertyRef]()
        for place, slots in batch:
            machine = self.machines[place]
            notes = self.notes.get(machine.id, ())
            span = int(slots.start[0]) - MARGIN_US, min(int(slots.end[-1]) + MARGIN_US, end_us)
            computed = computed_of(machine, series, notes, span, slots, self.work, look.around)
            until = computed.until(slots.end)
            is_open = until[-1] > computed.line.end[-1] < self.now_us and not look.is_last
            if is_open or (computed.is_doubtful and look.is_first):
                doubtful.append((place, slots))
                unseen += machine.states if computed.is_unseen and look.is_first else ()
                untold += machine.states if is_open else ()
                continue
            found.append(table_of(place, computed, slots))
            if self.versions:
                depends = depends_on([series[ref].timestamp for ref in machine.refs], slots.start)
                needs = Needs(reaching_back(depends, slots.start, computed.around), until)
                rollups += rollups_of(machine, found[-1], slots, needs, self.versions[machine.id], notes, end_us)
        return Passed(found, rollups, doubtful, unseen, untold)


def computed_of(
    machine: Machine,
    series: Mapping[PropertyRef, Series],
    notes: Sequence[Note],
    span: tuple[int, int],
    slots: Slots,
    work: Work,
    around: Around,
) -> Computed:
    """One machine; its states with so much around the span."""
    stops = planned_stops(machine.calendar, *span)
    values = values_of({ref: series[ref] for ref in machine.refs})
    return compute(machine.plan, values, said(notes), slots, stops, span, work, around)


def values_of(series: Mapping[PropertyRef, Series]) -> dict[Property, Series]:
    """A machine's series by property."""
    return {Property(ref.property, ref.index): each for ref, each in series.items()}


def said(notes: Sequence[Note]) -> list[StopNote]:
    """What people said, as timelines want it."""
    return [StopNote(note.start_us, note.end_us, note.reason) for note in notes]
