import asyncio
import time

from dualspan.historian.v1 import service_pb2
from dualspan_frame import ValueKind, decode_frame
from harness.historian import TENANT, Historian, ramp


def _request(tags: list[int], *, include_latest: bool = False) -> service_pb2.SubscribeRequest:
    return service_pb2.SubscribeRequest(parent=f"tenants/{TENANT}", tag_ids=tags, include_latest=include_latest)


async def test_a_subscriber_gets_the_newest_and_then_what_comes(historian: Historian) -> None:
    await historian.register({1: ValueKind.FLOAT64, 2: ValueKind.FLOAT64})
    uploader = await historian.uploader()
    await uploader.upload([ramp([1, 2], 0, 10)])
    call = historian.stub.Subscribe(_request([2], include_latest=True))
    first = await asyncio.wait_for(call.read(), 10)
    assert decode_frame(first.frame).same_as(ramp([2], 9, 1))
    await uploader.upload([ramp([1, 2], 10, 3)], first=2)
    second = await asyncio.wait_for(call.read(), 10)
    assert decode_frame(second.frame).same_as(ramp([2], 10, 3))
    assert second.skipped_frames == 0
    call.cancel()


async def test_a_change_reaches_subscribers_quickly(historian: Historian) -> None:
    await historian.register({1: ValueKind.FLOAT64})
    uploader = await historian.uploader()
    await uploader.upload([ramp([1], 0, 1)])
    call = historian.stub.Subscribe(_request([1], include_latest=True))
    await asyncio.wait_for(call.read(), 10)
    delays: list[float] = []
    for number in range(1, 51):
        await uploader.upload([ramp([1], number, 1)], first=number + 1)
        committed = time.perf_counter()
        await asyncio.wait_for(call.read(), 10)
        delays.append(time.perf_counter() - committed)
    call.cancel()
    print(sorted(delays)[25], max(delays))
    assert len(delays) == 50
