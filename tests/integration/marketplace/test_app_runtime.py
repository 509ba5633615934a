"""An app asks for itself and writes its results: its own, once each, and nothing that is anybody else's."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
import numpy as np
import pytest

from dualspan.historian.v1 import service_pb2 as historian
from dualspan.historian.v1.service_pb2_grpc import IngestServiceStub
from dualspan.marketplace.v1 import app_runtime_pb2 as contract
from dualspan.marketplace.v1 import subscriptions_pb2 as subscriptions
from dualspan.marketplace.v1.app_runtime_pb2_grpc import AppRuntimeServiceStub
from dualspan_analytics.columns import PropertyRef
from dualspan_frame import Block, Frame, ValueKind
from dualspan_onboarding.assets import AssetChange, AssetLevel, AssetName, NewAsset
from dualspan_runtime.channels import open_channel
from dualspan_sdk import AppSettings, Endpoints, open_app
from harness.analytics import Plant
from harness.historian import SECOND, T0, Uploader
from harness.subscribing import World, creation, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Desk:
    """A plant with a subscription, and its app's token."""

    world: World
    plant: Plant
    name: str
    channels: tuple[grpc.aio.Channel, grpc.aio.Channel]
    credential: int = 0

    @property
    def id(self) -> str:
        return self.name.rpartition("/")[2]

    @property
    def runtime(self):
        return AppRuntimeServiceStub(self.channels[0])

    @property
    def token(self) -> str:
        return self.world.plants.authority.app_token(self.plant.tenant, self.id, self.credential)

    async def accept(self, *assets: str) -> None:
        stub = await self.world.stub(self.plant.tenant)
        now = await stub.GetSubscription(subscriptions.GetSubscriptionRequest(name=self.name))
        request = subscriptions.AcceptBindingRequest(name=self.name, etag=now.etag)
        request.roles.add(role="machine", assets=assets)
        await stub.AcceptBinding(request)

    async def binding(self) -> contract.AppBinding:
        """What it is told, once the grant has reached everybody."""
        async with asyncio.timeout(10):
            while True:
                try:
                    return await self.runtime.GetAppBinding(contract.GetAppBindingRequest(name=self.name))
                except grpc.aio.AioRpcError as error:
                    if error.code() is not grpc.StatusCode.PERMISSION_DENIED:
                        raise
                    await asyncio.sleep(0.02)

    @asynccontextmanager
    async def uploading(self, epoch: int = 1) -> AsyncGenerator[Uploader]:
        """A stream to the historian, once it has heard of the grant."""
        async with asyncio.timeout(10):
            while True:
                uploader = Uploader(IngestServiceStub(self.channels[1]), epoch)
                try:
                    await uploader.open()
                    break
                except (ConnectionError, grpc.aio.AioRpcError):
                    uploader.cut()
                    await asyncio.sleep(0.02)
        try:
            yield uploader
        finally:
            uploader.cut()


@asynccontextmanager
async def desk(world: World) -> AsyncGenerator[Desk]:
    plant = await world.plant()
    made = await (await world.stub(plant.tenant)).CreateSubscription(creation(world, plant.tenant))
    found: list[Desk] = []

    async def token() -> str:
        return found[0].token

    async with (
        open_channel(world.marketplace.address, access_token=token) as to_marketplace,
        open_channel(world.plants.historian.address, access_token=token) as to_historian,
    ):
        found.append(Desk(world, plant, made.name, (to_marketplace, to_historian)))
        await found[0].accept("press-1")
        yield found[0]


def result(tag: int, first: int, count: int = 1) -> Frame:
    rows = np.arange(first, first + count)
    ids, codes = np.full(count, tag, np.int64), np.zeros(count, np.uint32)
    return Frame((Block(ValueKind.FLOAT64, ids, T0 + rows * SECOND, codes, rows.astype(np.float64)),))


async def test_an_app_is_told_its_own_and_no_more(world: World) -> None:
    async with desk(world) as at:
        binding = await at.binding()
        (asset,) = binding.assets
        assert asset.name == f"tenants/{at.plant.tenant}/assets/press-1"
        told = {each.property: each.tag for each in asset.bindings}
        assert set(told) == {"good-count", "scrap-count", "cycle-time"}
        tag = at.plant.tags[PropertyRef("press-1", "good-count")]
        assert told["good-count"] == f"tenants/{at.plant.tenant}/tags/{tag}"
        (model,) = binding.models
        assert {each.id for each in model.properties} == set(told)
        assert not model.source
        (output,) = binding.outputs
        assert (output.asset, output.output, output.unit) == ("press-1", "oee", "%")
        assert output.kind == ValueKind.FLOAT64
        chosen = await at.runtime.GetAppConfiguration(contract.GetAppConfigurationRequest(name=at.name))
        assert dict(chosen.configuration) == {"shift": "day", "target": 85}


