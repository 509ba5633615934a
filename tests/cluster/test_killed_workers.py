"""Celery workers killed with -9 after every single step that a start, an upgrade and an end take on a cluster."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from dualspan_cli.embedded import EmbeddedPostgres, EmbeddedRedis
from harness.cluster import PlatformAccount, platform_account, run
from harness.databases import clone, drop
from harness.killing import Cut, Killing, assert_each_killed, name_of, thing_by_thing
from harness.ledger import assert_billed_once
from harness.registry import Store, docker
from harness.subscribing import World, running_world
from harness.up import free_row

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

# Ends when it is told to.
PROGRAM = """
import http.server, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
http.server.test(http.server.SimpleHTTPRequestHandler, port=8000)
"""
# By name, the things that are done one by one: a namespace's own, what the app is given, two commands; an upgrade does
# all twice. The namespace itself is only made once.
SPACE = "POST .*/namespaces$"
_SURROUNDED = ("POST .*/rolebindings$", "POST .*/resourcequotas$", "POST .*/networkpolicies$", "POST .*/secrets$")
STARTED = Counter([*_SURROUNDED, *["launching", "launched", "commit"] * 2])
ENDED = Counter(["^DELETE", "launching", "launched", "commit"])
UPGRADED = Counter([*_SURROUNDED, "^DELETE", *["launching", "launched"] * 3, *["commit"] * 4] * 2)
# Apps: one for each thing of a start.
KILLS = STARTED.total()
# So many are worked on at a time, because each has a minute from the last kill on, and all of them and their canaries
# have one node.
AT_ONCE = 5
RELEASED = "deployments,services,configmaps,networkpolicies,secrets,pods"


@pytest.fixture(scope="module")
def image(store: Store) -> str:
    recipe = f"FROM python:3.12-slim\nWORKDIR /run\nCMD {json.dumps(['python', '-c', PROGRAM])}\n"
    return store.push_image(docker("build", "--quiet", "-", given=recipe).strip(), "answering")


@pytest.fixture(scope="module")
def account(helm: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlatformAccount]:
    with platform_account(helm, tmp_path_factory.mktemp("account")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(migrated_postgres: EmbeddedPostgres, redis_server: EmbeddedRedis) -> AsyncGenerator[World]:
    database = await clone(migrated_postgres, "test_cluster_killed")
    try:
        async with running_world(database, redis_server.url(), free_row(1)) as running:
            yield running
    finally:
        await drop(database)


def settings(account: PlatformAccount, helm: str, folder: Path) -> dict[str, str]:
    """Of a worker on a cluster."""
    own = {
        "URL": account.access.url,
        "TOKEN_FILE": str(account.access.token_file),
        "AUTHORITY_FILE": str(account.access.authority_file),
        "PREFIX": account.prefix,
        "NAMESPACE": account.namespace,
        "ACCOUNT": account.name,
        "ROLE": account.role,
        "HISTORIAN": "localhost:7403",
        "MARKETPLACE": "localhost:7405",
        "TENANT_CPU": "100",
        "TENANT_MEMORY": "100Gi",
    }
    return {f"DUALSPAN_MARKETPLACE_KUBERNETES_{name}": value for name, value in own.items()} | {
        "DUALSPAN_MARKETPLACE_HELM": helm,
        # A worker that shares two cores with a cluster comes to a sweep later than it is good for, if they come faster.
        "DUALSPAN_MARKETPLACE_DEPLOY_SECONDS": "2",
        "DUALSPAN_MARKETPLACE_APPS_FOLDER": str(folder / "apps"),
    }


def here(account: PlatformAccount, tenant: str, kinds: str) -> list[dict[str, Any]]:
    """What is there of a tenant's apps, but for what the cluster is about to remove."""
    label = ("--selector", f"dualspan.io/platform={account.prefix}")
    found = json.loads(run("kubectl", *space(account, tenant), "get", kinds, *label, "--output", "json"))["items"]
    return [each["metadata"] for each in found if "deletionTimestamp" not in each["metadata"]]


def running(account: PlatformAccount, tenant: str) -> Counter[str]:
    """How many pods there are of each subscription."""
    return Counter(each["labels"]["dualspan.io/subscription"] for each in here(account, tenant, "pods"))


def records(account: PlatformAccount, tenant: str) -> str:
    """Helm's own."""
    own = ("get", "secrets", "--selector", "owner=helm", "--output", "name")
    return run("kubectl", *space(account, tenant), *own)


