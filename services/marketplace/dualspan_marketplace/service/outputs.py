"""Use case: tags for apps' results, as subscriptions want them."""

import grpc.aio
import structlog

from dualspan_manifest import parse
from dualspan_marketplace.bindings.outputs import Output, outputs_of
from dualspan_marketplace.result_tags import ResultTags
from dualspan_marketplace.store import app_runtime, subscriptions
from dualspan_marketplace.subscriptions.life import State
from dualspan_marketplace.subscriptions.model import Subscription, SubscriptionName
from dualspan_marketplace.trials import plants
from dualspan_runtime.database import Database

# Somebody may change the subscription meanwhile; whoever comes later does the rest.
_ATTEMPTS = 3
_AT_ONCE = 200
_log = structlog.stdlib.get_logger()


class Outputs:
    """Has onboarding make and retire tags until they are as they should be.

    Args:
        database: Where subscriptions are.
        tags: Makes tags.
    """

    def __init__(self, database: Database, tags: ResultTags) -> None:
        self._database = database
        self._tags = tags

    async def settle(self, name: SubscriptionName) -> None:
        """Have the tags that a subscription wants now; safe to repeat.

        Raises:
            grpc.aio.AioRpcError: Onboarding does not answer: they stay due.
        """
        for _ in range(_ATTEMPTS):
            async with self._database.transaction(name.tenant, readonly=True) as connection:
                found = await subscriptions.find(connection, name)
                known = await app_runtime.outputs(connection, name)
            # The tags of a trial are its plant's.
            if found is None or name.tenant == plants.TENANT:
                return
            wanted = _wanted(found)
            tags = await self._tags.set(name, wanted) if wanted or known else []
            async with self._database.transaction(name.tenant) as connection:
                if await app_runtime.settle(connection, name, found.revision):
                    if set(tags) != set(known):
                        await app_runtime.put_outputs(connection, name, tags)
                    return

    async def settle_if_possible(self, name: SubscriptionName) -> None:
        """The same, soon: what cannot be done now is done by the sweep."""
        try:
            await self.settle(name)
        except grpc.aio.AioRpcError as err:
            _log.warning(
                "tags of results not made yet; the sweep tries again",
                tenant=name.tenant,
                subscription=name.subscription_id,
                error=err.details(),
            )

    async def sweep(self) -> None:
        """Do what was left behind."""
        async with self._database.platform_transaction() as connection:
            late = await app_runtime.due(connection, _AT_ONCE)
        for name in late:
            await self.settle_if_possible(name)


def _wanted(found: Subscription) -> list[Output]:
    # A canary has its tags before it begins: nobody accepts a binding for it.
    if found.life.state.is_over or (found.life.state is State.PENDING and not found.canary_of):
        return []
    return outputs_of(parse(found.manifest), found.roles)
