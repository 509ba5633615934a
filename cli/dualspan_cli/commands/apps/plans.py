"""`dualspan apps plan|plans|retire-plan`: what an app costs."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated

import typer

from dualspan.marketplace.v1 import apps_pb2
from dualspan.marketplace.v1 import publishing_pb2 as contract
from dualspan.marketplace.v1.publishing_pb2_grpc import PublishingServiceStub
from dualspan.marketplace.v1.usage_pb2 import UsageDimension
from dualspan_cli.commands.apps.catalogue import AppArgument
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, print_rows
from dualspan_cli.session import Session, required_tenant

PlanArgument = Annotated[str, typer.Argument(metavar="PLAN", help="Id of the plan.")]


class Model(StrEnum):
    """How a plan counts."""

    FREE = "free"
    TRIAL = "trial"
    FLAT = "flat"
    PER_ASSET_HOUR = "per-asset-hour"


def plan(
    app: AppArgument,
    plan_id: PlanArgument,
    model: Annotated[Model, typer.Option(help="How it counts.")],
    name: Annotated[str, typer.Option("--name", help="What subscribers read, in English.")],
    chinese: Annotated[str, typer.Option("--name-zh", help="The same in Chinese.")],
    price: Annotated[str, typer.Option(help="A month, or an hour of an asset: 0.12.")] = "0",
    currency: Annotated[str, typer.Option(help="ISO 4217, such as CNY.")] = "",
    trial_days: Annotated[int, typer.Option(help="Length of a trial.")] = 0,
    max_assets: Annotated[int, typer.Option(help="Most assets; 0: as many as the app allows.")] = 0,
    limits: Annotated[
        list[str] | None,
        typer.Option("--limit", help="Of a month: read-samples=SOFT:HARD or read-requests=SOFT:HARD; 0: none."),
    ] = None,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Offer a plan; it never changes. Before a version is published, it waits for that."""
    word = f"PLAN_MODEL_{model.name}"
    given = apps_pb2.Plan(
        display_name=apps_pb2.MarketText(en=name, zh=chinese),
        model=apps_pb2.PlanModel.Value(word),
        price_micros=_micros(price),
        currency=currency,
        trial_days=trial_days,
        max_assets=max_assets,
        quotas=[read_limit(each) for each in limits or ()],
    )

    async def use(session: Session) -> apps_pb2.Plan:
        parent = f"{required_tenant(session)}/apps/{app}"
        request = contract.CreatePlanRequest(parent=parent, plan_id=plan_id, plan=given)
        return await PublishingServiceStub(session.marketplace_channel).CreatePlan(request)

    _print(with_session(use, tenant=tenant, data=data), as_json=as_json)


def retire_plan(
    app: AppArgument, plan_id: PlanArgument, tenant: TenantOption = "", data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:  # fmt: skip
    """Offer a plan to nobody new."""

    async def use(session: Session) -> apps_pb2.Plan:
        request = contract.RetirePlanRequest(name=f"{required_tenant(session)}/apps/{app}/plans/{plan_id}")
        return await PublishingServiceStub(session.marketplace_channel).RetirePlan(request)

    _print(with_session(use, tenant=tenant, data=data), as_json=as_json)


def plans(app: AppArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List the plans of an app of the enterprise's own."""

    async def use(session: Session) -> contract.ListPlansResponse:
        request = contract.ListPlansRequest(parent=f"{required_tenant(session)}/apps/{app}")
        return await PublishingServiceStub(session.marketplace_channel).ListPlans(request)

    found = with_session(use, tenant=tenant, data=data).plans
    columns = ("plan", "name", "model", "price", "currency", "state")
    print_rows([as_dict(each) if as_json else _row(each) for each in found], as_json=as_json, columns=columns)


def _micros(price: str) -> int:
    try:
        micros = Decimal(price) * 1_000_000
        whole = int(micros)
    except (InvalidOperation, ValueError, OverflowError) as err:
        raise CommandError("USAGE", f"{price!r} is no price. Write it as 0.12.", exit_code=2) from err
    if micros != whole:
        raise CommandError("USAGE", f"{price} has more than six decimals.", exit_code=2)
    return whole


def read_limit(text: str) -> apps_pb2.PlanQuota:
    """Such as `read-samples=80000:100000`; raises CommandError."""
    word, _, both = text.partition("=")
    soft, _, hard = both.partition(":")
    try:
        dimension = UsageDimension.Value(f"USAGE_DIMENSION_{word.upper().replace('-', '_')}")
        return apps_pb2.PlanQuota(dimension=dimension, soft_limit=int(soft), hard_limit=int(hard or "0"))
    except ValueError as err:
        words = f"{text!r} is no limit. Write read-samples=80000:100000, or 0 where there is none."
        raise CommandError("USAGE", words, exit_code=2) from err


def _row(each: apps_pb2.Plan) -> dict[str, object]:
    return {
        "plan": each.name.rpartition("/")[2],
        "name": each.display_name.en,
        "model": apps_pb2.PlanModel.Name(each.model).removeprefix("PLAN_MODEL_").lower().replace("_", "-"),
        "price": f"{each.price_micros / 1e6:.2f}" if each.currency else "",
        "currency": each.currency,
        "state": apps_pb2.PlanState.Name(each.state).removeprefix("PLAN_STATE_").lower(),
    }


def _print(each: apps_pb2.Plan, *, as_json: bool) -> None:
    if as_json:
        print_json(as_dict(each))
    else:
        row = _row(each)
        messages.print(f"The plan {row['plan']} is {row['state']}.")
