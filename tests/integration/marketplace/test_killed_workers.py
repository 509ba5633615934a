"""Celery workers killed with -9 after every single thing that a start, and an end, does: one or none is left."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from harness.deploying import Site
from harness.killing import INTERPRETER, Killing, name_of, step_by_step
from harness.ledger import assert_billed_once
from harness.process_apps import interpreter
from harness.subscribing import World

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow, pytest.mark.timeout(240)]

# More than either takes: the last ones of them get to their end.
KILLS = 24


@pytest_asyncio.fixture(loop_scope="module")
async def site(world: World, tmp_path: Path) -> AsyncGenerator[Site]:
    made = Site.of(world, tmp_path)
    yield made
    for name in await made.provisioner.subscriptions():
        await made.provisioner.remove(name)


def running(tenant: str) -> list[str]:
    """The subscription of every process of an app of the tenant."""
    found: list[str] = []
    for process in psutil.process_iter():
        try:
            name = process.environ().get("DUALSPAN_APP_SUBSCRIPTION", "")
        except psutil.Error:
            continue
        if name.startswith(f"tenants/{tenant}/"):
            found.append(name)
    return sorted(found)


@pytest.mark.long
async def test_one_or_none_whenever_a_worker_is_killed(site: Site, tmp_path: Path) -> None:
    tenant = (await site.world.plant()).tenant
    (program,) = interpreter(tmp_path)
    settings = {
        "DUALSPAN_MARKETPLACE_APPS_FOLDER": str(site.folder),
        "DUALSPAN_MARKETPLACE_PROCESS_PUBLISHERS": site.world.maker,
        INTERPRETER: program,
    }
    killing = Killing(site.world, tmp_path, tenant, settings)
    given = await killing.subscriptions(KILLS)
    await site.runs(tenant, "well")

    accepted = datetime.now(UTC)
    await killing.accept(given)
    after = list((await killing.killed(given, step_by_step(KILLS))).values())
    assert len(after) < KILLS, "some starts must get to their end, or there are steps that nobody was killed after"
    assert after[0] == after[-1] == "commit"
    assert {"replace", "launching", "launched"} <= set(after)
    assert len(running(tenant)) == len(set(running(tenant)))
    async with killing.healing():
        await killing.until(given, contract.SUBSCRIPTION_STATE_ACTIVE)
    active = datetime.now(UTC)
    assert running(tenant) == sorted(each.name for each in given)

    ending = datetime.now(UTC)
    await killing.cancel(given)
    after = list((await killing.killed(given, step_by_step(KILLS))).values())
    assert len(after) < KILLS
    assert {"kill", "unlink", "rmdir", "commit"} <= set(after)
    async with killing.healing():
        await killing.until(given, contract.SUBSCRIPTION_STATE_CANCELLED)
    assert running(tenant) == []
    assert not {name_of(each) for each in given} & set(await site.provisioner.subscriptions())
    # What is paid for: each ran once, with both presses, and then no more.
    names = [name_of(each) for each in given]
    ended = datetime.now(UTC)
    await assert_billed_once(site.world.marketplace.parts, names, 2, ending - active, ended - accepted)
