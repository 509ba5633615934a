"""Use cases: an enterprise consents, withdraws, and sees what was published with its figures in it."""

from collections.abc import Sequence

from dualspan_analytics.kpis.ratios import ALL
from dualspan_analytics.sharing.errors import no_common_kpi, not_sharing, nothing_published, refused
from dualspan_analytics.sharing.model import Consent, Group, month_span
from dualspan_analytics.store import sharing as store
from dualspan_analytics.store.sharing import Key, Seen, Stored
from dualspan_runtime.audit import Audit
from dualspan_runtime.context import current_principal
from dualspan_runtime.database import Database


class Sharing:
    """Consent, and what it buys.

    Args:
        database: The service's schema.
        audit: Writes down who consented and who withdrew.
    """

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit

    async def consents(self, tenant: str) -> Sequence[Consent]:
        """What was said about each KPI."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await store.consents(connection, tenant)

    async def decide(self, tenant: str, kpi: str, *, granted: bool) -> Consent:
        """Consent, or withdraw: then all that was contributed of the KPI is deleted at once.

        Raises:
            InvalidArgument: It is no KPI of the standard.
        """
        if kpi not in ALL:
            raise no_common_kpi(kpi)
        async with self._database.transaction(tenant) as connection:
            actor = current_principal().actor
            if await store.set_consent(connection, tenant, kpi, actor, granted=granted):
                action = "sharing.grant" if granted else "sharing.withdraw"
                await self._audit.write(connection, tenant, action, f"tenants/{tenant}/sharingConsents/{kpi}")
            if not granted:
                await store.forget(connection, tenant, kpi)
            return next(each for each in await store.consents(connection, tenant) if each.kpi == kpi)

    async def contributions(self, tenant: str, after: Key, most: int) -> Sequence[Stored]:
        """What is stored of the enterprise's own."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await store.contributions(connection, tenant, after, most)

    async def benchmarks(self, tenant: str, after: Key, most: int) -> Sequence[Seen]:
        """What was published, refusals among it."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await store.benchmarks(connection, tenant, after, most)

    async def benchmark(self, tenant: str, kpi: str, group: Group, month: str) -> Seen:
        """The quartiles of a group in a month, the newest for "".

        Raises:
            InvalidArgument: It is no KPI of the standard, or no month.
            FailedPrecondition: The enterprise does not share the KPI, or showing them would give somebody away.
            NotFound: Nothing was published with the enterprise's figure in it.
        """
        if kpi not in ALL:
            raise no_common_kpi(kpi)
        if month:
            month_span(month)
        async with self._database.transaction(tenant, readonly=True) as connection:
            consents = await store.consents(connection, tenant)
            if not any(each.granted and each.kpi == kpi for each in consents):
                raise not_sharing(kpi)
            found = await store.find_benchmark(connection, tenant, kpi, group, month)
        if found is None:
            raise nothing_published(kpi, group, month)
        if found.benchmark.refusal:
            raise refused(found.benchmark.refusal, found.benchmark.month)
        return found
