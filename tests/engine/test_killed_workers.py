"""Celery workers killed with -9 after every single thing that a start, an upgrade and an end do; and one that goes on
while another app's image does not come."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from dualspan_cli.demo.image import AppImage
from dualspan_cli.embedded import EmbeddedPostgres, EmbeddedRedis
from dualspan_cli.engine import Engine
from harness.databases import clone, drop
from harness.killing import Cut, Killing, answering, assert_each_killed, name_of, thing_by_thing
from harness.ledger import assert_billed_once
from harness.subscribing import World, running_world
from harness.up import free_row

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

# By name, the things that are done: a volume, two containers, the files of one, a network; an upgrade does all twice.
STARTED = Counter({"/create": 4, "/archive": 1, "/start": 1, "commit": 2})
ENDED = Counter({"/stop": 1, "DELETE": 4, "commit": 1})
UPGRADED = Counter({"/create": 8, "/archive": 2, "/start": 2, "/stop": 2, "DELETE": 8, "commit": 8})
# Workers at a time.
KILLS = 16
# Rounds of them that an upgrade takes.
UPGRADES = 3
HEAL_SECONDS = 10


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(migrated_postgres: EmbeddedPostgres, redis_server: EmbeddedRedis) -> AsyncGenerator[World]:
    database = await clone(migrated_postgres, "test_engine_killed")
    try:
        async with running_world(database, redis_server.url(), free_row(1)) as running:
            yield running
    finally:
        await drop(database)


class Place:
    """A platform of one test's own on the engine.

    Args:
        engine: Its client.
        url: Of the engine.
        folder: For logs.
        pool: Address space of its apps.
    """

    def __init__(self, engine: Any, url: str, folder: Path, pool: str) -> None:
        platform = f"test-{uuid.uuid4().hex[:8]}"
        self._engine = engine
        self._label = {"label": f"io.dualspan.platform={platform}"}
        self.settings = {
            "DUALSPAN_MARKETPLACE_APPS_FOLDER": str(folder / "apps"),
            "DUALSPAN_MARKETPLACE_DOCKER_URL": url,
            "DUALSPAN_MARKETPLACE_DOCKER_PLATFORM": platform,
            "DUALSPAN_MARKETPLACE_DOCKER_SUBNETS": pool,
        }

    def apps(self) -> list[Any]:
        """Containers of apps that run."""
        return self._engine.containers.list(filters={"label": [self._label["label"], "io.dualspan.part=app"]})

    def running(self) -> Counter[str]:
        """How many apps run of each subscription, and of each canary."""
        return Counter(each.labels["io.dualspan.subscription"] for each in self.apps())

    def things(self) -> Counter[str]:
        """Everything of the platform, by kind."""
        found = (
            *self._engine.containers.list(all=True, filters=self._label),
            *self._engine.networks.list(filters=self._label),
            *self._engine.volumes.list(filters=self._label),
        )
        return Counter(type(each).__name__ for each in found)

    def clear(self) -> None:
        """Whatever the test comes to, nothing of it stays."""
        for container in self._engine.containers.list(all=True, filters=self._label):
            container.remove(force=True)
        for rest in (*self._engine.networks.list(filters=self._label), *self._engine.volumes.list(filters=self._label)):
            rest.remove()


@contextlib.contextmanager
def place(engine: Any, url: str, folder: Path, pool: str) -> Generator[Place]:
    made = Place(engine, url, folder, pool)
    try:
        yield made
    finally:
        made.clear()


@pytest.fixture(scope="module")
def image(engine_url: str) -> str:
    return AppImage("dualspan/answering", "", "http.server").load(Engine(engine_url))


async def test_one_or_none_whenever_a_worker_is_killed(
    world: World, engine: Any, engine_url: str, image: str, tmp_path: Path
) -> None:
    with place(engine, engine_url, tmp_path, "10.215.0.0/20") as here:
        tenant = (await world.plant()).tenant
        killing = Killing(world, tmp_path, tenant, here.settings)
        given = await killing.subscriptions(KILLS)
        ids = [name_of(each).subscription_id for each in given]
        one_each = Counter(Container=2 * KILLS, Network=KILLS, Volume=KILLS)
        await killing.runs(image)

        accepted = datetime.now(UTC)
        await killing.accept(given)
        assert_each_killed(await killing.killed(given, thing_by_thing(STARTED, KILLS)), STARTED)
        assert set(here.running().values()) <= {1}
        async with killing.healing():
            await killing.until(given, contract.SUBSCRIPTION_STATE_ACTIVE)
        active = datetime.now(UTC)
        assert here.running() == Counter(ids)
        assert here.things() == one_each

        await upgraded(killing, given, image, here)
        assert here.running() == Counter(ids)
        assert here.things() == one_each

        ending = datetime.now(UTC)
        await killing.cancel(given)
        assert_each_killed(await killing.killed(given, thing_by_thing(ENDED, KILLS)), ENDED)
        async with killing.healing():
            await killing.until(given, contract.SUBSCRIPTION_STATE_CANCELLED)
        assert here.things() == Counter()
        # What is paid for: each ran once, with both presses and through all upgrades, and then no more.
        names = [name_of(each) for each in given]
        ended = datetime.now(UTC)
        await assert_billed_once(world.marketplace.parts, names, 2, ending - active, ended - accepted)


async def upgraded(killing: Killing, given: list[contract.Subscription], image: str, here: Place) -> None:
    """From version to version, until workers were killed after every thing that an upgrade does."""
    after: dict[Cut, str] = {}
    plan = thing_by_thing(UPGRADED, UPGRADES * KILLS)
    for number in range(UPGRADES):
        version = f"1.{number + 3}.0"
        await killing.offer(image, version)
        await killing.upgrade(given, version)
        after |= await killing.killed(given, plan[number * KILLS :][:KILLS], task="harness.upgrade")
        assert set(here.running().values()) <= {1}
        async with killing.healing():
            await killing.until(given, contract.SUBSCRIPTION_STATE_ACTIVE, version)
            await until_alone(killing, here, given)
    assert_each_killed(after, UPGRADED)


async def until_alone(killing: Killing, here: Place, given: list[contract.Subscription]) -> None:
    """Canaries end after the switch."""
    wanted = Counter(name_of(each).subscription_id for each in given)
    async with asyncio.timeout(60):
        while here.running() != wanted or here.things()["Network"] != len(given):  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.2)


async def test_an_image_that_does_not_come_holds_nobody_up(
    world: World, engine: Any, engine_url: str, image: str, tmp_path: Path
) -> None:
    asked = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()

    registry = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    address = f"127.0.0.1:{registry.sockets[0].getsockname()[1]}"
    with place(engine, engine_url, tmp_path, "10.215.16.0/20") as here:
        tenant = (await world.plant()).tenant
        killing = Killing(world, tmp_path, tenant, here.settings)
        well, waiting = await killing.subscriptions(2)
        query = "UPDATE marketplace.subscription SET manifest = $2 WHERE tenant_id = $1 AND subscription_id ="
        nowhere = f"{address}/slow@sha256:{'5' * 64}"
        for each, which in ((well, image), (waiting, nowhere)):
            of_one = f"{query} '{name_of(each).subscription_id}'"
            await killing.as_admin(of_one, tenant, answering(world.app, which))
        async with registry, killing.healing():
            await killing.accept([waiting])
            await asyncio.wait_for(asked.wait(), 60)
            # Nobody waits: another starts, and when it dies it is started again.
            await killing.accept([well])
            died = await another(here, "")
            engine.containers.get(died).kill()
            begin = asyncio.get_running_loop().time()
            assert await another(here, died) != died
            assert asyncio.get_running_loop().time() - begin < HEAL_SECONDS
            assert here.running()[name_of(well).subscription_id] == 1


async def another(here: Place, than: str) -> str:
    """Waits for an app that runs, and is not the one before."""
    async with asyncio.timeout(60):
        while True:
            for each in here.apps():
                if each.id != than:
                    return each.id
            await asyncio.sleep(0.1)
