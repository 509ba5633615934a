"""A machine seen at some instants: what its signals are made of, each computed once."""

import functools

import numpy as np
from numpy.typing import NDArray

from plc_sim.model.machine import HOUR, MINUTE, SECOND, Mode
from plc_sim.model.noise import key_of, normal, smooth, uniform
from plc_sim.model.timeline import Timeline, Totals, Week, severity
from plc_sim.model.writes import WriteJournal

SHIFT_US = 8 * HOUR
_SHIFT_OFFSET = 6 * HOUR

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def shift_start(time_us: Ints) -> Ints:
    """int64[n]: begin of the shift that holds each time; shifts change at 06, 14 and 22 o'clock UTC."""
    return (time_us - _SHIFT_OFFSET) // SHIFT_US * SHIFT_US + _SHIFT_OFFSET


class View:
    """One machine at the times `t` (int64[n], µs, ascending, all in one week), with what was written to it."""

    def __init__(self, seed: int, timeline: Timeline, week: Week, t: Ints, writes: WriteJournal | None = None) -> None:
        self.timeline = timeline
        self.model = timeline.model
        self.week = week
        self.t = t
        self._seed = seed
        self._writes = writes or WriteJournal()
        self._name = f"{timeline.scope}/{timeline.name}"

    @functools.cached_property
    def segment(self) -> Ints:
        """Index of the week's segment."""
        return np.searchsorted(self.week.start, self.t, side="right") - 1

    @functools.cached_property
    def mode(self) -> NDArray[np.int8]:
        """What the machine does."""
        return self.week.mode[self.segment]

    @functools.cached_property
    def running(self) -> NDArray[np.bool_]:
        """Whether it runs."""
        return self.mode == Mode.RUNNING

    @functools.cached_property
    def run(self) -> Floats:
        """1.0 where it runs, 0.0 elsewhere."""
        return self.running.astype(np.float64)

    @functools.cached_property
    def reason(self) -> Ints:
        """Stop reason; 0 while running."""
        return self.week.reason[self.segment].astype(np.int64)

    @functools.cached_property
    def product(self) -> Ints:
        """Index of the product."""
        return self.week.product[self.segment].astype(np.int64)

    @functools.cached_property
    def scale(self) -> Floats:
        """Scale of the product."""
        return np.array([product.scale for product in self.model.products])[self.product]

    @functools.cached_property
    def since_us(self) -> Ints:
        """Time in the segment."""
        return self.t - self.week.start[self.segment]

    @functools.cached_property
    def until_us(self) -> Ints:
        """Time to the segment's end."""
        ends = np.append(self.week.start[1:], self.week.end_us)
        return ends[self.segment] - self.t

    @functools.cached_property
    def done(self) -> Ints:
        """Cycles of the week that have ended."""
        return np.searchsorted(self.week.cycle_end, self.t, side="right")

    @functools.cached_property
    def _started(self) -> Ints:
        return np.searchsorted(self.week.cycle_start, self.t, side="right") - 1

    @functools.cached_property
    def in_cycle(self) -> NDArray[np.bool_]:
        """Whether a cycle that will be completed is under way."""
        started = self._started
        return (started >= 0) & (started >= self.done)

    @functools.cached_property
    def phase(self) -> Floats:
        """Progress of the cycle, 0 to 1; 0 outside a cycle."""
        started = np.maximum(self._started, 0)
        begin, end = self.week.cycle_start[started], self.week.cycle_end[started]
        return np.where(self.in_cycle, (self.t - begin) / np.maximum(end - begin, 1), 0.0)

    @functools.cached_property
    def elapsed_s(self) -> Floats:
        """Seconds since the cycle began; 0 outside a cycle."""
        started = np.maximum(self._started, 0)
        return np.where(self.in_cycle, (self.t - self.week.cycle_start[started]) / SECOND, 0.0)

    @functools.cached_property
    def totals(self) -> Totals:
        """Counters at the begin of the week."""
        return self.timeline.totals(self.week.number)

    @functools.cached_property
    def cycles(self) -> Ints:
        """Completed cycles since commissioning."""
        return self.totals.cycles + self.done

    @functools.cached_property
    def good(self) -> Ints:
        """Good units since commissioning."""
        return self.totals.good + self.week.good[self.done].astype(np.int64)

    @functools.cached_property
    def scrap(self) -> Ints:
        """Scrap units since commissioning."""
        return self.totals.scrap + self.week.scrap[self.done].astype(np.int64)

    @functools.cached_property
    def last_was_good(self) -> NDArray[np.bool_]:
        """Whether the last completed cycle made no scrap."""
        before = np.maximum(self.done - 1, 0)
        return self.week.scrap[self.done] == self.week.scrap[before]

    @functools.cached_property
    def last_cycle_s(self) -> Floats:
        """Duration of the last completed cycle; 0 before the week's first."""
        last = np.maximum(self.done - 1, 0)
        seconds = (self.week.cycle_end[last] - self.week.cycle_start[last]) / SECOND
        return np.where(self.done > 0, seconds, 0.0)

    @functools.cached_property
    def completed(self) -> "View":
        """The machine at the end of its last completed cycle: what results of a cycle are made of."""
        ends = self.week.cycle_end[np.maximum(self.done - 1, 0)]
        return View(self._seed, self.timeline, self.week, ends, self._writes)

    @functools.cached_property
    def energy_kwh(self) -> Floats:
        """Meter reading: the exact integral of the mean power of each mode."""
        week = self.week
        within = week.power[self.segment] * (self.since_us / HOUR)
        return self.totals.energy_kwh + week.energy[self.segment] + within

    @functools.cached_property
    def power_kw(self) -> Floats:
        """Mean active power of the mode."""
        return self.week.power[self.segment]

    def shift_units(self) -> tuple[Ints, Ints]:
        """Good and scrap units since the begin of the shift."""
        start = np.maximum(shift_start(self.t), self.week.start_us)
        done = np.searchsorted(self.week.cycle_end, start, side="right")
        week = self.week
        return (
            (week.good[self.done] - week.good[done]).astype(np.int64),
            (week.scrap[self.done] - week.scrap[done]).astype(np.int64),
        )

    def warmth(self, tau_minutes: float) -> Floats:
        """How warm it is, 0 to 1, for a heated mass with this time constant: it cools in stops and comes back after."""
        week, tau = self.week, tau_minutes * MINUTE
        span = np.diff(np.append(week.start, week.end_us))
        before = np.concatenate([[0], span[:-1]])[self.segment]
        decay = np.exp(-self.since_us / tau)
        recovered = 1.0 - (1.0 - np.exp(-before / tau)) * decay
        return np.where(self.running, recovered, decay)

    def fault(self, kind: str) -> Floats:
        """Severity of a process fault, 0 to 1."""
        total = np.zeros(len(self.t))
        for window in self.week.faults:
            if window.kind == kind and window.onset_us <= self.t[-1] and window.end_us > self.t[0]:
                total = np.maximum(total, severity(window, self.t))
        return total

    def written(self, path: str, default: float) -> Floats:
        """What clients last wrote to a variable of the machine."""
        return self._writes.values(f"{self.timeline.name}/{path}", self.t, default)

    def followed(self, path: str, default: float, tau_s: float) -> Floats:
        """What a process with this time constant has reached of it."""
        return self._writes.lagged(f"{self.timeline.name}/{path}", self.t, default, tau_s * SECOND)

    def noise(self, name: str) -> Floats:
        """Fresh noise at every instant: mean 0, deviation 1, within ±3.47."""
        return normal(key_of(self._seed, self._name, name), self.t)

    def drift(self, name: str, period_minutes: float) -> Floats:
        """Wandering noise: mean 0, within about ±3.47."""
        return smooth(key_of(self._seed, self._name, name, "drift"), self.t, int(period_minutes * MINUTE))

    def per_cycle(self, name: str) -> Floats:
        """Noise that holds from one completed cycle to the next: mean 0, deviation 1."""
        return normal(key_of(self._seed, self._name, name, "cycle"), self.cycles)

    def constant(self, name: str) -> float:
        """A number in [0, 1) that belongs to the machine: what makes it a little different from its sisters."""
        return float(uniform(key_of(self._seed, self._name, name, "constant"), np.zeros(1, np.int64))[0])
