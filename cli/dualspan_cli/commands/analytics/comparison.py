"""`dualspan analytics compare`: like machines ranked by one KPI."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan.analytics.v1 import comparison_pb2 as contract
from dualspan.analytics.v1.comparison_pb2_grpc import ComparisonServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, print_rows
from dualspan_cli.session import Session, required_tenant
from dualspan_cli.times import parse_time

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.analytics.v1.comparison_pb2_grpc import ComparisonServiceAsyncStub

_COLUMNS = ("rank", "asset", "site", "value", "quartile", "good data", "loses most by", "remark")


def compare(
    model: Annotated[str, typer.Option(help="Asset model; machines of models that extend it belong too.")],
    kpi: Annotated[str, typer.Option(help="Such as oee, availability, scrap-ratio or energy-per-unit.")] = "oee",
    start: Annotated[str, typer.Option("--from", help="-7d, 2026-05-04T06:00:00Z; included.")] = "-7d",
    end: Annotated[str, typer.Option("--to", help="now, -1h, 2026-05-04T14:00:00Z; not included.")] = "now",
    assets: Annotated[
        list[str] | None, typer.Option("--asset", help="Only machines at or below it; repeatable.")
    ] = None,
    lower_is_better: Annotated[
        bool, typer.Option("--lower-is-better", help="Of a custom KPI: less is better.")
    ] = False,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Rank like machines of all sites by one KPI, and say what the median loses that the best does not."""
    now = datetime.now(UTC)

    async def use(session: Session) -> contract.AssetComparison:
        request = contract.CompareAssetsRequest(
            parent=required_tenant(session), model=model, kpi=kpi, assets=assets, lower_is_better=lower_is_better
        )
        request.start_time.FromMicroseconds(parse_time(start, now))
        request.end_time.FromMicroseconds(parse_time(end, now))
        stub: ComparisonServiceAsyncStub = ComparisonServiceStub(session.analytics_channel)
        return await stub.CompareAssets(request)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
    else:
        _print(found)


def _print(found: contract.AssetComparison) -> None:
    rows = [
        {
            "rank": each.rank or "",
            "asset": each.asset,
            "site": each.site,
            "value": figure(each.value, found.unit),
            "quartile": each.quartile or "",
            "good data": f"{each.good_share:.1%}",
            "loses most by": _loss(max(each.losses, key=lambda loss: loss.share, default=None)),
            "remark": each.reason,
        }
        for each in found.members
    ]
    print_rows(rows, as_json=False, columns=_COLUMNS)
    if len(found.sites) > 1:
        sites = [
            {"site": s.site or "(none)", "machines": s.machines, "value": figure(s.value, found.unit), "why": s.reason}
            for s in found.sites
        ]
        print_rows(sites, as_json=False, columns=("site", "machines", "value", "why"))
    quartiles = ", ".join(figure(v, found.unit) for v in (found.lower_quartile, found.median, found.upper_quartile))
    messages.print(f"quartiles and median: {quartiles}", soft_wrap=True)
    if found.best_to_median:
        told = "; ".join(f"{each.cause} {each.share:+.1%}" for each in found.best_to_median)
        messages.print(f"the median loses, against the best: {told}", soft_wrap=True)
    if found.skipped_assets:
        names = ", ".join(found.skipped_assets)
        messages.print(f"[yellow]left out, nothing says what their states are: {names}[/]", markup=True, soft_wrap=True)


def figure(value: float, unit: str) -> str:
    """A KPI for a person: shares as percent, others with their unit."""
    if math.isnan(value):
        return "-"
    return f"{value:.1%}" if unit == "1" else f"{value:.4g} {unit}".rstrip()


def _loss(loss: contract.AssetComparison.Loss | None) -> str:
    if loss is None:
        return ""
    hours = f" ({loss.hours:.1f} h)" if loss.hours else ""
    return f"{loss.cause} {loss.share:.1%}{hours}"
