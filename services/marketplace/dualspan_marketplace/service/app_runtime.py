"""Use cases of an app: what it asks for itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from dualspan_manifest import parse
from dualspan_marketplace.app_tokens import AppToken, AppTokens
from dualspan_marketplace.bindings.outputs import OutputTag
from dualspan_marketplace.plant import Granted, Plant
from dualspan_marketplace.store import app_runtime
from dualspan_marketplace.store import subscriptions as store
from dualspan_marketplace.subscriptions import errors
from dualspan_marketplace.subscriptions.model import Subscription, SubscriptionName
from dualspan_marketplace.trials import plants
from dualspan_runtime.database import Connection, Database

_LONGEST_PROBLEM = 500


@dataclass(frozen=True, slots=True)
class AppBinding:
    """What was granted to an app, and where its results go."""

    granted: Granted
    outputs: Sequence[OutputTag]
    generation: int


class AppRuntime:
    """What apps ask for, each of its own subscription.

    Args:
        database: Where subscriptions are.
        plant: Knows the tenants' assets.
        tokens: Signs access tokens.
    """

    def __init__(self, database: Database, plant: Plant, tokens: AppTokens) -> None:
        self._database = database
        self._plant = plant
        self._tokens = tokens

    async def subscription(self, name: SubscriptionName) -> Subscription:
        """The app's subscription; raises NotFound."""
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            return await _there(connection, name)

    async def binding(self, name: SubscriptionName) -> AppBinding:
        """What was granted, as far as it is still bound to the tags that were.

        Raises:
            NotFound: There is no such subscription.
            Unavailable: Onboarding does not answer (`UPSTREAM_UNREACHABLE`).
        """
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            found = await _there(connection, name)
            tags = await store.granted(connection, name)
            outputs = await app_runtime.outputs(connection, name)
        granted = (
            plants.shown(parse(found.manifest), tags)
            if name.tenant == plants.TENANT
            else await self._plant.granted(name.tenant, tags)
        )
        return AppBinding(granted, outputs, found.life.generation)

    async def token(self, name: SubscriptionName) -> AppToken:
        """An access token for the credential that is in force: for the app, and for whoever starts it.

        Raises:
            NotFound: There is no such subscription.
            Unavailable: Identity does not answer (`UPSTREAM_UNREACHABLE`).
        """
        return await self._tokens.sign(name, (await self.subscription(name)).credential)

    async def report(self, name: SubscriptionName, problem: str) -> None:
        """Keep what the app says of itself; raises NotFound."""
        words = "".join(each if each.isprintable() else " " for each in problem[:_LONGEST_PROBLEM])
        async with self._database.transaction(name.tenant) as connection:
            await _there(connection, name)
            await app_runtime.report_health(connection, name, words.strip())


async def _there(connection: Connection, name: SubscriptionName) -> Subscription:
    found = await store.find(connection, name)
    if found is None:
        raise errors.subscription_not_found(name.subscription_id)
    return found
