"""Celery workers killed with -9 after every single step that a start, and an end, takes on a cluster."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from dualspan_cli.embedded import EmbeddedPostgres, EmbeddedRedis
from harness.cluster import PlatformAccount, platform_account, run
from harness.databases import clone, drop
from harness.killing import Killing, name_of, step_by_step
from harness.registry import Store, docker
from harness.subscribing import World, running_world
from harness.up import free_row

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

SERVER = "FROM python:3.12-slim\nWORKDIR /run\nCMD python -m http.server 8000\n"
# So many workers are killed beside each other: one node is to bring their apps up within the minute that all have.
AT_ONCE = 8
# What a start has made one by one. Each worker is killed a step later than the one before it, but one may look once
# more than another, and then one thing is passed over.
MADE = ("namespaces", "rolebindings", "resourcequotas", "networkpolicies", "secrets")
RELEASED = "deployments,services,configmaps,networkpolicies,secrets,pods"


@pytest.fixture(scope="module")
def image(store: Store) -> str:
    return store.push_image(docker("build", "--quiet", "-", given=SERVER).strip(), "answering")


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


def here(account: PlatformAccount, kinds: str) -> list[dict[str, object]]:
    """What is there of the platform's apps, but for what the cluster is about to remove."""
    label = ("--selector", f"dualspan.io/platform={account.prefix}")
    found = json.loads(run("kubectl", "get", kinds, "--all-namespaces", *label, "--output", "json"))["items"]
    return [each["metadata"] for each in found if "deletionTimestamp" not in each["metadata"]]


def running(account: PlatformAccount) -> Counter[str]:
    """How many pods there are of each subscription."""
    label = "dualspan.io/subscription"
    return Counter(each["labels"][label] for each in here(account, "pods"))  # type: ignore[index]


def records(account: PlatformAccount, tenant: str) -> str:
    """Helm's own."""
    space = f"{account.prefix}-apps-{tenant}"
    return run("kubectl", "--namespace", space, "get", "secrets", "--selector", "owner=helm", "--output", "name")


async def _killed_at(
    killing: Killing, account: PlatformAccount, given: Sequence[contract.Subscription], first: int
) -> tuple[list[str], list[str]]:
    """What workers were killed after in starts and in ends; all is as it shall be after each."""
    await killing.accept(given)
    started = list((await killing.killed(given, step_by_step(len(given), first))).values())
    assert set(running(account).values()) <= {1}
    async with killing.healing():
        await killing.until(given, contract.SUBSCRIPTION_STATE_ACTIVE)
    assert running(account) == Counter(name_of(each).subscription_id for each in given)

    await killing.cancel(given)
    ended = list((await killing.killed(given, step_by_step(len(given), first))).values())
    async with killing.healing():
        await killing.until(given, contract.SUBSCRIPTION_STATE_CANCELLED)
    assert here(account, RELEASED) == []
    assert records(account, killing.tenant) == ""
    # What is paid for: each ran once, with both presses, and then no more.
    assert await killing.ledger() == [(name_of(each).subscription_id, [True, False], {2}) for each in given]
    return started, ended


async def test_one_or_none_whenever_a_worker_is_killed(
    world: World, account: PlatformAccount, image: str, helm: str, tmp_path: Path
) -> None:
    starts: list[str] = []
    ends: list[str] = []
    # Until all workers get to the end of all that they do: on a busy machine one may be done before its step is.
    for first in range(1, 1000, AT_ONCE):
        tenant = (await world.plant()).tenant
        folder = tmp_path / str(first)
        folder.mkdir()
        killing = Killing(world, folder, tenant, settings(account, helm, folder))
        given = await killing.subscriptions(AT_ONCE)
        await killing.runs(image)
        started, ended = await _killed_at(killing, account, given, first)
        starts += started
        ends += ended
        if not started and not ended:
            break
    print("killed after", starts, "and", ends)
    asked = [kind for kind in MADE if any(kind in each for each in starts)]
    assert len(asked) >= len(MADE) - 1, asked
    assert {"launching", "launched", "commit"} <= set(starts)
    assert any(each.startswith("DELETE") for each in ends)
    assert {"launching", "launched", "commit"} <= set(ends)
