"""The subscriptions of one server and the monitored items in them.

They outlive a connection: if the server still has them when the next one stands, they go on where they were.
"""

import asyncio
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import structlog
from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua.ua_binary import struct_from_binary
from asyncua.ua.uaerrors import BadTooManySubscriptions, UaStatusCodeError
from google.protobuf.duration_pb2 import Duration

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.opcua.connection import Connection
from dualspan_edge.opcua.nodeids import NodeIdError, parse_node_id
from dualspan_edge.opcua.plan import (
    Coarseness,
    GroupKey,
    PlannedTag,
    choose_coarseness,
    in_groups,
    queue_size,
    sampling_ms,
)
from dualspan_edge.opcua.services import in_portions, read_attributes, value_of
from dualspan_edge.opcua.words import status_words
from dualspan_edge.samples import TagTable
from dualspan_frame import ValueKind

_log = structlog.get_logger(__name__)
# The server is heard at least so often, and keeps a subscription whose client is silent for so long.
_KEEP_ALIVE_MS = 5_000.0
_LIFETIME_MS = 600_000.0
_MAX_NOTIFICATIONS = 50_000
_BAD_NODE_ID_UNKNOWN = 0x80340000
_BAD_UNEXPECTED_ERROR = 0x80010000
_KINDS = frozenset(ValueKind)


@dataclass(frozen=True, slots=True)
class MonitoredItem:
    """One tag at the server."""

    tag: gateway.TagConfiguration
    handle: int
    item_id: int


@dataclass(slots=True, eq=False)
class Subscription:
    """One subscription, and how far its notifications have come.

    Attributes:
        identifier: The server's SubscriptionId.
        publishing_ms: Revised publishing interval.
        keep_alive: Seconds within which the server says something.
        items: By tag id.
        expected: Sequence number of the next notification; the first is 1 (Part 4, 5.14.1.4).
        heard: When it last said something, on the event loop's clock.
        heard_at: Until when everything that it had to say has come, in wall-clock microseconds.
        unstored: Sequence numbers that came and are not on the disk yet.
        unacknowledged: Sequence numbers that are on the disk here and not acknowledged there.
        resumed: It was there before the connection's pump ran, and has not been heard since.
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


class Subscriptions:
    """All subscriptions of one server."""

    def __init__(self, table: TagTable) -> None:
        self.table = table
        self.by_id: dict[int, Subscription] = {}
        self._by_key: dict[GroupKey, list[Subscription]] = {}
        self._coarseness: Coarseness | None = None

    @property
    def item_count(self) -> int:
        """Monitored items that run."""
        return sum(len(subscription.items) for subscription in self.by_id.values())

    @property
    def slowest_publishing_ms(self) -> float:
        """The longest publishing interval; 0 without subscriptions."""
        return max((subscription.publishing_ms for subscription in self.by_id.values()), default=0.0)

    def tags(self) -> dict[int, gateway.TagConfiguration]:
        """What is monitored, by tag id."""
        return {tag_id: item.tag for sub in self.by_id.values() for tag_id, item in sub.items.items()}

    async def add(
        self,
        connection: Connection,
        tags: Sequence[gateway.TagConfiguration],
        now: int,
    ) -> list[gateway.TagReport]:
        """Monitors tags.

        Args:
            connection: Where.
            tags: Which; none of them is monitored yet.
            now: Microseconds since 1970.

        Returns:
            How each of them fared: one that is refused does not hold up the others.
        """
        planned, reports = await _find_nodes(connection, tags)
        if self._coarseness is None:
            self._coarseness = choose_coarseness(planned, connection.limits.subscriptions)
        for key, group in in_groups(planned, self._coarseness).items():
            reports += await self._add_group(connection, key, group, now)
        return reports

    async def _add_group(
        self, connection: Connection, key: GroupKey, group: list[PlannedTag], now: int
    ) -> list[gateway.TagReport]:
        """Monitors tags of one group, in as many subscriptions as the server's limit on items asks for."""
        reports: list[gateway.TagReport] = []
        left = group
        while left:
            try:
                subscription = await self._subscription_for(connection, key, now)
            except UaStatusCodeError as error:
                return [*reports, *(_refused(member.tag, error.code) for member in left)]
            room = connection.limits.items_per_subscription - len(subscription.items)
            if room <= 0:
                # The server has no room left anywhere; it says so itself, item by item.
                room = len(left)
            reports += await self._monitor(connection, subscription, left[:room])
            left = left[room:]
        return reports

    async def remove(self, connection: Connection, tag_ids: Iterable[int]) -> None:
        """Stops monitoring tags; a subscription that is left without items is deleted."""
        unwanted = set(tag_ids)
        for subscription in list(self.by_id.values()):
            gone = [item for tag_id, item in subscription.items.items() if tag_id in unwanted]
            if not gone:
                continue
            for item in gone:
                self.table.remove(item.handle)
                del subscription.items[item.tag.tag_id]
            if subscription.items:
                await _delete_items(connection, subscription, [item.item_id for item in gone])
            else:
                self.forget(subscription)
                await connection.session.delete_subscriptions([subscription.identifier])

    def begin_session(self) -> None:
        """A session begins that has none of the earlier subscriptions."""
        for subscription in list(self.by_id.values()):
            self.forget(subscription)
        self.table.compact()
        self._coarseness = None

    def forget(self, subscription: Subscription) -> None:
        """The server does not have it any more."""
        for item in subscription.items.values():
            self.table.remove(item.handle)
        self.by_id.pop(subscription.identifier, None)
        for held in self._by_key.values():
            if subscription in held:
                held.remove(subscription)

    async def transfer(self, connection: Connection) -> list[Subscription]:
        """Takes the subscriptions of a lost session over into this one (Part 4, 5.14.7).

        Returns:
            Those that the server does not give; they are not forgotten yet.
        """
        held = list(self.by_id.values())
        parameters = ua.TransferSubscriptionsParameters()
        parameters.SubscriptionIds = [ua.UInt32(subscription.identifier) for subscription in held]
        parameters.SendInitialValues = False
        try:
            results = await connection.session.transfer_subscriptions(parameters)
        except UaStatusCodeError as error:
            _log.info("subscriptions_not_transferred", reason=status_words(error.code))
            return held
        return [sub for sub, result in zip(held, results, strict=True) if not result.StatusCode.is_good()]

    async def _subscription_for(self, connection: Connection, key: GroupKey, now: int) -> Subscription:
        """A subscription of this group that has room; a new one if none has."""
        held = self._by_key.setdefault(key, [])
        for subscription in held:
            if len(subscription.items) < connection.limits.items_per_subscription:
                return subscription
        try:
            created = await _create(connection.session, key.publishing_ms, now)
        except BadTooManySubscriptions:
            if not self.by_id:
                raise
            # Better in the company of other types than not at all.
            return min(self.by_id.values(), key=lambda other: abs(other.publishing_ms - key.publishing_ms))
        self.by_id[created.identifier] = created
        held.append(created)
        return created

    async def _monitor(
        self, connection: Connection, subscription: Subscription, group: list[PlannedTag]
    ) -> list[gateway.TagReport]:
        requests: list[ua.MonitoredItemCreateRequest] = []
        for member in group:
            tag = member.tag
            handle = self.table.add(tag.tag_id, ValueKind(tag.kind))
            requests.append(_item_request(member, handle))
        results = await _create_items(connection, subscription, requests)
        reports: list[gateway.TagReport] = []
        for member, request, result in zip(group, requests, results, strict=True):
            handle = int(request.RequestedParameters.ClientHandle)
            if result.StatusCode.is_good():
                item = MonitoredItem(member.tag, handle, int(result.MonitoredItemId))
                subscription.items[member.tag.tag_id] = item
                reports.append(_active(member.tag, result, int(request.RequestedParameters.QueueSize)))
            else:
                self.table.remove(handle)
                reports.append(_refused(member.tag, int(result.StatusCode.value)))
        return reports