async def test_an_app_is_told_where_its_machines_stand(world: World) -> None:
    async with desk(world) as at:
        tenant, assets = at.plant.tenant, world.plants.assets
        for place, level, parent in (
            ("works", AssetLevel.SITE, None),
            ("hall", AssetLevel.AREA, "works"),
            ("other-hall", AssetLevel.AREA, "works"),
        ):
            await assets.create(tenant, NewAsset(place, place.title(), level, parent, "", ""))
        await assets.update(AssetName(tenant, "press-1"), AssetChange(parent="hall"))
        await assets.update(AssetName(tenant, "press-2"), AssetChange(parent="other-hall"))
        told = {each.name.rpartition("/")[2]: each for each in (await at.binding()).assets}
        assert told.keys() == {"works", "hall", "press-1"}, "what is not above a chosen machine is not there"
        assert told["press-1"].parent_asset == told["hall"].name
        assert told["hall"].parent_asset == told["works"].name
        assert (told["works"].display_name, told["works"].level) == ("Works", AssetLevel.SITE)
        assert not told["hall"].bindings


async def test_other_subscriptions_are_as_if_they_did_not_exist(world: World) -> None:
    async with desk(world) as at:
        await at.binding()
        other = creation(world, at.plant.tenant, subscription_id="second")
        there = (await (await world.stub(at.plant.tenant)).CreateSubscription(other)).name
        for name in (there, f"tenants/{at.plant.tenant}/subscriptions/nowhere"):
            for call in (
                at.runtime.GetAppConfiguration(contract.GetAppConfigurationRequest(name=name)),
                at.runtime.GetAppBinding(contract.GetAppBindingRequest(name=name)),
                at.runtime.RefreshAppToken(contract.RefreshAppTokenRequest(name=name)),
                at.runtime.ReportAppHealth(contract.ReportAppHealthRequest(name=name)),
            ):
                assert await refused(call) == "SUBSCRIPTION_NOT_FOUND"


async def test_people_do_not_ask_as_apps(world: World) -> None:
    async with desk(world) as at:
        stub = AppRuntimeServiceStub(await world.marketplace.channel(at.plant.tenant, "admin"))
        assert (
            await refused(stub.RefreshAppToken(contract.RefreshAppTokenRequest(name=at.name))) == "PERMISSION_MISSING"
        )
        ingest = IngestServiceStub(await world.person_at_historian(at.plant.tenant))
        assert await refused(Uploader(ingest).open()) == "PERMISSION_MISSING"


async def test_a_token_buys_the_next_until_a_person_voids_them(world: World) -> None:
    async with desk(world) as at:
        await at.binding()
        request = contract.RefreshAppTokenRequest(name=at.name)
        assert (await at.runtime.RefreshAppToken(request)).access_token
        stub = await world.stub(at.plant.tenant)
        async with at.uploading() as uploader:
            before = await stub.GetSubscription(subscriptions.GetSubscriptionRequest(name=at.name))
            after = await stub.RevokeAppTokens(subscriptions.RevokeAppTokensRequest(name=at.name))
            assert after.generation == before.generation
            assert await refused(asyncio.wait_for(uploader.hear(), 5)) == "GRANT_CHANGED"
        assert await refused(at.runtime.RefreshAppToken(request)) == "PERMISSION_MISSING"
        at.credential = 1
        assert (await at.binding()).outputs
        async with at.uploading():
            pass
        viewer = await world.stub(at.plant.tenant, "viewer")
        assert await refused(viewer.RevokeAppTokens(subscriptions.RevokeAppTokensRequest(name=at.name))) == (
            "PERMISSION_MISSING"
        )


async def test_health_is_what_a_person_reads(world: World) -> None:
    async with desk(world) as at:
        await at.binding()
        stub = await world.stub(at.plant.tenant)
        get = subscriptions.GetSubscriptionRequest(name=at.name)
        etag = (await stub.GetSubscription(get)).etag
        await at.runtime.ReportAppHealth(contract.ReportAppHealthRequest(name=at.name, problem="no\0 data" + "x" * 900))
        found = await stub.GetSubscription(get)
        assert found.health_problem.startswith("no  data")
        assert len(found.health_problem) == 500
        assert found.health_time.seconds > 0
        assert found.etag == etag
        await at.runtime.ReportAppHealth(contract.ReportAppHealthRequest(name=at.name))
        assert not (await stub.GetSubscription(get)).health_problem


async def test_results_are_stored_once(world: World) -> None:
    async with desk(world) as at:
        tag = (await at.binding()).outputs[0].tag_id
        async with at.uploading() as first:
            await first.upload([result(tag, number) for number in range(3)])
        async with at.uploading() as again:
            assert again.opened.committed_sequence == 3
            # An app that did not hear of it sends all of it again, and one more.
            await again.upload([result(tag, number) for number in range(4)])
        stored = await world.plants.historian.read_raw([tag], tenant=at.plant.tenant)
        assert stored.same_as(result(tag, 0, 4))
        sealer, _ = world.plants.sealing
        assert await sealer.seal_all(at.plant.tenant, f"subscriptions/{at.id}") == 4
        sealed = await world.plants.historian.read_raw([tag], tenant=at.plant.tenant)
        assert sealed.same_as(stored)


