"""What an app sees: the granted tags, and of all others not even that they exist."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc.aio
import pytest
from google.protobuf.message import Message

from dualspan.historian.v1 import event_service_pb2
from dualspan.historian.v1 import resources_pb2 as resources
from dualspan.historian.v1 import service_pb2 as historian
from dualspan.historian.v1.event_service_pb2_grpc import EventServiceStub
from dualspan.historian.v1.service_pb2_grpc import HistorianServiceStub
from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from dualspan.marketplace.v1.subscriptions_pb2_grpc import SubscriptionServiceStub
from dualspan.onboarding.v1 import asset_service_pb2
from dualspan.onboarding.v1.asset_service_pb2_grpc import AssetServiceStub
from dualspan_analytics.columns import PropertyRef
from dualspan_frame import decode_frame
from dualspan_runtime.channels import open_channel
from dualspan_runtime.errors import error_info
from harness.analytics import Plant
from harness.subscribing import World, creation

pytestmark = pytest.mark.asyncio(loop_scope="module")
T0 = 1_700_000_000_000_000
NOWHERE = 9_000_000_000_000


@dataclass
class Scene:
    """A plant whose press-1 is granted to an app, and the app's own channel."""

    world: World
    plant: Plant
    channel: grpc.aio.Channel
    name: str

    @property
    def granted(self) -> int:
        return self.plant.tags[PropertyRef("press-1", "good-count")]

    @property
    def hidden(self) -> int:
        """A tag of the same press, with samples, that the app has not asked for."""
        return self.plant.tags[PropertyRef("press-1", "injection-pressure")]

    @property
    def reader(self):
        return HistorianServiceStub(self.channel)

    async def accept(self, *assets: str) -> None:
        stub = await self.world.stub(self.plant.tenant)
        now = await stub.GetSubscription(contract.GetSubscriptionRequest(name=self.name))
        request = contract.AcceptBindingRequest(name=self.name, etag=now.etag)
        request.roles.add(role="machine", assets=assets)
        await stub.AcceptBinding(request)

    async def readable(self) -> None:
        """Waits until the historian has heard of the grant."""
        async with asyncio.timeout(10):
            while True:
                try:
                    await self.reader.ReadLatest(latest(self, self.granted))
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(0.02)
                else:
                    return


@asynccontextmanager
async def scene(world: World) -> AsyncGenerator[Scene]:
    plant = await world.plant()
    await plant.ingest({ref: ([T0, T0 + 1_000_000], [1, 2]) for ref in plant.tags})
    made = await (await world.stub(plant.tenant)).CreateSubscription(creation(world, plant.tenant))
    subscription = made.name.rpartition("/")[2]

    async def token() -> str:
        return world.plants.authority.app_token(plant.tenant, subscription)

    async with open_channel(world.plants.historian.address, access_token=token) as channel:
        found = Scene(world, plant, channel, made.name)
        await found.accept("press-1")
        await found.readable()
        yield found


def latest(at: Scene, *tags: int) -> historian.ReadLatestRequest:
    return historian.ReadLatestRequest(parent=at.plant.parent, tag_ids=tags)


def raw(at: Scene, *tags: int) -> historian.ReadRawRequest:
    request = historian.ReadRawRequest(parent=at.plant.parent, tag_ids=tags)
    request.start_time.FromMicroseconds(T0)
    request.end_time.FromMicroseconds(T0 + 10_000_000)
    return request


def processed(at: Scene, *tags: int) -> historian.ReadProcessedRequest:
    request = historian.ReadProcessedRequest(
        parent=at.plant.parent, tag_ids=tags, aggregates=[resources.AGGREGATE_AVERAGE]
    )
    request.start_time.FromMicroseconds(T0)
    request.end_time.FromMicroseconds(T0 + 10_000_000)
    request.processing_interval.FromMicroseconds(1_000_000)
    return request


def live(at: Scene, *tags: int) -> historian.SubscribeRequest:
    return historian.SubscribeRequest(parent=at.plant.parent, tag_ids=tags, include_latest=True)


def taken_along(at: Scene, *tags: int) -> historian.ExportRequest:
    request = historian.ExportRequest(parent=at.plant.parent, tag_ids=tags, page_size=1)
    request.start_time.FromMicroseconds(T0)
    request.end_time.FromMicroseconds(T0 + 10_000_000)
    return request


READS: dict[str, Callable[..., Message]] = {
    "ReadRaw": raw,
    "ReadProcessed": processed,
    "ReadLatest": latest,
    "Subscribe": live,
    "Export": taken_along,
}


async def answer(at: Scene, method: str, *tags: int) -> tuple[object, ...]:
    """What a call says, with the ids of tags taken out: the code, the words, the reason and its facts."""
    try:
        called = getattr(at.reader, method)(READS[method](at, *tags))
        response = await (anext(aiter(called)) if method in {"Subscribe", "Export"} else called)
    except grpc.aio.AioRpcError as error:
        info = error_info(error)
        assert info is not None
        facts = sorted((key, re.sub(r"\d+", "#", value)) for key, value in info.metadata.items())
        return error.code(), re.sub(r"\d{4,}|\b\d+\b", "#", error.details() or ""), info.reason, facts
    return (response.SerializeToString(),)


