"""Charts of what machines measure while they produce, and which of them need a look."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dualspan_appkit.machine_time import Element, meanings, timeline
from dualspan_sdk import Aggregate, Asset, DualSpanError, Plant, PropertyRef
from spc_studio.charting import RULES, Limits, broken_rules, capability, limits_of

_STATE = "state"
_PRODUCT = "product-code"
_BINS = 30
_BASELINE = 0.6


@dataclass(frozen=True, slots=True)
class Points:
    """What a property was, point by point.

    Attributes:
        start: int64, shape (n,): begins of the intervals, µs.
        value: float64, shape (n,): mean of each; NaN where nothing is known, or the machine did not make its present
            product throughout: each product has values of its own.
    """

    start: NDArray[np.int64]
    value: NDArray[np.float64]

    @property
    def baseline(self) -> int:
        """Where the points end that limits are made of: the first six tenths of those that are known."""
        known = np.flatnonzero(~np.isnan(self.value))
        return int(known[int(len(known) * _BASELINE)]) if len(known) else 0


_Same: TypeAlias = Callable[[NDArray[np.int64], int], NDArray[np.bool_]]


class Studio:
    """Computes charts.

    Args:
        plant: Where the data comes from.
        configuration: `minutes` of a point, `days` to look at.
    """

    def __init__(self, plant: Plant, configuration: Mapping[str, Any]) -> None:
        self._plant = plant
        self._interval = timedelta(minutes=int(configuration.get("minutes", 10)))
        self._days = timedelta(days=float(configuration.get("days", 5)))
        self._charts: dict[str, list[dict[str, Any]]] = {}
        self._turn = 0
        self._ready = asyncio.Event()

    async def refresh(self) -> None:
        """Look at all properties of the machine whose turn it is."""
        machines = await self._plant.machines(_STATE)
        self._charts = {each.id: self._charts[each.id] for each in machines if each.id in self._charts}
        if machines:
            machine = machines[self._turn % len(machines)]
            points = await self._points(machine, self._end())
            rows = [self._row(machine, ref, each) for ref, each in points.items()]
            self._charts[machine.id] = [row for row in rows if row is not None]
            self._turn += 1
        self._ready.set()

    async def overview(self, query: Mapping[str, str]) -> dict[str, Any]:
        """All charts, those with most broken rules first."""
        await self._ready.wait()
        charts = [row for rows in self._charts.values() for row in rows]
        return {"rules": RULES, "charts": sorted(charts, key=lambda each: -each["broken"])}

    async def chart(self, query: Mapping[str, str]) -> dict[str, Any]:
        """One chart: `?asset=imm01&property=cushion&low=…&high=…`."""
        asset = (await self._plant.assets())[query.get("asset", "")]
        ref = PropertyRef(asset.id, query.get("property", ""))
        low, high = _number(query, "low"), _number(query, "high")
        points = (await self._points(asset, self._end(), ref.property)).get(ref)
        if points is None:
            raise DualSpanError("NOT_FOUND", "NO_SUCH_CHART", f"{ref} has no values to chart.")
        limits = limits_of(points.value[: points.baseline])
        described = asset.model.properties.get(ref.property) if asset.model else None
        answer: dict[str, Any] = {
            "asset": asset.id,
            "machine": asset.name,
            "property": ref.property,
            "name": {"en": described.name, "zh": described.name_zh} if described else {"en": ref.property, "zh": ""},
            "unit": described.unit if described else "",
            "time": (points.start / 1e6).tolist(),
            "value": _plain(points.value),
            "baseline": points.baseline,
            "rules": RULES,
            "limits": None,
        }
        return answer if limits is None else answer | _judged(points, limits, low, high)

    def _end(self) -> datetime:
        now, minutes = self._plant.now(), self._interval // timedelta(minutes=1)
        return now.replace(minute=now.minute // minutes * minutes, second=0, microsecond=0)

    async def _points(self, machine: Asset, end: datetime, only: str = "") -> dict[PropertyRef, Points]:
        start = end - self._days
        refs = [PropertyRef(machine.id, *slot) for slot in sorted(machine.sources) if slot[0] not in {_STATE, _PRODUCT}]
        refs = [ref for ref in refs if not only or ref.property == only]
        if not refs:
            return {}
        found = await self._plant.read_processed(
            refs, start, end, interval=self._interval, aggregates=[Aggregate.AVERAGE]
        )
        state = await self._plant.read(machine.id, _STATE, start, end, before=True)
        begin, until = round(start.timestamp() * 1e6), round(end.timestamp() * 1e6)
        line = timeline(state, meanings(machine.model, {}), begin, until)
        same = await self._since_when(machine, start, end)
        length, points = self._interval // timedelta(microseconds=1), dict[PropertyRef, Points]()
        for ref in refs:
            columns = found[ref, Aggregate.AVERAGE]
            steady = line.is_throughout(Element.PRODUCTION, columns.timestamp, length)
            points[ref] = Points(
                columns.timestamp, np.where(steady & same(columns.timestamp, length), columns.value, np.nan)
            )
        return points

    async def _since_when(self, machine: Asset, start: datetime, end: datetime) -> _Same:
        """Tells in which intervals the machine made what it makes now; in all where products are not known."""
        if not machine.has(_PRODUCT):
            return lambda starts, _: np.ones(len(starts), np.bool_)
        product = await self._plant.read(machine.id, _PRODUCT, start, end, before=True)
        codes = np.unique(product.value.astype(str), return_inverse=True)[1]

        def same(starts: NDArray[np.int64], length: int) -> NDArray[np.bool_]:
            first = np.searchsorted(product.timestamp, starts, side="right") - 1
            last = np.searchsorted(product.timestamp, starts + length, side="right") - 1
            return (first >= 0) & (first == last) & (codes[np.maximum(first, 0)] == codes[-1])

        return same if len(product) else lambda starts, _: np.ones(len(starts), np.bool_)

    def _row(self, machine: Asset, ref: PropertyRef, points: Points) -> dict[str, Any] | None:
        first = points.baseline
        limits = limits_of(points.value[:first])
        if limits is None or limits.sigma <= 0:
            return None
        broken = broken_rules(points.value, limits)[:, first:]
        known = int((~np.isnan(points.value[first:])).sum())
        described = machine.model.properties.get(ref.property) if machine.model else None
        return {
            "asset": machine.id,
            "machine": machine.name,
            "property": ref.property,
            "name": {"en": described.name, "zh": described.name_zh} if described else {"en": ref.property, "zh": ""},
            "unit": described.unit if described else "",
            "centre": limits.centre,
            "sigma": limits.sigma,
            "points": known,
            "broken": int(broken.any(axis=0).sum()) / known if known else 0.0,
            "byRule": broken.sum(axis=1).tolist(),
        }


def _judged(points: Points, limits: Limits, low: float | None, high: float | None) -> dict[str, Any]:
    broken = broken_rules(points.value, limits)
    fits = capability(points.value, limits, low, high)
    known = points.value[~np.isnan(points.value)]
    count, edges = np.histogram(known, _BINS)
    return {
        "limits": {"centre": limits.centre, "upper": limits.upper, "lower": limits.lower, "sigma": limits.sigma},
        "broken": [np.flatnonzero(each).tolist() for each in broken],
        "capability": {"cp": fits.cp, "cpk": fits.cpk, "ppk": fits.ppk},
        "histogram": {"edges": edges.tolist(), "count": count.tolist()},
    }


def _plain(values: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(each) else each for each in values.tolist()]


def _number(query: Mapping[str, str], name: str) -> float | None:
    text = query.get(name, "")
    try:
        number = float(text) if text else None
    except ValueError:
        number = float("nan")
    if number is not None and not np.isfinite(number):
        raise DualSpanError("INVALID_ARGUMENT", "MALFORMED_NUMBER", f"{name}: {text!r} is no number.")
    return number
