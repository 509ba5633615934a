"""A plant: machines, their variables, and the truth about them."""

import functools
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plc_sim.companions import Companion
from plc_sim.model.machine import COMMISSIONED_US, WEEK
from plc_sim.model.overlay import Kind, Overlay, OverlayJournal, covered
from plc_sim.model.signal import Signal
from plc_sim.model.timeline import Timeline, week_of
from plc_sim.model.truth import Truth, truth_of
from plc_sim.model.view import View
from plc_sim.model.writes import WriteJournal
from plc_sim.opcua.encoding import BAD

BAD_NO_DATA = 0x809B_0000
_CACHED_TICKS = 300_000
_LOOK_BACK_TICKS = 256
_LOOK_BACK_CHUNK = 65_536

Samples = tuple[NDArray[np.int64], NDArray[Any], NDArray[np.uint32]]
"""Timestamps (int64[n], µs), values ([n] or [n, k]) and status codes (uint32[n])."""


@dataclass(frozen=True, slots=True)
class Identification:
    """What a nameplate says (OPC UA for Machinery, MachineIdentificationType)."""

    manufacturer: str
    model: str
    serial_number: str
    year_of_construction: int
    location: str


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine of a plant."""

    name: str
    label: str
    label_zh: str
    identification: Identification
    timeline: Timeline
    signals: tuple[Signal, ...]
    companion: Companion | None = None


class Variable:
    """One variable of one machine: a deterministic function of time on its own grid.

    Attributes:
        identifier: String NodeId without namespace, such as `Press01/Mould/Temperature`.
        machine: Name of the machine.
        signal: What it is.
        grid_us: Time between two ticks; ticks are the multiples of it since the Unix epoch.
    """

    def __init__(self, plant: "Plant", machine: Machine, signal: Signal) -> None:
        self.identifier = f"{machine.name}/{signal.path}"
        self.machine = machine.name
        self.signal = signal
        self.grid_us = signal.grid_us
        self._plant = plant
        self._timeline = machine.timeline
        self._known: tuple[int, Samples] | None = None

    def ticks(self, start_us: int, end_us: int, every: int = 1) -> Samples:
        """Every `every`-th tick in [start_us, end_us), whether or not the value changed."""
        step = self.grid_us * every
        start_us = max(start_us, COMMISSIONED_US)
        first, last = -(-start_us // step), -(-end_us // step)
        parts = [self._evaluate(a, b, step) for a, b in _weeks(first, last, step)]
        if not parts:
            return _empty(self.signal)
        if len(parts) == 1:
            return parts[0]
        times, values, status = zip(*parts, strict=True)
        return np.concatenate(times), np.concatenate(values), np.concatenate(status)

    def samples(self, start_us: int, end_us: int) -> Samples:
        """The ticks in [start_us, end_us) at which value or status changed.

        This is what the server stores as history, and what it sends to a monitored item with the default trigger
        (StatusValue), sampled at the grid, whose queue does not overflow: unchanged values are not reported (Part 4,
        7.22.2). A client's first notification is the latest of these samples before its monitored item was made.

        Returns:
            Timestamps int64[n] µs, values, status uint32[n]. Values are [n] of the type's dtype; [n, k] for arrays;
            keys, int64[n], for text and structures (`render` makes what they stand for). Bad samples carry a value
            that is not sent.
        """
        is_long = end_us - max(start_us, COMMISSIONED_US) > _LOOK_BACK_TICKS * self.grid_us
        return (self._written if self.signal.driver and is_long else self._compared)(start_us, end_us)

    def last(self, at_us: int) -> Samples:
        """The latest of the samples at or before `at_us`; none before the plant was commissioned.

        The answer is remembered, so that asking again a little later costs little.
        """
        known = self._known
        since = known[0] if known is not None and known[0] <= at_us else None
        found = self._latest_write(at_us) if self.signal.driver else self._look_back(at_us, since)
        if found is None:
            assert known is not None  # noqa: S101 - only a known time ends the search without a sample
            found = known[1]
        self._known = (at_us, found)
        return found

    def forget(self) -> None:
        """Forget what `last` remembers: something changed in the past."""
        self._known = None

    def _compared(self, start_us: int, end_us: int) -> Samples:
        """The samples in [start_us, end_us), found by comparing every tick with the one before it."""
        times, values, status = self.ticks(start_us - self.grid_us, end_us)
        if not len(times):
            return times, values, status
        keep = changed(values, status)
        keep[0] = times[0] >= start_us and times[0] == COMMISSIONED_US
        return times[keep], values[keep], status[keep]

    def _written(self, start_us: int, end_us: int) -> Samples:
        """The same of a variable that changes with writes (and overlays) only: months of it have few ticks to see."""
        parts = [self._compared(tick, tick + 1) for tick in self._edges(end_us) if tick >= start_us]
        if not parts:
            return _empty(self.signal)
        times, values, status = zip(*parts, strict=True)
        return np.concatenate(times), np.concatenate(values), np.concatenate(status)

    def _edges(self, end_us: int) -> list[int]:
        """The ticks before `end_us` at which such a variable may change, in order."""
        edges = [write.at_us for write in self._plant.writes.of(f"{self.machine}/{self.signal.driver}")]
        for overlay in self._plant.overlays.of(self.identifier, COMMISSIONED_US, end_us):
            edges += [overlay.start_us, overlay.end_us]
        ticks = {-(-edge // self.grid_us) * self.grid_us for edge in (*edges, COMMISSIONED_US)}
        return sorted(tick for tick in ticks if tick < end_us)

    def _latest_write(self, at_us: int) -> Samples:
        """The latest sample at or before `at_us` of a variable that changes with writes (and overlays) only."""
        for tick in reversed(self._edges(at_us + 1)):
            found = self._compared(tick, tick + 1)
            if len(found[0]):
                return found
        return _empty(self.signal)

    def _look_back(self, at_us: int, since_us: int | None) -> Samples | None:
        """The latest sample in (since_us, at_us]; None if there is none and `since_us` was given."""
        floor = COMMISSIONED_US if since_us is None else since_us + 1
        span = _LOOK_BACK_TICKS * self.grid_us
        end = at_us + 1
        while end > floor:
            start = max(end - span, floor)
            times, values, status = self.samples(start, end)
            if len(times):
                return times[-1:], values[-1:], status[-1:]
            end = start
            span = min(span * 4, _LOOK_BACK_CHUNK * self.grid_us)
        return None if since_us is not None else _empty(self.signal)

    def _evaluate(self, first: int, last: int, step: int) -> Samples:
        view = self._plant.view(self.machine, self._timeline, first, last, step)
        values = self.signal.evaluate(view)
        status = np.zeros(len(view.t), np.uint32)
        for overlay in self._plant.overlays.of(self.identifier, int(view.t[0]), int(view.t[-1]) + 1):
            hit = covered(overlay, view.t)
            if overlay.kind == "nan":
                values = np.where(hit, np.nan, values) if values.ndim == 1 else np.where(hit[:, None], np.nan, values)
            else:
                status[hit] = overlay.status
        return view.t, values, status


def changed(values: NDArray[Any], status: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """bool[n]: which samples differ from the one before; the first does. Bad samples have no value to differ in."""
    result = np.ones(len(status), np.bool_)
    if len(status) < 2:
        return result
    here, before = values[1:], values[:-1]
    same = here == before
    if values.dtype.kind == "f":
        same |= np.isnan(here) & np.isnan(before)
    if values.ndim > 1:
        same = same.all(axis=1)
    bad = (status[1:] & BAD) != 0
    result[1:] = (status[1:] != status[:-1]) | (~same & ~bad)
    return result


def _weeks(first: int, last: int, step: int) -> list[tuple[int, int]]:
    """Split the ticks [first, last) where weeks begin, so that one view sees one week."""
    spans: list[tuple[int, int]] = []
    while first < last:
        week_end = COMMISSIONED_US + (week_of(first * step) + 1) * WEEK
        until = min(last, -(-week_end // step))
        spans.append((first, until))
        first = until
    return spans


def _empty(signal: Signal) -> Samples:
    values = np.empty((0, signal.length)) if signal.length else np.empty(0)
    return np.empty(0, np.int64), values, np.empty(0, np.uint32)


class Plant:
    """One simulated plant.

    Attributes:
        name: Short name, such as `moulding`.
        label: English name.
        label_zh: Chinese name.
        machines: Its machines.
        variables: Every variable by its identifier.
        overlays: Faults on demand that change samples.
        writes: What clients wrote and commanded.
    """

    def __init__(
        self,
        name: str,
        label: str,
        label_zh: str,
        seed: int,
        machines: tuple[Machine, ...],
        overlays: OverlayJournal | None = None,
        writes: WriteJournal | None = None,
    ) -> None:
        self.name = name
        self.label = label
        self.label_zh = label_zh
        self.seed = seed
        self.machines = machines
        self.overlays = overlays or OverlayJournal()
        self.writes = writes or WriteJournal()
        for machine in machines:
            self.apply_holds(machine)
        variables = [Variable(self, machine, signal) for machine in machines for signal in machine.signals]
        self.variables: dict[str, Variable] = {variable.identifier: variable for variable in variables}
        self._views: OrderedDict[tuple[str, int, int, int], View] = OrderedDict()
        self._viewed_ticks = 0

    def view(self, machine: str, timeline: Timeline, first: int, last: int, step: int) -> View:
        """A machine at the ticks [first, last) of a grid; variables of a machine share it."""
        key = (machine, first, last, step)
        view = self._views.get(key)
        if view is None:
            t = np.arange(first, last, dtype=np.int64) * step
            view = View(self.seed, timeline, timeline.week(week_of(int(t[0]))), t, self.writes)
            self._views[key] = view
            self._viewed_ticks += last - first
            while self._viewed_ticks > _CACHED_TICKS and len(self._views) > 1:
                _, oldest = self._views.popitem(last=False)
                self._viewed_ticks -= len(oldest.t)
        return view

    def view_at(self, machine: Machine, at_us: int) -> View:
        """A machine at one instant."""
        week = machine.timeline.week(week_of(at_us))
        return View(self.seed, machine.timeline, week, np.array([at_us], np.int64), self.writes)

    def apply_holds(self, machine: Machine) -> None:
        """Let the machine's story have what was commanded."""
        holds = self.writes.holds(machine.name)
        if holds != machine.timeline.holds:
            machine.timeline.hold(holds)

    def disturb(self, variable: str, kind: Kind, start_us: int, end_us: int, status: int = 0) -> Overlay:
        """Make a variable's samples Bad or NaN for a time.

        Raises:
            ValueError: An unknown variable, an empty span, or NaN for a value that cannot be.
        """
        known = self.variables.get(variable)
        if known is None:
            raise ValueError(f"{self.name} has no variable {variable!r}")
        if end_us <= start_us:
            raise ValueError("a disturbance must last")
        if kind == "nan" and not known.signal.is_float:
            raise ValueError(f"{variable} is not a floating-point variable")
        overlay = Overlay(variable, kind, start_us, end_us, status)
        self.overlays.add(overlay)
        known.forget()
        return overlay

    def truth(self, start_us: int, end_us: int) -> Truth:
        """What really happened in [start_us, end_us)."""
        return truth_of([machine.timeline for machine in self.machines], start_us, end_us)


@functools.lru_cache(maxsize=1 << 16)
def render_text(signal: Signal, key: int) -> str | bytes:
    """What a key of a text or structure signal stands for."""
    assert signal.render is not None  # noqa: S101 - text and structures have one
    return signal.render(key)
