"""Which machines behave unlike themselves, what shows it, and since when."""

import asyncio
from collections.abc import Mapping
from typing import Any

import numpy as np

from dualspan_sdk import Asset, DualSpanError, Plant, Property, Results
from predictive_maintenance.deviation import Behaviour, behaviour, since
from predictive_maintenance.history import History, Past

_STATE = "state"
# An hour of points shows where it is heading.
_TREND_POINTS = 12


class Watch:
    """Watches machines, one after the other.

    Args:
        plant: Where they are.
        results: Where the severity of each machine goes.
        configuration: `days` to learn from.
    """

    def __init__(self, plant: Plant, results: Results, configuration: Mapping[str, Any]) -> None:
        self._plant = plant
        self._results = results
        self._history = History(plant, float(configuration.get("days", 4)))
        self._known: dict[str, tuple[Past, Behaviour]] = {}
        self._written: dict[str, int] = {}
        self._rows: dict[str, dict[str, Any]] = {}
        self._turn = 0
        self._ready = asyncio.Event()

    async def refresh(self) -> None:
        """Look at the machine whose turn it is."""
        machines = [each for each in await self._plant.machines(_STATE) if len(each.sources) > 1]
        self._rows = {each.id: self._rows[each.id] for each in machines if each.id in self._rows}
        if machines:
            await self._look(machines[self._turn % len(machines)])
            self._turn += 1
        self._ready.set()

    async def overview(self, query: Mapping[str, str]) -> dict[str, Any]:
        """All machines, the most unusual first."""
        await self._ready.wait()
        return {"machines": sorted(self._rows.values(), key=lambda row: (not row["findings"], -row["severity"]))}

    async def chart(self, query: Mapping[str, str]) -> dict[str, Any]:
        """A measure over time: `?asset=imm01&property=cushion`."""
        machine = (await self._plant.assets())[query.get("asset", "")]
        past, seen = self._known.get(machine.id, (None, None))
        names = [] if past is None else [ref.property for ref in past.refs]
        if past is None or seen is None or query.get("property") not in names:
            words = f"{machine.id} has no measure {query.get('property')!r} yet. It has: {', '.join(names) or 'none'}."
            raise DualSpanError("NOT_FOUND", "NO_SUCH_MEASURE", words)
        row = names.index(query["property"])
        described = _described(machine, names[row])
        value = np.where(past.steady, past.value[row], np.nan)
        return {
            "machine": machine.name,
            "name": _names(described, names[row]),
            "unit": described.unit if described else "",
            "time": (past.start / 1e6).tolist(),
            "value": [None if np.isnan(each) else each for each in value.tolist()],
            "unusual": np.flatnonzero(seen.unusual[row]).tolist(),
        }

    async def _look(self, machine: Asset) -> None:
        past = await self._history.extend(machine, self._plant.now())
        made = np.unique(past.product.astype(str), return_inverse=True)[1].astype(np.int64)
        seen = behaviour(past.value, made, past.steady)
        self._known[machine.id] = (past, seen)
        severity = seen.severity()
        self._rows[machine.id] = {
            "asset": machine.id,
            "machine": machine.name,
            "severity": float(severity[:, -1].max(initial=0.0)),
            "known": float(past.steady.mean()),
            "findings": _findings(machine, past, seen),
            "recent": _recent(machine, past, seen),
        }
        await self._write(machine, past, severity.max(axis=0))

    async def _write(self, machine: Asset, past: Past, severity: np.ndarray[Any, np.dtype[np.float64]]) -> None:
        """The severity of points that are new since the last time; of the first time, of the newest point only."""
        newest = int(past.start[-1])
        after = self._written.get(machine.id, newest - 1)
        new = past.start > after
        if new.any():
            await self._results.write(machine.id, "severity", past.start[new], severity[new])
            self._written[machine.id] = newest


def _findings(machine: Asset, past: Past, seen: Behaviour) -> list[dict[str, Any]]:
    """Measures that are unusual now, the most unusual first."""
    found: list[dict[str, Any]] = []
    for row, ref in enumerate(past.refs):
        begin = since(seen.unusual[row])
        if begin is None:
            continue
        score = seen.score[row]
        found.append(
            {
                "property": ref.property,
                "name": _names(_described(machine, ref.property), ref.property),
                "since": int(past.start[begin]),
                "score": float(score[-1]),
                "trend": _trend(score),
            }
        )
    return sorted(found, key=lambda each: -abs(each["score"]))


def _recent(machine: Asset, past: Past, seen: Behaviour) -> dict[str, Any] | None:
    """What was unusual last, when nothing is now."""
    rows, points = np.nonzero(seen.unusual)
    if not len(points):
        return None
    last = int(np.argmax(points))
    name = past.refs[int(rows[last])].property
    return {"property": name, "name": _names(_described(machine, name), name), "at": int(past.start[points[last]])}


def _trend(score: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """By how many usual deviations the distance grows in an hour."""
    last = np.abs(score[-_TREND_POINTS:])
    known = np.flatnonzero(~np.isnan(last))
    if len(known) < 3:
        return 0.0
    return float(np.polyfit(known.astype(float), last[known], 1)[0]) * _TREND_POINTS


def _described(machine: Asset, name: str) -> Property | None:
    return machine.model.properties.get(name) if machine.model else None


def _names(described: Property | None, name: str) -> dict[str, str]:
    return {"en": described.name, "zh": described.name_zh} if described else {"en": name, "zh": ""}
