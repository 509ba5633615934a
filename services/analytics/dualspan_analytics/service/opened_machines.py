"""Machines from samples, to the microsecond, looked at as far around a span as their sums are."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from dualspan_analytics.columns import PropertyRef, Series
from dualspan_analytics.expressions.instants import Work
from dualspan_analytics.intervals import Intervals
from dualspan_analytics.kpis.machine import Around, Computed, timeline_of
from dualspan_analytics.kpis.planning import Machine
from dualspan_analytics.kpis.slots import MARGIN_US, reaching_on
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.service.counter_history import DAY_US, LATER_US, with_day_before, with_earlier, with_later
from dualspan_analytics.service.passes import computed_of, said, values_of
from dualspan_analytics.service.rollup_records import slots_between
from dualspan_analytics.states.stops import parts_within, untold
from dualspan_analytics.states.timeline import Timeline
from dualspan_analytics.store.production import Note


async def computed(
    plant: PlantData, tenant: str, machine: Machine, notes: Sequence[Note], span: tuple[int, int], work: Work
) -> Computed:
    """One machine in a span.

    Args:
        plant: Has the samples.
        tenant: Whose.
        machine: How it is computed.
        notes: What people said about it.
        span: Start and end, µs, no later than now.
        work: What the question may still do.

    Raises:
        FailedPrecondition: A property is not bound, or does not fit.
        ResourceExhausted: There are too many samples, or rules take too much work over them.
        Unavailable: The historian cannot be asked.
    """
    wide, now = _wide(span), now_us()
    slots = slots_between(machine.calendar, *span)
    series = await plant.read(tenant, machine.refs, *wide)
    series = await with_earlier(plant, tenant, machine.counters, series, wide)
    found = await asyncio.to_thread(computed_of, machine, series, notes, wide, slots, work, Around(0, 0))
    before = DAY_US if found.is_unseen else 0
    if before:
        series = await with_day_before(plant, tenant, machine.states, series, wide[0])
        found = await asyncio.to_thread(computed_of, machine, series, notes, wide, slots, work, Around(before, 0))
    for later in LATER_US:
        until = min(wide[1] + later, now)
        if until <= found.line.end[-1] or found.until(slots.end)[-1] <= found.line.end[-1]:
            break
        series, known = await with_later(plant, tenant, machine.states, series, (wide[1], until))
        around = Around(before, known - wide[1])
        found = await asyncio.to_thread(computed_of, machine, series, notes, wide, slots, work, around)
    return _within(found, span)


async def lines(
    plant: PlantData,
    tenant: str,
    machines: Sequence[Machine],
    notes: Mapping[str, Sequence[Note]],
    span: tuple[int, int],
) -> list[Timeline]:
    """What each machine did in a span, in their order; raises what `computed` does."""
    wide, now, work = _wide(span), now_us(), Work()
    refs = [ref for machine in machines for ref in machine.states]
    series = await plant.read(tenant, refs, *wide) if refs else {}

    def made(which: Sequence[int], known: Mapping[PropertyRef, Series], end_us: int) -> dict[int, Timeline]:
        return {place: _line(machines[place], known, notes, (wide[0], end_us), work) for place in which}

    found = await asyncio.to_thread(made, range(len(machines)), series, wide[1])
    for later in LATER_US:
        until = min(wide[1] + later, now)
        waiting = [place for place, line in found.items() if until > line.end[-1] and _is_open(line, span[1])]
        if not waiting:
            break
        states = [ref for place in waiting for ref in machines[place].states]
        series, known = await with_later(plant, tenant, states, series, (wide[1], until))
        found |= await asyncio.to_thread(made, waiting, series, known)
    return [parts_within(found[place], Intervals.of([span])) for place in range(len(machines))]


def _line(
    machine: Machine,
    series: Mapping[PropertyRef, Series],
    notes: Mapping[str, Sequence[Note]],
    span: tuple[int, int],
    work: Work,
) -> Timeline:
    known = {ref: series[ref] for ref in machine.states}
    return timeline_of(machine.plan, values_of(known), said(notes.get(machine.id, ())), span, work)


def _is_open(line: Timeline, end_us: int) -> bool:
    """Whether a span ends in a stop that has no reason as far as it is known."""
    until = reaching_on(np.array([end_us], np.int64), untold(line), int(line.end[-1]))
    return bool(until[0] > line.end[-1])


def _wide(span: tuple[int, int]) -> tuple[int, int]:
    """A span with the margin that slots are read with."""
    return span[0] - MARGIN_US, min(span[1] + MARGIN_US, max(span[1], now_us()))


def _within(found: Computed, span: tuple[int, int]) -> Computed:
    """The same with what it did in the span only; the cells are of slots, which are."""
    return replace(found, line=parts_within(found.line, Intervals.of([span])))