async def test_an_app_writes_nothing_that_is_not_its_output(world: World) -> None:
    async with desk(world) as at, desk(world) as other:
        mine = (await at.binding()).outputs[0].tag_id
        foreign = (await other.binding()).outputs[0].tag_id
        granted = at.plant.tags[PropertyRef("press-1", "cycle-time")]
        async with at.uploading() as uploader:
            wrong = [granted, foreign, 9_000_000_000_000]
            await uploader.upload([result(tag, 0) for tag in wrong])
            words = {uploader.quarantined[n + 1].detail.replace(str(tag), "#") for n, tag in enumerate(wrong)}
            assert len(words) == 1, "what is foreign must read as what does not exist"
            assert {each.reason for each in uploader.quarantined.values()} == {"FOREIGN_TAG"}
            await uploader.send(4, result(mine, 0))
            await uploader.until(4)
        statistics = await world.plants.historian.statistics(at.plant.tenant)
        assert (statistics.committed_samples, statistics.open_gaps) == (1, 0)
        assert [each.gateway for each in statistics.positions] == [at.name]
        request = historian.ListQuarantinedFramesRequest(parent=at.plant.parent)
        kept = (await world.plants.historian.stub.ListQuarantinedFrames(request)).quarantined_frames
        assert [each.gateway for each in kept] == [at.name] * len(wrong)


async def test_a_gateway_of_the_same_id_is_somebody_else(world: World) -> None:
    async with desk(world) as at:
        tag = (await at.binding()).outputs[0].tag_id
        async with at.uploading() as app:
            gateway = await world.plants.historian.uploader(tenant=at.plant.tenant, gateway=at.id)
            assert gateway.opened.committed_sequence == 0
            await gateway.upload([result(tag, 5)])
            assert [each.reason for each in gateway.quarantined.values()] == ["FOREIGN_TAG"]
            await app.upload([result(tag, 0)])
            assert not app.quarantined


async def test_an_app_tells_nothing_of_the_plant(world: World) -> None:
    async with desk(world) as at:
        await at.binding()
        async with at.uploading() as uploader:
            upload = historian.IngestRequest.Upload(sequence=1)
            upload.coverage.add(server="press")
            await uploader.say(historian.IngestRequest(upload=upload))
            assert await refused(asyncio.wait_for(uploader.hear(), 5)) == "RESULTS_ONLY"


async def test_tags_follow_the_assets_and_come_back(world: World) -> None:
    async with desk(world) as at:
        first = (await at.binding()).outputs[0].tag_id
        await world.run(at.plant.tenant)
        await at.accept("press-2")
        (second,) = (await at.binding()).outputs
        assert second.asset == "press-2"
        async with at.uploading() as uploader:
            await uploader.upload([result(first, 0), result(second.tag_id, 0)])
        assert (await world.plants.historian.statistics(at.plant.tenant)).committed_samples == 1
        await world.run(at.plant.tenant)
        await at.accept("press-1")
        assert (await at.binding()).outputs[0].tag_id == first


async def test_what_onboarding_could_not_do_the_sweep_does(world: World) -> None:
    async with desk(world) as at:
        await at.binding()
        stub = await world.stub(at.plant.tenant)
        await stub.CancelSubscription(subscriptions.CancelSubscriptionRequest(name=at.name))
        assert await world.due_outputs(at.plant.tenant) == 1
        await world.sweep_outputs()
        assert await world.due_outputs(at.plant.tenant) == 0


async def test_the_sdk_opens_an_app_with_a_token_and_an_address(world: World, tmp_path: Path) -> None:
    async with desk(world) as at:
        tag = (await at.binding()).outputs[0].tag_id
        await at.plant.ingest({PropertyRef("press-1", "good-count"): ([T0, T0 + SECOND], [1, 2])})
        async with at.uploading(epoch=99):
            pass
        token = tmp_path / "token"
        # It ends soon: the app has to ask for the next one.
        token.write_text(world.plants.authority.app_token(at.plant.tenant, at.id, seconds=30))
        settings = AppSettings(
            subscription=at.name,
            marketplace=world.marketplace.address,
            endpoints=Endpoints(historian=world.plants.historian.address),
            token_file=token,
            data=tmp_path,
        )
        async with open_app(settings) as app:
            assert app.settings.configuration == {"shift": "day", "target": 85}
            (press,) = (await app.plant.assets()).machines(having=["good-count"])
            assert press.id == "press-1"
            app.health.failing("waiting for a shift")
            assert await app.results.write("press-1", "oee", T0, 61.5) == 1
            await app.results.flush()
            newest = await app.plant.client.read_latest([tag])
            assert [len(block) for block in newest.blocks] == [1], "an app reads what it has written"
        stored = await world.plants.historian.read_raw([tag], tenant=at.plant.tenant)
        (block,) = stored.blocks
        assert (block.tag.tolist(), np.asarray(block.value).tolist()) == ([tag], [61.5])
