"""What the pages show: energy, cost, carbon and what was used for nothing, by machine and by hour."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from dualspan_appkit.choices import time_zone
from dualspan_appkit.machine_time import meanings, timeline
from dualspan_sdk import Aggregate, Asset, Assets, Columns, Plant, PropertyRef
from energy_carbon.hours import Idle, idle_energy, rises
from energy_carbon.ledger import Ledger
from energy_carbon.tariff import Tariff

_DAY = timedelta(days=1)
_FINE = timedelta(minutes=5)
_FINE_US = 300_000_000


@dataclass(frozen=True, slots=True)
class Today:
    """What one machine did in the last 24 hours: energy idle and not, and pieces."""

    idle: Idle | None
    energy: float
    pieces: float | None


class Accounts:
    """Keeps what the pages ask for.

    Args:
        plant: Where the meters are.
        configuration: `tariff`, `timeZone`, `currency`, `kilogramsPerKwh`.
    """

    def __init__(self, plant: Plant, configuration: Mapping[str, Any]) -> None:
        self._plant = plant
        self._tariff = Tariff.parse(configuration.get("tariff", ["00=0.7"]), time_zone(configuration))
        self._currency = str(configuration.get("currency", "CNY"))
        self._factor = float(configuration.get("kilogramsPerKwh", 0.5366))
        self._ledger = Ledger(plant)
        self._shown: dict[str, Any] = {}
        self._ready = asyncio.Event()

    async def refresh(self) -> None:
        """Read what is new, and add up."""
        now = self._plant.now()
        assets = await self._plant.assets()
        loads = assets.machines(["active-energy"])
        refs = [PropertyRef(each.id, "active-energy") for each in loads]
        await self._ledger.extend(refs, now)
        today = await self._today(loads, now)
        self._shown = self._document(assets, loads, today)
        self._ready.set()

    async def answer(self, query: Mapping[str, str]) -> dict[str, Any]:
        """What the page draws."""
        await self._ready.wait()
        return self._shown

    async def _today(self, loads: list[Asset], now: datetime) -> dict[str, Today]:
        end = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0)
        start = end - _DAY
        counters = {each.id: _counter(each) for each in loads}
        meters = [PropertyRef(each.id, "active-energy") for each in loads]
        wanted = [*meters, *(ref for ref in counters.values() if ref is not None)]
        found = await self._plant.read_processed(
            wanted, start, end + _FINE, interval=_FINE, aggregates=[Aggregate.INTERPOLATIVE]
        )
        states = [ref for each in loads for ref in each.refs("state")]
        happened = await self._plant.read_many(states, start, end, before=True) if states else {}
        span = (round(start.timestamp() * 1e6), round(end.timestamp() * 1e6))
        return {
            each.id: _machine(each, found, counters[each.id], happened.get(PropertyRef(each.id, "state")), span)
            for each in loads
        }

    def _document(self, assets: Assets, loads: list[Asset], today: Mapping[str, Today]) -> dict[str, Any]:
        hours = self._ledger.hours
        used = np.array([rises(self._ledger.readings(PropertyRef(each.id, "active-energy"))) for each in loads])
        begins = hours[:-1]
        # Between hours that do not follow each other is no hour.
        used = np.where(np.diff(hours) == 3_600_000_000, used, np.nan)
        price = self._tariff.at(begins)
        sites = [assets.path(each.id)[0].name for each in loads]
        energy = np.nan_to_num(used)
        rows = [
            {
                "id": each.id,
                "name": each.name,
                "site": site,
                "energy": float(mine.sum()),
                "cost": float((mine * price).sum()),
                "carbon": float(mine.sum()) * self._factor,
                "today": today[each.id].energy,
                "perPiece": _ratio(today[each.id].energy, today[each.id].pieces),
                "idle": None if (idle := today[each.id].idle) is None else idle.share,
            }
            for each, site, mine in zip(loads, sites, energy, strict=True)
        ]
        by_site = {
            site: energy[np.array([each == site for each in sites])].sum(axis=0).tolist() for site in sorted(set(sites))
        }
        return {
            "currency": self._currency,
            "factor": self._factor,
            "hours": (begins / 1e6).tolist(),
            "price": price.tolist(),
            "sites": by_site,
            "machines": rows,
            "totals": {
                "energy": float(energy.sum()),
                "cost": float((energy * price).sum()),
                "carbon": float(energy.sum()) * self._factor,
                "idle": sum(idle.idle for each in today.values() if (idle := each.idle) is not None),
                "known": float(np.mean(~np.isnan(used))) if used.size else 0.0,
            },
        }


def _counter(asset: Asset) -> PropertyRef | None:
    name = next((each for each in ("good-count", "total-count") if asset.has(each)), None)
    return None if name is None else PropertyRef(asset.id, name)


def _machine(
    asset: Asset,
    found: Mapping[tuple[PropertyRef, Aggregate], Columns],
    counter: PropertyRef | None,
    state: Columns | None,
    span: tuple[int, int],
) -> Today:
    meter = found[PropertyRef(asset.id, "active-energy"), Aggregate.INTERPOLATIVE]
    used = rises(meter.value)
    idle = None
    if state is not None:
        line = timeline(state, meanings(asset.model, {}), *span)
        idle = idle_energy(meter.timestamp[:-1], _FINE_US, used, line)
    pieces = None if counter is None else float(np.nansum(rises(found[counter, Aggregate.INTERPOLATIVE].value)))
    return Today(idle, float(np.nansum(used)), pieces)


def _ratio(energy: float, pieces: float | None) -> float | None:
    return energy / pieces if pieces else None
