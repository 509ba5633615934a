"""A figure opened down to what it is made of, machine by machine. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dualspan_analytics.intervals import Intervals, Micros
from dualspan_analytics.kpis.counters import Increments
from dualspan_analytics.kpis.machine import Computed
from dualspan_analytics.kpis.measures import Measures, add_up, add_up_units, unit_codes
from dualspan_analytics.kpis.planning import Machine
from dualspan_analytics.kpis.ratios import Figures, figures
from dualspan_analytics.states.stops import parts_within
from dualspan_analytics.states.timeline import Steps, Timeline, merged

KINDS = ("reset", "backwards", "rollover", "dropped", "jump")


@dataclass(frozen=True, slots=True)
class Part:
    """Of which product and order; None is of all, "" of those that nobody named."""

    product: str | None = None
    order: str | None = None

    @property
    def is_whole(self) -> bool:
        """It is all that a machine did."""
        return self.product is None and self.order is None


@dataclass(frozen=True, slots=True)
class Opened:
    """What of a machine is in a figure.

    Attributes:
        machine: How it is computed.
        measures: Its sums, [1, MEASURES].
        line: What it did.
        marks: What is doubtful of its counters: property, one of `KINDS`, and when, µs.
    """

    machine: Machine
    measures: Measures
    line: Timeline
    marks: Sequence[tuple[str, str, int]]


def opened(machine: Machine, computed: Computed, part: Part, most_marks: int) -> Opened:
    """What of a machine is in a figure.

    Args:
        machine: How it is computed.
        computed: The machine in the span.
        part: Of what.
        most_marks: So many doubts of counters at the most.
    """
    found, line = computed.cells, merged(computed.line)
    held = Intervals.of([(int(line.start[0]), int(line.end[-1]))])
    inside = np.ones(len(found), np.bool_)
    for name, names, steps, column in (
        (part.product, computed.products, computed.product, found.product),
        (part.order, computed.orders, computed.order, found.order),
    ):
        if name is not None:
            code = names.index(name) if name in names else -1
            inside &= column == code
            held = held.common(_when(steps, code, int(line.end[-1])))
    total = add_up(found.measures[inside], np.zeros(int(inside.sum()), np.int64), 1)
    shown = line if part.is_whole else parts_within(line, held)
    return Opened(machine, total, shown, _marks(computed.counters, held, most_marks))


def together(kpi: str, machines: Sequence[Opened]) -> tuple[Figures, Measures]:
    """The figure of some machines and its sums, each of one row: sums first, then the ratio."""
    measures = np.concatenate([each.measures for each in machines])
    units = unit_codes([each.machine.plan.counted_in for each in machines])
    total = add_up_units(measures, units, np.zeros(len(machines), np.int64), 1)
    return figures(kpi, total), total


def _when(steps: Steps, code: int, end_us: int) -> Intervals:
    held = steps.value == code
    return Intervals.joined(steps.start[held], np.append(steps.start[1:], end_us)[held])


def _marks(counters: Mapping[str, Increments], held: Intervals, most: int) -> list[tuple[str, str, int]]:
    found: list[tuple[str, str, int]] = []
    for name, counter in counters.items():
        times: Sequence[Micros] = (
            counter.resets,
            counter.backwards,
            counter.rollovers,
            counter.dropped,
            counter.jumps,
        )
        for kind, each in zip(KINDS, times, strict=True):
            found += [(name, kind, t) for t in each[held.contains(each)][:most].tolist()]
    return sorted(found, key=lambda mark: mark[2])[:most]
