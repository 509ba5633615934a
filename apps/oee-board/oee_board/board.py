"""The board: what all machines did in a span, read by the properties that they have."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import numpy as np

from dualspan_appkit.choices import time_zone
from dualspan_appkit.machine_time import Element, Timeline, chosen_states, meanings, timeline
from dualspan_sdk import Aggregate, Asset, Assets, Columns, Plant, PropertyRef, Results, State
from oee_board.oee import Figures, counted, figures, planned_pieces, seconds_per_piece, stops
from oee_board.shifts import Shifts

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)
_COUNTER_INTERVAL = timedelta(minutes=5)
_COUNTERS = ("good-count", "scrap-count", "total-count")
_EVENTS = ("state", "stop-reason-text", "product-code", "speed-setpoint")
_MOST_STOPS = 12
_Read: TypeAlias = Mapping[str, Columns]


@dataclass(frozen=True, slots=True)
class MachineSpan:
    """What one machine did."""

    asset: Asset
    site: str
    line: Timeline
    figures: Figures
    lost: list[tuple[str, int, float]]
    state: State | None


class Board:
    """Keeps what the pages ask for, and computes it anew again and again.

    Args:
        plant: Where the data comes from.
        configuration: `shifts` (texts such as `06:00`), `timeZone` (IANA), `states` (texts such as `0=APT`).
        results: Where the figures of each full hour go.
    """

    def __init__(self, plant: Plant, configuration: Mapping[str, Any], results: Results) -> None:
        self._plant = plant
        self._shifts = Shifts.parse(configuration.get("shifts", ["06:00", "14:00", "22:00"]), time_zone(configuration))
        self._chosen = chosen_states(configuration.get("states", []))
        self._known: dict[str, dict[str, Any]] = {}
        self._results = results
        self._written: datetime | None = None
        self._ready = asyncio.Event()

    async def refresh(self) -> None:
        """Compute all spans anew."""
        now = self._plant.now()
        begin, before = self._shifts.around(now)
        spans = {"shift": (begin, now), "previous": (before, begin), "day": (now - _DAY, now)}
        for name, (start, end) in spans.items():
            known = self._known.get(name)
            # A shift that is over does not change.
            if name == "previous" and known is not None and known["start"] == _us(start):
                continue
            self._known[name] = await self._span(start, end)
        self._ready.set()
        await self._write_hour(now.replace(minute=0, second=0, microsecond=0))

    async def _write_hour(self, end: datetime) -> None:
        """The figures of a full hour become new tags, stamped with its end."""
        if self._written == end:
            return
        hour = await self._span(end - _HOUR, end)
        for machine in hour["machines"]:
            figures = {"oee": machine["oee"], "availability": machine["availability"]}
            for output, ratio in figures.items():
                if ratio is not None:
                    await self._results.write(machine["id"], output, _us(end), 100.0 * ratio)
            await self._results.write(machine["id"], "good", _us(end), float(machine["good"]))
        self._written = end

    async def answer(self, query: Mapping[str, str]) -> dict[str, Any]:
        """What the page draws: `?span=shift`, `previous` or `day`."""
        await self._ready.wait()
        return self._known.get(query.get("span", "shift")) or next(iter(self._known.values()))

    async def _span(self, start: datetime, end: datetime) -> dict[str, Any]:
        assets = await self._plant.assets()
        stated = assets.machines(["state"])
        machines = [each for each in stated if each.has("good-count") or each.has("total-count")]
        reading = Reading(self._plant, machines)
        events, counters, cycles = await reading.all(start, end)
        found = [self._machine(assets, each, events, counters, cycles, (_us(start), _us(end))) for each in machines]
        return _document(found, _us(start), _us(end))

    def _machine(
        self,
        assets: Assets,
        asset: Asset,
        events: Mapping[PropertyRef, Columns],
        counters: Mapping[PropertyRef, Columns],
        cycles: Mapping[PropertyRef, Columns],
        span: tuple[int, int],
    ) -> MachineSpan:
        read = {name: events[ref] for name in _EVENTS if (ref := PropertyRef(asset.id, name)) in events}
        count = {name: counters[ref] for name in _COUNTERS if (ref := PropertyRef(asset.id, name)) in counters}
        means = meanings(asset.model, self._chosen)
        line = timeline(read["state"], means, *span)
        scrap = counted(count.get("scrap-count"))
        good = counted(count["good-count"]) if "good-count" in count else counted(count.get("total-count")) - scrap
        expected = _expected(line, read, good + scrap, cycles.get(_cycle_ref(asset)), span)
        return MachineSpan(
            asset,
            assets.path(asset.id)[0].name,
            line,
            figures(line, max(good, 0.0), scrap, expected),
            stops(line, read.get("stop-reason-text")),
            _state_now(asset, read["state"]),
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """What is read for the board: few samples of states, aggregates of counters, cycles where there is no set speed."""

    plant: Plant
    machines: list[Asset]

    async def all(
        self, start: datetime, end: datetime
    ) -> tuple[dict[PropertyRef, Columns], dict[PropertyRef, Columns], dict[PropertyRef, Columns]]:
        """Events, counters by five minutes, and counters sample by sample over a day at least."""
        events = [ref for each in self.machines for name in _EVENTS for ref in each.refs(name)]
        counters = [ref for each in self.machines for name in _COUNTERS for ref in each.refs(name)]
        cycles = [_cycle_ref(each) for each in self.machines if not each.has("speed-setpoint")]
        since = min(start, end - _DAY)
        happened = await self.plant.read_many(events, since, end, before=True)
        processed = await self.plant.read_processed(
            counters, start, end, interval=_COUNTER_INTERVAL, aggregates=[Aggregate.INTERPOLATIVE, Aggregate.END]
        )
        sampled = await self.plant.read_many(cycles, since, end) if cycles else {}
        return happened, {ref: _readings(processed, ref) for ref in counters}, sampled


def _readings(processed: Mapping[tuple[PropertyRef, Aggregate], Columns], ref: PropertyRef) -> Columns:
    """What a counter showed when the span began, and last in each interval."""
    first, ends = processed[ref, Aggregate.INTERPOLATIVE], processed[ref, Aggregate.END]
    known = ~np.isnan(ends.value)
    begin = slice(0, 1 if len(first) and not np.isnan(first.value[0]) else 0)
    return Columns(
        ref,
        ends.unit,
        np.concatenate([first.timestamp[begin], ends.timestamp[known]]),
        np.concatenate([first.value[begin], ends.value[known]]),
        np.zeros(begin.stop + int(known.sum()), np.uint32),
    )


def _cycle_ref(asset: Asset) -> PropertyRef:
    return PropertyRef(asset.id, "good-count" if asset.has("good-count") else "total-count")


def _expected(line: Timeline, read: _Read, made: float, cycle: Columns | None, span: tuple[int, int]) -> float:
    """Share of the production time that what was made would have taken at the planned, or else the best, pace."""
    if "speed-setpoint" in read:
        planned = planned_pieces(read["speed-setpoint"], line)
        return made / planned if planned else float("nan")
    production = line.seconds(Element.PRODUCTION)
    return made * seconds_per_piece(cycle, read.get("product-code"), span) / production if production else float("nan")


def _state_now(asset: Asset, state: Columns) -> State | None:
    if not len(state) or asset.model is None:
        return None
    first = 1 if any(each.id == "execute" for each in asset.model.states) else 0
    place = int(state.value[-1]) - first
    return asset.model.states[place] if 0 <= place < len(asset.model.states) else None


def _document(found: list[MachineSpan], start: int, end: int) -> dict[str, Any]:
    lost: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for each in found:
        for text, times, seconds in each.lost:
            lost[text] += round(seconds)
            count[text] += times
    reasons = [{"reason": text, "count": count[text], "seconds": seconds} for text, seconds in lost.most_common()]
    return {
        "start": start,
        "end": end,
        "machines": [_row(each) for each in found],
        "stops": reasons[:_MOST_STOPS],
        "totals": _totals([each.figures for each in found]),
        "sites": {
            site: _totals([each.figures for each in found if each.site == site]) for site in {e.site for e in found}
        },
    }


def _row(each: MachineSpan) -> dict[str, Any]:
    shown = each.figures
    return {
        "id": each.asset.id,
        "name": each.asset.name,
        "site": each.site,
        "state": {"en": each.state.name, "zh": each.state.name_zh} if each.state else None,
        "oee": shown.oee,
        "availability": shown.availability,
        "effectiveness": shown.effectiveness,
        "quality": shown.quality,
        "good": shown.good,
        "scrap": shown.scrap,
        "down": shown.down,
        "strip": [each.line.start.tolist(), each.line.element.tolist()],
    }


def _totals(found: list[Figures]) -> dict[str, float | None]:
    """Times and pieces are added up first; ratios are never averaged."""
    known = [each for each in found if each.effectiveness is not None and each.quality is not None]
    busy = sum(each.busy for each in found)
    made = sum(each.good + each.scrap for each in found)
    production = sum(each.production for each in known)
    ideal = sum(each.production * (each.effectiveness or 0.0) for each in known)
    planned = sum(each.busy for each in known)
    valuable = sum(each.production * (each.effectiveness or 0.0) * (each.quality or 0.0) for each in known)
    return {
        "oee": valuable / planned if planned else None,
        "availability": sum(each.production for each in found) / busy if busy else None,
        "effectiveness": ideal / production if production else None,
        "quality": sum(each.good for each in found) / made if made else None,
        "down": sum(each.down for each in found),
    }


def _us(instant: datetime) -> int:
    return round(instant.timestamp() * 1e6)
