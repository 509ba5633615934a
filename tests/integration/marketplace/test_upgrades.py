"""A new version beside the old one, on real processes and a real historian: switched, or rolled back, and said why."""

import asyncio
import itertools
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import grpc.aio
import pytest
import pytest_asyncio
from google.longrunning import operations_pb2
from google.longrunning.operations_pb2_grpc import OperationsStub

from dualspan.marketplace.v1 import publishing_pb2, subscriptions_pb2, upgrades_pb2
from dualspan.marketplace.v1.publishing_pb2_grpc import PublishingServiceStub
from dualspan_marketplace.deployments.process import launch
from dualspan_marketplace.store import subscriptions
from dualspan_marketplace.subscriptions.life import Clock, Step, take
from harness.deploying import Site
from harness.marketplace import version_name
from harness.subscribing import World, creation, refused
from harness.upgrading import MICROSECONDS, KilledError, Trial, dying, offer, trial

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROLLED_BACK = upgrades_pb2.UPGRADE_PHASE_ROLLED_BACK
SWITCHED = upgrades_pb2.UPGRADE_PHASE_SWITCHED


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def versions(world: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """1.3.0 runs, 1.4.0 dies, 1.5.0 names nothing to compare, 1.6.0 asks for more."""
    site = Site.of(world, tmp_path_factory.mktemp("site"))
    await offer(site, "1.3.0", "well")
    await offer(site, "1.4.0", "dies")
    await offer(site, "1.5.0", "well", compare="[]")
    more = {"  - host: api.example.com": "  - host: other.example.com"}
    await offer(site, "1.6.0", "well", **more)
    return world


@pytest_asyncio.fixture(loop_scope="module")
async def tried(versions: World, tmp_path: Path) -> AsyncGenerator[Trial]:
    site = Site.of(versions, tmp_path)
    async with trial(site) as made:
        yield made
    for name in await site.provisioner.subscriptions():
        await site.provisioner.remove(name)


async def both_write(at: Trial, old: float, new: float, before: int = 0) -> None:
    """Both versions write for the second that they are compared, and longer; or of so many seconds before."""
    found = await at.beside()
    assert found.canary_time is not None
    since = round((found.canary_time.timestamp() - before) * MICROSECONDS)
    until = since + 3 * MICROSECONDS
    await asyncio.gather(at.write("oee", since, until, old), at.write(found.canary_id, since, until, new))


async def operation(at: Trial) -> operations_pb2.Operation:
    name = (await at.upgrade()).operation
    stub = OperationsStub(await at.site.world.marketplace.channel(at.tenant, "admin"))
    return await stub.GetOperation(operations_pb2.GetOperationRequest(name=name))


async def listed(at: Trial) -> list[str]:
    stub = await at.site.world.stub(at.tenant)
    request = subscriptions_pb2.ListSubscriptionsRequest(parent=f"tenants/{at.tenant}")
    return [each.name for each in (await stub.ListSubscriptions(request)).subscriptions]


async def test_one_that_writes_the_same_takes_the_place(tried: Trial) -> None:
    first = await tried.site.pid(tried.tenant)
    await tried.begin("1.3.0")
    assert (await tried.now()).state == subscriptions_pb2.SUBSCRIPTION_STATE_UPGRADING
    await both_write(tried, 80.0, 80.25)
    assert await tried.site.pid(tried.tenant) == first
    assert await listed(tried) == [tried.resource]
    ended = await tried.until(SWITCHED)
    assert (ended.from_version, ended.to_version) == ("1.2.0", "1.3.0")
    assert "wrote the same within the tolerances" in ended.reason
    assert {each.asset for each in ended.compared} == {"press-1", "press-2"}
    assert all(each.passed and each.sample_count > 20 for each in ended.compared)
    now = await tried.now()
    assert (now.version, now.state, now.reason) == ("1.3.0", subscriptions_pb2.SUBSCRIPTION_STATE_ACTIVE, "")
    assert await tried.site.pid(tried.tenant) != first
    assert launch.ticks(first) == 0
    done = await operation(tried)
    said = upgrades_pb2.Upgrade()
    assert done.response.Unpack(said)
    assert said.phase == SWITCHED


async def test_one_that_writes_something_else_is_rolled_back_and_says_why(tried: Trial) -> None:
    first = await tried.site.pid(tried.tenant)
    before = await tried.now()
    await tried.begin("1.3.0")
    await both_write(tried, 80.0, 90.0, before=3600)
    ended = await tried.until(ROLLED_BACK)
    assert "oee of press-1: 0 of" in ended.reason
    assert "the largest difference is 10" in ended.reason
    now = await tried.now()
    assert (now.version, now.state) == ("1.2.0", subscriptions_pb2.SUBSCRIPTION_STATE_ACTIVE)
    assert now.reason.startswith("Version 1.3.0 was tried, and 1.2.0 stays.")
    assert ended.reason in now.reason
    # The old version never stopped.
    assert await tried.site.pid(tried.tenant) == first
    assert now.generation == before.generation
    done = await operation(tried)
    assert done.error.message == ended.reason


async def test_results_of_both_are_kept_apart(tried: Trial) -> None:
    await tried.begin("1.3.0")
    await both_write(tried, 80.0, 90.0)
    found = await tried.upgrade()
    parts = tried.site.world.marketplace.parts
    async with parts.database.transaction(tried.tenant) as connection:
        old = await subscriptions.what_is_granted(connection, tried.name)
        new = await subscriptions.what_is_granted(connection, found.canary)
    assert old is not None
    assert new is not None
    # Both read the same inputs; of the tags of results each has its own.
    assert len(old.tag_ids & new.tag_ids) == 5
    assert len(old.tag_ids - new.tag_ids) == len(new.tag_ids - old.tag_ids) == 2
    stub = await tried.site.world.stub(tried.tenant)
    hidden = f"tenants/{tried.tenant}/subscriptions/{found.canary_id}"
    request = subscriptions_pb2.CancelSubscriptionRequest(name=hidden)
    assert await refused(stub.CancelSubscription(request)) == "SUBSCRIPTION_NOT_FOUND"
    await tried.until(ROLLED_BACK)


async def test_one_that_does_not_run_is_rolled_back(tried: Trial) -> None:
    first = await tried.site.pid(tried.tenant)
    await tried.begin("1.4.0")
    ended = await tried.until(ROLLED_BACK)
    assert "The new version does not run" in ended.reason
    assert "no such machine" in ended.reason
    assert await tried.site.pid(tried.tenant) == first


async def test_one_that_ends_meanwhile_is_rolled_back(tried: Trial) -> None:
    await tried.begin("1.3.0")
    found = await tried.beside()
    await tried.site.provisioner.remove(found.canary)
    ended = await tried.until(ROLLED_BACK)
    assert "had to be started again" in ended.reason


async def test_with_nothing_to_compare_it_has_to_run_only(tried: Trial) -> None:
    await tried.begin("1.5.0")
    ended = await tried.until(SWITCHED)
    assert "names nothing to compare" in ended.reason
    assert (await tried.now()).version == "1.5.0"


async def test_nothing_written_is_nothing_verified(tried: Trial) -> None:
    await tried.begin("1.3.0")
    ended = await tried.until(ROLLED_BACK)
    assert "nothing could be compared" in ended.reason


async def test_a_person_calls_it_off(tried: Trial) -> None:
    await tried.begin("1.3.0")
    await tried.beside()
    stub = await tried.stub()
    name = f"{tried.resource}/upgrades/1"
    await stub.CancelUpgrade(upgrades_pb2.CancelUpgradeRequest(name=name))
    ended = await tried.until(ROLLED_BACK)
    assert ended.reason == "It was called off."
    again = await stub.CancelUpgrade(upgrades_pb2.CancelUpgradeRequest(name=name))
    assert again.phase == ROLLED_BACK


async def test_one_for_which_nobody_pays_is_called_off_and_ends_suspended(tried: Trial) -> None:
    await tried.begin("1.3.0")
    await tried.beside()
    async with tried.site.world.marketplace.parts.database.transaction(tried.tenant) as connection:
        found = await subscriptions.find(connection, tried.name, lock=True)
        assert found is not None
        life = take(found.life, Step.OWE, datetime.now(UTC), Clock())
        assert life is not None
        await subscriptions.update(connection, replace(found, life=life))
    await tried.until(ROLLED_BACK)
    now = await tried.now()
    assert (now.state, now.cause) == (subscriptions_pb2.SUBSCRIPTION_STATE_SUSPENDED, "unpaid")
    assert now.version == "1.2.0"


async def test_a_subscription_that_is_cancelled_meanwhile_leaves_nothing(tried: Trial) -> None:
    await tried.begin("1.3.0")
    await tried.beside()
    stub = await tried.site.world.stub(tried.tenant)
    await stub.CancelSubscription(subscriptions_pb2.CancelSubscriptionRequest(name=tried.resource))
    await tried.until(upgrades_pb2.UPGRADE_PHASE_ABANDONED)
    async with asyncio.timeout(20):
        while (await tried.now()).state != subscriptions_pb2.SUBSCRIPTION_STATE_CANCELLED:
            await tried.work()
    assert (await operation(tried)).error.message.startswith("The subscription was ended")


async def test_one_that_does_not_start_in_the_place_goes_back(tried: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    before = await tried.now()
    await tried.begin("1.5.0")
    await tried.until(upgrades_pb2.UPGRADE_PHASE_SWITCHING)
    # What ran as a canary does not run in the place: as if a port or a disk were the place's own.
    await tried.site.runs(tried.tenant, "dies")
    monkeypatch.setattr("dualspan_marketplace.deployments.model.FIRST_PAUSE_SECONDS", 0.05)
    ended = await tried.until(ROLLED_BACK)
    assert "it was started 3 times and never was well" in ended.reason
    async with asyncio.timeout(20):
        while not launch.ticks(await tried.site.pid(tried.tenant)):
            await tried.work()
    now = await tried.now()
    assert (now.version, now.state) == ("1.2.0", subscriptions_pb2.SUBSCRIPTION_STATE_ACTIVE)
    assert now.configuration == before.configuration
    assert now.generation == before.generation + 2


async def test_what_cannot_be(tried: Trial) -> None:
    stub = await tried.stub()
    now = await tried.now()

    def asked(
        version: str = "", etag: str = now.etag, *, consent: bool = False
    ) -> upgrades_pb2.UpgradeSubscriptionRequest:
        return upgrades_pb2.UpgradeSubscriptionRequest(name=tried.resource, version=version, etag=etag, consent=consent)

    assert await refused(stub.UpgradeSubscription(asked(etag="r0"))) == "ETAG_MISMATCH"
    assert await refused(stub.UpgradeSubscription(asked("9.9.9"))) == "VERSION_NOT_FOUND"
    assert await refused(stub.UpgradeSubscription(asked("1.2.0"))) == "NO_NEWER_VERSION"
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.UpgradeSubscription(asked())
    assert "reaches other.example.com:443" in (raised.value.details() or "")
    bad = asked("1.3.0")
    bad.configuration.update({"target": "high"})
    assert await refused(stub.UpgradeSubscription(bad)) == "INVALID_CONFIGURATION"
    assert (await tried.now()).etag == now.etag
    await stub.UpgradeSubscription(asked("1.6.0", consent=True))
    again = asked("1.3.0", etag=(await tried.now()).etag)
    assert await refused(stub.UpgradeSubscription(again)) == "NOT_POSSIBLE_NOW"
    other = upgrades_pb2.GetUpgradeRequest(name=f"{tried.resource}/upgrades/7")
    assert await refused(stub.GetUpgrade(other)) == "UPGRADE_NOT_FOUND"


async def test_what_was_not_granted_is_agreed_to_first(tried: Trial) -> None:
    """As where a tag was bound to a property after the subscription: no new version reads it by itself."""
    admin = await asyncpg.connect(tried.site.world.database.admin_url)
    await admin.execute(
        "DELETE FROM marketplace.granted_tag WHERE tenant_id = $1 AND property = 'cycle-time'", tried.tenant
    )
    await admin.close()
    request = upgrades_pb2.UpgradeSubscriptionRequest(
        name=tried.resource, version="1.3.0", etag=(await tried.now()).etag
    )
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await (await tried.stub()).UpgradeSubscription(request)
    assert "asks for more. new: reads cycle-time of press-1. Agree" in (raised.value.details() or "")
    await tried.begin("1.3.0", consent=True)


async def test_a_version_that_is_withdrawn_meanwhile_is_rolled_back(tried: Trial) -> None:
    world = tried.site.world
    await offer(tried.site, "1.2.5", "well")
    await tried.begin("1.2.5")
    await tried.beside()
    await withdraw(world, "1.2.5")
    await world.sweep()
    ended = await tried.until(ROLLED_BACK)
    assert ended.reason == "Its publisher has withdrawn the new version."
    now = await tried.now()
    assert (now.version, now.state) == ("1.2.0", subscriptions_pb2.SUBSCRIPTION_STATE_ACTIVE)


async def withdraw(world: World, version: str) -> None:
    publishing = PublishingServiceStub(await world.marketplace.channel(world.maker))
    name = version_name(world.maker, world.app, version)
    await publishing.WithdrawAppVersion(publishing_pb2.WithdrawAppVersionRequest(name=name, remark="It leaks."))


@pytest.mark.parametrize("how", ["well", "dies"])
async def test_what_was_withdrawn_goes_on_as_another_version_or_not_at_all(tried: Trial, how: str) -> None:
    world = tried.site.world
    old, new = ("1.2.6", "1.2.7") if how == "well" else ("1.2.8", "1.2.9")
    await offer(tried.site, old, "well")
    await offer(tried.site, new, how)
    await tried.is_at(old)
    await withdraw(world, old)
    await world.sweep()
    await tried.work()
    stopped = await tried.now()
    assert (stopped.state, stopped.cause) == (subscriptions_pb2.SUBSCRIPTION_STATE_SUSPENDED, "withdrawn")
    assert await tried.site.pid(tried.tenant) == 0
    await tried.begin(new)
    assert (await tried.now()).state == subscriptions_pb2.SUBSCRIPTION_STATE_UPGRADING
    ended = await tried.until(SWITCHED if how == "well" else ROLLED_BACK)
    now = await tried.now()
    if how == "well":
        assert (now.version, now.state) == (new, subscriptions_pb2.SUBSCRIPTION_STATE_ACTIVE)
        assert ended.reason == "Its publisher has withdrawn the old version."
        assert await tried.site.pid(tried.tenant)
    else:
        assert (now.version, now.state, now.cause) == (old, subscriptions_pb2.SUBSCRIPTION_STATE_SUSPENDED, "withdrawn")
        assert "started 3 times and never was well" in now.reason
        await tried.work()
        assert await tried.site.pid(tried.tenant) == 0


async def test_what_is_suspended_stays_so_as_another_version(tried: Trial) -> None:
    stub = await tried.site.world.stub(tried.tenant)
    await stub.SuspendSubscription(subscriptions_pb2.SuspendSubscriptionRequest(name=tried.resource))
    await tried.work()
    await tried.begin("1.3.0")
    now = await tried.now()
    assert (now.version, now.state) == ("1.3.0", subscriptions_pb2.SUBSCRIPTION_STATE_SUSPENDED)
    assert now.cause == "asked"
    assert (await operation(tried)).HasField("response")
    ended = await tried.until(SWITCHED)
    assert ended.reason.endswith("It runs once the subscription is resumed.")
    assert await tried.site.pid(tried.tenant) == 0
    await stub.ResumeSubscription(subscriptions_pb2.ResumeSubscriptionRequest(name=tried.resource))
    await tried.site.worker().follow(tried.name)
    assert (await tried.now()).state == subscriptions_pb2.SUBSCRIPTION_STATE_ACTIVE
    assert await tried.site.pid(tried.tenant)


async def test_a_worker_killed_at_any_statement_loses_nothing(tried: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each step is tried with a worker that ends at its first statement, then at its second, until one gets through."""
    await tried.begin("1.5.0")
    kills = 0
    async with asyncio.timeout(60):
        while not (await tried.upgrade()).phase.is_over or not await tried.settled():
            await tried.site.worker().sweep()
            for statements in itertools.count():
                try:
                    with dying(monkeypatch, statements):
                        await tried.worker().turn(tried.name, 1)
                except KilledError:
                    kills += 1
                else:
                    break
    assert kills > 100
    now = await tried.now()
    assert (now.version, now.state) == ("1.5.0", subscriptions_pb2.SUBSCRIPTION_STATE_ACTIVE)
    assert now.generation == 2
    running = [each for each in await tried.site.provisioner.subscriptions() if each.tenant == tried.tenant]
    assert running == [tried.name]
    assert (await operation(tried)).done


async def test_two_workers_take_each_step_once(tried: Trial) -> None:
    await tried.begin("1.5.0")
    async with asyncio.timeout(60):
        while (await tried.upgrade()).end_time is None:
            await asyncio.gather(*(tried.worker().sweep() for _ in range(3)), tried.site.worker().sweep())
    now = await tried.now()
    assert now.version == "1.5.0"
    assert now.generation == 2


async def test_a_second_subscription_of_the_tenant_is_untouched(tried: Trial) -> None:
    stub = await tried.site.world.stub(tried.tenant)
    other = await stub.CreateSubscription(creation(tried.site.world, tried.tenant, subscription_id="second"))
    await tried.begin("1.5.0")
    await tried.until(SWITCHED)
    found = await stub.GetSubscription(subscriptions_pb2.GetSubscriptionRequest(name=other.name))
    assert found.etag == other.etag
