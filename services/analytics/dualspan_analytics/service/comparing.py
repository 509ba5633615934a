"""Use case: like machines compared by one KPI, across lines and sites."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.assets import AssetTree
from dualspan_analytics.comparison.errors import nothing_alike
from dualspan_analytics.comparison.losses import Losses, losses_of
from dualspan_analytics.comparison.ranking import LESS_IS_BETTER, Cause, Ranking, best_to_median, rank
from dualspan_analytics.kpis.grouping import Dimension
from dualspan_analytics.kpis.measures import MEASURES, Measures, add_up_units, unit_codes
from dualspan_analytics.kpis.planning import machines_of
from dualspan_analytics.kpis.ratios import ALL, Figures, figures
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.service.kpis import KpiAnswer, KpiQuestion, Kpis


@dataclass(frozen=True, slots=True)
class Like:
    """What is compared: machines of a model at or below assets (all if none), by a KPI in [start_us, end_us), µs."""

    model: str
    kpi: str
    start_us: int
    end_us: int
    assets: Sequence[str] = ()
    lower_is_better: bool = False


@dataclass(frozen=True, slots=True)
class SiteFigure:
    """The machines of one site together."""

    site: str
    machines: int
    value: float
    good_share: float
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Like machines, compared; `ranking`, `figures` and `losses` count `machines`.

    Attributes:
        tree: What the machines are.
        unit: UCUM.
        higher_is_better: More is better.
        machines: Their ids.
        ranking: Their order and quartiles.
        figures: The KPI of each.
        losses: What each loses; None where the KPI is no sum of losses.
        gap: What the median loses and the best does not.
        sites: The best first; empty for a custom KPI, which is of single machines.
        skipped: Machines of which nothing says how their states are known.
    """

    tree: AssetTree
    unit: str
    higher_is_better: bool
    machines: Sequence[str]
    ranking: Ranking
    figures: Figures
    losses: Losses | None
    gap: Sequence[Cause]
    sites: Sequence[SiteFigure]
    skipped: Sequence[str]


class Comparing:
    """Comparison.

    Args:
        plant: Which machines there are.
        kpis: The one definition of each KPI.
    """

    def __init__(self, plant: PlantData, kpis: Kpis) -> None:
        self._plant = plant
        self._kpis = kpis

    async def compare(self, tenant: str, like: Like) -> Comparison:
        """Compare like machines.

        Raises:
            NotFound: There is no such asset or KPI, or no machine of the model.
            InvalidArgument: The question makes no sense.
            FailedPrecondition: A property is not bound, or does not fit.
        """
        tree = await self._plant.assets(tenant)
        wanted = [
            machine.id
            for machine in machines_of(tree, like.assets)
            if any(model.id == like.model for model in tree.lineage(machine.id))
        ]
        if not wanted:
            raise nothing_alike(like.model)
        question = KpiQuestion(wanted, like.start_us, like.end_us, [like.kpi], [Dimension.MACHINE])
        answer = await self._kpis.query(tenant, question)
        unit, found = answer.figures[like.kpi]
        rows = answer.rows
        place = {rows.assets[each]: row for row, each in enumerate([] if rows.asset is None else rows.asset.tolist())}
        # A machine without any time in the span has no row; it is shown all the same.
        machines = [each for each in wanted if each not in set(answer.skipped)]
        measures, shown = _in_order([place.get(each, -1) for each in machines], rows.measures, found)
        higher = _higher(like)
        ranking = rank(shown.value, higher_is_better=higher)
        losses = losses_of(like.kpi, measures) if like.kpi in ALL else None
        return Comparison(
            tree=tree,
            unit=unit,
            higher_is_better=higher,
            machines=machines,
            ranking=ranking,
            figures=shown,
            losses=losses,
            gap=best_to_median(ranking, losses) if losses else [],
            sites=_sites(tree, answer, machines, measures, like) if like.kpi in ALL else [],
            skipped=answer.skipped,
        )


def site_of(tree: AssetTree, machine: str) -> str:
    """The id of a machine's site; "" if it stands under none."""
    site = tree.site_of(machine)
    return site.id if site else ""


def _in_order(places: Sequence[int], measures: Measures, found: Figures) -> tuple[Measures, Figures]:
    """The rows of machines; -1 is a machine without one."""
    where: NDArray[np.int64] = np.array(places, np.int64)
    there = where >= 0
    taken = np.zeros((len(where), MEASURES))
    value, good = np.full(len(where), np.nan), np.zeros(len(where))
    reason = np.full(len(where), "no time in the span", object)
    taken[there], value[there] = measures[where[there]], found.value[where[there]]
    good[there], reason[there] = found.good_share[where[there]], found.reason[where[there]]
    return taken, Figures(value, good, reason)


def _sites(
    tree: AssetTree, answer: KpiAnswer, machines: Sequence[str], measures: Measures, like: Like
) -> list[SiteFigure]:
    """The machines of each site as one: sums first, then the ratio."""
    members: defaultdict[str, list[int]] = defaultdict(list)
    for place, machine in enumerate(machines):
        members[site_of(tree, machine)].append(place)
    group = np.zeros(len(machines), np.int64)
    for number, places in enumerate(members.values()):
        group[places] = number
    units = unit_codes([answer.units[machine] for machine in machines])
    found = figures(like.kpi, add_up_units(measures, units, group, len(members)))
    order = rank(found.value, higher_is_better=_higher(like)).order
    names = list(members)
    return [
        SiteFigure(
            site=names[each],
            machines=len(members[names[each]]),
            value=float(found.value[each]),
            good_share=float(found.good_share[each]),
            reason=str(found.reason[each]),
        )
        for each in order.tolist()
    ]


def _higher(like: Like) -> bool:
    """More is better."""
    return like.kpi not in LESS_IS_BETTER and not like.lower_is_better
