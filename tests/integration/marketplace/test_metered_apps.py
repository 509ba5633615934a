"""Subscriptions that live and apps that read: hours follow the life, reads count, limits hold, KPIs compare."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import grpc
import grpc.aio
import numpy as np
import pytest
from pydantic import SecretStr

from dualspan.analytics.v1 import states_pb2
from dualspan.analytics.v1.kpis_pb2_grpc import KpiServiceStub
from dualspan.analytics.v1.states_pb2_grpc import StateServiceStub
from dualspan.historian.v1 import service_pb2 as historian
from dualspan.historian.v1.service_pb2_grpc import HistorianServiceStub
from dualspan.marketplace.v1 import apps_pb2, publishing_pb2
from dualspan.marketplace.v1 import subscriptions_pb2 as subscriptions
from dualspan.marketplace.v1 import usage_pb2 as contract
from dualspan.marketplace.v1.publishing_pb2_grpc import PublishingServiceStub
from dualspan.marketplace.v1.usage_pb2_grpc import UsageServiceStub
from dualspan_analytics.columns import PropertyRef
from dualspan_marketplace.composition import usage
from dualspan_marketplace.kpis import Kpis
from dualspan_marketplace.service.comparing import Comparing
from dualspan_marketplace.service.consuming import Consuming
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.usage.comparison import Comparison, Doubt
from dualspan_marketplace.usage.hours import hour_of
from dualspan_marketplace.usage.lines import Month
from dualspan_marketplace.usage.model import HOUR
from dualspan_runtime.channels import open_channel
from dualspan_runtime.errors import Unavailable
from harness.analytics import Plant, machine, site
from harness.deploying import Site
from harness.historian import SECRET
from harness.subscribing import World, creation, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")
T0 = 1_700_000_000_000_000
DAY_US = 86_400_000_000


async def offer(world: World, plan_id: str, plan: apps_pb2.Plan) -> None:
    plan.display_name.en = plan.display_name.zh = plan_id
    parent = f"tenants/{world.maker}/apps/{world.app}"
    stub = PublishingServiceStub(await world.marketplace.channel(world.maker))
    await stub.CreatePlan(publishing_pb2.CreatePlanRequest(parent=parent, plan_id=plan_id, plan=plan))


async def subscribed(world: World, plant: Plant, plan: str, *assets: str) -> subscriptions.Subscription:
    stub = await world.stub(plant.tenant)
    made = await stub.CreateSubscription(creation(world, plant.tenant, plan))
    accept = subscriptions.AcceptBindingRequest(name=made.name, etag=made.etag)
    accept.roles.add(role="machine", assets=assets)
    await stub.AcceptBinding(accept)
    await world.run(plant.tenant)
    return await stub.GetSubscription(subscriptions.GetSubscriptionRequest(name=made.name))


async def used(world: World, tenant: str, name: str) -> dict[int, float]:
    stub = UsageServiceStub(await world.marketplace.channel(tenant, "viewer"))
    request = contract.QueryUsageRequest(parent=name)
    request.start_time.FromDatetime(datetime.now(UTC) - timedelta(hours=2))
    request.end_time.FromDatetime(datetime.now(UTC) + timedelta(days=2))
    report = await stub.QueryUsage(request)
    return {each.dimension: each.quantity for each in report.amounts}


async def test_hours_follow_the_life_of_a_subscription(world: World) -> None:
    await offer(
        world,
        "by-hour",
        apps_pb2.Plan(model=apps_pb2.PLAN_MODEL_PER_ASSET_HOUR, price_micros=120_000, currency="CNY"),
    )
    plant = await world.plant()
    stub = await world.stub(plant.tenant)
    before = datetime.now(UTC)
    made = await subscribed(world, plant, "by-hour", "press-1", "press-2")
    after = datetime.now(UTC)
    name, metering = SubscriptionName(plant.tenant, "oee"), usage.metering(world.marketplace.parts)
    # Nothing ran before, and nothing counts while it is suspended.
    later = hour_of(after) + 3 * HOUR
    await metering.count_hours(name, later)
    hours = await used(world, plant.tenant, made.name)
    running, assets = contract.USAGE_DIMENSION_RUNNING_HOURS, contract.USAGE_DIMENSION_ASSET_HOURS
    assert (later - after) / HOUR < hours[running] < (later - before) / HOUR
    assert hours[assets] == pytest.approx(2 * hours[running], abs=1e-9)
    await stub.SuspendSubscription(subscriptions.SuspendSubscriptionRequest(name=made.name))
    await metering.count_hours(name, later + 5 * HOUR)
    assert await used(world, plant.tenant, made.name) == hours
    lines = (await usage.billing(world.marketplace.parts).current(plant.tenant)).lines
    assert [(each.price_micros, each.currency) for each in lines if each.price_micros] == [(120_000, "CNY")]


@asynccontextmanager
async def app_of(world: World, plant: Plant) -> AsyncGenerator[grpc.aio.Channel]:
    async def token() -> str:
        return world.plants.authority.app_token(plant.tenant, "oee")

    async with open_channel(world.plants.historian.address, access_token=token) as channel:
        yield channel


async def eventually(done: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(15):
        while True:
            if await done():
                return
            await asyncio.sleep(0.05)


async def outcome(call: Awaitable[object]) -> str:
    """ "" for an answer, else the words of the refusal."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return f"{error.code().name}: {error.details()}"
    return ""


