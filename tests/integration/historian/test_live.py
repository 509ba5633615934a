import asyncio

import grpc
import numpy as np
import pytest

from dualspan.historian.v1 import service_pb2
from dualspan_frame import ValueKind, decode_frame, encode_frame
from dualspan_historian.ingest.verification import Verified
from dualspan_historian.live.hub import Hub
from dualspan_historian.live.publisher import Publisher
from dualspan_historian.model import Stream
from dualspan_historian.storage.frame_store import NewFrame
from dualspan_runtime.broker import connect
from dualspan_runtime.errors import error_info
from harness.historian import TENANT, Historian, ramp


class Subscriber:
    def __init__(self, historian: Historian, tags: list[int], *, include_latest: bool = True) -> None:
        request = service_pb2.SubscribeRequest(parent=f"tenants/{TENANT}", tag_ids=tags, include_latest=include_latest)
        self.call = historian.stub.Subscribe(request)

    async def next(self) -> service_pb2.SubscribeResponse:
        response = await asyncio.wait_for(self.call.read(), 10)
        assert isinstance(response, service_pb2.SubscribeResponse)
        return response


async def test_a_subscriber_gets_the_newest_and_then_what_comes(historian: Historian) -> None:
    await historian.register({1: ValueKind.FLOAT64, 2: ValueKind.FLOAT64})
    uploader = await historian.uploader()
    await uploader.upload([ramp([1, 2], 0, 10)])
    subscriber = Subscriber(historian, [2])
    assert decode_frame((await subscriber.next()).frame).same_as(ramp([2], 9, 1))
    await uploader.upload([ramp([1, 2], 10, 3)], first=2)
    second = await subscriber.next()
    assert decode_frame(second.frame).same_as(ramp([2], 10, 3))
    assert second.skipped_frames == 0
    subscriber.call.cancel()


async def test_every_frame_reaches_every_subscriber_in_order(historian: Historian) -> None:
    await historian.register({1: ValueKind.FLOAT64, 2: ValueKind.FLOAT64})
    uploader = await historian.uploader()
    await uploader.upload([ramp([1, 2], 0, 1)])
    subscribers = [Subscriber(historian, [1]), Subscriber(historian, [1, 2])]
    for subscriber in subscribers:
        await subscriber.next()
    await uploader.upload((ramp([1, 2], number, 1) for number in range(1, 41)), first=2)
    for subscriber, tags in zip(subscribers, ([1], [1, 2]), strict=True):
        first = decode_frame((await subscriber.next()).frame)
        if first.same_as(ramp(tags, 0, 1)):  # it was published only after the subscription began
            first = decode_frame((await subscriber.next()).frame)
        assert first.same_as(ramp(tags, 1, 1))
        for number in range(2, 41):
            assert decode_frame((await subscriber.next()).frame).same_as(ramp(tags, number, 1))
        subscriber.call.cancel()


async def test_frames_that_could_not_be_published_are_counted(redis_url: str) -> None:
    stream = Stream(TENANT, "g1", 1)
    frames = [ramp([1], number, 1) for number in range(5)]
    uploads = [
        Verified(n, frame, NewFrame(n, 0, 0, 1, 28, encode_frame(frame).SerializeToString()))
        for n, frame in enumerate(frames)
    ]
    async with connect(redis_url) as redis, connect("redis://127.0.0.1:1") as nowhere:
        hub, publisher = Hub(redis, 64), Publisher(nowhere, most_waiting=2)
        listening = asyncio.create_task(hub.run())
        with hub.watch(TENANT, np.array([1], np.int64)) as watcher:
            assert await hub.ready(TENANT)
            publisher.committed(stream, uploads[:3])  # the queue holds two
            publishing = asyncio.create_task(publisher.run())
            await asyncio.sleep(0.3)  # and those two meet a Redis that does not answer
            publisher._redis = redis
            publisher.committed(stream, uploads[3:])
            deliveries = watcher.deliveries()
            got = [await asyncio.wait_for(anext(deliveries), 10) for _ in range(2)]
        for task in (listening, publishing):
            task.cancel()
        await asyncio.gather(listening, publishing, return_exceptions=True)
    assert [delivery.skipped for delivery in got] == [3, 0]
    assert all(delivery.frame.same_as(frame) for delivery, frame in zip(got, frames[3:], strict=True))


async def test_a_subscription_to_an_unknown_tag_is_refused(historian: Historian) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await Subscriber(historian, [77]).next()
    info = error_info(caught.value)
    assert info is not None
    assert info.reason == "TAG_NOT_FOUND"
