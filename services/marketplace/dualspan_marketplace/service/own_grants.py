"""What apps may do here: the marketplace tells itself what it tells other services."""

from contextlib import aclosing

from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.service.granting import Granting
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.grants import Grant, KnownGrants
from dualspan_runtime.principal import Principal


class OwnGrants:
    """See `dualspan_runtime.grants.Grants`.

    Args:
        granting: Tells of grants.
    """

    def __init__(self, granting: Granting) -> None:
        self._granting = granting
        self._known = KnownGrants()

    def of(self, app: Principal) -> Grant:
        """See `Grants`."""
        return self._known.of(app)

    async def run(self) -> None:
        """Follow for ever."""
        self._known.begin()
        async with aclosing(self._granting.follow()) as changes:
            async for each in changes:
                granted = [
                    (_resource(one.name), Grant(one.tag_ids, one.scopes, one.credential, one.exhausted))
                    for one in each.granted
                ]
                self._known.take(granted, map(_resource, each.revoked), complete=each.complete)


def _resource(name: SubscriptionName) -> str:
    return SUBSCRIPTION.format(tenant=name.tenant, subscription=name.subscription_id)
