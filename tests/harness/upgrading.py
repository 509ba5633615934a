"""New versions tried beside old ones: what both write is what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncpg
import grpc.aio
import numpy as np
import pytest
from pydantic import SecretStr

from dualspan.historian.v1.service_pb2_grpc import HistorianServiceStub, IngestServiceStub
from dualspan.marketplace.v1 import subscriptions_pb2, upgrades_pb2
from dualspan.marketplace.v1.upgrades_pb2_grpc import UpgradeServiceStub
from dualspan_frame import Block, Frame, ValueKind
from dualspan_manifest import parse
from dualspan_marketplace.composition.app_runtime import outputs
from dualspan_marketplace.results import Results
from dualspan_marketplace.service.likeness import Likeness
from dualspan_marketplace.service.upgrading import Upgrading
from dualspan_marketplace.store import app_runtime, upgrades
from dualspan_marketplace.subscriptions.life import Clock
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.upgrades.record import Upgrade
from dualspan_runtime.channels import open_channel
from harness.deploying import Site
from harness.historian import SECRET, Uploader
from harness.marketplace import MANIFEST, manifest_of
from harness.subscribing import creation

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from collections.abc import AsyncGenerator

    from dualspan.marketplace.v1.upgrades_pb2_grpc import UpgradeServiceAsyncStub

_IMAGE = parse(MANIFEST).run.image
_COMPARE = "- {output: oee, tolerance: 0.5, share: 0.98}"
MICROSECONDS = 1_000_000


@dataclass
class Trial:
    """A subscription that runs, and what is tried beside it."""

    site: Site
    tenant: str
    results: Results

    @property
    def name(self) -> SubscriptionName:
        return SubscriptionName(self.tenant, "oee")

    @property
    def resource(self) -> str:
        return f"tenants/{self.tenant}/subscriptions/oee"

    async def stub(self) -> UpgradeServiceAsyncStub:
        return UpgradeServiceStub(await self.site.world.marketplace.channel(self.tenant, "admin"))

    async def now(self) -> subscriptions_pb2.Subscription:
        stub = await self.site.world.stub(self.tenant)
        return await stub.GetSubscription(subscriptions_pb2.GetSubscriptionRequest(name=self.resource))

    async def begin(self, version: str = "", **more: Any) -> None:
        request = upgrades_pb2.UpgradeSubscriptionRequest(
            name=self.resource, version=version, etag=(await self.now()).etag, **more
        )
        await (await self.stub()).UpgradeSubscription(request)

    async def is_at(self, version: str) -> None:
        """The subscription is to a version that was offered, as if it had been so from the beginning."""
        await _as_admin(
            self.site,
            "UPDATE marketplace.subscription SET version = $2 WHERE tenant_id = $1",
            self.tenant,
            version,
        )

    def worker(self) -> Upgrading:
        """One more worker."""
        parts = self.site.world.marketplace.parts
        likeness = Likeness(parts.database, self.results)
        return Upgrading(parts.database, parts.operations, parts.audit, Clock(), outputs(parts), likeness, parts.jobs)

    async def upgrade(self) -> Upgrade:
        """As it is stored."""
        async with self.site.world.marketplace.parts.database.transaction(self.tenant) as connection:
            (latest,) = await upgrades.page(connection, self.name, 0, 1)
        return latest

    async def work(self) -> None:
        """What workers do all the time."""
        await self.site.worker().sweep()
        await self.worker().sweep()

    async def until(self, phase: int) -> upgrades_pb2.Upgrade:
        """Work until the upgrade is there, and whatever it leaves is gone."""
        async with asyncio.timeout(60):
            while True:
                await self.work()
                request = upgrades_pb2.ListUpgradesRequest(parent=self.resource)
                found = (await (await self.stub()).ListUpgrades(request)).upgrades[0]
                ended = phase in {upgrades_pb2.UPGRADE_PHASE_CANARY, upgrades_pb2.UPGRADE_PHASE_SWITCHING}
                if found.phase == phase and (ended or await self.settled()):
                    return found
                assert found.phase <= phase or phase == upgrades_pb2.UPGRADE_PHASE_CANARY, found
                await asyncio.sleep(0.05)

    async def settled(self) -> bool:
        """Whether nothing of the canary runs."""
        canary = (await self.upgrade()).canary
        return not (await self.site.provisioner.observe(canary)).remains

    async def beside(self) -> Upgrade:
        """Work until both versions run."""
        async with asyncio.timeout(60):
            while (found := await self.upgrade()).canary_time is None:
                await self.work()
                await asyncio.sleep(0.05)
        return found

    async def write(self, subscription_id: str, since: int, until: int, value: float) -> None:
        """Results of one version, every 20 ms of some microseconds."""
        name = SubscriptionName(self.tenant, subscription_id)
        async with self.site.world.marketplace.parts.database.transaction(self.tenant) as connection:
            tags = await app_runtime.outputs(connection, name)
        assert tags
        times = np.arange(since, until, 20_000, dtype=np.int64)
        count = len(times)
        frames = [
            Frame(
                (
                    Block(
                        ValueKind.FLOAT64,
                        np.full(count, each.tag_id, np.int64),
                        times,
                        np.zeros(count, np.uint32),
                        np.full(count, value),
                    ),
                )
            )
            for each in tags
        ]
        async with self._uploading(subscription_id) as uploader:
            await uploader.upload(frames)
            assert not uploader.quarantined

    @asynccontextmanager
    async def _uploading(self, subscription_id: str) -> AsyncGenerator[Uploader]:
        """As the app of a subscription, once the historian has heard of its grant."""
        plants = self.site.world.plants

        async def token() -> str:
            return plants.authority.app_token(self.tenant, subscription_id)

        async with open_channel(plants.historian.address, access_token=token) as channel, asyncio.timeout(20):
            while True:
                uploader = Uploader(IngestServiceStub(channel))
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
async def trial(site: Site) -> AsyncGenerator[Trial]:
    """A subscription of version 1.2.0 that runs."""
    plant = await site.world.plant()
    stub = await site.world.stub(plant.tenant)
    made = await stub.CreateSubscription(creation(site.world, plant.tenant))
    await _as_admin(
        site,
        "UPDATE marketplace.subscription SET manifest = $2, version = '1.2.0' WHERE tenant_id = $1",
        plant.tenant,
        _text(site, "1.2.0", "well", canary="1s", compare=_COMPARE),
    )
    await stub.AcceptBinding(subscriptions_pb2.AcceptBindingRequest(name=made.name, etag=made.etag))
    await site.worker().follow(SubscriptionName(plant.tenant, "oee"))
    async with open_channel(
        site.world.plants.historian.address, service="marketplace", secret=SecretStr(SECRET)
    ) as channel:
        yield Trial(site, plant.tenant, Results(HistorianServiceStub(channel)))


async def offer(site: Site, version: str, how: str, *, compare: str = _COMPARE, **changes: str) -> None:
    """A version in the catalogue that runs one of `process_apps`, and is tried for a second."""
    world = site.world
    await world.marketplace.publish(world.maker, world.app, version, manifest_of(world.app, version))
    text = _text(site, version, how, canary="1s", compare=compare, **changes)
    query = "UPDATE marketplace.app_version SET manifest = $2 WHERE app_id = $1 AND version = '" + version + "'"
    await _as_admin(site, query, world.app, text)


def _text(site: Site, version: str, how: str, *, canary: str, compare: str, **changes: str) -> str:
    text = manifest_of(site.world.app, version)
    pairs = {
        f"docker:\n    image: {_IMAGE}": f"process: {{module: {how}}}",
        "canary: 5m": f"canary: {canary}",
        _COMPARE: compare,
        **changes,
    }
    for old, new in pairs.items():
        assert old in text, old
        text = text.replace(old, new)
    assert parse(text).run.module == how
    return text


async def _as_admin(site: Site, statement: str, *arguments: str) -> None:
    admin = await asyncpg.connect(site.world.database.admin_url)
    try:
        await admin.execute(statement, *arguments)
    finally:
        await admin.close()


class KilledError(BaseException):
    """A worker's end, of which its own code hears nothing."""


_left: ContextVar[list[int] | None] = ContextVar("statements that are left", default=None)


@contextmanager
def dying(patch: pytest.MonkeyPatch, statements: int) -> Generator[None]:
    """This task ends in place of a statement to the database, after so many others; other tasks go on."""

    def counted(whole: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def execute(*arguments: object, **more: object) -> object:
            left = _left.get()
            if left is not None:
                left[0] -= 1
                if left[0] == -1:
                    raise KilledError
            return await whole(*arguments, **more)

        return execute

    token = _left.set([statements])
    try:
        with patch.context() as patched:
            for name in ("execute", "executemany", "fetch", "fetchrow", "fetchval"):
                patched.setattr(asyncpg.Connection, name, counted(getattr(asyncpg.Connection, name)))
            yield
    finally:
        _left.reset(token)