async def _find_nodes(
    connection: Connection, tags: Sequence[gateway.TagConfiguration]
) -> tuple[list[PlannedTag], list[gateway.TagReport]]:
    """The tags with their nodes and data types, and reports of those that have none."""
    reports: list[gateway.TagReport] = []
    found: list[tuple[gateway.TagConfiguration, ua.NodeId]] = []
    for tag in tags:
        if tag.kind not in _KINDS:
            detail = "this gateway does not know the kind of the tag; update the gateway"
            reports.append(_report(tag, onboarding.TAG_STATE_REFUSED, _BAD_UNEXPECTED_ERROR, detail))
            continue
        try:
            found.append((tag, parse_node_id(tag.node_id, connection.namespaces)))
        except NodeIdError as error:
            reports.append(_report(tag, onboarding.TAG_STATE_REFUSED, _BAD_NODE_ID_UNKNOWN, str(error)))
    nodes = [(node, ua.AttributeIds.DataType) for _, node in found]
    answers = await read_attributes(connection.session, nodes, connection.limits.nodes_per_read)
    planned: list[PlannedTag] = []
    for (tag, node), answer in zip(found, answers, strict=True):
        status = answer.StatusCode
        if status is not None and status.value == _BAD_NODE_ID_UNKNOWN:
            reports.append(_refused(tag, _BAD_NODE_ID_UNKNOWN))
            continue
        data_type = value_of(answer)
        planned.append(PlannedTag(tag, node, data_type.to_string() if isinstance(data_type, ua.NodeId) else ""))
    return planned, reports


