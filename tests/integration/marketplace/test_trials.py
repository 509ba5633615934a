"""A version that is submitted runs in the sandbox, on a plant of its own, and nothing of it stays."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import grpc.aio
import pytest
import pytest_asyncio
from google.longrunning import operations_pb2
from google.longrunning.operations_pb2_grpc import OperationsStub
from pydantic import SecretStr

from dualspan.historian.v1 import service_pb2 as historian
from dualspan.historian.v1.service_pb2_grpc import HistorianServiceStub, IngestServiceStub
from dualspan.marketplace.v1 import apps_pb2, publishing_pb2
from dualspan.marketplace.v1.publishing_pb2_grpc import PublishingServiceStub
from dualspan_frame import decode_frame
from dualspan_manifest import parse
from dualspan_marketplace.catalogue.checks import artefacts
from dualspan_marketplace.deployments.process.provisioner import ProcessProvisioner
from dualspan_marketplace.samples import Samples
from dualspan_marketplace.service.checking import Checking
from dualspan_marketplace.service.trying import Trying
from dualspan_marketplace.store import subscriptions, trials
from dualspan_marketplace.trials import plants
from dualspan_marketplace.trials.model import Bounds, Phase, Wait
from dualspan_marketplace.trials.record import Trial
from dualspan_runtime.channels import open_channel
from harness.deploying import Site
from harness.historian import SECRET
from harness.marketplace import draft, manifest_of, submit, version_name
from harness.subscribing import World
from harness.upgrading import KilledError, dying

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.historian.v1.service_pb2_grpc import HistorianServiceAsyncStub

pytestmark = pytest.mark.asyncio(loop_scope="module")
APPS = Path(__file__).parents[3] / "apps"
IMAGE = "docker:\n    image: registry.example.com/apps/oee-board@sha256:" + "1" * 64
BOUNDS = Bounds(start=15.0, watch=0.3)
_versions = itertools.count(1)


@dataclass
class Court:
    """Where versions are tried."""

    site: Site
    samples: Samples

    def trying(self, bounds: Bounds = BOUNDS) -> Trying:
        """One more worker's."""
        parts = self.site.world.marketplace.parts
        return Trying(parts.database, parts.jobs, self.samples, parts.app_tokens, [self.site.provisioner], bounds)

    async def submit(self, how: str) -> str:
        """A version whose process does so is handed in."""
        world, version = self.site.world, f"2.0.{next(_versions)}"
        text = manifest_of(world.app, version)
        assert IMAGE in text
        text = text.replace(IMAGE, f"process: {{module: {how}}}") if how else text
        await submit(await world.marketplace.channel(world.maker), world.maker, world.app, version, text)
        return version

    async def check(self, version: str, trying: Trying, app: str = "") -> apps_pb2.AppVersion:
        """What the worker does with it, once."""
        world = self.site.world
        parts, app = world.marketplace.parts, app or world.app
        checks = (artefacts([world.maker]), trying.check())
        await Checking(parts.database, parts.operations, parts.jobs, checks).check(world.maker, app, version)
        stub = PublishingServiceStub(await world.marketplace.channel(world.maker))
        name = version_name(world.maker, app, version)
        return await stub.GetAppVersion(publishing_pb2.GetAppVersionRequest(name=name))

    async def open(self) -> list[Trial]:
        async with self.site.world.marketplace.parts.database.platform_transaction() as connection:
            return await trials.open_ones(connection, 100)

    async def concluded(self, version: str, bounds: Bounds = BOUNDS, app: str = "") -> apps_pb2.AppVersion:
        """Work, as workers do all the time, until the checks have come to something and nothing is left."""
        trying = self.trying(bounds)
        async with asyncio.timeout(bounds.start + 60):
            while True:
                found = await self.check(version, trying, app)
                await trying.sweep()
                await self.site.worker().sweep()
                if found.state != apps_pb2.APP_VERSION_STATE_SUBMITTED and not await self.open():
                    return found
                await asyncio.sleep(0.05)

    async def is_clear(self) -> bool:
        """Whether nothing of any trial is there: no instance, no subscription, no tag."""
        async with self.site.world.marketplace.parts.database.transaction(plants.TENANT) as connection:
            rows = await subscriptions.page(connection, plants.TENANT, "", 10)
            more = await connection.fetchval("SELECT count(*) FROM subscription WHERE canary_of <> ''")
        admin = await asyncpg.connect(self.site.world.database.admin_url)
        tags = await admin.fetchval("SELECT count(*) FROM historian.tag WHERE tenant_id = $1", plants.TENANT)
        await admin.close()
        return not rows and not more and not tags and not await self.site.provisioner.subscriptions()


