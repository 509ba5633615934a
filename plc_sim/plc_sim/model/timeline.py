"""A machine's weeks: when it ran and why it stood, cycle by cycle, as arrays.

A week is made from (seed, machine, week number) alone. Stops do not cross its end, so weeks can be made in any order;
counters and meters carry the sums of the weeks before.
"""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plc_sim.model.machine import COMMISSIONED_US, DAY, HOUR, MINUTE, WEEK, MachineModel, Mode
from plc_sim.model.noise import key_of, normal, uniform

NO_REASON = 0
SETUP_REASON = 901
MAINTENANCE_REASON = 902
PLANNED_REASONS = {SETUP_REASON: "Changeover", MAINTENANCE_REASON: "Weekly maintenance"}
_CYCLE_SPREAD = 0.012
_RAMP_CYCLE_SCRAP = 0.6


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


@dataclass(frozen=True, slots=True)
class Week:
    """One week of a machine.

    Attributes:
        number: Weeks since commissioning.
        start: int64[s], starts of the segments, µs since the Unix epoch; the first is the week's own.
        mode: int8[s].
        reason: int32[s], stop reason, 0 while running.
        product: int16[s], index of the product.
        power: float64[s], mean kW.
        energy: float64[s], kWh from the week's start to the segment's.
        cycle_start: int64[c], µs.
        cycle_end: int64[c], µs.
        cycle_product: int16[c].
        good: int64[c + 1], good units after so many cycles of the week.
        scrap: int64[c + 1], likewise.
        faults: Process faults.
        energy_total: kWh of the whole week.
    """

    number: int
    start: NDArray[np.int64]
    mode: NDArray[np.int8]
    reason: NDArray[np.int32]
    product: NDArray[np.int16]
    power: NDArray[np.float64]
    energy: NDArray[np.float64]
    cycle_start: NDArray[np.int64]
    cycle_end: NDArray[np.int64]
    cycle_product: NDArray[np.int16]
    good: NDArray[np.int64]
    scrap: NDArray[np.int64]
    faults: tuple[FaultWindow, ...]
    energy_total: float

    @property
    def start_us(self) -> int:
        """Begin of the week."""
        return COMMISSIONED_US + self.number * WEEK

    @property
    def end_us(self) -> int:
        """End of the week, exclusive."""
        return self.start_us + WEEK


@dataclass(frozen=True, slots=True)
class Totals:
    """Counters and meter at the start of a week."""

    cycles: int
    good: int
    scrap: int
    energy_kwh: float


def week_of(time_us: int) -> int:
    """Number of the week that holds a time."""
    return (time_us - COMMISSIONED_US) // WEEK


