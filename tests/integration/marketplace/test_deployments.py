"""Subscriptions that run: started, healed, suspended, cancelled, never twice, whatever worker is killed when."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import jwt
import pytest
import pytest_asyncio
from google.longrunning import operations_pb2
from google.longrunning.operations_pb2_grpc import OperationsStub

from dualspan.marketplace.v1 import deployments_pb2
from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from dualspan_marketplace.deployments.process import launch
from dualspan_marketplace.deployments.process.provisioner import ProcessProvisioner
from dualspan_marketplace.deployments.provisioner import Holding
from dualspan_marketplace.store import deployments, subscriptions
from dualspan_marketplace.subscriptions.life import Clock, Step, take
from dualspan_marketplace.subscriptions.model import SubscriptionName
from harness.deploying import Site
from harness.historian import unique_tenant
from harness.process_apps import interpreter
from harness.subscribing import World, creation

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def site(world: World, tmp_path: Path) -> AsyncGenerator[Site]:
    made = Site.of(world, tmp_path)
    yield made
    for name in await made.provisioner.subscriptions():
        await made.provisioner.remove(name)


async def accepted(site: Site, how: str = "well") -> contract.Subscription:
    """A subscription that shall run."""
    plant = await site.world.plant()
    stub = await site.world.stub(plant.tenant)
    made = await stub.CreateSubscription(creation(site.world, plant.tenant))
    await site.runs(plant.tenant, how)
    return await stub.AcceptBinding(contract.AcceptBindingRequest(name=made.name, etag=made.etag))


def tenant_of(subscription: contract.Subscription) -> str:
    return subscription.name.split("/")[1]


async def now(site: Site, subscription: contract.Subscription) -> contract.Subscription:
    stub = await site.world.stub(tenant_of(subscription))
    return await stub.GetSubscription(contract.GetSubscriptionRequest(name=subscription.name))


async def follow(site: Site, subscription: contract.Subscription) -> contract.Subscription:
    await site.worker().follow(SubscriptionName(tenant_of(subscription), "oee"))
    return await now(site, subscription)


async def operation(site: Site, tenant: str) -> operations_pb2.Operation:
    stub = OperationsStub(await site.world.marketplace.channel(tenant, "admin"))
    listed = await stub.ListOperations(operations_pb2.ListOperationsRequest(name=f"tenants/{tenant}"))
    return listed.operations[0]


async def until(site: Site, done: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await done():
            await site.worker().sweep()
            await asyncio.sleep(0.05)


async def test_it_runs_and_its_operation_says_how_that_went(site: Site) -> None:
    subscription = await accepted(site)
    assert (await follow(site, subscription)).state == contract.SUBSCRIPTION_STATE_ACTIVE
    ended = await operation(site, tenant_of(subscription))
    assert ended.done
    progress = deployments_pb2.DeploymentProgress()
    assert ended.response.Unpack(progress)
    assert progress.provisioner == "process"
    assert [each.step for each in progress.steps] == ["start", "run"]
    pid = await site.pid(tenant_of(subscription))
    await follow(site, subscription)
    assert await site.pid(tenant_of(subscription)) == pid


async def test_what_died_is_started_again(site: Site) -> None:
    subscription = await accepted(site)
    await follow(site, subscription)
    first = await site.pid(tenant_of(subscription))
    os.kill(first, signal.SIGKILL)

    async def another_runs() -> bool:
        pid = await site.pid(tenant_of(subscription))
        return pid not in {0, first} and bool(launch.ticks(pid))

    await until(site, another_runs)
    assert (await now(site, subscription)).state == contract.SUBSCRIPTION_STATE_ACTIVE


async def test_many_workers_start_one(site: Site) -> None:
    subscription = await accepted(site)
    await asyncio.gather(*(follow(site, subscription) for _ in range(3)))
    await until(site, lambda: _is(site, subscription, contract.SUBSCRIPTION_STATE_ACTIVE))
    progress = deployments_pb2.DeploymentProgress()
    assert (await operation(site, tenant_of(subscription))).response.Unpack(progress)
    assert [each.step for each in progress.steps].count("start") == 1


async def test_suspended_nothing_runs_and_resumed_it_runs_again(site: Site) -> None:
    subscription = await accepted(site)
    await follow(site, subscription)
    tenant = tenant_of(subscription)
    stub = await site.world.stub(tenant)
    await stub.SuspendSubscription(contract.SuspendSubscriptionRequest(name=subscription.name))
    await follow(site, subscription)
    assert await site.provisioner.observe(SubscriptionName(tenant, "oee")) == Holding()
    await stub.ResumeSubscription(contract.ResumeSubscriptionRequest(name=subscription.name))
    assert (await follow(site, subscription)).state == contract.SUBSCRIPTION_STATE_ACTIVE


async def test_what_is_stopped_before_it_was_well_is_waited_for_no_longer(site: Site) -> None:
    subscription = await accepted(site, "sick")
    name = SubscriptionName(tenant_of(subscription), "oee")
    await site.worker().turn(name)
    assert not (await operation(site, name.tenant)).done
    database = site.world.marketplace.parts.database
    async with database.transaction(name.tenant) as connection:
        found = await subscriptions.find(connection, name, lock=True)
        assert found is not None
        life = take(found.life, Step.OWE, datetime.now(UTC), Clock())
        assert life is not None
        await subscriptions.update(connection, replace(found, life=life))
    assert (await follow(site, subscription)).cause == "unpaid"
    assert await site.provisioner.observe(name) == Holding()
    ended = await operation(site, name.tenant)
    assert ended.error.message.startswith("A bill is not paid.")


async def test_what_does_not_come_up_is_told_of_and_its_hours_do_not_count(site: Site) -> None:
    subscription = await accepted(site)
    await follow(site, subscription)
    tenant = tenant_of(subscription)
    admin = await asyncpg.connect(site.world.database.admin_url)

    async def counts() -> bool:
        query = "SELECT running FROM marketplace.usage_stretch WHERE tenant_id = $1 ORDER BY number DESC LIMIT 1"
        found: bool = await admin.fetchval(query, tenant)
        return found

    async def replaced_by(how: str) -> None:
        await site.runs(tenant, how)
        os.kill(await site.pid(tenant), signal.SIGKILL)

    await replaced_by("sick")
    await site.worker().sweep()
    assert await counts()
    earlier = "UPDATE marketplace.deployment SET well_time = now() - interval '299 s' WHERE tenant_id = $1"
    await admin.execute(earlier, tenant)
    await site.worker().sweep()
    assert (await counts(), (await now(site, subscription)).reason) == (True, "")
    await admin.execute(earlier.replace("299", "301"), tenant)
    await site.worker().sweep()
    assert not await counts()
    told = await now(site, subscription)
    assert told.state == contract.SUBSCRIPTION_STATE_ACTIVE
    assert told.reason.startswith("The app was seen well for the last time at ")
    await replaced_by("well")
    await until(site, counts)
    assert (await now(site, subscription)).reason == ""
    await admin.close()


async def test_cancelled_nothing_is_left(site: Site) -> None:
    subscription = await accepted(site)
    await follow(site, subscription)
    tenant = tenant_of(subscription)
    stub = await site.world.stub(tenant)
    await stub.CancelSubscription(contract.CancelSubscriptionRequest(name=subscription.name))
    assert (await follow(site, subscription)).state == contract.SUBSCRIPTION_STATE_CANCELLED
    assert await site.provisioner.observe(SubscriptionName(tenant, "oee")) == Holding()
    assert (await operation(site, tenant)).done


async def test_one_that_cannot_run_fails_with_its_last_words(site: Site) -> None:
    subscription = await accepted(site, "dies")
    failed = await follow(site, subscription)
    assert failed.state == contract.SUBSCRIPTION_STATE_FAILED
    assert "started 3 times" in failed.reason
    assert "no such machine" in failed.reason
    ended = await operation(site, tenant_of(subscription))
    assert ended.error.message == failed.reason
    await follow(site, subscription)
    assert await site.provisioner.observe(SubscriptionName(tenant_of(subscription), "oee")) == Holding()


async def test_a_change_starts_another_generation(site: Site) -> None:
    subscription = await accepted(site)
    running = await follow(site, subscription)
    tenant = tenant_of(subscription)
    running.configuration.update({"shift": "night"})
    stub = await site.world.stub(tenant)
    await stub.UpdateSubscription(contract.UpdateSubscriptionRequest(subscription=running))
    first = await site.pid(tenant)
    assert (await follow(site, subscription)).state == contract.SUBSCRIPTION_STATE_ACTIVE
    assert await site.pid(tenant) != first
    assert launch.ticks(first) == 0


class OtherProvisioner(ProcessProvisioner):
    """Runs what the first one does not."""

    kind = "docker"


async def test_what_one_does_not_run_another_does(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subscription = await accepted(site)
    running = await follow(site, subscription)
    tenant = tenant_of(subscription)
    first = await site.pid(tenant)
    other = OtherProvisioner(tmp_path / "other", [site.world.maker], interpreter(tmp_path))
    # From now on the first one refuses the app, as if another version came as a chart only.
    monkeypatch.setattr(site.provisioner, "refuses", lambda *_: "It comes with no module.")
    running.configuration.update({"shift": "night"})
    stub = await site.world.stub(tenant)
    await stub.UpdateSubscription(contract.UpdateSubscriptionRequest(subscription=running))
    name = SubscriptionName(tenant, "oee")
    try:
        await site.worker(other).follow(name)
        assert (await now(site, subscription)).state == contract.SUBSCRIPTION_STATE_ACTIVE
        assert launch.ticks(first) == 0
        assert await site.provisioner.observe(name) == Holding()
        assert len((await other.observe(name)).instances) == 1
    finally:
        await other.remove(name)


async def test_its_credential_is_renewed_while_it_runs(site: Site) -> None:
    subscription = await accepted(site)
    await follow(site, subscription)
    pid = await site.pid(tenant_of(subscription))
    token = site.given(tenant_of(subscription), "token")
    first = token.stat().st_ino
    assert await _age_credential(site, tenant_of(subscription)) == "UPDATE 1"
    await site.worker().sweep()
    assert token.stat().st_ino != first
    assert await site.pid(tenant_of(subscription)) == pid


async def test_after_its_tokens_are_void_it_has_one_that_counts(site: Site) -> None:
    subscription = await accepted(site)
    before = await follow(site, subscription)
    tenant = tenant_of(subscription)
    pid = await site.pid(tenant)
    assert _credential(site, tenant) == 0
    stub = await site.world.stub(tenant)
    await stub.RevokeAppTokens(contract.RevokeAppTokensRequest(name=subscription.name))
    after = await follow(site, subscription)
    assert _credential(site, tenant) == 1
    assert (await site.pid(tenant), after.generation) == (pid, before.generation)


async def test_it_is_told_where_to_ask_and_has_its_binding_and_outputs(site: Site) -> None:
    subscription = await accepted(site)
    await follow(site, subscription)
    tenant = tenant_of(subscription)
    told = _json(site.given(tenant, "").parent / "data/environment.json")
    assert told["DUALSPAN_APP_MARKETPLACE"] == site.world.marketplace.address
    assert told["DUALSPAN_APP_SUBSCRIPTION"] == subscription.name
    binding = _json(Path(told["DUALSPAN_APP_BINDING_FILE"]))
    assert {each["name"].rpartition("/")[2] for each in binding["assets"]} == {"press-1", "press-2"}
    outputs = _json(Path(told["DUALSPAN_APP_OUTPUTS_FILE"]))
    assert {each["asset"] for each in outputs} == {"press-1", "press-2"}


async def test_that_it_is_still_well_is_written_down(site: Site) -> None:
    subscription = await accepted(site)
    await follow(site, subscription)
    tenant = tenant_of(subscription)
    aged = "UPDATE marketplace.deployment SET well_time = now() - interval '1 min', address = '' WHERE tenant_id = $1"
    assert await _as_admin(site, aged, tenant) == "UPDATE 1"
    await site.worker().sweep()
    fresh = "address <> '' AND well_time > now() - interval '20 s'"
    query = f"SELECT FROM marketplace.deployment WHERE tenant_id = $1 AND {fresh}"
    assert await _as_admin(site, query, tenant) == "SELECT 1"


async def test_what_is_nobodys_is_removed(site: Site) -> None:
    subscription = await accepted(site)
    await follow(site, subscription)
    pid = await site.pid(tenant_of(subscription))
    tenant = tenant_of(subscription)
    await _forget(site, tenant)
    await site.worker().sweep()
    assert launch.ticks(pid) == 0
    assert SubscriptionName(tenant, "oee") not in await site.provisioner.subscriptions()


class KilledError(BaseException):
    """A worker's end, of which its own code hears nothing."""