@pytest_asyncio.fixture(loop_scope="module")
async def court(world: World, tmp_path: Path) -> AsyncGenerator[Court]:
    site = Site.of(world, tmp_path)
    address = world.plants.historian.address
    async with (
        open_channel(address, service="marketplace", secret=SecretStr(SECRET)) as channel,
        open_channel(address) as as_apps,
    ):
        yield Court(site, Samples(HistorianServiceStub(channel), IngestServiceStub(as_apps)))
    for name in await site.provisioner.subscriptions():
        await site.provisioner.remove(name)


def outcome(version: apps_pb2.AppVersion) -> tuple[int, str]:
    trial = next(each for each in version.checks if each.check == "trial")
    return trial.outcome, "\n".join(trial.findings)


async def test_one_that_runs_well_goes_on_to_the_review(court: Court) -> None:
    version = await court.submit("well")
    found = await court.concluded(version)
    assert found.state == apps_pb2.APP_VERSION_STATE_IN_REVIEW
    result, words = outcome(found)
    assert result == apps_pb2.CHECK_OUTCOME_PASSED
    assert words.startswith("It started, and was healthy for ")
    assert "Run by process, with at the most 256 MiB, 500 thousandths of a core" in words
    assert await court.is_clear()


@pytest.mark.parametrize("app", ["energy-carbon", "oee-board", "predictive-maintenance", "spc-studio"])
async def test_what_we_publish_runs_on_what_it_asks_for(court: Court, app: str) -> None:
    folder, world = APPS / app, court.site.world
    text = (folder / "app.yaml").read_text("utf-8")
    manifest = parse(text)
    made = apps_pb2.AppVersion(manifest=text)
    for path in (manifest.icon, *manifest.screenshots):
        made.pictures.add(path=path, content=(folder / path).read_bytes())
    channel = await world.marketplace.channel(world.maker)
    await draft(channel, world.maker, app, manifest.version, made)
    name = version_name(world.maker, app, manifest.version)
    await PublishingServiceStub(channel).SubmitAppVersion(publishing_pb2.SubmitAppVersionRequest(name=name))
    provisioner = ProcessProvisioner(court.site.folder.with_name("real"), [world.maker])
    real = Court(replace(court.site, provisioner=provisioner), court.samples)
    found = await real.concluded(manifest.version, Bounds(start=60.0, watch=1.0), app)
    assert outcome(found)[0] == apps_pb2.CHECK_OUTCOME_PASSED, outcome(found)
    assert await real.is_clear()


