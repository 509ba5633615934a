"""The fleet: health, last words, renaming, replacing."""

import asyncio
from typing import TYPE_CHECKING

import grpc.aio
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from integration.identity.running import reason
from integration.onboarding.running import GATEWAY, TENANT, Box, Onboarding, Stream

from dualspan.onboarding.v1 import fleet_pb2 as fleet
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway_messages
from dualspan.onboarding.v1 import notice_pb2
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1.fleet_pb2_grpc import FleetServiceStub
from dualspan.onboarding.v1.notice_pb2_grpc import NoticeServiceStub

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.onboarding.v1.fleet_pb2_grpc import FleetServiceAsyncStub

OUT_WITHIN_S = 60.0


def stub_of(onboarding: Onboarding) -> "FleetServiceAsyncStub":
    return FleetServiceStub(onboarding.channel)


async def listed(onboarding: Onboarding) -> fleet.FleetGateway:
    request = fleet.ListGatewayHealthRequest(parent=TENANT)
    (found,) = (await stub_of(onboarding).ListGatewayHealth(request, metadata=onboarding.engineer)).gateways
    return found


async def open_notices(onboarding: Onboarding) -> list[notice_pb2.Notice]:
    request = notice_pb2.ListNoticesRequest(parent=TENANT)
    stub = NoticeServiceStub(onboarding.channel)
    return [
        notice
        for notice in (await stub.ListNotices(request, metadata=onboarding.engineer)).notices
        if notice.kind == "GATEWAY_ENDED"
    ]


async def until_buffered(onboarding: Onboarding, frames: int) -> fleet.FleetGateway:
    for _ in range(200):
        found = await listed(onboarding)
        if found.gateway.status.buffered_frames == frames:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("the status did not arrive")


async def until_refused(box: Box) -> None:
    """Every process hears of a revocation by itself, within a minute."""
    for _ in range(int(OUT_WITHIN_S / 0.5)):
        if not await is_served(box):
            return
        await asyncio.sleep(0.5)
    raise AssertionError("the revoked box is still served")


async def is_served(box: Box) -> bool:
    try:
        async with box.connected() as stream:
            await stream.configuration()
    except grpc.aio.AioRpcError:
        return False
    return True


async def until_ended(stream: Stream) -> None:
    while True:
        await stream.next("nothing")


async def enrol_when_revoked(onboarding: Onboarding, token: str) -> Box:
    """Until identity has revoked the old certificates, a new one would be revoked with them."""
    for _ in range(200):
        try:
            return await onboarding.box_of(token)
        except grpc.aio.AioRpcError as err:
            if err.code() != grpc.StatusCode.UNAVAILABLE:
                raise
            await asyncio.sleep(0.1)
    raise AssertionError("the old box was not revoked")


async def say_hello(box: Box, words: resources.LastWords) -> None:
    """Connects as a gateway that tells how its last run ended."""
    async with box.stub() as stub:
        stream = Stream(stub.Connect())
        hello = gateway_messages.ConnectRequest.Hello(software_version="1.1", last_words=words)
        await stream.call.write(gateway_messages.ConnectRequest(hello=hello))
        await stream.configuration()
        stream.call.cancel()


async def test_health_goes_with_what_is_known(onboarding: Onboarding) -> None:
    await onboarding.create_gateway()
    pending = await listed(onboarding)
    assert pending.health == fleet.GATEWAY_HEALTH_NONE
    assert "enrolment-token" in pending.attention[0]
    box = await onboarding.box()
    offline = await listed(onboarding)
    assert offline.health == fleet.GATEWAY_HEALTH_FAILED
    assert "not heard" in offline.attention[0]
    async with box.connected() as stream:
        await stream.report(await stream.configuration())
        status = resources.GatewayStatus(software_version="1.1", buffered_frames=7)
        status.clock_offset.FromSeconds(9)
        await stream.call.write(gateway_messages.ConnectRequest(status=status))
        online = await until_buffered(onboarding, 7)
        assert online.health == fleet.GATEWAY_HEALTH_ATTENTION
        assert "+9.0 s off" in online.attention[0]


async def test_an_end_that_nobody_wanted_is_told_once(onboarding: Onboarding) -> None:
    await onboarding.create_gateway()
    box = await onboarding.box()
    words = resources.LastWords(end=resources.GATEWAY_END_FAILED, detail="OSError: disk gone", software_version="1.0")
    words.end_time.GetCurrentTime()
    await say_hello(box, words)
    found = await listed(onboarding)
    assert (found.last_words.end, found.last_words.detail) == (words.end, words.detail)
    assert any("disk gone" in line for line in found.attention)
    (notice,) = await open_notices(onboarding)
    assert "disk gone" in notice.text
    await say_hello(box, words)
    assert len(await open_notices(onboarding)) == 1
    stopped = resources.LastWords(end=resources.GATEWAY_END_STOPPED)
    stopped.end_time.GetCurrentTime()
    await say_hello(box, stopped)
    assert not [notice for notice in await open_notices(onboarding) if not notice.HasField("resolve_time")]


async def test_a_lying_box_cannot_break_the_table(onboarding: Onboarding) -> None:
    await onboarding.create_gateway()
    box = await onboarding.box()
    words = resources.LastWords(end=resources.GatewayEnd.ValueType(99), detail="\x00" * 9000)
    words.end_time.seconds = 2**62
    await say_hello(box, words)
    await listed(onboarding)


async def test_renaming_changes_what_is_stated_and_nothing_else(onboarding: Onboarding) -> None:
    await onboarding.create_gateway()
    stub = stub_of(onboarding)
    changed = resources.Gateway(name=GATEWAY, display_name="North hall", site="Plant 2")
    both = fleet.UpdateGatewayRequest(gateway=changed)
    assert (await stub.UpdateGateway(both, metadata=onboarding.engineer)).site == "Plant 2"
    only = fleet.UpdateGatewayRequest(
        gateway=resources.Gateway(name=GATEWAY, display_name="South hall"),
        update_mask=FieldMask(paths=["display_name"]),
    )
    answer = await stub.UpdateGateway(only, metadata=onboarding.engineer)
    assert (answer.display_name, answer.site) == ("South hall", "Plant 2")
    wrong = fleet.UpdateGatewayRequest(gateway=changed, update_mask=FieldMask(paths=["state"]))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.UpdateGateway(wrong, metadata=onboarding.engineer)
    assert reason(caught) == "MALFORMED_UPDATE_MASK"


async def test_a_replaced_box_is_out_within_a_minute_and_the_new_one_gets_everything(onboarding: Onboarding) -> None:
    await onboarding.create_gateway()
    old = await onboarding.box()
    async with old.connected() as stream:
        await stream.configuration()
        request = fleet.ReplaceGatewayRequest(name=GATEWAY, reason="lightning")
        answer = await stub_of(onboarding).ReplaceGateway(request, metadata=onboarding.engineer)
        assert answer.gateway.state == resources.GATEWAY_STATE_REVOKED
        async with asyncio.timeout(OUT_WITHIN_S):
            with pytest.raises(grpc.aio.AioRpcError):
                await until_ended(stream)
    new = await enrol_when_revoked(onboarding, answer.enrolment_token)
    async with new.connected() as stream:
        await stream.configuration()
        assert (await listed(onboarding)).gateway.state == resources.GATEWAY_STATE_ONLINE
    await until_refused(old)
    async with new.connected() as stream:
        await stream.configuration()