@pytest.mark.parametrize("step", ["observe", "prepare", "ensure", "started", "remove", "removed", "update", "move"])
async def test_a_worker_killed_at_a_step_leaves_one_or_none(
    site: Site, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """At each step of a start, and then of an end, the worker ends; another one brings it to its end."""
    subscription = await accepted(site)
    name = SubscriptionName(tenant_of(subscription), "oee")
    await _killed_at(site, monkeypatch, step, name)
    await until(site, lambda: _is(site, subscription, contract.SUBSCRIPTION_STATE_ACTIVE))
    first = await site.pid(name.tenant)
    assert launch.ticks(first)
    stub = await site.world.stub(name.tenant)
    await stub.CancelSubscription(contract.CancelSubscriptionRequest(name=subscription.name))
    await _killed_at(site, monkeypatch, step, name)
    await until(site, lambda: _is(site, subscription, contract.SUBSCRIPTION_STATE_CANCELLED))
    assert launch.ticks(first) == 0
    assert await site.provisioner.observe(name) == Holding()


async def _killed_at(site: Site, monkeypatch: pytest.MonkeyPatch, step: str, name: SubscriptionName) -> None:
    """Follow a subscription with a worker that ends before, or right after, it does something the first time."""
    owner, method, after = {
        "observe": (site.provisioner, "observe", False),
        "prepare": (site.provisioner, "prepare", False),
        "ensure": (site.provisioner, "ensure", False),
        "started": (site.provisioner, "ensure", True),
        "remove": (site.provisioner, "remove", False),
        "removed": (site.provisioner, "remove", True),
        "update": (deployments, "update", False),
        "move": (subscriptions, "update", False),
    }[step]
    whole = getattr(owner, method)

    async def ending(*arguments: object) -> object:
        if after:
            await whole(*arguments)
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(owner, method, ending)
        # Where the step does not come up the worker gets to its end.
        with contextlib.suppress(KilledError):
            await site.worker().follow(name)


async def test_nothing_is_known_of_a_subscription_that_is_not_there(site: Site) -> None:
    assert await site.worker().turn(SubscriptionName(unique_tenant(), "oee")) is None


async def _is(site: Site, subscription: contract.Subscription, state: int) -> bool:
    return (await now(site, subscription)).state == state


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _credential(site: Site, tenant: str) -> int:
    """Which credential the token at hand is of."""
    claims: dict[str, int] = jwt.decode(site.given(tenant, "token").read_text(), options={"verify_signature": False})
    return claims["credential"]


async def _age_credential(site: Site, tenant: str) -> str:
    return await _as_admin(site, "UPDATE marketplace.deployment SET renew_time = now() WHERE tenant_id = $1", tenant)


async def _forget(site: Site, tenant: str) -> None:
    await _as_admin(site, "DELETE FROM marketplace.subscription WHERE tenant_id = $1", tenant)


async def _as_admin(site: Site, statement: str, tenant: str) -> str:
    admin = await asyncpg.connect(site.world.database.admin_url)
    try:
        return await admin.execute(statement, tenant)
    finally:
        await admin.close()
