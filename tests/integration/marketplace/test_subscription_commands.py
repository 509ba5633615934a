"""`dualspan subscriptions`: an administrator at the terminal, and the worker beside it."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dualspan.marketplace.v1 import fulfilment_pb2 as contract
from dualspan.marketplace.v1.fulfilment_pb2_grpc import FulfilmentServiceStub
from dualspan_cli.commands.subscriptions.lives import read_roles
from dualspan_cli.errors import CommandError
from dualspan_marketplace.fulfilment.model import Action, Operation
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.channels import open_channel
from dualspan_runtime.webhooks import signature
from harness.deploying import Site
from harness.historian import SECRET
from harness.marketplace import FULFILMENT_SECRET
from harness.subscribing import World
from harness.up import environment

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def site(world: World, tmp_path: Path) -> AsyncGenerator[Site]:
    made = Site.of(world, tmp_path)
    yield made
    for name in await made.provisioner.subscriptions():
        await made.provisioner.remove(name)


async def dualspan(site: Site, tenant: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A command, while the worker sweeps."""
    stated = {
        "DUALSPAN_IDENTITY_ADDRESS": await site.world.marketplace.tenants.address_for(tenant),
        "DUALSPAN_ONBOARDING_ADDRESS": site.world.plants.onboarding_address,
        "DUALSPAN_MARKETPLACE_ADDRESS": site.world.marketplace.address,
        "DUALSPAN_SERVICE_SECRET": SECRET,
        "COLUMNS": "140",
    }
    command = asyncio.create_task(
        asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "dualspan_cli", "subscriptions", *words, "--tenant", tenant],
            # Nobody has signed in here, and no platform runs.
            env=environment(Path("/nonexistent")) | stated,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    )
    while not command.done():
        await site.worker().sweep()
        await asyncio.sleep(0.1)
    return await command


async def told(site: Site, tenant: str, *words: str) -> Any:
    done = await dualspan(site, tenant, *words, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


async def test_from_a_proposal_to_the_end(site: Site) -> None:
    tenant, app = (await site.world.plant()).tenant, site.world.app
    proposed = (await dualspan(site, tenant, "propose", app)).stdout.splitlines()
    assert [words[1] for words in map(str.split, proposed) if "yes" in words] == ["press-1", "press-2"]
    assert (await told(site, tenant, "propose", app))["complete"]
    made = await dualspan(site, tenant, "create", app, "--id", "oee", "--plan", "free", "--set", "shift=day")
    assert made.returncode == 0, made.stderr
    assert "subscriptions accept oee" in made.stderr
    await site.runs(tenant, "well")
    accepted = await dualspan(site, tenant, "accept", "oee", "--assets", "machine=press-1")
    assert accepted.returncode == 0, accepted.stderr
    assert "start: attempt 1" in accepted.stderr
    assert "is active" in accepted.stderr
    shown = await told(site, tenant, "show", "oee")
    assert {each["asset"] for each in shown["granted_tags"]} == {"press-1"}
    assert [(each["asset"], each["output"]) for each in shown["result_tags"]] == [("press-1", "oee")]
    assert "It writes 1 tags:" in (await dualspan(site, tenant, "show", "oee")).stdout
    pid = await site.pid(tenant)
    changed = await told(site, tenant, "change", "oee", "--set", "shift=night")
    assert (changed["state"], changed["configuration"]["shift"]) == ("SUBSCRIPTION_STATE_ACTIVE", "night")
    assert await site.pid(tenant) != pid
    assert (await told(site, tenant, "suspend", "oee"))["state"] == "SUBSCRIPTION_STATE_SUSPENDED"
    assert (await told(site, tenant, "resume", "oee"))["state"] == "SUBSCRIPTION_STATE_ACTIVE"
    assert (await dualspan(site, tenant, "revoke-tokens", "oee")).returncode == 0
    cancelled = await dualspan(site, tenant, "cancel", "oee")
    assert "start" not in cancelled.stderr
    assert "is cancelled." in cancelled.stderr
    assert "you can fetch what it had and wrote; then that is deleted" in cancelled.stderr
    assert cancelled.stderr.strip().endswith("dualspan subscriptions export oee")
    # No historian answers here: what broke off passes for nothing.
    file = site.folder / "oee.zip"
    exported = await dualspan(site, tenant, "export", "oee", "--to", str(file), "--json")
    assert json.loads(exported.stdout)["error"]["reason"] == "UPSTREAM_UNREACHABLE"
    assert not list(file.parent.glob("oee.zip*"))
    (listed,) = await told(site, tenant, "list")
    assert listed["state"] == "SUBSCRIPTION_STATE_CANCELLED"
    assert "cancelled" in (await dualspan(site, tenant, "list")).stdout


async def test_an_app_that_cannot_run_says_so_and_counts(site: Site) -> None:
    tenant, app = (await site.world.plant()).tenant, site.world.app
    await dualspan(site, tenant, "create", app, "--id", "oee", "--plan", "free", "--set", "shift=day")
    await site.runs(tenant, "dies")
    failed = await dualspan(site, tenant, "accept", "oee")
    assert failed.returncode == 1
    assert "NOT_STARTED" in failed.stderr
    assert "no such machine" in failed.stderr


async def test_what_a_payment_side_asked_is_listed(site: Site) -> None:
    tenant, app = (await site.world.plant()).tenant, site.world.app
    await dualspan(site, tenant, "create", app, "--id", "oee", "--plan", "free", "--set", "shift=day")
    assert await told(site, tenant, "payments", "oee") == []
    asked = Operation(SubscriptionName(tenant, "oee"), "bill-7", Action.SUSPEND, "", 0)
    request = contract.FulfilOperationRequest(
        name=f"tenants/{tenant}/subscriptions/oee",
        operation_id="bill-7",
        action=contract.FULFILMENT_ACTION_SUSPEND,
        signature=signature(FULFILMENT_SECRET, "bill-7", asked.content, int(time.time())),
    )
    async with open_channel(site.world.marketplace.address) as channel:
        await FulfilmentServiceStub(channel).FulfilOperation(request)
    (listed,) = await told(site, tenant, "payments", "oee")
    assert (listed["operation_id"], listed["action"]) == ("bill-7", "FULFILMENT_ACTION_SUSPEND")
    assert listed["succeeded"]
    shown = (await dualspan(site, tenant, "payments", "oee")).stdout
    assert "suspend" in shown
    assert "bill-7" in shown


async def test_what_is_written_wrongly_is_said(site: Site) -> None:
    tenant = (await site.world.plant()).tenant
    gone = await dualspan(site, tenant, "show", "nothing", "--json")
    assert json.loads(gone.stdout)["error"]["reason"] == "SUBSCRIPTION_NOT_FOUND"


@pytest.mark.parametrize("text", ["machine", "machine=", "=press-1"])
async def test_assets_are_given_by_role(text: str) -> None:
    with pytest.raises(CommandError, match="role=asset"):
        read_roles([text])
