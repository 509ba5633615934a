"""KPIs of machines, each for itself, when many of them have something wrong."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

import numpy as np

from dualspan_analytics.assets import Asset, AssetLevel, AssetTree
from dualspan_analytics.kpis.ratios import Figures
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.service.kpi_watch import KpiWatch
from dualspan_analytics.service.kpis import KpiAnswer, KpiQuestion, Kpis
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


@dataclass
class Answers(Misfits):
    """Assets that have figures, of which more and more is known."""

    async def asked(self, _: str, assets: Sequence[str], *__: int) -> Asked:
        machines = [SimpleNamespace(id=each, plan=SimpleNamespace(unit="")) for each in assets]
        return cast(Asked, SimpleNamespace(skipped=(), machines=machines))

    async def query(self, _: str, question: KpiQuestion) -> KpiAnswer:
        count = len(question.assets)
        rows = SimpleNamespace(asset=np.arange(count), assets=list(question.assets))
        figures = Figures(np.ones(count), np.linspace(0, 1, count), np.full(count, "", object))
        return cast(KpiAnswer, SimpleNamespace(rows=rows, figures={"oee": ("", figures)}))


async def test_a_figure_of_which_little_is_known_is_none() -> None:
    answers = Answers()
    watch = KpiWatch(cast(Kpis, answers), cast(Production, answers), cast(PlantData, answers))
    found = (await watch.watched("t", "oee", MACHINES, 0, 1)).values
    assert [each for each in MACHINES if np.isfinite(found[each])] == MACHINES[8:]
