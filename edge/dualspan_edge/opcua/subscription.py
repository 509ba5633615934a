"""One subscription of a server, and the monitored items in it."""

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua.ua_binary import struct_from_binary

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan_edge.opcua.plan import PlannedTag

# The server is heard at least so often, and keeps a subscription whose client is silent for so long.
_KEEP_ALIVE_MS = 5_000.0
_LIFETIME_MS = 600_000.0
_MAX_NOTIFICATIONS = 50_000


@dataclass(frozen=True, slots=True)
class MonitoredItem:
    """One tag at the server, or several that are parts of one node's value.

    Attributes:
        planned: What it was made of.
        tags: The tags as they are in force, by id.
        handle: The ClientHandle.
        item_id: The server's MonitoredItemId.
    """

    planned: PlannedTag
    tags: Mapping[int, gateway.TagConfiguration]
    handle: int
    item_id: int


@dataclass(slots=True, eq=False)
class Subscription:
    """One subscription, and how far its notifications have come.

    Attributes:
        identifier: The server's SubscriptionId.
        publishing_ms: Revised publishing interval.
        keep_alive: Seconds within which the server says something.
        items: By ClientHandle.
        expected: Sequence number of the next notification; the first is 1 (Part 4, 5.14.1.4).
        heard: When it last said something, on the event loop's clock.
        heard_at: Until when everything that it had to say has come, in wall-clock microseconds.
        unstored: Sequence numbers that came and are not on the disk yet.
        unacknowledged: Sequence numbers that are on the disk here and not acknowledged there.
        resumed: It was there before the connection's pump ran, and has not been heard since.
        refreshed: The server was asked to repeat the conditions of its event notifiers.
        retiring: Items whose tags have other items already, by ClientHandle; what the server has queued still comes.
        end_retiring: When it has come for certain, on the event loop's clock.
    """

    identifier: int
    publishing_ms: float
    keep_alive: float
    heard: float
    heard_at: int
    items: dict[int, MonitoredItem] = field(default_factory=dict)
    expected: int = 1
    unstored: set[int] = field(default_factory=set)
    unacknowledged: list[int] = field(default_factory=list)
    resumed: bool = False
    refreshed: bool = False
    retiring: dict[int, MonitoredItem] = field(default_factory=dict)
    end_retiring: float = 0.0

    @property
    def tag_ids(self) -> list[int]:
        """Tags that are monitored in it."""
        return [tag_id for item in self.items.values() for tag_id in item.tags]

    @property
    def has_events(self) -> bool:
        """Whether events come over it."""
        return any(item.planned.is_events for item in self.items.values())


async def create_subscription(session: UaSession, publishing: float, now: int) -> Subscription:
    """Makes a subscription that publishes so often.

    Args:
        session: Where.
        publishing: Publishing interval, milliseconds.
        now: Microseconds since 1970.

    Raises:
        UaStatusCodeError: The server makes none.
    """
    parameters = ua.CreateSubscriptionRequest()
    keep_alive = max(1, math.ceil(_KEEP_ALIVE_MS / publishing))
    parameters.Parameters.RequestedPublishingInterval = ua.Double(publishing)
    parameters.Parameters.RequestedMaxKeepAliveCount = ua.UInt32(keep_alive)
    # Part 4, 5.14.2.2: the lifetime is at least three times the keep-alive.
    lifetime = max(3 * keep_alive, math.ceil(_LIFETIME_MS / publishing))
    parameters.Parameters.RequestedLifetimeCount = ua.UInt32(lifetime)
    parameters.Parameters.MaxNotificationsPerPublish = ua.UInt32(_MAX_NOTIFICATIONS)
    result = await _create(session, parameters)
    revised = float(result.RevisedPublishingInterval) or publishing
    return Subscription(
        identifier=int(result.SubscriptionId),
        publishing_ms=revised,
        keep_alive=revised * int(result.RevisedMaxKeepAliveCount) / 1000,
        heard=asyncio.get_running_loop().time(),
        heard_at=now,
    )


async def _create(session: UaSession, request: ua.CreateSubscriptionRequest) -> ua.CreateSubscriptionResult:
    """CreateSubscription without the publish loop that asyncua's own method starts."""
    body = await session._send_request(request)  # noqa: SLF001 - the public method starts a loop that acknowledges early
    response = struct_from_binary(ua.CreateSubscriptionResponse, body)
    response.ResponseHeader.ServiceResult.check()
    return response.Parameters