def space(account: PlatformAccount, tenant: str) -> tuple[str, str]:
    """Where a tenant's apps are."""
    return ("--namespace", f"{account.prefix}-apps-{tenant}")


@dataclass
class Life:
    """Some subscriptions from their start to their end, and the workers that are killed meanwhile."""

    killing: Killing
    account: PlatformAccount
    image: str
    given: list[contract.Subscription]

    @property
    def ids(self) -> list[str]:
        return [name_of(each).subscription_id for each in self.given]

    async def start(self, plan: Sequence[Cut]) -> dict[Cut, str]:
        after: dict[Cut, str] = {}
        for first in range(0, len(self.given), AT_ONCE):
            some = self.given[first:][:AT_ONCE]
            await self.killing.accept(some)
            after |= await self.killing.killed(some, plan[first:][:AT_ONCE])
            assert set(running(self.account, self.killing.tenant).values()) <= {1}
            async with self.killing.healing():
                await self.killing.until(some, contract.SUBSCRIPTION_STATE_ACTIVE)
        assert running(self.account, self.killing.tenant) == Counter(self.ids)
        return after

    async def upgrade(self, some: list[contract.Subscription], version: str, plan: Sequence[Cut]) -> dict[Cut, str]:
        await self.killing.offer(self.image, version)
        await self.killing.upgrade(some, version)
        after = await self.killing.killed(some, plan, task="harness.upgrade")
        # The old one, and the canary beside it.
        assert set(running(self.account, self.killing.tenant).values()) <= {1}
        async with self.killing.healing():
            await self.killing.until(some, contract.SUBSCRIPTION_STATE_ACTIVE, version)
            async with asyncio.timeout(60):
                while running(self.account, self.killing.tenant) != Counter(self.ids):  # noqa: ASYNC110 - other processes
                    await asyncio.sleep(0.5)
        return after

    async def end(self, plan: Sequence[Cut]) -> dict[Cut, str]:
        await self.killing.cancel(self.given)
        after = await self.killing.killed(self.given, plan)
        async with self.killing.healing():
            await self.killing.until(self.given, contract.SUBSCRIPTION_STATE_CANCELLED)
        assert here(self.account, self.killing.tenant, RELEASED) == []
        assert records(self.account, self.killing.tenant) == ""
        return after


async def test_one_or_none_whenever_a_worker_is_killed(
    world: World, account: PlatformAccount, image: str, helm: str, tmp_path: Path
) -> None:
    starts, ends = thing_by_thing(STARTED, KILLS, more=0), thing_by_thing(ENDED, KILLS)
    upgrades = thing_by_thing(UPGRADED, UPGRADED.total(), more=0)
    tenant = (await world.plant()).tenant
    killing = Killing(world, tmp_path, tenant, settings(account, helm, tmp_path))
    given = await killing.subscriptions(KILLS)
    await killing.runs(image)
    life = Life(killing, account, image, given)

    accepted = datetime.now(UTC)
    started = await life.start(starts)
    active = datetime.now(UTC)
    upgraded: dict[Cut, str] = {}
    for number, first in enumerate(range(0, len(upgrades), AT_ONCE)):
        plan = upgrades[first:][:AT_ONCE]
        some = [given[(first + place) % KILLS] for place in range(len(plan))]
        upgraded |= await life.upgrade(some, f"1.{number + 3}.0", plan)
    ending = datetime.now(UTC)
    ended = await life.end(ends)
    # What is paid for: each ran once, with both presses and through all upgrades, and then no more.
    names, gone = [name_of(each) for each in given], datetime.now(UTC)
    await assert_billed_once(world.marketplace.parts, names, 2, ending - active, gone - accepted)
    assert_each_killed(started, STARTED)
    assert_each_killed(upgraded, UPGRADED)
    assert_each_killed(ended, ENDED)


async def test_a_namespace_that_a_killed_worker_has_made_and_no_more(
    world: World, account: PlatformAccount, image: str, helm: str, tmp_path: Path
) -> None:
    tenant = (await world.plant()).tenant
    killing = Killing(world, tmp_path, tenant, settings(account, helm, tmp_path))
    given = await killing.subscriptions(1)
    await killing.runs(image)
    life = Life(killing, account, image, given)
    assert len(await life.start([Cut(SPACE, 1)])) == 1
    assert await life.end([Cut(SPACE, 1)]) == {}
