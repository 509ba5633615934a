"""When machines stand still, and why: alone, or together as a line."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from plc_sim.model.machine import COMMISSIONED_US, DAY, HOUR, MINUTE, SECOND, WEEK, MachineModel, Mode, StopReason
from plc_sim.model.noise import key_of

NO_REASON = 0
SETUP_REASON = 901
MAINTENANCE_REASON = 902
STARVED_REASON = 801
BLOCKED_REASON = 802
HOLD_REASON = 903
COMMON_REASONS = {
    SETUP_REASON: "Changeover",
    MAINTENANCE_REASON: "Weekly maintenance",
    STARVED_REASON: "No infeed",
    BLOCKED_REASON: "Discharge blocked",
    HOLD_REASON: "Held by a command",
}
_MARGIN = 20 * MINUTE
_LONGEST_STOP_MINUTES = 240.0
_MOST_STOPS = 1000


@dataclass(frozen=True, slots=True)
class Interruption:
    """A span in which a machine does not run."""

    start_us: int
    end_us: int
    mode: Mode
    reason: int


@dataclass(frozen=True, slots=True)
class FaultWindow:
    """A process fault: it begins, grows until the machine stops, and ends with the repair."""

    kind: str
    onset_us: int
    stop_us: int
    end_us: int


Stops = tuple[list[Interruption], list[FaultWindow]]
"""The stops of a week in order, without overlaps, and the process faults that led to some of them."""

Schedule = Callable[[int], Stops]
"""The stops of a week, by its number."""


@dataclass(frozen=True, slots=True)
class _Event:
    """An unplanned stop of one of several machines."""

    unit: int
    reason: StopReason
    start_us: int
    end_us: int
    onset_us: int


def solo(seed: int, name: str, model: MachineModel) -> Schedule:
    """The schedule of a machine that depends on no other."""
    key = key_of(seed, name, "schedule")

    def stops(number: int) -> Stops:
        rng = np.random.Generator(np.random.Philox(key=[key, number]))
        planned = _planned(key, model, number, rng)
        events = _unplanned([model], planned, number, rng, space_us=0)
        found = planned + [_fault(event) for event in events]
        return sorted(found, key=lambda stop: stop.start_us), [_window(event) for event in events if event.reason.fault]

    return stops


def line(seed: int, name: str, models: Sequence[MachineModel], lag_us: int = 25 * SECOND) -> list[Schedule]:
    """The schedules of machines in a row, one each.

    A stop of one blocks those before it and starves those after it, `lag_us` later per machine between them: what
    travels along the line is a gap of the same length, so that all of them make as much as each other.
    """
    key = key_of(seed, name, "schedule")

    def stops(unit: int, number: int) -> Stops:
        rng = np.random.Generator(np.random.Philox(key=[key, number]))
        planned = _planned(key, models[0], number, rng)
        events = _unplanned(models, planned, number, rng, space_us=len(models) * lag_us)
        found = planned + [_seen_from(unit, event, lag_us) for event in events]
        own = [_window(event) for event in events if event.unit == unit and event.reason.fault]
        return sorted(found, key=lambda stop: stop.start_us), own

    return [lambda number, unit=unit: stops(unit, number) for unit in range(len(models))]


def _fault(event: _Event) -> Interruption:
    return Interruption(event.start_us, event.end_us, Mode.FAULT, event.reason.code)


def _window(event: _Event) -> FaultWindow:
    return FaultWindow(event.reason.fault, event.onset_us, event.start_us, event.end_us)


def _seen_from(unit: int, event: _Event, lag_us: int) -> Interruption:
    """An event as another machine of the line feels it."""
    if unit == event.unit:
        return _fault(event)
    delay = abs(unit - event.unit) * lag_us
    mode, reason = (Mode.STARVED, STARVED_REASON) if unit > event.unit else (Mode.BLOCKED, BLOCKED_REASON)
    return Interruption(event.start_us + delay, event.end_us + delay, mode, reason)


def _planned(key: int, model: MachineModel, number: int, rng: np.random.Generator) -> list[Interruption]:
    """A changeover a day, and on one day of the week the maintenance instead."""
    begin = COMMISSIONED_US + number * WEEK
    hour = key % 20 + 1
    service_day = key // 24 % 7
    stops: list[Interruption] = []
    for day in range(7):
        start = begin + day * DAY + int((hour + rng.uniform(0.0, 0.5)) * HOUR)
        minutes = min(model.setup_minutes * rng.lognormal(0.0, 0.25), 90.0)
        hours = model.maintenance_hours * rng.uniform(0.85, 1.15)
        if day == service_day:
            stops.append(Interruption(start, start + int(hours * HOUR), Mode.MAINTENANCE, MAINTENANCE_REASON))
        else:
            stops.append(Interruption(start, start + int(minutes * MINUTE), Mode.SETUP, SETUP_REASON))
    return stops


def _unplanned(
    models: Sequence[MachineModel],
    planned: list[Interruption],
    number: int,
    rng: np.random.Generator,
    space_us: int,
) -> list[_Event]:
    """Breakdowns, one after another; one that would touch a planned stop does not happen."""
    begin = COMMISSIONED_US + number * WEEK
    last = begin + WEEK - HOUR
    rate = sum(1.0 / model.mtbf_hours for model in models)
    units = np.array([1.0 / model.mtbf_hours for model in models]) / rate
    clock = begin
    free_from = begin
    events: list[_Event] = []
    for _ in range(_MOST_STOPS):
        clock += int((0.15 + rng.exponential(0.85)) / rate * HOUR) + space_us
        unit = int(rng.choice(len(models), p=units))
        reasons = models[unit].reasons
        weights = np.array([reason.weight for reason in reasons])
        reason = reasons[int(rng.choice(len(reasons), p=weights / weights.sum()))]
        minutes = min(reason.minutes * rng.lognormal(0.0, 0.5), _LONGEST_STOP_MINUTES)
        end = clock + int(minutes * MINUTE)
        onset = max(clock - int(reason.lead_minutes * rng.uniform(0.7, 1.3) * MINUTE), free_from)
        if end > last:
            break
        if any(onset - _MARGIN < stop.end_us and stop.start_us < end + _MARGIN for stop in planned):
            continue
        events.append(_Event(unit, reason, clock, end, onset))
        clock = free_from = end
    return events
