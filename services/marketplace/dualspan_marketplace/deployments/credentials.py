"""What an app's credential comes from."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from dualspan_marketplace.subscriptions.model import SubscriptionName

# No sooner than this, whatever a credential's life.
_SOONEST = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Credential:
    """An access token of one subscription.

    Attributes:
        token: A secret.
        expires: It is good until then.
    """

    token: str
    expires: datetime

    def renewal(self, now: datetime) -> datetime:
        """When the next one is handed over: half-way, so that one that cannot be had is asked for again in time."""
        return now + max(_SOONEST, (self.expires - now) / 2)


class Credentials(Protocol):
    """Makes them."""

    async def issue(self, name: SubscriptionName) -> Credential:
        """A fresh credential of a subscription; raises Unavailable."""
        ...
