"""Use case: KPIs before apps and with them, for statements."""

from dataclasses import dataclass

from dualspan_marketplace.kpis import Kpis
from dualspan_marketplace.store import subscriptions, usage
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.usage.comparison import UNASKED, Comparison, Measured, Span, doubt, spans
from dualspan_marketplace.usage.lines import Month
from dualspan_runtime.database import Database
from dualspan_runtime.errors import Unavailable


@dataclass(frozen=True, slots=True)
class _Question:
    """What analytics is asked for one subscription."""

    name: SubscriptionName
    app_id: str
    assets: tuple[str, ...]
    kpi: str
    before: Span
    after: Span


class Comparing:
    """Asks analytics for the KPIs of bound machines.

    Args:
        database: Where subscriptions are.
        kpis: Analytics.
    """

    def __init__(self, database: Database, kpis: Kpis) -> None:
        self._database = database
        self._kpis = kpis

    async def of_month(self, tenant: str, month: Month, *, final: bool) -> list[Comparison]:
        """Comparisons of all subscriptions that ran in a month.

        Args:
            tenant: Whose.
            month: Which.
            final: What analytics does not answer now is marked as not asked.

        Raises:
            Unavailable: Analytics does not answer, and it is not final.
        """
        return [await self._compare(each, final=final) for each in await self._questions(tenant, month)]

    async def _questions(self, tenant: str, month: Month) -> list[_Question]:
        found: list[_Question] = []
        async with self._database.transaction(tenant, readonly=True) as connection:
            for subscription_id in await usage.ran_before(connection, tenant, month.end):
                name = SubscriptionName(tenant, subscription_id)
                subscription = await subscriptions.find(connection, name)
                baseline = await usage.find_baseline(connection, name)
                if subscription is None or not baseline.kpi:
                    continue
                both = spans(baseline, await usage.stretches(connection, name), Span(month.start, month.end))
                assets = tuple(sorted({asset for each in subscription.roles.values() for asset in each}))
                # Without assets, analytics would take all of the enterprise's.
                if both is not None and assets:
                    found.append(_Question(name, subscription.app_id, assets, baseline.kpi, *both))
        return found

    async def _compare(self, asked: _Question, *, final: bool) -> Comparison:
        answered = True
        try:
            before = await self._measure(asked, asked.before)
            after = await self._measure(asked, asked.after)
        except Unavailable:
            if not final:
                raise
            before, after, answered = UNASKED, UNASKED, False
        return Comparison(
            subscription_id=asked.name.subscription_id,
            app_id=asked.app_id,
            kpi=asked.kpi,
            before=before,
            before_span=asked.before,
            after=after,
            after_span=asked.after,
            doubt=doubt(before, after, asked.after, asked=answered),
        )

    async def _measure(self, asked: _Question, span: Span) -> Measured:
        return await self._kpis.measure(asked.name.tenant, asked.kpi, asked.assets, span)
