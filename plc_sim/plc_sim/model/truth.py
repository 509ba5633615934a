"""What really happened in a plant: the answers that analytics should find in the data."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from plc_sim.model.machine import COMMISSIONED_US, PLANNED, Mode
from plc_sim.model.schedule import COMMON_REASONS
from plc_sim.model.timeline import Timeline, Week, week_of
from plc_sim.model.view import View


@dataclass(frozen=True, slots=True)
class Stop:
    """A span in which a machine did not run."""

    machine: str
    start_us: int
    end_us: int
    mode: str
    reason: int
    text: str
    planned: bool


@dataclass(frozen=True, slots=True)
class ProcessFault:
    """A process fault: from the first sign to the end of the repair."""

    machine: str
    kind: str
    onset_us: int
    stop_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Output:
    """What a machine made and used in an interval."""

    machine: str
    good: int
    scrap: int
    cycles: int
    running_us: int
    energy_kwh: float


@dataclass(frozen=True, slots=True)
class Truth:
    """What really happened in an interval, cut at its ends."""

    start_us: int
    end_us: int
    stops: tuple[Stop, ...]
    faults: tuple[ProcessFault, ...]
    outputs: tuple[Output, ...]


def truth_of(timelines: Iterable[Timeline], start_us: int, end_us: int) -> Truth:
    """Stops, faults and output of machines in [start_us, end_us)."""
    start_us = max(start_us, COMMISSIONED_US)
    stops: list[Stop] = []
    faults: list[ProcessFault] = []
    outputs: list[Output] = []
    for timeline in timelines:
        weeks = [timeline.week(number) for number in range(week_of(start_us), week_of(max(start_us, end_us - 1)) + 1)]
        running = 0
        for week in weeks:
            found = _stops(timeline, week, start_us, end_us)
            stops += found
            span = min(end_us, week.end_us) - max(start_us, week.start_us)
            running += span - sum(stop.end_us - stop.start_us for stop in found)
            faults += [
                ProcessFault(timeline.name, fault.kind, fault.onset_us, fault.stop_us, fault.end_us)
                for fault in week.faults
                if fault.onset_us < end_us and fault.end_us > start_us
            ]
        outputs.append(_output(timeline, start_us, end_us, running))
    return Truth(start_us, end_us, tuple(stops), tuple(faults), tuple(outputs))


def _stops(timeline: Timeline, week: Week, start_us: int, end_us: int) -> list[Stop]:
    texts = {reason.code: reason.text for reason in timeline.model.reasons} | COMMON_REASONS
    edges = np.append(week.start, week.end_us).tolist()
    stops: list[Stop] = []
    for index, (mode, reason) in enumerate(zip(week.mode.tolist(), week.reason.tolist(), strict=True)):
        begin, end = max(edges[index], start_us), min(edges[index + 1], end_us)
        if mode == Mode.RUNNING or begin >= end:
            continue
        text = texts.get(reason, "")
        stops.append(Stop(timeline.name, begin, end, Mode(mode).name, reason, text, Mode(mode) in PLANNED))
    return stops


def _output(timeline: Timeline, start_us: int, end_us: int, running_us: int) -> Output:
    """Differences of counters and meter between the ends of the interval."""
    readings: list[tuple[int, int, int, float]] = []
    for time_us in (start_us, end_us):
        view = View(0, timeline, timeline.week(week_of(time_us)), np.array([time_us], np.int64))
        readings.append((int(view.good[0]), int(view.scrap[0]), int(view.cycles[0]), float(view.energy_kwh[0])))
    (good, scrap, cycles, energy), after = readings
    return Output(timeline.name, after[0] - good, after[1] - scrap, after[2] - cycles, running_us, after[3] - energy)
