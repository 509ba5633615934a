"""Subscriptions on a plant: proposals, exactly the granted tags, changes under etags, time, two requests at once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import grpc.aio
import pytest

from dualspan.marketplace.v1 import apps_pb2, publishing_pb2
from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from dualspan.marketplace.v1.publishing_pb2_grpc import PublishingServiceStub
from dualspan_marketplace.store import subscriptions as store
from dualspan_marketplace.subscriptions.model import Subscription
from dualspan_runtime.database import Connection
from dualspan_runtime.errors import error_info
from harness.historian import unique_tenant
from harness.marketplace import version_name
from harness.subscribing import World, creation, refused

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.marketplace.v1.subscriptions_pb2_grpc import SubscriptionServiceAsyncStub

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_proposal_says_what_fits_and_what_the_others_lack(world: World) -> None:
    plant = await world.plant()
    stub = await world.stub(plant.tenant, "viewer")
    request = contract.ProposeBindingRequest(parent=f"tenants/{plant.tenant}", app=world.app)
    proposal = await stub.ProposeBinding(request)
    assert proposal.complete
    (role,) = proposal.roles
    assert [(fit.asset, fit.suits, fit.tag_count) for fit in role.fits] == [
        ("press-1", True, 3),
        ("press-2", True, 2),
        ("press-3", False, 0),
    ]
    assert role.fits[2].missing[0].reason == "No tag is bound to scrap-count."
    assert role.fits[1].without[0].property == "cycle-time"


async def test_exactly_the_tags_of_the_accepted_assets_are_granted(world: World) -> None:
    plant = await world.plant()
    stub = await world.stub(plant.tenant)
    made = await stub.CreateSubscription(creation(world, plant.tenant))
    assert made.state == contract.SUBSCRIPTION_STATE_PENDING
    assert dict(made.configuration) == {"shift": "day", "target": 85}
    ask = contract.ListGrantedTagsRequest(parent=made.name)
    assert not (await stub.ListGrantedTags(ask)).granted_tags
    wrong = contract.AcceptBindingRequest(name=made.name, etag=made.etag)
    wrong.roles.add(role="machine", assets=["press-1", "press-3", "meter"])
    assert await refused(stub.AcceptBinding(wrong)) == "BINDING_INCOMPLETE"
    accept = contract.AcceptBindingRequest(name=made.name, etag=made.etag)
    accept.roles.add(role="machine", assets=["press-1"])
    accepted = await stub.AcceptBinding(accept)
    assert accepted.state == contract.SUBSCRIPTION_STATE_PROVISIONING
    assert [(each.role, list(each.assets)) for each in accepted.roles] == [("machine", ["press-1"])]
    granted = await stub.ListGrantedTags(ask)
    assert granted.in_force
    assert {each.tag: each.property for each in granted.granted_tags} == {
        f"tenants/{plant.tenant}/tags/{tag}": ref.property
        for ref, tag in plant.tags.items()
        if ref.asset == "press-1" and ref.property != "injection-pressure"
    }
    await stub.CancelSubscription(contract.CancelSubscriptionRequest(name=made.name))
    assert not (await stub.ListGrantedTags(ask)).in_force


async def test_the_same_request_makes_one_subscription_however_often_it_comes(world: World) -> None:
    tenant = unique_tenant()
    stub = await world.stub(tenant)
    request = creation(world, tenant, request_id="r-1")
    answers = await asyncio.gather(*(stub.CreateSubscription(request) for _ in range(8)))
    assert len({each.SerializeToString() for each in answers}) == 1
    assert await refused(stub.CreateSubscription(creation(world, tenant, shift="night", request_id="r-1"))) == (
        "REQUEST_ID_REUSED"
    )
    assert await refused(stub.CreateSubscription(creation(world, tenant))) == "SUBSCRIPTION_TAKEN"
    listed = await stub.ListSubscriptions(contract.ListSubscriptionsRequest(parent=f"tenants/{tenant}"))
    assert [each.name for each in listed.subscriptions] == [answers[0].name]


async def test_two_changes_at_once_have_one_winner(world: World) -> None:
    tenant = unique_tenant()
    stub = await world.stub(tenant)
    made = await stub.CreateSubscription(creation(world, tenant))

    async def change(plan: str) -> str:
        given = contract.Subscription(name=made.name, plan=plan, configuration=made.configuration, etag=made.etag)
        try:
            return (await stub.UpdateSubscription(contract.UpdateSubscriptionRequest(subscription=given))).plan
        except grpc.aio.AioRpcError as error:
            info = error_info(error)
            return info.reason if info else ""

    outcomes = sorted(await asyncio.gather(change("one"), change("paid")))
    assert outcomes in (["ETAG_MISMATCH", "one"], ["ETAG_MISMATCH", "paid"])
    now = await stub.GetSubscription(contract.GetSubscriptionRequest(name=made.name))
    assert now.plan in outcomes


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"app": "no-such-app"}, "APP_NOT_FOUND"),
        ({"plan": "no-such-plan"}, "PLAN_NOT_FOUND"),
        ({"shift": "noon"}, "INVALID_CONFIGURATION"),
        ({"subscription_id": "Not A Slug"}, "MALFORMED_ID"),
        ({"request_id": "x" * 65}, "INVALID_FIELD"),
    ],
)
async def test_what_cannot_be_had_leaves_nothing_behind(world: World, changes: dict[str, str], reason: str) -> None:
    tenant = unique_tenant()
    stub = await world.stub(tenant)
    assert await refused(stub.CreateSubscription(creation(world, tenant, **changes))) == reason
    listed = await stub.ListSubscriptions(contract.ListSubscriptionsRequest(parent=f"tenants/{tenant}"))
    assert not listed.subscriptions


async def test_a_plan_allows_so_many_assets(world: World) -> None:
    plant = await world.plant()
    stub = await world.stub(plant.tenant)
    made = await stub.CreateSubscription(creation(world, plant.tenant, "one"))
    everything = contract.AcceptBindingRequest(name=made.name, etag=made.etag)
    assert await refused(stub.AcceptBinding(everything)) == "BINDING_INCOMPLETE"


async def test_a_trial_is_had_once_and_ends_in_grace(world: World) -> None:
    plant = await world.plant()
    stub = await world.stub(plant.tenant)
    made = await stub.CreateSubscription(creation(world, plant.tenant, "trial"))
    second = creation(world, plant.tenant, "trial", subscription_id="again")
    assert await refused(stub.CreateSubscription(second)) == "TRIAL_WAS_USED"
    accepted = await stub.AcceptBinding(contract.AcceptBindingRequest(name=made.name, etag=made.etag))
    assert accepted.HasField("trial_end_time")
    get = contract.GetSubscriptionRequest(name=made.name)
    await world.run(plant.tenant)
    await world.sweep()
    assert (await stub.GetSubscription(get)).state == contract.SUBSCRIPTION_STATE_ACTIVE
    await world.age(plant.tenant, trial_end=timedelta(minutes=1))
    await world.sweep()
    suspended = await stub.GetSubscription(get)
    assert (suspended.state, suspended.cause) == (contract.SUBSCRIPTION_STATE_SUSPENDED, "trial-over")
    resume = contract.ResumeSubscriptionRequest(name=made.name)
    assert await refused(stub.ResumeSubscription(resume)) == "PLAN_NEEDED"
    given = contract.Subscription(name=made.name, plan="paid", configuration=made.configuration, etag=suspended.etag)
    chosen = await stub.UpdateSubscription(contract.UpdateSubscriptionRequest(subscription=given))
    assert not chosen.HasField("grace_end_time")
    assert (await stub.ResumeSubscription(resume)).state == contract.SUBSCRIPTION_STATE_PROVISIONING


async def test_grace_ends_the_subscription(world: World) -> None:
    plant = await world.plant()
    stub = await world.stub(plant.tenant)
    made = await stub.CreateSubscription(creation(world, plant.tenant, "trial"))
    await stub.AcceptBinding(contract.AcceptBindingRequest(name=made.name, etag=made.etag))
    await world.run(plant.tenant)
    await world.age(plant.tenant, trial_end=timedelta(minutes=1))
    await world.sweep()
    await world.age(plant.tenant, grace_end=timedelta(minutes=1))
    await asyncio.gather(world.sweep(), world.sweep())
    ended = await stub.GetSubscription(contract.GetSubscriptionRequest(name=made.name))
    assert ended.state == contract.SUBSCRIPTION_STATE_CANCELLING


async def test_one_subscription_that_fails_keeps_no_other_from_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one that is looked at fails; the others of the sweep are done all the same."""
    stubs: list[tuple[SubscriptionServiceAsyncStub, str]] = []
    for _ in range(2):
        plant = await world.plant()
        stub = await world.stub(plant.tenant)
        made = await stub.CreateSubscription(creation(world, plant.tenant, "trial"))
        await stub.AcceptBinding(contract.AcceptBindingRequest(name=made.name, etag=made.etag))
        await world.run(plant.tenant)
        await world.age(plant.tenant, trial_end=timedelta(minutes=2 - len(stubs)))
        stubs.append((stub, made.name))
    whole = store.update

    async def failing(connection: Connection, changed: Subscription) -> None:
        if stubs[0][1].startswith(f"tenants/{changed.name.tenant}/"):
            raise RuntimeError("no")
        await whole(connection, changed)

    with monkeypatch.context() as patch:
        patch.setattr(store, "update", failing)
        await world.sweep()
    states = [(await stub.GetSubscription(contract.GetSubscriptionRequest(name=name))).state for stub, name in stubs]
    assert states == [contract.SUBSCRIPTION_STATE_ACTIVE, contract.SUBSCRIPTION_STATE_SUSPENDED]


