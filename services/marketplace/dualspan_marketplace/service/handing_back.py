"""Use cases: what an app had and wrote is handed back when its subscription ends, and deleted after that."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

from dualspan_marketplace.handing.archive import archive
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.result_tags import ResultTags
from dualspan_marketplace.samples import Samples
from dualspan_marketplace.service.sweeping import on_its_own
from dualspan_marketplace.store import handing, subscriptions
from dualspan_marketplace.subscriptions.errors import erased, subscription_not_found
from dualspan_marketplace.subscriptions.model import Subscription, SubscriptionName
from dualspan_runtime.audit import Audit
from dualspan_runtime.context import set_call
from dualspan_runtime.database import Database
from dualspan_runtime.principal import Principal, PrincipalKind

_AT_ONCE = 100
# Nothing that is stored is older: 1990-01-01, in microseconds.
_EARLIEST = 631_152_000_000_000
_DAY = 86_400_000_000


class HandingBack:
    """Hands back, and deletes.

    Args:
        database: Where subscriptions are.
        samples: What apps have written.
        tags: Retires the tags of results.
        audit: Keeps what was done.
    """

    def __init__(self, database: Database, samples: Samples, tags: ResultTags, audit: Audit) -> None:
        self._database = database
        self._samples = samples
        self._tags = tags
        self._audit = audit

    async def export(self, name: SubscriptionName) -> AsyncGenerator[bytes]:
        """All that an app has and has written, as a ZIP archive, part by part; also of one that runs.

        Raises:
            NotFound: There is no such subscription.
            FailedPrecondition: It was deleted (`SUBSCRIPTION_ERASED`).
            Unavailable: The historian does not answer.
        """
        async with self._database.transaction(name.tenant) as connection:
            found = await subscriptions.find(connection, name)
            if found is None or found.canary_of:
                raise subscription_not_found(name.subscription_id)
            if found.erase_time is not None:
                raise erased(found.erase_time)
            facts = _facts(found, [tag.tag_id for tag in await subscriptions.granted(connection, name)])
            tags = await handing.written(connection, name)
            resource = SUBSCRIPTION.format(tenant=name.tenant, subscription=name.subscription_id)
            await self._audit.write(connection, name.tenant, "marketplace.subscriptions.export", resource)
        until = int(datetime.now(UTC).timestamp()) * 1_000_000 + _DAY
        frames = [(tag, self._samples.export(name.tenant, [tag.tag_id], _EARLIEST, until)) for tag in tags]
        async for part in archive(facts, frames):
            yield part

    async def sweep(self) -> None:
        """Delete what could be fetched for as long as was said."""
        async with self._database.platform_transaction() as connection:
            found = await handing.over(connection, _AT_ONCE)
        for name in found:
            with on_its_own("what is to be deleted", name):
                await self.erase(name)

    async def erase(self, name: SubscriptionName) -> None:
        """Delete what the app of an ended subscription had and wrote; safe to repeat, and after a crash at any point.

        What it used, and the statements of that, stay.
        """
        # The samples first: as long as the row says what is to be deleted, the next sweep goes on with it.
        await self._tags.set(name, ())
        await self._samples.forget(name)
        set_call(Principal(PrincipalKind.SERVICE, "services/marketplace"), name.tenant)
        async with self._database.transaction(name.tenant) as connection:
            if await handing.erase(connection, name):
                resource = SUBSCRIPTION.format(tenant=name.tenant, subscription=name.subscription_id)
                await self._audit.write(connection, name.tenant, "marketplace.subscriptions.erase", resource)


def _facts(found: Subscription, granted: list[int]) -> dict[str, Any]:
    return {
        "subscription": found.name.subscription_id,
        "app": found.app_id,
        "version": found.version,
        "plan": found.terms.plan_id,
        "state": found.life.state.value,
        "configuration": dict(found.configuration),
        "roles": {role: list(assets) for role, assets in found.roles.items()},
        "granted_tags": granted,
        "create_time": found.create_time.isoformat(),
    }
