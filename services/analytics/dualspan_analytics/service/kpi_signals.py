"""KPIs of the last hour as samples for alarm rules, one each minute."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import structlog

from dualspan_analytics.alarms.evaluation import Samples
from dualspan_analytics.alarms.plan import Plan
from dualspan_analytics.alarms.rules import SignalKind
from dualspan_analytics.kpis.grouping import Dimension
from dualspan_analytics.service.alarm_feed import joined
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.service.kpis import KpiAnswer, KpiQuestion, Kpis

_log = structlog.stdlib.get_logger()
_MINUTE_US = 60_000_000
_SPAN_US = 60 * _MINUTE_US
_UNCERTAIN = 0x4000_0000


class KpiSignals:
    """Computes KPIs beside the evaluation, which never waits for them.

    A KPI that cannot be computed (nothing was produced) is Uncertain, with no number: it raises and clears nothing.

    Args:
        kpis: The use cases around KPIs.
    """

    def __init__(self, kpis: Kpis) -> None:
        self._kpis = kpis
        self._running: dict[str, tuple[Plan, asyncio.Task[Samples]]] = {}
        self._asked: dict[str, int] = {}

    async def take(self, tenant: str, plan: Plan) -> Samples:
        """What has been computed since the last call, by the places of the plan's signals."""
        if tenant in self._running:
            of_plan, task = self._running[tenant]
            if not task.done():
                return Samples.empty()
            del self._running[tenant]
            # Places of another plan are other signals.
            return task.result() if of_plan.table is plan.table else Samples.empty()
        end = now_us() // _MINUTE_US * _MINUTE_US
        wanted = _wanted(plan)
        if wanted and self._asked.get(tenant) != end:
            self._asked[tenant] = end
            self._running[tenant] = (plan, asyncio.create_task(self._compute(tenant, wanted, end)))
        return Samples.empty()

    async def _compute(self, tenant: str, wanted: Mapping[str, Mapping[str, int]], end_us: int) -> Samples:
        found: list[Samples] = []
        for kpi, places in wanted.items():
            question = KpiQuestion(list(places), end_us - _SPAN_US, end_us, [kpi], [Dimension.MACHINE])
            try:
                found.append(_samples(await self._kpis.query(tenant, question), kpi, places, end_us))
            except Exception as error:  # noqa: BLE001 - a supervised loop: one KPI ends neither the others nor the rules
                _log.warning("a KPI that alarms watch cannot be computed", tenant=tenant, kpi=kpi, error=repr(error))
        return joined(found)


def _wanted(plan: Plan) -> Mapping[str, Mapping[str, int]]:
    """By KPI and asset: the place of its signal."""
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for place, signal in enumerate(plan.table.signals):
        if signal.kind is SignalKind.KPI:
            found[signal.name][signal.asset] = place
    return found


def _samples(answer: KpiAnswer, kpi: str, places: Mapping[str, int], end_us: int) -> Samples:
    figures = answer.figures[kpi][1]
    assets: Sequence[str] = answer.rows.assets
    rows = [] if answer.rows.asset is None else answer.rows.asset.tolist()
    known = [(places[assets[asset]], row) for row, asset in enumerate(rows) if assets[asset] in places]
    value = figures.value[[row for _, row in known]].astype(np.float64)
    return Samples(
        signal=np.array([place for place, _ in known], np.int64),
        timestamp=np.full(len(known), end_us, np.int64),
        value=value,
        status=np.where(np.isnan(value), _UNCERTAIN, 0).astype(np.uint32),
    )
