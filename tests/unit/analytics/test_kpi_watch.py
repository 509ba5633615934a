"""KPIs of machines, each for itself, when many of them have something wrong."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from dualspan_analytics.assets import Asset, AssetLevel, AssetTree
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.service.kpi_watch import KpiWatch
from dualspan_analytics.service.kpis import Kpis
from dualspan_analytics.service.production import Asked, Production
from dualspan_runtime.errors import FailedPrecondition

MACHINES = [f"m{each:02}" for each in range(16)]


@dataclass
class Misfits:
    """Assets every one of which is refused, and how many questions there were at a time at most."""

    running: int = 0
    most: int = 0

    async def assets(self, _: str) -> AssetTree:
        return AssetTree({each: Asset(each, each, AssetLevel.MACHINE, "", "", "", {}) for each in MACHINES}, {})

    async def asked(self, _: str, assets: Sequence[str], *__: int) -> Asked:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        raise FailedPrecondition("UNIT_DOES_NOT_FIT", f"{assets[0]} does not fit.")


async def test_machines_are_asked_for_apart_but_not_all_at_once() -> None:
    misfits = Misfits()
    watch = KpiWatch(cast(Kpis, misfits), cast(Production, misfits), cast(PlantData, misfits))
    found = await watch.watched("t", "oee", MACHINES, 0, 1)
    assert found.troubles == {each: f"{each} does not fit." for each in MACHINES}
    assert misfits.most == 1
