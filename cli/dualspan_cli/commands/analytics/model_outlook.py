"""`dualspan analytics models …`: forecasts, changes of level, and time to a limit."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated

import typer

from dualspan.analytics.v1 import models_pb2 as contract
from dualspan_cli.commands.analytics.models import (
    AssetOption,
    FromOption,
    NameArgument,
    ToOption,
    VersionOption,
    definition_name,
    model_stub,
    models,
    span,
    timestamp,
)
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.output import JsonFlag, as_dict, messages, print_json, print_rows
from dualspan_cli.session import Session
from dualspan_cli.times import format_time, parse_time

PropertyOption = Annotated[str, typer.Option("--property", help="Of its asset model, such as oil-temperature.")]
IndexOption = Annotated[int, typer.Option(min=0, help="From 1 for an indexed property.")]


@models.command("forecast")
def forecast_command(
    definition: NameArgument,
    asset: AssetOption,
    time: Annotated[str, typer.Option("--at", help="From when on: now, -1h, 2026-05-04T14:00:00Z.")] = "now",
    version: VersionOption = 0,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Forecast a property, with the interval that should hold nine values of ten."""
    since = timestamp(parse_time(time, datetime.now(UTC)))

    async def use(session: Session) -> contract.ForecastColumns:
        request = contract.ForecastRequest(
            name=definition_name(session, definition), asset=asset, time=since, version=version
        )
        return await model_stub(session).Forecast(request)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
        return
    width = len(found.quantiles) // max(1, len(found.time))
    rows = [
        {
            "time": format_time(time_us),
            "low": f"{found.quantiles[row * width]:.4g}",
            "middle": f"{found.quantiles[row * width + width // 2]:.4g}",
            "high": f"{found.quantiles[row * width + width - 1]:.4g}",
        }
        for row, time_us in enumerate(found.time)
    ]
    print_rows(rows, as_json=False, columns=["time", "low", "middle", "high"])
    messages.print(f"In {found.unit or '1'}; {found.good_share:.0%} of what it rests on is good data.")


@models.command("changes")
def changes(
    asset: AssetOption,
    prop: PropertyOption,
    index: IndexOption = 0,
    start: FromOption = "-7d",
    end: ToOption = "now",
    sensitivity: Annotated[float, typer.Option(help="2 finds smaller changes, 0.5 larger ones only.")] = 1.0,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Find when a property began to behave differently."""
    first, last = span(start, end)

    async def use(session: Session) -> contract.FindChangesResponse:
        request = contract.FindChangesRequest(
            parent=session.tenant, asset=asset, property=prop, index=index, start_time=first, end_time=last
        )
        request.sensitivity = sensitivity
        return await model_stub(session).FindChanges(request)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
        return
    rows = [
        {
            "time": format_time(each.time.ToMicroseconds()),
            "before": f"{each.before:.4g}",
            "after": f"{each.after:.4g}",
            "sigmas": f"{each.sigmas:.1f}",
        }
        for each in found.changes
    ]
    print_rows(rows, as_json=False, columns=["time", "before", "after", "sigmas"])


@models.command("remaining")
def remaining(
    asset: AssetOption,
    prop: PropertyOption,
    limit: Annotated[float, typer.Option(help="In the property's unit.")],
    index: IndexOption = 0,
    start: FromOption = "-1d",
    end: ToOption = "now",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Estimate how long until a property reaches a limit, if it goes on as it does."""
    first, last = span(start, end)

    async def use(session: Session) -> contract.EstimateRemainingResponse:
        request = contract.EstimateRemainingRequest(
            parent=session.tenant, asset=asset, property=prop, index=index, start_time=first, end_time=last, limit=limit
        )
        return await model_stub(session).EstimateRemaining(request)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
        return
    slope = f"{found.level:.4g} {found.unit} now, {found.slope_per_hour:+.3g} an hour"
    if not found.approaching:
        messages.print(f"{slope}: it does not lead to {limit:g}.")
        return
    if not found.remaining.ToMicroseconds():
        messages.print(f"{slope}: {limit:g} is reached.")
        return
    hours = found.remaining.ToMicroseconds() / 3.6e9
    earliest = found.earliest.ToMicroseconds() / 3.6e9
    latest = found.latest.ToMicroseconds() / 3.6e9 if found.HasField("latest") else math.inf
    until = "nobody knows when" if math.isinf(latest) else f"{latest:.1f} h"
    messages.print(f"{slope}: {limit:g} in {hours:.1f} h (90 %: {earliest:.1f} h to {until}).")
