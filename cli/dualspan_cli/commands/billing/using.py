"""`dualspan usage show|baseline`."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan.marketplace.v1 import usage_pb2 as contract
from dualspan.marketplace.v1.usage_pb2_grpc import UsageServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.commands.subscriptions.following import SubscriptionArgument, full_name
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, print_rows, screen
from dualspan_cli.session import Session
from dualspan_cli.times import parse_time

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.marketplace.v1.usage_pb2_grpc import UsageServiceAsyncStub

_UNITS = {
    contract.USAGE_DIMENSION_RUNNING_HOURS: "h",
    contract.USAGE_DIMENSION_ASSET_HOURS: "h",
    contract.USAGE_DIMENSION_READ_REQUESTS: "reads",
    contract.USAGE_DIMENSION_READ_SAMPLES: "samples",
    contract.USAGE_DIMENSION_CPU_HOURS: "h",
    contract.USAGE_DIMENSION_MEMORY_HOURS: "GiB h",
}


class Step(StrEnum):
    """By what usage is added up."""

    WHOLE = "whole"
    DAY = "day"
    HOUR = "hour"


_STEPS = {
    Step.WHOLE: contract.USAGE_STEP_UNSPECIFIED,
    Step.DAY: contract.USAGE_STEP_DAY,
    Step.HOUR: contract.USAGE_STEP_HOUR,
}


def show(
    subscription: SubscriptionArgument,
    start: Annotated[str, typer.Option("--from", help="-1d, 2026-05-04T00:00:00Z; this month if not given.")] = "",
    end: Annotated[str, typer.Option("--to", help="now, 2026-05-05T00:00:00Z; not included.")] = "",
    by: Annotated[Step, typer.Option(help="By what it is added up.")] = Step.WHOLE,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what a subscription used, and how far that is from the limits of its plan."""
    now = datetime.now(UTC)

    async def use(session: Session) -> contract.UsageReport:
        request = contract.QueryUsageRequest(parent=full_name(session, subscription), step=_STEPS[by])
        if start:
            request.start_time.FromMicroseconds(parse_time(start, now))
        if end:
            request.end_time.FromMicroseconds(parse_time(end, now))
        return await _stub(session).QueryUsage(request)

    report = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(report))
        return
    print_rows([_row(each) for each in report.amounts], as_json=False, columns=("from", "what", "quantity", "unit"))
    for each in report.quotas:
        screen.print(_limit(each), soft_wrap=True)
    if report.notice:
        screen.print(report.notice, soft_wrap=True, markup=False)
    if report.HasField("metered_until"):
        screen.print(f"Hours are counted up to {report.metered_until.ToDatetime(UTC):%Y-%m-%d %H:%M} UTC.")


def baseline(
    subscription: SubscriptionArgument,
    kpi: Annotated[str | None, typer.Option(help='Id of a KPI, such as oee; "" compares nothing.')] = None,
    days: Annotated[int, typer.Option(min=1, max=90, help="Days before the first start.")] = 28,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Show which KPI statements compare before the app and with it, or choose another."""

    async def use(session: Session) -> contract.Baseline:
        name = f"{full_name(session, subscription)}/baseline"
        if kpi is None:
            return await _stub(session).GetBaseline(contract.GetBaselineRequest(name=name))
        wanted = contract.Baseline(name=name, kpi=kpi, days=days)
        return await _stub(session).UpdateBaseline(contract.UpdateBaselineRequest(baseline=wanted))

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
    elif found.kpi:
        messages.print(f"Statements compare {found.kpi} with the {found.days} days before the app's first start.")
    else:
        messages.print("Statements compare nothing.")


def dimension_of(number: contract.UsageDimension.ValueType) -> str:
    """Such as `asset-hours`."""
    return contract.UsageDimension.Name(number).removeprefix("USAGE_DIMENSION_").lower().replace("_", "-")


def _row(each: contract.UsageAmount) -> dict[str, object]:
    return {
        "from": f"{each.start_time.ToDatetime(UTC):%Y-%m-%d %H:%M}",
        "what": dimension_of(each.dimension),
        "quantity": f"{each.quantity:,.3f}".rstrip("0").rstrip("."),
        "unit": _UNITS.get(each.dimension, ""),
    }


def _limit(each: contract.QuotaState) -> str:
    soft = f", warns at {each.soft_limit:,}" if each.soft_limit else ""
    hard = f", refuses at {each.hard_limit:,}" if each.hard_limit else ""
    return f"{dimension_of(each.dimension)} this month: {each.used:,}{soft}{hard}"


def _stub(session: Session) -> UsageServiceAsyncStub:
    return UsageServiceStub(session.marketplace_channel)
