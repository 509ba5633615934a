"""What a server does to its subscriptions, and what the gateway makes of it."""

import asyncio
import secrets
from typing import Any

import pytest
from asyncua import ua
from asyncua.common.callback import CallbackType
from asyncua.server.internal_subscription import InternalSubscription
from integration.edge.plant import Plant, tag
from integration.edge.platform import Platform
from integration.edge.running import RunningGateway, until

from dualspan.frame.v1 import frame_pb2
from dualspan.historian.v1 import resources_pb2 as historian
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.opcua import pump as pumping
from dualspan_edge.settings import GatewaySettings
from dualspan_frame import ValueKind

COUNT = tag(2, "count", frame_pb2.VALUE_KIND_INT64)


async def _started(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    await plant.add("count", 0, ua.VariantType.UInt32)
    platform.onboarding.configure(plant.configuration(COUNT))
    box.start()
    await until(lambda: _counts(platform) == [0], "the first value")


def _counts(platform: Platform) -> list[int]:
    return platform.historian.values(ValueKind.INT64, 2)


def _subscription(plant: Plant) -> InternalSubscription:
    (subscription,) = plant.server.iserver.subscription_service.subscriptions.values()
    return subscription


async def test_what_is_stored_is_acknowledged(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    await _started(plant, platform, box)
    for number in range(1, 6):
        await plant.write("count", number, ua.VariantType.UInt32)
        await asyncio.sleep(0.1)
    await until(lambda: len(_counts(platform)) == 6, "all counts")
    # The acknowledgement of a notification travels with the request that follows it.
    await until(lambda: len(_subscription(plant)._not_acknowledged_results) <= 1, "the server forgets them")


async def test_what_is_not_on_the_disk_is_not_acknowledged(
    plant: Plant, platform: Platform, box: RunningGateway
) -> None:
    box.settings = box.settings.model_copy(update={"flush_interval_ms": 3000.0})
    await plant.add("count", 0, ua.VariantType.UInt32)
    platform.onboarding.configure(plant.configuration(COUNT))
    box.start()
    await until(lambda: bool(plant.server.iserver.subscription_service.subscriptions), "it subscribes")
    kept = _subscription(plant)._not_acknowledged_results
    for number in range(1, 6):
        await until(lambda most=number: len(kept) >= most, "the server keeps all that it has sent")
        await plant.write("count", number, ua.VariantType.UInt32)
    await until(lambda: len(_counts(platform)) == 6, "all is on the disk, and on the platform")
    await until(lambda: len(kept) <= 1, "the server forgets it")


async def test_a_deleted_subscription_is_made_again(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    await _started(plant, platform, box)
    service = plant.server.iserver.subscription_service
    (lost,) = list(service.subscriptions)
    await service.delete_subscriptions([lost])
    await plant.write("count", 1, ua.VariantType.UInt32)
    await until(lambda: _counts(platform) == [0, 1], "it goes on", 30)
    await until(lambda: len(platform.historian.gaps) == 1, "the gap is written down")
    gap = platform.historian.gaps[0]
    assert gap.cause == historian.GAP_CAUSE_SUBSCRIPTION_LOST
    assert (gap.server, gap.tag_id) == ("plant", 0)
    assert list(service.subscriptions) != [lost]


async def test_a_status_change_ends_a_subscription(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    await _started(plant, platform, box)
    old = _subscription(plant)
    old._triggered_statuschanges.append(ua.StatusCode(ua.UInt32(ua.StatusCodes.BadTimeout)))
    await plant.write("count", 1, ua.VariantType.UInt32)
    await until(lambda: any(gap.detail.endswith("(BadTimeout)") for gap in platform.historian.gaps), "the gap says why")
    await plant.write("count", 2, ua.VariantType.UInt32)
    await until(lambda: _counts(platform)[-1] == 2, "it goes on")
    assert _counts(platform) == [0, 1, 2]


async def test_a_silent_subscription_is_ended_before_it_is_made_again(
    plant: Plant, platform: Platform, box: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is only slow would keep both, until it has no room for more."""
    monkeypatch.setattr(pumping, "_SILENCE_FACTOR", 0.0)
    monkeypatch.setattr(pumping, "_SILENCE_MARGIN", 1.5)
    await _started(plant, platform, box)
    service = plant.server.iserver.subscription_service
    ((old, silent),) = service.subscriptions.items()

    async def say_nothing(result: ua.PublishResult, request: object) -> None:
        del result, request

    silent.pub_result_callback = say_nothing
    async with asyncio.timeout(30):
        number = 0
        while old in service.subscriptions or not platform.historian.gaps:
            number += 1
            await plant.write("count", number, ua.VariantType.UInt32)
            await asyncio.sleep(0.2)
    assert len(service.subscriptions) == 1
    assert "said nothing" in platform.historian.gaps[0].detail


async def test_a_notification_that_never_comes_is_a_gap(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    await _started(plant, platform, box)
    _subscription(plant)._notification_seq += 1
    await plant.write("count", 1, ua.VariantType.UInt32)
    await until(lambda: _counts(platform) == [0, 1], "it goes on")
    await until(lambda: len(platform.historian.gaps) == 1, "the gap is written down")
    assert "did not arrive" in platform.historian.gaps[0].detail


async def test_a_notification_that_got_lost_is_asked_for_again(
    plant: Plant, platform: Platform, box: RunningGateway
) -> None:
    await _started(plant, platform, box)
    subscription = _subscription(plant)
    forward = subscription.pub_result_callback

    async def lose(result: ua.PublishResult, request: object) -> None:
        subscription.pub_result_callback = forward
        # The request is answered with a later keep-alive; the notification itself only waits for Republish.
        empty = ua.PublishResult(result.SubscriptionId)
        empty.NotificationMessage.SequenceNumber = ua.UInt32(result.NotificationMessage.SequenceNumber + 1)
        await forward(empty, request)

    subscription.pub_result_callback = lose
    await plant.write("count", 1, ua.VariantType.UInt32)
    await until(lambda: _counts(platform) == [0, 1], "it was republished")
    await plant.write("count", 2, ua.VariantType.UInt32)
    await until(lambda: _counts(platform) == [0, 1, 2], "it goes on")
    assert not platform.historian.gaps


async def test_the_very_first_notification_is_asked_for_again(
    plant: Plant, platform: Platform, box: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = InternalSubscription.publish_results
    lost: list[ua.PublishResult] = []

    async def losing(subscription: InternalSubscription, *request: Any) -> bool:
        forward = subscription.pub_result_callback

        async def lose(result: ua.PublishResult, answered: object) -> None:
            if result.NotificationMessage.NotificationData and not lost:
                lost.append(result)
                empty = ua.PublishResult(result.SubscriptionId)
                empty.NotificationMessage.SequenceNumber = ua.UInt32(result.NotificationMessage.SequenceNumber + 1)
                result = empty
            await forward(result, answered)

        subscription.pub_result_callback = lose
        try:
            return await publish(subscription, *request)
        finally:
            subscription.pub_result_callback = forward

    monkeypatch.setattr(InternalSubscription, "publish_results", losing)
    await _started(plant, platform, box)
    assert lost[0].NotificationMessage.SequenceNumber == 1
    assert not platform.historian.gaps


async def test_a_notification_that_nobody_can_read_is_a_gap_and_no_more(
    plant: Plant, platform: Platform, box: RunningGateway
) -> None:
    await _started(plant, platform, box)
    subscription = _subscription(plant)
    forward = subscription.pub_result_callback
    unreadable = ua.ExtensionObject(ua.NodeId(ua.Int32(811)), ua.ByteString(b"\xff\xff\xff\x7f"))

    async def spoil(result: ua.PublishResult, request: object) -> None:
        subscription.pub_result_callback = forward
        result.NotificationMessage.NotificationData = [unreadable]
        await forward(result, request)

    def republish(nb: int) -> ua.NotificationMessage:
        return subscription._not_acknowledged_results[nb].NotificationMessage

    subscription.republish = republish
    subscription.pub_result_callback = spoil
    await plant.write("count", 1, ua.VariantType.UInt32)
    await asyncio.sleep(0.3)
    await plant.write("count", 2, ua.VariantType.UInt32)
    await until(lambda: _counts(platform) == [0, 2], "it goes on")
    await until(lambda: bool(platform.historian.gaps), "the gap is written down")
    (gap,) = platform.historian.gaps
    assert gap.cause == historian.GAP_CAUSE_SUBSCRIPTION_LOST
    assert "did not arrive" in gap.detail


async def test_a_full_buffer_is_not_acknowledged(
    plant: Plant, platform: Platform, box: RunningGateway, settings: GatewaySettings
) -> None:
    box.settings = settings.model_copy(update={"buffer_max_bytes": 300_000})
    await plant.add("text", "", ua.VariantType.String)
    platform.onboarding.configure(plant.configuration(tag(4, "text", frame_pb2.VALUE_KIND_TEXT)))
    box.start()
    await until(lambda: len(platform.historian.values(ValueKind.TEXT, 4)) == 1, "the first value")
    platform.historian.accepts = False
    sent: list[bytes] = [b""]
    while not platform.onboarding.status.buffer_full:
        text = secrets.token_hex(10_000)
        await plant.write("text", text, ua.VariantType.String)
        sent.append(text.encode())
        assert len(sent) < 500
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.2)
    assert _subscription(plant)._not_acknowledged_results
    platform.historian.accepts = True
    await until(lambda: len(platform.historian.values(ValueKind.TEXT, 4)) == len(sent), "nothing is lost", 30)
    assert platform.historian.values(ValueKind.TEXT, 4) == sent
    (gap,) = platform.historian.gaps
    assert gap.cause == historian.GAP_CAUSE_BUFFER_FULL
    await until(lambda: not platform.onboarding.status.buffer_full, "it says that there is room")


async def test_an_overflow_is_counted_and_written_down(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    await _started(plant, platform, box)
    await plant.write("count", 9, ua.VariantType.UInt32, status=0x480)
    await until(lambda: _counts(platform) == [0, 9], "the value that carries the bit")
    await until(lambda: len(platform.historian.gaps) == 1, "the gap is written down")
    gap = platform.historian.gaps[0]
    assert (gap.cause, gap.tag_id) == (historian.GAP_CAUSE_SERVER_OVERFLOW, 2)
    samples = platform.historian.samples(ValueKind.INT64, 2)
    assert samples is not None
    assert (gap.start_time.ToMicroseconds(), gap.end_time.ToMicroseconds()) == tuple(samples.timestamp.tolist())
    await until(lambda: platform.onboarding.status.overflowed_samples == 1, "it is counted")


async def test_limits_of_the_server_are_kept(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    ids = ua.ObjectIds
    limits = {
        ids.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall: 3,
        ids.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead: 2,
        ids.Server_ServerCapabilities_MaxSubscriptionsPerSession: 2,
        ids.Server_ServerCapabilities_MaxMonitoredItemsPerSubscription: 5,
    }
    for number, limit in limits.items():
        node = plant.server.get_node(ua.NodeId(ua.Int32(number)))
        await node.write_value(ua.Variant(limit, ua.VariantType.UInt32))
    portions: list[int] = []
    plant.server.subscribe_server_callback(
        CallbackType.ItemSubscriptionCreated, lambda event, _: portions.append(len(event.request_params.ItemsToCreate))
    )
    tags = []
    for number in range(8):
        await plant.add(f"v{number}", number, ua.VariantType.UInt32)
        tags.append(tag(100 + number, f"v{number}", frame_pb2.VALUE_KIND_INT64))
    platform.onboarding.configure(plant.configuration(*tags, tag(99, "absent", frame_pb2.VALUE_KIND_INT64)))
    box.start()
    await until(lambda: platform.onboarding.complete_revision == 1, "every item is reported")
    states = [platform.onboarding.reports[100 + number].state for number in range(8)]
    assert states == [onboarding.TAG_STATE_ACTIVE] * 8
    assert max(portions) <= 3
    assert sum(portions) == 8
    items = [
        len(subscription.monitored_item_srv._monitored_items)
        for subscription in plant.server.iserver.subscription_service.subscriptions.values()
    ]
    assert sorted(items) == [3, 5]
