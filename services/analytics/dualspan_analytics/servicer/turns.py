"""Calls that may hold much memory or a core for long wait for a turn of their tenant."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from dualspan_analytics.turns import Turns
from dualspan_runtime.context import current_tenant

COSTLY = frozenset(
    {
        "CompareAssets",
        "EstimateRemaining",
        "EvaluateControlChart",
        "FindChanges",
        "FixControlLimits",
        "Forecast",
        "GetKpi",
        "ListLosses",
        "ListStateIntervals",
        "QueryEnergyUse",
        "QueryKpis",
        "QueryLoadProfile",
        "ScoreSpan",
        "TestAlarmRule",
    }
)
"""Methods that compute from samples. `Query` is none of them: making tables has turns of its own, sending has none."""


class InTurns:
    """A servicer whose costly calls wait for turns.

    A caller who gives up while he waits leaves the queue. Once his question is worked on his turn lasts until that has
    ended, answered or not: a thread cannot be stopped, and asking again would begin the next one.

    Args:
        servicer: With methods of one request and one answer.
        turns: Of all costly calls.
    """

    def __init__(self, servicer: object, turns: Turns) -> None:
        self._servicer = servicer
        self._turns = turns

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._servicer, name)
        return self._in_turn(method) if name in COSTLY else method

    def _in_turn(self, method: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Any, Any], Awaitable[Any]]:
        async def call(request: Any, context: Any) -> Any:
            tenant = current_tenant()
            await self._turns.take(tenant)
            work = asyncio.ensure_future(method(request, context))
            work.add_done_callback(lambda ended: self._end(tenant, ended))
            return await asyncio.shield(work)

        return call

    def _end(self, tenant: str, work: asyncio.Future[Any]) -> None:
        if not work.cancelled():
            work.exception()  # nobody may be left to hear it
        self._turns.give_back(tenant)
