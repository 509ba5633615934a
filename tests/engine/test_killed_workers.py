"""Celery workers killed with -9 after every single request to an engine that a start, and an end, takes."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from dualspan_cli.demo.image import AppImage
from dualspan_cli.embedded import EmbeddedPostgres, EmbeddedRedis
from dualspan_cli.engine import Engine
from dualspan_manifest import parse
from harness.databases import clone, drop
from harness.killing import Killing, name_of
from harness.marketplace import MANIFEST
from harness.subscribing import World, running_world
from harness.up import free_row

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

# More than either takes: the last ones of them get to their end.
KILLS = 16
# A network, a volume, two containers. Each worker is killed a step later than the one before it, but one may look once
# more than another, and then one thing is passed over.
THINGS = 4 - 1
PLATFORM = f"test-{uuid.uuid4().hex[:8]}"
LABEL = {"label": f"io.dualspan.platform={PLATFORM}"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(migrated_postgres: EmbeddedPostgres, redis_server: EmbeddedRedis) -> AsyncGenerator[World]:
    database = await clone(migrated_postgres, "test_engine_killed")
    try:
        async with running_world(database, redis_server.url(), free_row(1)) as running:
            yield running
    finally:
        await drop(database)


def answering(world: World, image: str) -> str:
    """The sample app, as `python -m http.server`."""
    egress = MANIFEST[MANIFEST.index("egress:") : MANIFEST.index("run:")]
    changes = {
        "id: oee-board": f"id: {world.app}",
        parse(MANIFEST).run.image: image,
        "port: 8080": "port: 8000",
        "/healthz": "/",
        egress: "",
    }
    text = MANIFEST
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new, 1)
    return text


async def runs(world: World, tenant: str, manifest: str) -> None:
    admin = await asyncpg.connect(world.database.admin_url)
    await admin.execute("UPDATE marketplace.subscription SET manifest = $2 WHERE tenant_id = $1", tenant, manifest)
    await admin.close()


def running(engine: Any) -> Counter[str]:
    """How many apps run of each subscription."""
    found = engine.containers.list(filters={"label": [LABEL["label"], "io.dualspan.part=app"]})
    return Counter(each.labels["io.dualspan.subscription"] for each in found)


def things(engine: Any) -> list[str]:
    """Everything of the platform."""
    containers = engine.containers.list(all=True, filters=LABEL)
    return [
        each.name for each in (*containers, *engine.networks.list(filters=LABEL), *engine.volumes.list(filters=LABEL))
    ]


@pytest.fixture
def swept(engine: Any) -> Iterator[None]:
    """Whatever the test comes to, nothing of it stays."""
    yield
    for container in engine.containers.list(all=True, filters=LABEL):
        container.remove(force=True)
    for rest in (*engine.networks.list(filters=LABEL), *engine.volumes.list(filters=LABEL)):
        rest.remove()


async def test_one_or_none_whenever_a_worker_is_killed(
    world: World, engine: Any, engine_url: str, tmp_path: Path, swept: None
) -> None:
    image = AppImage("dualspan/answering", "", "http.server").load(Engine(engine_url))
    tenant = (await world.plant()).tenant
    settings = {
        "DUALSPAN_MARKETPLACE_APPS_FOLDER": str(tmp_path / "apps"),
        "DUALSPAN_MARKETPLACE_DOCKER_URL": engine_url,
        "DUALSPAN_MARKETPLACE_DOCKER_PLATFORM": PLATFORM,
        "DUALSPAN_MARKETPLACE_DOCKER_SUBNETS": "10.215.0.0/20",
    }
    killing = Killing(world, tmp_path, tenant, settings)
    given = await killing.subscriptions(KILLS)
    await runs(world, tenant, answering(world, image))

    await killing.accept(given)
    after = await killing.killed(given)
    assert len(after) < KILLS, "some starts must get to their end, or there are steps that nobody was killed after"
    assert sum("/create" in each for each in after) >= THINGS
    assert any(each.endswith("/start") for each in after)
    assert set(running(engine).values()) <= {1}
    async with killing.healing():
        await killing.until(given, contract.SUBSCRIPTION_STATE_ACTIVE)
    assert running(engine) == Counter(name_of(each).subscription_id for each in given)

    await killing.cancel(given)
    after = await killing.killed(given)
    assert len(after) < KILLS
    assert sum(each.startswith("DELETE") for each in after) >= THINGS
    async with killing.healing():
        await killing.until(given, contract.SUBSCRIPTION_STATE_CANCELLED)
    assert things(engine) == []