async def test_what_its_publisher_withdraws_is_stopped_and_not_resumed(world: World) -> None:
    app = f"{world.maker}-leaky"
    await world.marketplace.publish(world.maker, app)
    publishing = PublishingServiceStub(await world.marketplace.channel(world.maker))
    plan = apps_pb2.Plan(display_name=apps_pb2.MarketText(en="x", zh="x"), model=apps_pb2.PLAN_MODEL_FREE)
    parent = f"tenants/{world.maker}/apps/{app}"
    await publishing.CreatePlan(publishing_pb2.CreatePlanRequest(parent=parent, plan_id="free", plan=plan))
    plant = await world.plant()
    stub = await world.stub(plant.tenant)
    made = await stub.CreateSubscription(creation(world, plant.tenant, app=app))
    await stub.AcceptBinding(contract.AcceptBindingRequest(name=made.name, etag=made.etag))
    await world.run(plant.tenant)
    name = version_name(world.maker, app, "1.2.0")
    await publishing.WithdrawAppVersion(publishing_pb2.WithdrawAppVersionRequest(name=name, remark="It leaks."))
    await world.sweep()
    stopped = await stub.GetSubscription(contract.GetSubscriptionRequest(name=made.name))
    assert (stopped.state, stopped.cause) == (contract.SUBSCRIPTION_STATE_SUSPENDED, "withdrawn")
    resume = contract.ResumeSubscriptionRequest(name=made.name)
    assert await refused(stub.ResumeSubscription(resume)) == "NOT_POSSIBLE_NOW"


async def test_an_engineer_does_not_subscribe(world: World) -> None:
    tenant = unique_tenant()
    stub = await world.stub(tenant, "engineer")
    assert await refused(stub.CreateSubscription(creation(world, tenant))) == "PERMISSION_MISSING"