@pytest.mark.parametrize("method", READS)
async def test_what_is_not_granted_is_answered_as_what_does_not_exist(world: World, method: str) -> None:
    async with scene(world) as at:
        assert len(await answer(at, method, at.granted)) == 1
        hidden, missing = await answer(at, method, at.hidden), await answer(at, method, NOWHERE)
        assert hidden == missing
        assert hidden[0] is grpc.StatusCode.NOT_FOUND
        beside, nowhere = await answer(at, method, at.granted, at.hidden), await answer(at, method, at.granted, NOWHERE)
        assert beside == nowhere
        assert beside[0] is grpc.StatusCode.NOT_FOUND
        both = await answer(at, method, at.hidden, NOWHERE)
        assert both == await answer(at, method, NOWHERE, NOWHERE + 1)


async def test_an_export_has_all_that_is_granted_and_needs_its_scope(world: World) -> None:
    async with scene(world) as at:
        parts = [decode_frame(part.frame) async for part in at.reader.Export(taken_along(at, at.granted))]
        assert [part.sample_count for part in parts] == [1, 1]
        assert [block.timestamp.tolist() for part in parts for block in part.blocks] == [[T0], [T0 + 1_000_000]]
        await world.scoped(at.plant.tenant, "samples.read")
        async with asyncio.timeout(10):
            while (code := (await answer(at, "Export", at.granted))[0]) != grpc.StatusCode.PERMISSION_DENIED:
                assert isinstance(code, bytes), "as long as the historian has not heard of it"
                await asyncio.sleep(0.02)
        assert len(await answer(at, "ReadRaw", at.granted)) == 1
        assert await answer(at, "Export", at.granted) == await answer(at, "Export", at.hidden)


async def test_a_person_sees_what_an_app_does_not(world: World) -> None:
    async with scene(world) as at:

        async def token() -> str:
            return world.plants.authority.access_token(at.plant.tenant, "viewer")

        async with open_channel(world.plants.historian.address, access_token=token) as channel:
            frame = (await HistorianServiceStub(channel).ReadLatest(latest(at, at.granted, at.hidden))).frame
            assert frame.ByteSize()


async def test_an_app_calls_nothing_else(world: World) -> None:
    async with scene(world) as at:

        async def token() -> str:
            return world.plants.authority.app_token(at.plant.tenant, "oee")

        async with (
            open_channel(world.plants.onboarding_address, access_token=token) as to_onboarding,
            open_channel(world.marketplace.address, access_token=token) as to_marketplace,
        ):
            calls = (
                at.reader.ListGaps(historian.ListGapsRequest(parent=at.plant.parent)),
                at.reader.GetStorageStatistics(historian.GetStorageStatisticsRequest(parent=at.plant.parent)),
                EventServiceStub(at.channel).ReadEvents(event_service_pb2.ReadEventsRequest(parent=at.plant.parent)),
                AssetServiceStub(to_onboarding).ListAssets(asset_service_pb2.ListAssetsRequest(parent=at.plant.parent)),
                SubscriptionServiceStub(to_marketplace).GetSubscription(contract.GetSubscriptionRequest(name=at.name)),
            )
            for call in calls:
                with pytest.raises(grpc.aio.AioRpcError) as raised:
                    await call
                assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_another_tenants_granted_tags_are_foreign(world: World) -> None:
    async with scene(world) as mine, scene(world) as theirs:
        foreign = await answer(mine, "ReadLatest", theirs.granted)
        assert foreign == await answer(mine, "ReadLatest", NOWHERE)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await mine.reader.ReadLatest(latest(theirs, theirs.granted))
        assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def ended(stream: AsyncIterator[object]) -> None:
    async with asyncio.timeout(5):
        async for _ in stream:
            pass


@pytest.mark.parametrize("ending", ["cancel", "suspend", "other assets"])
async def test_what_is_revoked_ends_at_once_on_live_streams_too(world: World, ending: str) -> None:
    async with scene(world) as at:
        stream = aiter(at.reader.Subscribe(live(at, at.granted)))
        await anext(stream)
        stub = await world.stub(at.plant.tenant)
        if ending == "cancel":
            await stub.CancelSubscription(contract.CancelSubscriptionRequest(name=at.name))
        else:
            await world.run(at.plant.tenant)
            if ending == "suspend":
                await stub.SuspendSubscription(contract.SuspendSubscriptionRequest(name=at.name))
            else:
                await at.accept("press-2")
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await ended(stream)
        info = error_info(raised.value)
        assert info is not None
        assert info.reason == "GRANT_CHANGED"
        code = (await answer(at, "ReadLatest", at.granted))[0]
        assert code is (grpc.StatusCode.NOT_FOUND if ending == "other assets" else grpc.StatusCode.PERMISSION_DENIED)