async def _create(session: UaSession, publishing: float, now: int) -> Subscription:
    parameters = ua.CreateSubscriptionRequest()
    keep_alive = max(1, math.ceil(_KEEP_ALIVE_MS / publishing))
    parameters.Parameters.RequestedPublishingInterval = ua.Double(publishing)
    parameters.Parameters.RequestedMaxKeepAliveCount = ua.UInt32(keep_alive)
    # Part 4, 5.14.2.2: the lifetime is at least three times the keep-alive.
    lifetime = max(3 * keep_alive, math.ceil(_LIFETIME_MS / publishing))
    parameters.Parameters.RequestedLifetimeCount = ua.UInt32(lifetime)
    parameters.Parameters.MaxNotificationsPerPublish = ua.UInt32(_MAX_NOTIFICATIONS)
    result = await _create_subscription(session, parameters)
    revised = float(result.RevisedPublishingInterval) or publishing
    return Subscription(
        identifier=int(result.SubscriptionId),
        publishing_ms=revised,
        keep_alive=revised * int(result.RevisedMaxKeepAliveCount) / 1000,
        heard=asyncio.get_running_loop().time(),
        heard_at=now,
    )


async def _create_subscription(
    session: UaSession, request: ua.CreateSubscriptionRequest
) -> ua.CreateSubscriptionResult:
    """CreateSubscription without the publish loop that asyncua's own method starts."""
    body = await session._send_request(request)  # noqa: SLF001 - the public method starts a loop that acknowledges early
    response = struct_from_binary(ua.CreateSubscriptionResponse, body)
    response.ResponseHeader.ServiceResult.check()
    return response.Parameters


def _item_request(member: PlannedTag, handle: int) -> ua.MonitoredItemCreateRequest:
    request = ua.MonitoredItemCreateRequest()
    request.ItemToMonitor.NodeId = member.node
    request.ItemToMonitor.AttributeId = ua.AttributeIds.Value  # pyright: ignore[reportAttributeAccessIssue]  # an IntEnum
    request.MonitoringMode = ua.MonitoringMode.Reporting
    parameters = request.RequestedParameters
    parameters.ClientHandle = ua.UInt32(handle)
    parameters.SamplingInterval = ua.Double(sampling_ms(member.tag))
    parameters.QueueSize = ua.UInt32(queue_size(member.tag))
    parameters.DiscardOldest = True
    return request


async def _create_items(
    connection: Connection, subscription: Subscription, requests: Sequence[ua.MonitoredItemCreateRequest]
) -> list[ua.MonitoredItemCreateResult]:
    async def create(part: Sequence[ua.MonitoredItemCreateRequest]) -> list[ua.MonitoredItemCreateResult]:
        parameters = ua.CreateMonitoredItemsParameters()
        parameters.SubscriptionId = ua.UInt32(subscription.identifier)
        parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
        parameters.ItemsToCreate = list(part)
        try:
            return await connection.session.create_monitored_items(parameters)
        except UaStatusCodeError as error:
            if len(part) > 1:
                raise
            return [ua.MonitoredItemCreateResult(StatusCode=ua.StatusCode(ua.UInt32(error.code)))]

    return await in_portions(create, requests, connection.limits.items_per_call)


async def _delete_items(connection: Connection, subscription: Subscription, item_ids: Sequence[int]) -> None:
    async def delete(part: Sequence[int]) -> list[ua.StatusCode]:
        parameters = ua.DeleteMonitoredItemsParameters()
        parameters.SubscriptionId = ua.UInt32(subscription.identifier)
        parameters.MonitoredItemIds = [ua.UInt32(item_id) for item_id in part]
        return await connection.session.delete_monitored_items(parameters)

    await in_portions(delete, item_ids, connection.limits.items_per_call)


def _active(
    tag: gateway.TagConfiguration, result: ua.MonitoredItemCreateResult, wanted_queue: int
) -> gateway.TagReport:
    detail = ""
    if int(result.RevisedQueueSize) < wanted_queue:
        detail = (
            f"the server keeps {result.RevisedQueueSize} values instead of {wanted_queue} between two notifications: "
            "publish more often or sample less often, or values may be lost"
        )
    report = _report(tag, onboarding.TAG_STATE_ACTIVE, int(result.StatusCode.value), detail)
    revised = Duration()
    revised.FromMicroseconds(int(max(float(result.RevisedSamplingInterval), 0.0) * 1000))
    report.revised_sampling_interval.CopyFrom(revised)
    return report


def _refused(tag: gateway.TagConfiguration, code: int) -> gateway.TagReport:
    return _report(tag, onboarding.TAG_STATE_REFUSED, code or _BAD_UNEXPECTED_ERROR, status_words(code))


def _report(
    tag: gateway.TagConfiguration, state: onboarding.TagState.ValueType, code: int, detail: str
) -> gateway.TagReport:
    return gateway.TagReport(tag_id=tag.tag_id, state=state, status_code=code, detail=detail)
