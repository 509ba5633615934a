"""KPIs of the last hour as samples for alarm rules, one each minute."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import structlog
from numpy.typing import NDArray

from dualspan_analytics.alarms.evaluation import Samples
from dualspan_analytics.alarms.plan import Plan, Trouble
from dualspan_analytics.alarms.rules import SignalKind
from dualspan_analytics.alarms.table import ConditionTable
from dualspan_analytics.service.alarm_feed import joined
from dualspan_analytics.service.alarm_signals import NEVER
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.service.kpi_watch import KpiWatch
from dualspan_runtime.errors import Unavailable

_log = structlog.stdlib.get_logger()
_MINUTE_US = 60_000_000
_SPAN_US = 60 * _MINUTE_US
# Minutes that were missed (a restart, a commit that failed) are made up for, so many.
_CATCH_UP_US = 15 * _MINUTE_US
# Where a minute takes longer than a minute to compute, what was missed stays missed: a late alarm helps nobody.
_TOO_SLOW = 30.0
_PAUSE = 10.0
_UNCERTAIN = 0x4000_0000
Troubles = Mapping[tuple[str, str], str]
"""By KPI and asset."""


@dataclass(frozen=True, slots=True)
class _Computed:
    """One minute; `samples` is None where it could not be computed now."""

    samples: Samples | None
    troubles: Troubles
    seconds: float


@dataclass(slots=True)
class _Tenant:
    """What is computed for a tenant, and how that went the last time."""

    table: ConditionTable | None = None
    running: "asyncio.Task[_Computed] | None" = None
    not_before: float = 0.0
    is_slow: bool = False
    troubles: Troubles = field(default_factory=dict[tuple[str, str], str])


class KpiSignals:
    """Computes KPIs beside the evaluation, which never waits for them.

    A KPI that cannot be computed (nothing was produced, a machine's profile does not fit it) is Uncertain, with no
    number: it raises and clears nothing.

    Args:
        watch: Computes KPIs of machines.
    """

    def __init__(self, watch: KpiWatch) -> None:
        self._watch = watch
        self._tenants: defaultdict[str, _Tenant] = defaultdict(_Tenant)

    async def take(self, tenant: str, plan: Plan, heard: NDArray[np.int64]) -> Samples:
        """What has been computed since the last call, by the places of the plan's signals."""
        wanted = _wanted(plan)
        known = self._tenants[tenant] if wanted else self._tenants.pop(tenant, _Tenant())
        found = self._computed(known, plan)
        if wanted and known.running is None and time.monotonic() >= known.not_before:
            end = _next(heard[[place for places in wanted.values() for place in places.values()]], slow=known.is_slow)
            if end is not None and not len(found):
                known.table = plan.table
                known.running = asyncio.create_task(self._compute(tenant, wanted, end))
        return found.take(found.timestamp > heard[found.signal])

    def troubles(self, tenant: str, plan: Plan) -> Sequence[Trouble]:
        """Why KPIs of some machines cannot be computed."""
        known = self._tenants[tenant].troubles if tenant in self._tenants else {}
        rows = {
            (row.key.rule, row.key.asset, row.signal.name)
            for row in plan.table.rows
            if row.signal.kind is SignalKind.KPI and (row.signal.name, row.key.asset) in known
        }
        return [Trouble(rule, asset, known[kpi, asset]) for rule, asset, kpi in sorted(rows)]

    def _computed(self, known: _Tenant, plan: Plan) -> Samples:
        if known.running is None or not known.running.done():
            return Samples.empty()
        computed, known.running = known.running.result(), None
        if computed.samples is None:
            known.not_before = time.monotonic() + _PAUSE
            return Samples.empty()
        known.troubles, known.is_slow = computed.troubles, computed.seconds > _TOO_SLOW
        # Places of another plan are other signals.
        return computed.samples if known.table is plan.table else Samples.empty()

    async def _compute(self, tenant: str, wanted: Mapping[str, Mapping[str, int]], end_us: int) -> _Computed:
        found: list[Samples] = []
        troubles: dict[tuple[str, str], str] = {}
        began = time.monotonic()
        for kpi, places in wanted.items():
            try:
                watched = await self._watch.watched(tenant, kpi, list(places), end_us - _SPAN_US, end_us)
            except Unavailable as error:
                _log.warning("KPIs that alarms watch wait for others", tenant=tenant, kpi=kpi, error=str(error))
                return _Computed(None, {}, 0.0)
            except Exception as error:  # noqa: BLE001 - a supervised loop: one KPI ends neither the others nor the rules
                _log.warning("a KPI that alarms watch cannot be computed", tenant=tenant, kpi=kpi, error=repr(error))
                words = "The KPI cannot be computed at the moment; the log of analytics says why."
                troubles |= {(kpi, asset): words for asset in places}
                found.append(_samples({}, places, end_us))
                continue
            troubles |= {(kpi, asset): text for asset, text in watched.troubles.items()}
            found.append(_samples(watched.values, places, end_us))
        return _Computed(joined(found), troubles, time.monotonic() - began)


def _wanted(plan: Plan) -> Mapping[str, Mapping[str, int]]:
    """By KPI and asset: the place of its signal."""
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for place, signal in enumerate(plan.table.signals):
        if signal.kind is SignalKind.KPI:
            found[signal.name][signal.asset] = place
    return found


def _next(heard: NDArray[np.int64], *, slow: bool) -> int | None:
    """The minute to compute next: the one after the last that was evaluated; None when there is none yet."""
    newest = now_us() // _MINUTE_US * _MINUTE_US
    known = heard[heard != NEVER]
    if len(known) < len(heard) or slow:
        return newest if len(known) < len(heard) or int(known.min()) < newest else None
    end = (int(known.min()) // _MINUTE_US + 1) * _MINUTE_US
    return max(end, newest - _CATCH_UP_US) if end <= newest else None


def _samples(values: Mapping[str, float], places: Mapping[str, int], end_us: int) -> Samples:
    value = np.array([values.get(asset, np.nan) for asset in places], np.float64)
    return Samples(
        signal=np.array(list(places.values()), np.int64),
        timestamp=np.full(len(places), end_us, np.int64),
        value=value,
        status=np.where(np.isnan(value), _UNCERTAIN, 0).astype(np.uint32),
    )
