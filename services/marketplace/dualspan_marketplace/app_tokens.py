"""Access tokens of apps, as identity signs them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from dualspan.identity.v1 import app_token_service_pb2 as identity
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.upstream import answer_of

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.identity.v1.app_token_service_pb2_grpc import AppTokenServiceAsyncStub

# No sooner than this, whatever a token's life.
_SOONEST = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class AppToken:
    """An access token of one subscription.

    Attributes:
        secret: Goes into the `authorization` metadata.
        expire_at: It is good until then.
        credential: The subscription's credential that it is of.
    """

    secret: str
    expire_at: datetime
    credential: int

    def renewal(self, now: datetime) -> datetime:
        """When the next one is handed over: half-way, so that one that cannot be had is asked for again in time."""
        return now + max(_SOONEST, (self.expire_at - now) / 2)


class AppTokens:
    """Asks identity.

    Args:
        stub: Of a channel that carries this service's token.
    """

    def __init__(self, stub: "AppTokenServiceAsyncStub") -> None:
        self._stub = stub

    async def sign(self, name: SubscriptionName, credential: int) -> AppToken:
        """An access token of a subscription's app.

        Raises:
            Unavailable: Identity does not answer (`UPSTREAM_UNREACHABLE`).
        """
        resource = SUBSCRIPTION.format(tenant=name.tenant, subscription=name.subscription_id)
        with answer_of("identity"):
            signed = await self._stub.SignAppToken(identity.SignAppTokenRequest(name=resource, credential=credential))
        return AppToken(signed.access_token, signed.expire_time.ToDatetime(UTC), credential)
