"""`dualspan subscriptions list|show`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from dualspan.onboarding.v1 import result_tags_pb2 as results
from dualspan.onboarding.v1.result_tags_pb2_grpc import ResultTagServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.commands.subscriptions.following import SubscriptionArgument, found, state_of, stub
from dualspan_cli.output import JsonFlag, as_dict, print_json, print_rows, screen
from dualspan_cli.session import Session, all_pages, required_tenant

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.onboarding.v1.result_tags_pb2_grpc import ResultTagServiceAsyncStub

_LIST = ("subscription", "app", "version", "plan", "state", "assets", "problem")
_READS = ("tag", "role", "asset", "property", "unit")
_WRITES = ("tag", "asset", "output", "unit")
_REFUSED = ("refuse_time", "host", "port", "reason")


@dataclass(frozen=True, slots=True)
class _Whole:
    """A subscription, what it reads, what it writes and what it did not reach."""

    subscription: contract.Subscription
    granted: contract.ListGrantedTagsResponse
    written: list[results.ResultTag]
    refused: contract.ListEgressRefusalsResponse


def list_all(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List the enterprise's subscriptions, those that are cancelled too."""

    async def use(session: Session) -> list[contract.Subscription]:
        request = contract.ListSubscriptionsRequest(parent=required_tenant(session), page_size=1000)
        return await all_pages(stub(session).ListSubscriptions, request, lambda page: page.subscriptions)

    every = with_session(use, tenant=tenant, data=data)
    print_rows([as_dict(each) if as_json else _row(each) for each in every], as_json=as_json, columns=_LIST)


def show(
    subscription: SubscriptionArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """Show one: where it stands, the tags that its app may read, those it writes results to, hosts it was refused."""

    async def use(session: Session) -> _Whole:
        given = await found(session, subscription)
        granted = await stub(session).ListGrantedTags(contract.ListGrantedTagsRequest(parent=given.name))
        refused = await stub(session).ListEgressRefusals(contract.ListEgressRefusalsRequest(parent=given.name))
        return _Whole(given, granted, await _results(session, subscription), refused)

    whole = with_session(use, tenant=tenant, data=data)
    if as_json:
        granted = [as_dict(each) for each in whole.granted.granted_tags]
        written = [as_dict(each) for each in whole.written]
        refused = [as_dict(each) for each in whole.refused.egress_refusals]
        tags = {"granted_tags": granted, "result_tags": written}
        print_json(as_dict(whole.subscription) | tags | {"egress_refusals": refused})
        return
    _print(whole)


async def _results(session: Session, subscription: str) -> list[results.ResultTag]:
    onboarding: ResultTagServiceAsyncStub = ResultTagServiceStub(session.onboarding_channel)
    request = results.ListResultTagsRequest(parent=required_tenant(session), page_size=1000)
    every = await all_pages(onboarding.ListResultTags, request, lambda page: page.result_tags)
    return [each for each in every if each.subscription == subscription]


def _row(each: contract.Subscription) -> dict[str, object]:
    return {
        "subscription": each.name.rpartition("/")[2],
        "app": each.app,
        "version": each.version,
        "plan": each.plan,
        "state": state_of(each),
        "assets": len({asset for role in each.roles for asset in role.assets}),
        "problem": each.reason or each.health_problem,
    }


def _print(whole: _Whole) -> None:
    given = whole.subscription
    screen.print(f"{given.app} {given.version}, plan {given.plan}: {state_of(given)} {given.reason}".rstrip())
    if given.quota_notice:
        screen.print(given.quota_notice, soft_wrap=True, markup=False)
    if given.health_problem:
        screen.print(f"the app says: {given.health_problem}", soft_wrap=True, markup=False)
    for label, time in (
        ("the trial ends", given.trial_end_time),
        ("it is cancelled", given.grace_end_time),
        ("what it has and wrote can be exported, and is deleted at", given.hand_back_end_time),
        ("that was done at", given.erase_time),
    ):
        if time.seconds:
            screen.print(f"{label} {time.ToDatetime():%Y-%m-%d %H:%M} UTC")
    force = "" if whole.granted.in_force else ", once it runs"
    screen.print(f"It may read {len(whole.granted.granted_tags)} tags{force}:")
    print_rows([as_dict(each) for each in whole.granted.granted_tags], as_json=False, columns=_READS)
    screen.print(f"It writes {len(whole.written)} tags:")
    print_rows([as_dict(each) for each in whole.written], as_json=False, columns=_WRITES)
    if whole.refused.egress_refusals:
        screen.print("It tried to reach, and was refused:")
        print_rows([as_dict(each) for each in whole.refused.egress_refusals], as_json=False, columns=_REFUSED)
