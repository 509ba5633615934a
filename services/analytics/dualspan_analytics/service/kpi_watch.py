"""Use case: one KPI of many machines, each for itself: what is wrong with one keeps no other from its figure."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from dualspan_analytics.assets import AssetLevel
from dualspan_analytics.kpis.errors import no_states
from dualspan_analytics.kpis.grouping import Dimension
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.service.kpis import KpiQuestion, Kpis
from dualspan_analytics.service.production import Asked, Production
from dualspan_runtime.errors import DomainError, Unavailable

# They are no machine's, so asking for fewer machines would not help.
_OF_ALL = frozenset({"KPI_NOT_FOUND", "BAD_KPI_QUERY"})
# Of which less is known, a figure could be anything.
_LEAST_GOOD_SHARE = 0.5
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Watched:
    """One KPI of machines.

    Attributes:
        values: By machine; NaN where there is nothing to compute it of, or good data for less than half of the time.
        troubles: By asset: why it has none. What must be mended first.
    """

    values: Mapping[str, float]
    troubles: Mapping[str, str]


class KpiWatch:
    """Computes a KPI of machines.

    Args:
        kpis: KPIs.
        production: Machines.
        plant: Assets.
    """

    def __init__(self, kpis: Kpis, production: Production, plant: PlantData) -> None:
        self._kpis = kpis
        self._production = production
        self._plant = plant

    async def watched(self, tenant: str, kpi: str, assets: Sequence[str], start_us: int, end_us: int) -> Watched:
        """A KPI of each of some machines over a span, µs.

        Raises:
            Unavailable: onboarding or the historian cannot be asked.
        """
        tree = await self._plant.assets(tenant)
        machines = [each for each in assets if each in tree.assets and tree.assets[each].level is AssetLevel.MACHINE]
        words = "KPIs are watched of machines, and this is none: name those below it."
        troubles = dict.fromkeys(sorted(set(assets) - set(machines)), words)

        async def asked(some: Sequence[str]) -> Asked:
            return await self._production.asked(tenant, some, start_us, end_us)

        async def values(some: Sequence[str]) -> dict[str, float]:
            question = KpiQuestion(some, start_us, end_us, [kpi], [Dimension.MACHINE])
            answer = await self._kpis.query(tenant, question)
            places = [] if answer.rows.asset is None else answer.rows.asset.tolist()
            names = [answer.rows.assets[place] for place in places]
            figures = answer.figures[kpi][1]
            known = np.where(figures.good_share < _LEAST_GOOD_SHARE, np.nan, figures.value)
            return dict(zip(names, known.tolist(), strict=True))

        # By unit: a throughput in kilograms and pieces is none, but each of them is one.
        by_unit: defaultdict[str, list[str]] = defaultdict(list)
        for found in await _apart(machines, asked, troubles):
            troubles |= {asset: no_states(asset).message for asset in found.skipped}
            for machine in found.machines:
                by_unit[machine.plan.unit].append(machine.id)
        parts = [part for some in by_unit.values() for part in await _apart(some, values, troubles)]
        return Watched({asset: value for part in parts for asset, value in part.items()}, troubles)


async def _apart(
    assets: Sequence[str], ask: Callable[[Sequence[str]], Awaitable[T]], troubles: dict[str, str]
) -> Sequence[T]:
    """The answers for assets: of all at once, or where that fails of halves, until what fails is alone."""
    if not assets:
        return []
    try:
        return [await ask(assets)]
    except Unavailable:
        raise
    except DomainError as error:
        if len(assets) == 1 or error.reason in _OF_ALL:
            troubles |= dict.fromkeys(assets, error.message)
            return []
    middle = len(assets) // 2
    # One after the other: what is wrong with many would else ask for all of them at once.
    first = await _apart(assets[:middle], ask, troubles)
    return [*first, *await _apart(assets[middle:], ask, troubles)]
