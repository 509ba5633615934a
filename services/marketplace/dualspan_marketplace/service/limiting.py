"""Use case: how subscriptions stand with the limits of their plans."""

from datetime import UTC, datetime

from dualspan_marketplace.store import statements, subscriptions
from dualspan_marketplace.store import usage as store
from dualspan_marketplace.subscriptions.model import Subscription, SubscriptionName
from dualspan_marketplace.usage import months
from dualspan_marketplace.usage.limits import standing
from dualspan_runtime.database import Connection, Database

_AT_ONCE = 500


class Limiting:
    """Puts notices on subscriptions, and has reads refused and allowed again.

    Args:
        database: Where they are.
        zone: Of enterprises that have not chosen one, IANA.
    """

    def __init__(self, database: Database, zone: str) -> None:
        self._database = database
        self._zone = zone

    async def sweep(self, now: datetime) -> None:
        """Look at all that have limits: a month may be over."""
        after = SubscriptionName("", "")
        while True:
            async with self._database.platform_transaction(readonly=True) as connection:
                names = await store.limited(connection, _AT_ONCE, after)
            for name in names:
                await self._settle(name, now)
            if len(names) < _AT_ONCE:
                return
            after = names[-1]

    async def settle(self, name: SubscriptionName) -> None:
        """Look at one, whose plan may be another by now."""
        await self._settle(name, datetime.now(UTC))

    async def settle_in(self, connection: Connection, found: Subscription, now: datetime) -> None:
        """The same, in a transaction that has changed what it used."""
        limits, name = found.terms.limits, found.name
        if not limits and not found.quota_notice:
            return
        zone = (await statements.account(connection, name.tenant)).time_zone or self._zone
        start = months.beginning(now, zone)
        end = months.end(start, zone)
        used = await store.total(connection, name, start, end)
        stands = standing(limits, used, end, zone)
        if await store.set_standing(connection, name, stands.notice, stands.exhausted):
            await subscriptions.tell_grants(connection)

    async def _settle(self, name: SubscriptionName, now: datetime) -> None:
        async with self._database.transaction(name.tenant) as connection:
            found = await subscriptions.find(connection, name)
            if found is not None:
                await self.settle_in(connection, found, now)