class Timeline:
    """All weeks of one machine."""

    def __init__(self, seed: int, name: str, model: MachineModel) -> None:
        self.name = name
        self.model = model
        self._seed = seed
        self._key = key_of(seed, name, "timeline")
        self._totals: list[Totals] = [Totals(0, 0, 0, 0.0)]
        self.week = functools.lru_cache(maxsize=4)(self._make_week)

    def totals(self, number: int) -> Totals:
        """Counters and meter at the start of a week (number ≥ 0)."""
        while len(self._totals) <= number:
            week = self.week(len(self._totals) - 1)
            last = self._totals[-1]
            self._totals.append(
                Totals(
                    last.cycles + len(week.cycle_end),
                    last.good + int(week.good[-1]),
                    last.scrap + int(week.scrap[-1]),
                    last.energy_kwh + week.energy_total,
                )
            )
        return self._totals[number]

    def interruptions(self, number: int) -> tuple[list[Interruption], list[FaultWindow]]:
        """The stops of a week in order, without overlaps, and the process faults that led to some."""
        rng = np.random.Generator(np.random.Philox(key=[self._key, number]))
        planned = self._planned(number, rng)
        return self._with_unplanned(number, planned, rng)

    def _planned(self, number: int, rng: np.random.Generator) -> list[Interruption]:
        begin = COMMISSIONED_US + number * WEEK
        model = self.model
        hour = int(self._key % 24)
        service_day = int(self._key // 24 % 7)
        stops: list[Interruption] = []
        for day in range(7):
            start = begin + day * DAY + int((hour + rng.uniform(0.0, 0.5)) * HOUR)
            minutes = model.setup_minutes * rng.lognormal(0.0, 0.25)
            if day == service_day:
                length = int(model.maintenance_hours * rng.uniform(0.85, 1.15) * HOUR)
                stops.append(Interruption(start, start + length, Mode.MAINTENANCE, MAINTENANCE_REASON))
            else:
                stops.append(Interruption(start, start + int(minutes * MINUTE), Mode.SETUP, SETUP_REASON))
        return stops

    def _with_unplanned(
        self, number: int, planned: list[Interruption], rng: np.random.Generator
    ) -> tuple[list[Interruption], list[FaultWindow]]:
        model = self.model
        begin = COMMISSIONED_US + number * WEEK
        end = begin + WEEK
        weights = np.array([reason.weight for reason in model.reasons])
        weights /= weights.sum()
        stops = list(planned)
        faults: list[FaultWindow] = []
        clock = begin
        for _ in range(400):
            clock += int((0.15 + rng.exponential(0.85)) * model.mtbf_hours * HOUR)
            reason = model.reasons[int(rng.choice(len(model.reasons), p=weights))]
            length = int(min(reason.minutes * rng.lognormal(0.0, 0.5), 240.0) * MINUTE)
            stop = Interruption(clock, clock + length, Mode.FAULT, reason.code)
            if clock + length > end - HOUR:
                break
            lead = int(reason.lead_minutes * rng.uniform(0.7, 1.3) * MINUTE)
            if self._collides(planned, stop, lead, begin):
                continue
            stops.append(stop)
            if reason.fault:
                earliest = max((s.end_us for s in stops if s.end_us <= stop.start_us), default=begin)
                faults.append(FaultWindow(reason.fault, max(clock - lead, earliest), clock, stop.end_us))
            clock += length
        stops.sort(key=lambda s: s.start_us)
        end_of_last = [s for s in stops if s.end_us < end - MINUTE]
        return end_of_last, faults

    @staticmethod
    def _collides(planned: list[Interruption], stop: Interruption, lead: int, begin: int) -> bool:
        """Whether an unplanned stop, with what leads up to it, touches a planned one."""
        margin = 20 * MINUTE
        first = max(begin, stop.start_us - lead) - margin
        return any(first < p.end_us and p.start_us < stop.end_us + margin for p in planned)

    def _make_week(self, number: int) -> Week:
        stops, faults = self.interruptions(number)
        return build_week(self._seed, self.name, self.model, number, stops, faults)


def build_week(
    seed: int, name: str, model: MachineModel, number: int, stops: list[Interruption], faults: list[FaultWindow]
) -> Week:
    """Fill a week's arrays from its stops."""
    begin = COMMISSIONED_US + number * WEEK
    end = begin + WEEK
    product = number * 7 % len(model.products)
    rows: list[tuple[int, int, int, int]] = []
    cursor = begin
    for stop in stops:
        if stop.start_us > cursor:
            rows.append((cursor, int(Mode.RUNNING), NO_REASON, product))
        if stop.mode is Mode.SETUP:
            product = (product + 1) % len(model.products)
        rows.append((stop.start_us, int(stop.mode), stop.reason, product))
        cursor = stop.end_us
    rows.append((cursor, int(Mode.RUNNING), NO_REASON, product))
    start, mode, reason, products = (np.array(column) for column in zip(*rows, strict=True))
    power = np.array([model.power_kw[Mode(m)] for m in mode.tolist()])
    spans = np.diff(np.append(start, end)) / HOUR
    energy = np.concatenate([[0.0], np.cumsum(power * spans)])
    cycles = _cycles(seed, name, model, number, np.append(start, end), mode, products)
    good, scrap = _outcome(seed, name, model, number, cycles, tuple(faults))
    return Week(
        number=number,
        start=start.astype(np.int64),
        mode=mode.astype(np.int8),
        reason=reason.astype(np.int32),
        product=products.astype(np.int16),
        power=power,
        energy=energy[:-1],
        cycle_start=cycles.start,
        cycle_end=cycles.end,
        cycle_product=cycles.product,
        good=good,
        scrap=scrap,
        faults=tuple(faults),
        energy_total=float(energy[-1]),
    )


@dataclass(frozen=True, slots=True)
class _Cycles:
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    product: NDArray[np.int16]
    position: NDArray[np.int64]  # within its running segment


def _cycles(
    seed: int,
    name: str,
    model: MachineModel,
    number: int,
    edges: NDArray[np.int64],
    mode: NDArray[np.int64],
    products: NDArray[np.int64],
) -> _Cycles:
    """Cycles of the running segments; one that a stop interrupts makes nothing and is not among them."""
    shortest = min(product.cycle_s for product in model.products) * 1e6
    most = int(WEEK / shortest * 1.1) + 16
    counter = np.arange(most, dtype=np.int64) + number * most
    marks = np.concatenate([[0.0], np.cumsum(1.0 + _CYCLE_SPREAD * normal(key_of(seed, name, "cycle"), counter))])
    starts: list[NDArray[np.int64]] = []
    ends: list[NDArray[np.int64]] = []
    kinds: list[NDArray[np.int16]] = []
    positions: list[NDArray[np.int64]] = []
    used = 0
    for index in np.flatnonzero(mode == Mode.RUNNING).tolist():
        nominal = model.products[int(products[index])].cycle_s * 1e6
        span = (edges[index + 1] - edges[index]) / nominal
        count = int(np.searchsorted(marks, marks[used] + span, side="right")) - 1 - used
        if count <= 0:
            continue
        bounds = edges[index] + ((marks[used : used + count + 1] - marks[used]) * nominal).astype(np.int64)
        starts.append(bounds[:-1])
        ends.append(bounds[1:])
        kinds.append(np.full(count, products[index], np.int16))
        positions.append(np.arange(count, dtype=np.int64))
        used += count
    return _Cycles(*(np.concatenate(parts) for parts in (starts, ends, kinds, positions)))


def _outcome(
    seed: int, name: str, model: MachineModel, number: int, cycles: _Cycles, faults: tuple[FaultWindow, ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Good and scrap units after each cycle, int64[c + 1] each."""
    count = len(cycles.end)
    chance = np.full(count, model.scrap)
    chance[cycles.position < model.warmup_cycles] += _RAMP_CYCLE_SCRAP
    for fault in faults:
        chance += model.scrap_fault * severity(fault, cycles.end)
    draw = uniform(key_of(seed, name, "scrap"), np.arange(count, dtype=np.int64) + number * 1_000_003)
    units = np.array([product.units for product in model.products], np.int64)[cycles.product]
    if model.reject_units:
        bad = np.minimum(units, np.floor(units * chance + draw).astype(np.int64))
    else:
        bad = np.where(draw < chance, units, 0)
    zero = np.zeros(1, np.int64)
    return np.concatenate([zero, np.cumsum(units - bad)]), np.concatenate([zero, np.cumsum(bad)])


def severity(fault: FaultWindow, time_us: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64[n]: 0 without the fault, growing to 1 where the machine gives up, 1 until it is repaired."""
    grown = np.clip((time_us - fault.onset_us) / max(1, fault.stop_us - fault.onset_us), 0.0, 1.0)
    return np.where((time_us >= fault.onset_us) & (time_us < fault.end_us), grown, 0.0)
