"""Workers of the marketplace that are killed step by step, and the one that comes after them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import asyncpg
import redis

from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from dualspan.marketplace.v1 import upgrades_pb2
from dualspan.marketplace.v1.upgrades_pb2_grpc import UpgradeServiceStub
from dualspan_manifest import parse
from dualspan_marketplace.settings import MarketplaceSettings
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.tasks import create_celery
from harness.marketplace import MANIFEST, manifest_of
from harness.subscribing import World, creation

# Names the command that stands in for Python where a worker starts local processes.
INTERPRETER = "DUALSPAN_TEST_INTERPRETER"
_TESTS = Path(__file__).parents[1]
_HEAL_SECONDS = 60


class Cut(NamedTuple):
    """Where a worker's life ends.

    Attributes:
        thing: What is found in the name of what is counted, such as /start or ^DELETE; "" counts everything that it
            does to the world outside.
        times: After so many.
    """

    thing: str
    times: int


def step_by_step(count: int, first: int = 1) -> list[Cut]:
    """Each worker is killed one step later than the one before it."""
    return [Cut("", times) for times in range(first, first + count)]


def thing_by_thing(things: Counter[str], count: int, more: int = 1) -> list[Cut]:
    """A worker for each thing and each time that it is done, and so many more, which get to their end; all others of
    `count` are killed after commits, which are as many more as the rest takes longer."""
    plan = [
        Cut(thing, 1 + time) for thing, times in things.items() if thing != "commit" for time in range(times + more)
    ]
    return plan + [Cut("commit", 1 + time) for time in range(count - len(plan))]


def assert_each_killed(after: Mapping[Cut, str], things: Counter[str]) -> None:
    """That the workers of `thing_by_thing` were killed after each thing.

    After more of them, too, where somebody waited longer and wrote that down more often, or did a thing again that the
    world outside was too busy for.
    """
    assert Counter(cut.thing for cut in after) >= things, after


@dataclass
class Killing:
    """Subscriptions of one tenant, and workers for them.

    Attributes:
        world: A marketplace beside plants.
        folder: For logs and notes.
        tenant: Who subscribes.
        settings: Of the workers, besides those of the server.
    """

    world: World
    folder: Path
    tenant: str
    settings: Mapping[str, str]

    async def subscriptions(self, count: int) -> list[contract.Subscription]:
        """So many, which wait for their binding."""
        stub = await self.world.stub(self.tenant)
        ids = [f"oee-{number:02}" for number in range(1, count + 1)]
        return [await stub.CreateSubscription(creation(self.world, self.tenant, subscription_id=each)) for each in ids]

    async def accept(self, given: Sequence[contract.Subscription]) -> None:
        stub = await self.world.stub(self.tenant)
        for each in given:
            await stub.AcceptBinding(contract.AcceptBindingRequest(name=each.name, etag=each.etag))

    async def cancel(self, given: Sequence[contract.Subscription]) -> None:
        stub = await self.world.stub(self.tenant)
        for each in given:
            await stub.CancelSubscription(contract.CancelSubscriptionRequest(name=each.name))

    async def upgrade(self, given: Sequence[contract.Subscription], version: str) -> None:
        """Ask for a published version, for each; the task `harness.upgrade` takes that to its end."""
        stub = UpgradeServiceStub(await self.world.marketplace.channel(self.tenant, "admin"))
        subscriptions = await self.world.stub(self.tenant)
        for each in given:
            now = await subscriptions.GetSubscription(contract.GetSubscriptionRequest(name=each.name))
            request = upgrades_pb2.UpgradeSubscriptionRequest(name=each.name, version=version, etag=now.etag)
            await stub.UpgradeSubscription(request)

    async def killed(
        self, given: Sequence[contract.Subscription], cuts: Sequence[Cut], task: str = "marketplace.deploy"
    ) -> dict[Cut, str]:
        """Give each subscription to a worker of its own, which is killed at its cut.

        Args:
            given: Each is given to a worker.
            cuts: One for each.
            task: That the workers do, with a tenant and a subscription's id.

        Returns:
            What the workers were killed after, in order; those that are not there got to the end of their work.
        """
        platform = self.world.marketplace.parts.settings.platform
        celery = create_celery("marketplace", platform)
        # What the server itself has asked for: nobody but these workers is to do it, and then the sweep.
        with redis.Redis.from_url(platform.redis_url.replace("redis+socket://", "unix://")) as client:
            client.delete("marketplace")
        for number, each in enumerate(given):
            ids = self.tenant, name_of(each).subscription_id
            await asyncio.to_thread(celery.send_task, task, ids, queue=f"kill-{number}")
        notes = self.folder / "killed"
        plan = json.dumps([(cut.thing, cut.times) for cut in cuts])
        worker = (sys.executable, "-m", "harness.market_worker", notes, plan)
        process = await asyncio.create_subprocess_exec(*worker, env=self._environment, cwd=_TESTS)
        assert await process.wait() == 0
        noted = {cut: notes / str(number) for number, cut in enumerate(cuts)}
        return {cut: note.read_text() for cut, note in noted.items() if note.exists()}

    @asynccontextmanager
    async def healing(self) -> AsyncGenerator[None]:
        """A worker as production has it, while the context lasts."""
        log = self.folder / "worker.log"
        with log.open("ab") as out:
            worker = await asyncio.create_subprocess_exec(
                *_command(self.folder), env=self._environment, cwd=_TESTS, stdout=out, stderr=out
            )
        try:
            yield
        finally:
            worker.terminate()
            await worker.wait()

    async def until(
        self, given: Sequence[contract.Subscription], state: contract.SubscriptionState.ValueType, version: str = ""
    ) -> None:
        """Wait until all of them have come to a state, and to a version if one is named."""
        stub = await self.world.stub(self.tenant)
        request = contract.ListSubscriptionsRequest(parent=f"tenants/{self.tenant}", page_size=1000)
        wanted = {each.name: (int(state), version) for each in given}
        found: dict[str, tuple[int, str]] = {}
        try:
            async with asyncio.timeout(_HEAL_SECONDS):
                while found != wanted:
                    await asyncio.sleep(0.1)
                    listed = (await stub.ListSubscriptions(request)).subscriptions
                    found = {
                        each.name: (int(each.state), each.version if version else "")
                        for each in listed
                        if each.name in wanted
                    }
        except TimeoutError as err:
            raise AssertionError(f"{found}\n{(self.folder / 'worker.log').read_text()[-4000:]}") from err

    async def runs(self, image: str) -> None:
        """The subscriptions run an image that answers everything at port 8000 from now on, as if the app were so."""
        query = "UPDATE marketplace.subscription SET manifest = $2 WHERE tenant_id = $1"
        await self.as_admin(query, self.tenant, answering(self.world.app, image))

    async def offer(self, image: str, version: str) -> None:
        """A version in the catalogue that is another one of the same."""
        world = self.world
        await world.marketplace.publish(world.maker, world.app, version, manifest_of(world.app, version))
        query = "UPDATE marketplace.app_version SET manifest = $3 WHERE app_id = $1 AND version = $2"
        await self.as_admin(query, world.app, version, answering(world.app, image, version))

    async def as_admin(self, statement: str, *arguments: str) -> None:
        """Change what nobody could."""
        admin = await asyncpg.connect(self.world.database.admin_url)
        try:
            await admin.execute(statement, *arguments)
        finally:
            await admin.close()

    @property
    def _environment(self) -> dict[str, str]:
        own = self.world.marketplace
        address = {"DUALSPAN_MARKETPLACE_ADDRESS": own.address}
        return _environment(own.parts.settings) | address | dict(self.settings)


def answering(app: str, image: str, version: str = "1.2.0") -> str:
    """The sample app's manifest with such an image; a new version runs beside the old one for a second."""
    egress = MANIFEST[MANIFEST.index("egress:") : MANIFEST.index("run:")]
    changes = {
        parse(MANIFEST).run.image: image,
        "port: 8080": "port: 8000",
        "/healthz": "/",
        egress: "",
        "  canary: 5m\n  compare:\n    - {output: oee, tolerance: 0.5, share: 0.98}": "  canary: 1s",
    }
    text = manifest_of(app, version)
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def name_of(given: contract.Subscription) -> SubscriptionName:
    _, tenant, _, subscription = given.name.split("/")
    return SubscriptionName(tenant, subscription)


def _environment(settings: MarketplaceSettings) -> dict[str, str]:
    """What a worker needs to run with the settings of a server in the test's process."""
    platform = settings.platform
    return os.environ | {
        "DUALSPAN_SERVICE_SECRET": platform.service_secret.get_secret_value(),
        "DUALSPAN_REDIS_URL": platform.redis_url,
        "DUALSPAN_IDENTITY_ADDRESS": platform.identity_address,
        "DUALSPAN_ONBOARDING_ADDRESS": platform.onboarding_address,
        "DUALSPAN_HISTORIAN_ADDRESS": platform.historian_address,
        "DUALSPAN_ANALYTICS_ADDRESS": platform.analytics_address,
        "DUALSPAN_MARKETPLACE_DATABASE_URL": settings.database_url,
        "DUALSPAN_MARKETPLACE_DEPLOY_SECONDS": "0.5",
    }


def _command(folder: Path) -> list[str]:
    """The worker as production has it."""
    celery = [sys.executable, "-m", "celery", "--app=harness.market_worker", "worker", "--queues=marketplace"]
    return [*celery, "--concurrency=1", "--loglevel=INFO", "--beat", f"--schedule={folder / 'schedule'}"]