async def once_granted(stub: HistorianServiceAsyncStub, request: historian.ReadRawRequest) -> historian.ReadRawResponse:
    """What is granted is told to the historian as a stream: a moment later it answers."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await stub.ReadRaw(request)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.PERMISSION_DENIED:
                    raise
            await asyncio.sleep(0.02)


async def test_it_is_given_a_plant_of_its_own_and_what_its_manifest_asks_for(court: Court) -> None:
    version = await court.submit("well")
    trying = court.trying()
    await court.check(version, trying)
    (trial,) = await court.open()
    async with asyncio.timeout(20):
        while not isinstance(await trying.turn(trial), Wait):
            pass
    authority, address = court.site.world.plants.authority, court.site.world.plants.historian.address

    async def token() -> str:
        return authority.app_token(plants.TENANT, trial.trial_id)

    granted, _ = plants.tags_of(parse(trial.manifest), trial.number)
    async with open_channel(address, access_token=token) as channel:
        stub = HistorianServiceStub(channel)
        request = historian.ReadRawRequest(parent=f"tenants/{plants.TENANT}", tag_ids=[each.tag_id for each in granted])
        request.end_time.GetCurrentTime()
        request.start_time.FromSeconds(request.end_time.seconds - 7200)
        frame = decode_frame((await once_granted(stub, request)).frame)
        assert frame.sample_count == 360 * len(granted)
        request.tag_ids.append(1)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.ReadRaw(request)
        assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    async with court.site.world.marketplace.parts.database.transaction(plants.TENANT) as connection:
        subscription = await subscriptions.find(connection, trial.name)
    assert subscription is not None
    assert subscription.scopes == ("samples.read", "samples.subscribe", "samples.export", "outputs.write")
    await court.concluded(version)
    assert await court.is_clear()


@pytest.mark.parametrize("how", ["dies", "sick"])
async def test_one_that_does_not_run_goes_back_with_its_last_words(court: Court, how: str) -> None:
    version = await court.submit(how)
    found = await court.concluded(version, BOUNDS if how == "dies" else Bounds(start=1.0, watch=0.3))
    assert found.state == apps_pb2.APP_VERSION_STATE_DRAFT
    result, words = outcome(found)
    assert result == apps_pb2.CHECK_OUTCOME_FAILED
    assert ("no such machine" if how == "dies" else "It was not healthy within 1 s.") in words
    world = court.site.world
    stub = OperationsStub(await world.marketplace.channel(world.maker))
    ended = await stub.GetOperation(operations_pb2.GetOperationRequest(name=found.operation))
    assert ended.error.message.startswith("The version is a draft again. It ")
    assert await court.is_clear()


async def test_where_nothing_can_run_it_the_review_is_told_why(court: Court) -> None:
    version = await court.submit("")
    found = await court.concluded(version)
    assert found.state == apps_pb2.APP_VERSION_STATE_IN_REVIEW
    words = "Not run, because: It comes with no module for a local process."
    assert outcome(found) == (apps_pb2.CHECK_OUTCOME_SKIPPED, words)


async def test_a_worker_killed_at_any_statement_leaves_nothing(court: Court, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is tried with a worker that ends at its first statement, then at its second, until one gets through."""
    version = await court.submit("well")
    await court.check(version, court.trying())
    (trial,) = await court.open()
    kills = 0
    async with asyncio.timeout(60):
        while await court.open():
            await court.site.worker().sweep()
            for statements in itertools.count():
                try:
                    with dying(monkeypatch, statements):
                        await court.trying().turn(trial)
                except KilledError:
                    kills += 1
                else:
                    break
            running = [each for each in await court.site.provisioner.subscriptions() if each.tenant == plants.TENANT]
            assert running in ([], [trial.name])
    assert kills > 30
    assert (await court.concluded(version)).state == apps_pb2.APP_VERSION_STATE_IN_REVIEW
    assert trial.phase is Phase.PLANTING
    assert await court.is_clear()


async def test_two_workers_conclude_it_once(court: Court) -> None:
    version = await court.submit("well")
    async with asyncio.timeout(60):
        while True:
            found = await court.check(version, court.trying())
            await asyncio.gather(*(court.trying().sweep() for _ in range(3)), court.site.worker().sweep())
            if found.state != apps_pb2.APP_VERSION_STATE_SUBMITTED and not await court.open():
                break
    assert outcome(found)[0] == apps_pb2.CHECK_OUTCOME_PASSED
    assert await court.is_clear()