async def test_reads_of_apps_count_and_limits_hold(world: World) -> None:
    """A limit that is reached refuses reads and ends streams; another plan lets the app read on at once."""
    quota = apps_pb2.PlanQuota(dimension=contract.USAGE_DIMENSION_READ_REQUESTS, soft_limit=3, hard_limit=6)
    await offer(world, "limited", apps_pb2.Plan(model=apps_pb2.PLAN_MODEL_FREE, quotas=[quota]))
    plant = await world.plant()
    await plant.ingest({ref: ([T0, T0 + 1_000_000], [1, 2]) for ref in plant.tags})
    made = await subscribed(world, plant, "limited", "press-1")
    person = await world.stub(plant.tenant)
    tag = plant.tags[PropertyRef("press-1", "good-count")]
    latest = historian.ReadLatestRequest(parent=plant.parent, tag_ids=[tag])
    async with app_of(world, plant) as channel:
        reader = HistorianServiceStub(channel)

        async def reads() -> bool:
            return not await outcome(reader.ReadLatest(latest))

        async def now() -> subscriptions.Subscription:
            return await person.GetSubscription(subscriptions.GetSubscriptionRequest(name=made.name))

        async def warned() -> bool:
            return "Reads are refused at 6." in (await now()).quota_notice

        async def stopped() -> bool:
            return (await outcome(reader.ReadLatest(latest))).startswith("RESOURCE_EXHAUSTED: The plan's limit of 6")

        await eventually(reads)
        for _ in range(3):
            await reader.ReadLatest(latest)
        await eventually(warned)
        stream = reader.Subscribe(historian.SubscribeRequest(parent=plant.parent, tag_ids=[tag], include_latest=True))
        assert (await stream.read()).frame.ByteSize()  # pyright: ignore[reportAttributeAccessIssue] - a message
        await reader.ReadLatest(latest)
        await eventually(stopped)
        assert (await outcome(stream.read())).startswith("UNAUTHENTICATED: What the app may read has changed")
        assert "is reached" in (await now()).quota_notice
        stands = await now()
        change = subscriptions.Subscription(
            name=made.name, plan="free", configuration=stands.configuration, etag=stands.etag
        )
        changed = await person.UpdateSubscription(subscriptions.UpdateSubscriptionRequest(subscription=change))
        assert changed.quota_notice == ""
        await eventually(reads)

    async def counted() -> bool:
        found = await used(world, plant.tenant, made.name)
        requests, samples = (
            found.get(each, 0)
            for each in (contract.USAGE_DIMENSION_READ_REQUESTS, contract.USAGE_DIMENSION_READ_SAMPLES)
        )
        # Each answer and delivery here holds one sample; nobody else's reads are counted.
        return requests >= 7 and requests == samples

    await eventually(counted)


async def test_what_a_running_app_uses_is_counted_once(world: World, tmp_path: Path) -> None:
    """From its start to when it was looked at last, by however many workers at once."""
    site, plant = Site.of(world, tmp_path), await world.plant()
    name = SubscriptionName(plant.tenant, "oee")
    stub = await world.stub(plant.tenant)
    made = await stub.CreateSubscription(creation(world, plant.tenant))
    await site.runs(plant.tenant, "well")
    await stub.AcceptBinding(subscriptions.AcceptBindingRequest(name=made.name, etag=made.etag))
    await site.worker().follow(name)
    try:
        consuming = Consuming(world.marketplace.parts.database, [site.provisioner])
        await asyncio.gather(*(consuming.sweep(datetime.now(UTC)) for _ in range(3)))
        (seen,) = await site.provisioner.consumption(name)
        await asyncio.gather(*(consuming.keep(name, seen) for _ in range(3)))
        found = await used(world, plant.tenant, made.name)
        assert found[contract.USAGE_DIMENSION_CPU_HOURS] * 3_600_000_000 == pytest.approx(seen.cpu_us, abs=1e-3)
        assert found[contract.USAGE_DIMENSION_MEMORY_HOURS] > 0
        # Nobody could look for days: what runs still has no second beginning, what ended long ago is forgotten.
        admin = await asyncpg.connect(world.database.admin_url)
        await admin.execute(
            "UPDATE marketplace.usage_counter SET seen_time = now() - interval '3 days', cpu_us = 1000000000"
            " WHERE tenant_id = $1",
            plant.tenant,
        )
        await consuming.sweep(datetime.now(UTC))
        later = await used(world, plant.tenant, made.name)
        assert later[contract.USAGE_DIMENSION_CPU_HOURS] == found[contract.USAGE_DIMENSION_CPU_HOURS]
        counters = "SELECT count(*) FROM marketplace.usage_counter WHERE tenant_id = $1"
        assert await admin.fetchval(counters, plant.tenant) == 1
    finally:
        await site.provisioner.remove(name)
    async with asyncio.timeout(20):
        await stub.SuspendSubscription(subscriptions.SuspendSubscriptionRequest(name=made.name))
        await site.worker().follow(name)
    found = await used(world, plant.tenant, made.name)
    await consuming.sweep(datetime.now(UTC) + timedelta(days=3))
    assert await admin.fetchval(counters, plant.tenant) == 0
    await admin.close()
    # What has ended is looked at, and adds nothing.
    await consuming.sweep(datetime.now(UTC))
    assert await used(world, plant.tenant, made.name) == found


