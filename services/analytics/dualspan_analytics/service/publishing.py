"""Use cases of the worker: each enterprise's figures of a month that is over, then everybody's quartiles, once."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import grpc.aio
import numpy as np
import structlog

from dualspan_analytics.assets import AssetTree
from dualspan_analytics.kpis.grouping import Dimension
from dualspan_analytics.kpis.measures import PIECE, add_up_units, unit_codes
from dualspan_analytics.kpis.ratios import ALL, PER_PIECE, figures
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.service.kpis import KpiAnswer, KpiQuestion, Kpis
from dualspan_analytics.sharing.model import Contribution, Group, closed_month, groups_of, month_of, month_span
from dualspan_analytics.sharing.publication import Gathered, publication
from dualspan_analytics.store import sharing as store
from dualspan_runtime.database import Database
from dualspan_runtime.errors import DomainError, Unavailable

_CATCH_UP = 3
"""Months that are still published after the worker was away."""
_PATIENCE = timedelta(days=7)
"""So long after it was due a month is published without those whose figures could not be computed."""
_LEAST_GOOD_SHARE = 0.5
"""With less good data a figure says nothing about an enterprise."""
_log = structlog.stdlib.get_logger()


class Publishing:
    """Contributions and publications.

    Args:
        database: The service's schema.
        plant: Assets.
        kpis: The one definition of each KPI.
        minimum: Enterprises that must share.
        delay: How long a month has been over before it is published: late samples may still come.
    """

    def __init__(self, database: Database, plant: PlantData, kpis: Kpis, minimum: int, delay: timedelta) -> None:
        self._database = database
        self._plant = plant
        self._kpis = kpis
        self._minimum = minimum
        self._delay = delay

    async def sweep(self, now_us: int) -> list[str]:
        """Publish the months that are due, oldest first; returns which.

        A month waits for enterprises whose figures cannot be computed now, but not for ever.
        """
        due = [closed_month(now_us, self._delay)]
        for _ in range(_CATCH_UP - 1):
            due.append(month_of(month_span(due[-1])[0] - 1))
        return [month for month in reversed(due) if await self._month(month, now_us)]

    async def _month(self, month: str, now_us: int) -> bool:
        async with self._database.platform_transaction() as connection:
            if await store.is_published(connection, month):
                return False
            tenants = await store.sharing_tenants(connection)
        missing = [tenant for tenant in tenants if not await self._contribute(tenant, month)]
        patience = self._delay + _PATIENCE
        if missing and now_us < month_span(month)[1] + round(patience.total_seconds() * 1e6):
            _log.warning("a month waits", month=month, tenants=missing)
            return False
        return await self._publish(month)

    async def _contribute(self, tenant: str, month: str) -> bool:
        """Compute and store what an enterprise gives; False if that may be possible later.

        What keeps its machines from being computed at all is only written down: the others do not wait for it.
        """
        start_us, end_us = month_span(month)
        try:
            tree = await self._plant.assets(tenant)
            question = KpiQuestion([], start_us, end_us, ["oee"], [Dimension.MACHINE])
            answer = await self._kpis.query(tenant, question)
        except (DomainError, grpc.aio.AioRpcError) as err:
            _log.warning("nothing contributed", tenant=tenant, month=month, error=str(err))
            return not isinstance(err, Unavailable)
        found = contributions(tree, answer, month)
        async with self._database.transaction(tenant) as connection:
            kpis = await store.consented(connection, tenant, datetime.fromtimestamp(end_us // 1_000_000, UTC))
            await store.add_contributions(connection, tenant, [each for each in found if each.kpi in kpis])
        return True

    async def _publish(self, month: str) -> bool:
        """Decide every group of a month in one transaction; False if it was decided before."""
        async with self._database.platform_transaction() as connection:
            if not await store.close_month(connection, month):
                return False
            gathered: defaultdict[tuple[str, Group], dict[str, float]] = defaultdict(dict)
            for each in await store.all_of_month(connection, month):
                gathered[each.kpi, each.group][each.tenant] = each.value
            groups = [Gathered(kpi, group, values) for (kpi, group), values in gathered.items()]
            decided = publication(month, groups, self._minimum)
            for benchmark, members in decided:
                await store.publish(connection, sorted(members), benchmark)
        shown = sum(not benchmark.refusal for benchmark, _ in decided)
        _log.info("month published", month=month, shown=shown, refused=len(decided) - shown)
        return True


def contributions(tree: AssetTree, answer: KpiAnswer, month: str) -> list[Contribution]:
    """One figure for each KPI and group that the machines belong to: sums first, then the ratio.

    Figures for a piece are those of machines that count pieces: a quartile of kilograms and pieces means nothing.

    Args:
        tree: What the machines are.
        answer: By machine.
        month: Of the figures.
    """
    places = [] if answer.rows.asset is None else answer.rows.asset.tolist()
    row_of = {answer.rows.assets[place]: row for row, place in enumerate(places)}
    found: list[Contribution] = []
    for group, machines in groups_of(tree, row_of).items():
        for kpi in ALL:
            alike = [each for each in machines if kpi not in PER_PIECE or answer.units[each] == PIECE]
            mine = answer.rows.measures[[row_of[machine] for machine in alike]]
            units = unit_codes([answer.units[machine] for machine in alike])
            figure = figures(kpi, add_up_units(mine, units, np.zeros(len(mine), np.int64), 1))
            value, good = float(figure.value[0]), float(figure.good_share[0])
            if np.isfinite(value) and good >= _LEAST_GOOD_SHARE:
                found.append(Contribution(group, kpi, month, value, good, len(alike)))
    return found
