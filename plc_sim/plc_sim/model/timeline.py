"""A machine's weeks: when it ran and why it stood, cycle by cycle, as arrays.

A week is made from (seed, machine, week number) alone. Stops do not cross its end, so weeks can be made in any order;
counters and meters carry the sums of the weeks before.
"""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plc_sim.model.machine import COMMISSIONED_US, HOUR, WEEK, Hold, MachineModel, Mode
from plc_sim.model.noise import key_of, normal, uniform
from plc_sim.model.schedule import HOLD_REASON, NO_REASON, FaultWindow, Interruption, Schedule

_CYCLE_SPREAD = 0.012
_RAMP_CYCLE_SCRAP = 0.6


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
        good: int32[c + 1], good units after so many cycles of the week.
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
    good: NDArray[np.int32]
    scrap: NDArray[np.int32]
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
    """All weeks of one machine.

    Attributes:
        name: The machine's.
        scope: Its plant, which keeps the noise of machines of the same name apart.
        model: What kind of machine it is.
    """

    def __init__(self, seed: int, scope: str, name: str, model: MachineModel, schedule: Schedule) -> None:
        self.name = name
        self.scope = scope
        self.model = model
        self._seed = seed
        self._schedule = schedule
        self._holds: tuple[Hold, ...] = ()
        self._totals: list[Totals] = [Totals(0, 0, 0, 0.0)]
        self.week = functools.lru_cache(maxsize=2)(self._make_week)

    @property
    def holds(self) -> tuple[Hold, ...]:
        """When commands stopped the machine, oldest first."""
        return self._holds

    def hold(self, holds: tuple[Hold, ...]) -> None:
        """Let these commands count: the weeks since the first that is new, and their counters, are made again."""
        new = [hold.start_us for hold in (*holds, *self._holds) if hold not in holds or hold not in self._holds]
        if new:
            del self._totals[max(week_of(min(new)), 0) + 1 :]
        self._holds = holds
        self.week.cache_clear()

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

    def _make_week(self, number: int) -> Week:
        stops, faults = self._schedule(number)
        name = f"{self.scope}/{self.name}"
        return build_week(self._seed, name, self.model, number, stops, faults, self._holds)


_Row = tuple[int, int, int, int]
"""Start µs, mode, reason and product of a segment."""


def _rows(begin: int, product: int, products: int, stops: list[Interruption]) -> list[_Row]:
    """The segments of a week from its stops."""
    rows: list[_Row] = []
    cursor = begin
    for stop in stops:
        if stop.start_us > cursor:
            rows.append((cursor, int(Mode.RUNNING), NO_REASON, product))
        if stop.mode is Mode.SETUP:
            product = (product + 1) % products
        rows.append((stop.start_us, int(stop.mode), stop.reason, product))
        cursor = stop.end_us
    rows.append((cursor, int(Mode.RUNNING), NO_REASON, product))
    return rows


def _held(rows: list[_Row], end: int, hold: Hold, products: int) -> list[_Row]:
    """The segments with one in which the machine is held where it would have run; its other stops stay."""
    until = end if hold.end_us is None else hold.end_us
    result: list[_Row] = []
    shift: int | None = None  # of the products after it
    for (start, mode, reason, product), stop in zip(rows, [*(row[0] for row in rows[1:]), end], strict=True):
        if start >= until and shift is None:
            shift = 0 if hold.product is None else hold.product - product
        made = (product + (shift or 0)) % products
        first, last = max(start, hold.start_us), min(stop, until)
        if mode != Mode.RUNNING or first >= last:
            result.append((start, mode, reason, made))
            continue
        if start < first:
            result.append((start, mode, reason, made))
        result.append((first, int(Mode.BREAK), HOLD_REASON, made))
        if last < stop:
            shift = 0 if hold.product is None else hold.product - product
            result.append((last, mode, reason, (product + shift) % products))
    return result


def build_week(
    seed: int,
    name: str,
    model: MachineModel,
    number: int,
    stops: list[Interruption],
    faults: list[FaultWindow],
    holds: tuple[Hold, ...] = (),
) -> Week:
    """Fill a week's arrays from its stops."""
    begin = COMMISSIONED_US + number * WEEK
    end = begin + WEEK
    # Six changeovers a week lead from one week's first product to the next week's.
    rows = _rows(begin, number * 6 % len(model.products), len(model.products), stops)
    for hold in holds:
        if hold.start_us < end and (hold.end_us is None or hold.end_us > begin):
            rows = _held(rows, end, hold, len(model.products))
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
    return _Cycles(np.concatenate(starts), np.concatenate(ends), np.concatenate(kinds), np.concatenate(positions))


def _outcome(
    seed: int, name: str, model: MachineModel, number: int, cycles: _Cycles, faults: tuple[FaultWindow, ...]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Good and scrap units after each cycle of the week, int32[c + 1] each."""
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
    made = np.zeros((2, count + 1), np.int32)
    np.cumsum(units - bad, out=made[0, 1:])
    np.cumsum(bad, out=made[1, 1:])
    return made[0], made[1]


def severity(fault: FaultWindow, time_us: NDArray[np.int64]) -> NDArray[np.float64]:
    """float64[n]: 0 without the fault, growing to 1 where the machine gives up, 1 until it is repaired."""
    grown = np.clip((time_us - fault.onset_us) / max(1, fault.stop_us - fault.onset_us), 0.0, 1.0)
    return np.where((time_us >= fault.onset_us) & (time_us < fault.end_us), grown, 0.0)