async def test_a_plan_whose_limits_make_no_sense_is_refused(world: World) -> None:
    for quota in (
        apps_pb2.PlanQuota(dimension=contract.USAGE_DIMENSION_CPU_HOURS, soft_limit=1),
        apps_pb2.PlanQuota(dimension=contract.USAGE_DIMENSION_READ_SAMPLES, soft_limit=2, hard_limit=1),
        apps_pb2.PlanQuota(soft_limit=2),
    ):
        plan = apps_pb2.Plan(model=apps_pb2.PLAN_MODEL_FREE, quotas=[quota])
        assert await refused(offer(world, "senseless", plan)) == "INVALID_FIELD"


async def compared(world: World) -> tuple[Plant, Month]:
    """A machine that runs half of the time for ten days, and three quarters of it in the ten with the app."""
    plant = await world.plants.plant([site("works"), machine("m1", "injection-moulding-machine", ["state"], "works")])
    start = (datetime.now(UTC) - timedelta(days=25)).replace(hour=0, minute=0, second=0, microsecond=0)
    minutes = np.arange(0, 20 * 24 * 60, 10)
    running = np.where(minutes < 10 * 24 * 60, minutes % 480 < 240, minutes % 480 < 360)
    times = int(start.timestamp()) * 1_000_000 + minutes * 60_000_000
    await plant.ingest({PropertyRef("m1", "state"): (times, np.where(running, 0, 3))})
    values = [
        states_pb2.MachineProfile.StateValue(value=value, state=state)
        for value, state in (("0", "running"), ("3", "fault"))
    ]
    profile = states_pb2.MachineProfile(
        name=f"{plant.parent}/machineProfiles/p",
        models=["injection-moulding-machine"],
        values=states_pb2.MachineProfile.ValueSource(values=values),
    )
    request = states_pb2.UpdateMachineProfileRequest(machine_profile=profile)
    await StateServiceStub(plant.channel).UpdateMachineProfile(request)
    begun = start + timedelta(days=10)
    admin = await asyncpg.connect(world.database.admin_url)
    await admin.execute("SET search_path = marketplace")
    await admin.execute(
        """INSERT INTO subscription (tenant_id, subscription_id, publisher, app_id, version, manifest, plan_id,
            max_assets, is_paid, trial_days, was_trial, configuration, state, generation, cause, reason,
            request_digest, scopes, roles)
        VALUES ($1, 'oee', 'maker', 'oee-board', '1.0.0', '', 'free', 0, true, 0, false, '{}', 'suspended', 1,
            'asked', '', '', '{}', '{"machine": ["m1"]}')""",
        plant.tenant,
    )
    await admin.execute(
        "INSERT INTO usage_stretch VALUES ($1, 'oee', 1, $2, true, 1, 'oee-board', 'free', 'free', 0, '')",
        plant.tenant,
        begun,
    )
    await admin.execute("INSERT INTO usage_baseline VALUES ($1, 'oee', 'availability', 9)", plant.tenant)
    await admin.close()
    return plant, Month(begun, begun + timedelta(days=10))


async def test_a_kpi_before_an_app_and_with_it(world: World) -> None:
    plant, month = await compared(world)
    database, secret = world.marketplace.parts.database, SecretStr(SECRET)

    async def asked(address: str, *, final: bool) -> Comparison:
        async with open_channel(address, service="marketplace", secret=secret, timeout=60) as channel:
            comparing = Comparing(database, Kpis(KpiServiceStub(channel)))
            (found,) = await comparing.of_month(plant.tenant, month, final=final)
            return found

    found = await asked(world.plants.address, final=False)
    assert (round(found.before.value, 2), round(found.after.value, 2)) == (0.5, 0.75)
    assert min(found.before.good_share, found.after.good_share) > 0.99
    assert found.doubt is Doubt.NONE
    # Nothing listens there: it is waited for, and marked once there is no time left.
    with pytest.raises(Unavailable):
        await asked("127.0.0.1:9", final=False)
    assert (await asked("127.0.0.1:9", final=True)).doubt is Doubt.NOT_ASKED
    stub = UsageServiceStub(await world.marketplace.channel(plant.tenant, "admin"))
    for kpi, days, doubt in (("availability", 28, Doubt.FEW_DATA), ("no-such-kpi", 9, Doubt.UNKNOWN)):
        wanted = contract.Baseline(name=f"{plant.parent}/subscriptions/oee/baseline", kpi=kpi, days=days)
        await stub.UpdateBaseline(contract.UpdateBaselineRequest(baseline=wanted))
        assert (await asked(world.plants.address, final=False)).doubt is doubt
