"""The subscription service set of a simulated server (Part 4, 5.13 and 5.14), in asyncua's place for it."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.common.utils import ServiceError

from plc_sim.opcua.gate import Gate
from plc_sim.opcua.sampling import SamplerFactory
from plc_sim.opcua.standard import status_code
from plc_sim.opcua.subscription import Forward, Subscription, TakeRequest, now_us, stamps_of


@dataclass(frozen=True, slots=True)
class SubscriptionLimits:
    """What the server grants.

    Attributes:
        min_publishing_ms: Shortest publishing interval.
        fixed_publishing_ms: If above 0, the publishing interval whatever the client asks for.
        max_subscriptions: In the whole server.
        max_lifetime_count: Longest life without publish requests, in publishing intervals.
        max_keep_alive_count: Longest silence, in publishing intervals.
        max_items: Monitored items per CreateMonitoredItems call.
        max_subscriptions_per_session: Of one session.
        max_items_per_subscription: Monitored items of one subscription.
        max_total_items: Monitored items of the whole server.
        max_queue: Longest queue of a monitored item.
        max_select_clauses: Fields that an event filter may select.
        max_where_elements: Elements of an event filter's where clause.
    """

    min_publishing_ms: float = 50.0
    fixed_publishing_ms: float = 0.0
    max_subscriptions: int = 100
    max_lifetime_count: int = 12_000
    max_keep_alive_count: int = 1000
    max_items: int = 500
    max_subscriptions_per_session: int = 20
    max_items_per_subscription: int = 100_000
    max_total_items: int = 500_000
    max_queue: int = 10_000
    max_select_clauses: int = 100
    max_where_elements: int = 20


class SubscriptionService:
    """Creates, changes and ends subscriptions; the connection handler calls it by asyncua's names."""

    def __init__(self, sampler: SamplerFactory, gate: Gate, limits: SubscriptionLimits) -> None:
        self.subscriptions: dict[int, Subscription] = {}
        self.limits = limits
        self._sampler = sampler
        self._gate = gate
        self._next_id = 1
        self._ending: set[asyncio.Task[None]] = set()

    def _revise(self, interval_ms: float, lifetime: int, keep_alive: int) -> tuple[float, int, int]:
        """Revised interval, lifetime (at least three keep-alives, Part 4, 5.14.2) and keep-alive count."""
        limits = self.limits
        # A NaN or negative interval asks for the fastest one.
        asked = max(limits.min_publishing_ms, interval_ms)
        keep = min(keep_alive or limits.max_keep_alive_count, limits.max_keep_alive_count)
        life = min(max(lifetime, 3 * keep), limits.max_lifetime_count)
        return limits.fixed_publishing_ms or asked, life, keep

    async def create_subscription(
        self,
        params: ua.CreateSubscriptionParameters,
        callback: Forward,
        session_id: ua.NodeId,
        request_callback: TakeRequest,
    ) -> ua.CreateSubscriptionResult:
        """CreateSubscription."""
        if len(self.subscriptions) >= self.limits.max_subscriptions:
            raise ServiceError(ua.StatusCodes.BadTooManySubscriptions)
        own = sum(subscription.session_id == session_id for subscription in self.subscriptions.values())
        if own >= self.limits.max_subscriptions_per_session:
            raise ServiceError(ua.StatusCodes.BadTooManySubscriptions)
        interval, life, keep = self._revise(
            params.RequestedPublishingInterval, params.RequestedLifetimeCount, params.RequestedMaxKeepAliveCount
        )
        result = ua.CreateSubscriptionResult()
        result.SubscriptionId = ua.UInt32(self._next_id)
        result.RevisedPublishingInterval = ua.Double(interval)
        result.RevisedLifetimeCount = ua.UInt32(life)
        result.RevisedMaxKeepAliveCount = ua.UInt32(keep)
        self._next_id += 1
        subscription = Subscription(
            result, self._sampler(), self._gate, session_id, callback, request_callback, self._expire
        )
        subscription.publishing = params.PublishingEnabled
        subscription.max_notifications = params.MaxNotificationsPerPublish
        self.subscriptions[result.SubscriptionId] = subscription
        subscription.start()
        return result

    def modify_subscription(self, params: ua.ModifySubscriptionParameters) -> ua.ModifySubscriptionResult:
        """ModifySubscription."""
        subscription = self._get(params.SubscriptionId)
        interval, life, keep = self._revise(
            params.RequestedPublishingInterval, params.RequestedLifetimeCount, params.RequestedMaxKeepAliveCount
        )
        data = subscription.data
        data.RevisedPublishingInterval = ua.Double(interval)
        data.RevisedLifetimeCount = ua.UInt32(life)
        data.RevisedMaxKeepAliveCount = ua.UInt32(keep)
        subscription.max_notifications = params.MaxNotificationsPerPublish
        result = ua.ModifySubscriptionResult()
        result.RevisedPublishingInterval = data.RevisedPublishingInterval
        result.RevisedLifetimeCount = data.RevisedLifetimeCount
        result.RevisedMaxKeepAliveCount = data.RevisedMaxKeepAliveCount
        return result

    async def delete_subscriptions(self, ids: Iterable[int]) -> list[ua.StatusCode]:
        """DeleteSubscriptions."""
        results: list[ua.StatusCode] = []
        for number in ids:
            subscription = self.subscriptions.pop(number, None)
            if subscription is None:
                results.append(status_code(ua.StatusCodes.BadSubscriptionIdInvalid))
                continue
            await subscription.stop()
            results.append(ua.StatusCode())
        return results

    def _expire(self, number: int) -> None:
        """End a subscription whose client sent no publish request for its lifetime."""
        subscription = self.subscriptions.pop(number, None)
        if subscription is not None:
            task = asyncio.create_task(subscription.stop())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    def _get(self, number: int) -> Subscription:
        subscription = self.subscriptions.get(number)
        if subscription is None:
            raise ServiceError(ua.StatusCodes.BadSubscriptionIdInvalid)
        return subscription

    def publish(self, acks: Iterable[ua.SubscriptionAcknowledgement]) -> tuple[int, list[ua.StatusCode]]:
        """Take the acknowledgements of a Publish request; how many subscriptions there are, and a result for each.

        Raises:
            ServiceError: BadNoSubscription.
        """
        if not self.subscriptions:
            raise ServiceError(ua.StatusCodes.BadNoSubscription)
        results: list[ua.StatusCode] = []
        for ack in acks:
            subscription = self.subscriptions.get(ack.SubscriptionId)
            if subscription is None:
                results.append(status_code(ua.StatusCodes.BadSubscriptionIdInvalid))
            else:
                results.append(subscription.acknowledge(ack.SequenceNumber))
        return len(self.subscriptions), results

    def republish(self, params: ua.RepublishParameters) -> ua.NotificationMessage:
        """Republish."""
        return self._get(params.SubscriptionId).republish(params.RetransmitSequenceNumber)

    async def create_monitored_items(
        self, params: ua.CreateMonitoredItemsParameters
    ) -> list[ua.MonitoredItemCreateResult]:
        """CreateMonitoredItems."""
        subscription = self._get(params.SubscriptionId)
        self._check_count(len(params.ItemsToCreate))
        stamps = stamps_of(params.TimestampsToReturn)
        now = now_us()
        sampler, interval = subscription.sampler, subscription.publishing_us
        others = sum(len(other.sampler) for other in self.subscriptions.values() if other is not subscription)
        most = min(self.limits.max_items_per_subscription, self.limits.max_total_items - others)
        full = ua.MonitoredItemCreateResult(StatusCode=status_code(ua.StatusCodes.BadTooManyMonitoredItems))
        return [
            sampler.add(request, stamps, interval, now) if len(sampler) < most else full
            for request in params.ItemsToCreate
        ]

    def modify_monitored_items(self, params: ua.ModifyMonitoredItemsParameters) -> list[ua.MonitoredItemModifyResult]:
        """ModifyMonitoredItems."""
        subscription = self._get(params.SubscriptionId)
        self._check_count(len(params.ItemsToModify))
        stamps = stamps_of(params.TimestampsToReturn)
        now = now_us()
        sampler, interval = subscription.sampler, subscription.publishing_us
        return [sampler.modify(request, stamps, interval, now) for request in params.ItemsToModify]

    def delete_monitored_items(self, params: ua.DeleteMonitoredItemsParameters) -> list[ua.StatusCode]:
        """DeleteMonitoredItems."""
        sampler = self._get(params.SubscriptionId).sampler
        self._check_count(len(params.MonitoredItemIds))
        return [_known(sampler.remove(number)) for number in params.MonitoredItemIds]

    async def set_monitoring_mode(self, params: ua.SetMonitoringModeParameters) -> list[ua.StatusCode]:
        """SetMonitoringMode."""
        sampler = self._get(params.SubscriptionId).sampler
        self._check_count(len(params.MonitoredItemIds))
        now = now_us()
        return [_known(sampler.set_mode(number, params.MonitoringMode, now)) for number in params.MonitoredItemIds]

    async def set_publishing_mode(self, params: ua.SetPublishingModeParameters) -> list[ua.StatusCode]:
        """SetPublishingMode."""
        results: list[ua.StatusCode] = []
        for number in params.SubscriptionIds:
            subscription = self.subscriptions.get(number)
            if subscription is None:
                results.append(status_code(ua.StatusCodes.BadSubscriptionIdInvalid))
                continue
            subscription.publishing = params.PublishingEnabled
            results.append(ua.StatusCode())
        return results

    async def transfer_subscriptions(
        self, params: ua.TransferSubscriptionsParameters, session_id: ua.NodeId, callback: Forward
    ) -> list[ua.TransferResult]:
        """TransferSubscriptions: the subscription goes on over another session's connection."""
        results: list[ua.TransferResult] = []
        for number in params.SubscriptionIds:
            result = ua.TransferResult()
            subscription = self.subscriptions.get(number)
            if subscription is None:
                result.StatusCode = status_code(ua.StatusCodes.BadSubscriptionIdInvalid)
            else:
                subscription.session_id = session_id
                subscription.pub_result_callback = callback
                # The callback is a method of the new connection's handler, which also keeps the publish requests.
                processor: Any = getattr(callback, "__self__")  # noqa: B009 - not an attribute of the Callable type
                subscription.pub_request_callback = processor.get_publish_request
                result.AvailableSequenceNumbers = [ua.UInt32(n) for n in subscription.unacknowledged()]
            results.append(result)
        return results

    async def trigger_event(self, event: Any, subscription_id: int | None = None) -> None:
        """Part of asyncua's contract: these servers have no events, so there is nobody to tell."""

    def _check_count(self, count: int) -> None:
        if not count:
            raise ServiceError(ua.StatusCodes.BadNothingToDo)
        if count > self.limits.max_items:
            raise ServiceError(ua.StatusCodes.BadTooManyOperations)


def _known(known: bool) -> ua.StatusCode:  # noqa: FBT001 - a result's two cases
    return status_code(ua.StatusCodes.Good if known else ua.StatusCodes.BadMonitoredItemIdInvalid)
