"""`dualspan analytics spc …`: control charts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan.analytics.v1 import spc_pb2 as contract
from dualspan.analytics.v1.spc_pb2_grpc import SpcServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_done, print_json, print_rows, screen
from dualspan_cli.plotting import Line, plot
from dualspan_cli.session import Session
from dualspan_cli.times import format_time, parse_duration, parse_time

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.analytics.v1.spc_pb2_grpc import SpcServiceAsyncStub

spc = typer.Typer(help="Control charts, run rules and capability.", no_args_is_help=True)
_NELSON = (1, 12, 13, 14, 15, 16, 17, 18)
_WESTERN_ELECTRIC = (1, 2, 3, 4)
_SHOWN = 20
_WIDEST = 140


class Kind(StrEnum):
    """Which statistic."""

    INDIVIDUALS = "individuals"
    XBAR_R = "xbar-r"
    XBAR_S = "xbar-s"
    P = "p"
    NP = "np"
    C = "c"
    U = "u"
    EWMA = "ewma"
    CUSUM = "cusum"


class Rules(StrEnum):
    """A set of run rules."""

    WESTERN_ELECTRIC = "western-electric"
    NELSON = "nelson"
    LIMITS = "limits"


ChartArgument = Annotated[str, typer.Argument(metavar="CHART", help="Id of the chart.")]
AssetOption = Annotated[str, typer.Option(help="Asset to draw it for, where the chart is for a model.")]
FromOption = Annotated[str, typer.Option("--from", help="-8h, -7d, 2026-05-04T06:00:00Z; included.")]
ToOption = Annotated[str, typer.Option("--to", help="now, -1h, 2026-05-04T14:00:00Z; not included.")]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option("--exclude", help="Points that limits are not made from: FROM/TO=REASON; repeatable."),
]


def _stub(session: Session) -> SpcServiceAsyncStub:
    return SpcServiceStub(session.analytics_channel)


@spc.command("create")
def create(
    chart: ChartArgument,
    kind: Annotated[Kind, typer.Option(help="Which statistic.")],
    prop: Annotated[str, typer.Option("--property", help="What is charted, such as part-weight.")],
    asset: Annotated[str, typer.Option(help="Asset whose property it is.")] = "",
    model: Annotated[str, typer.Option(help="Instead of an asset: every asset of this model.")] = "",
    index: Annotated[int, typer.Option(min=0, help="From 1 for an indexed property.")] = 0,
    name: Annotated[str, typer.Option(help="Display name.")] = "",
    count: Annotated[int | None, typer.Option(min=0, help="Samples in a subgroup; 1 if nothing else is said.")] = None,
    window: Annotated[str, typer.Option(help="Samples of the same window, such as 1h.")] = "",
    split_by: Annotated[str, typer.Option(help="Property by whose change a subgroup ends, such as an order.")] = "",
    sampled_by: Annotated[str, typer.Option(help="One sample at each change of it, such as cycle-count.")] = "",
    only: Annotated[
        list[str] | None, typer.Option(help="What --split-by must say, such as a product; repeatable.")
    ] = None,
    inspected: Annotated[list[str] | None, typer.Option(help="Counter of units inspected; repeatable.")] = None,
    units: Annotated[float, typer.Option(help="Units inspected in each window, without a counter.")] = 0.0,
    modulus: Annotated[float, typer.Option(help="Counters begin again from 0 there, such as at 65536.")] = 0.0,
    rules: Annotated[Rules, typer.Option(help="Which run rules.")] = Rules.WESTERN_ELECTRIC,
    lower: Annotated[float | None, typer.Option(help="Lower specification limit.")] = None,
    upper: Annotated[float | None, typer.Option(help="Upper specification limit.")] = None,
    target: Annotated[float | None, typer.Option(help="Centre of an EWMA or a CUSUM.")] = None,
    weight: Annotated[float, typer.Option(help="Weight of the newest point of an EWMA.")] = 0.2,
    head_start: Annotated[float, typer.Option(help="Fast initial response of a CUSUM, such as 0.5.")] = 0.0,
    exact: Annotated[
        bool, typer.Option("--exact", help="Constants with all digits, not as tables print them.")
    ] = False,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Define a control chart."""
    given = contract.ControlChart(
        display_name=name,
        kind=contract.ControlChartKind.Value(f"CONTROL_CHART_KIND_{kind.name}"),
        asset=asset,
        model=model,
        property=prop,
        property_index=index,
        inspected=inspected or (),
        units=units,
        modulus=modulus,
        subgrouping=contract.ControlChart.Subgrouping(split_by=split_by, sampled_by=sampled_by, only=only or ()),
        tuning=contract.ControlChart.Tuning(target=target, weight=weight, head_start=head_start, exact_constants=exact),
        rules=[contract.RunRule.ValueType(rule) for rule in _numbers(rules)],
        specification=contract.ControlChart.Specification(lower=lower, upper=upper),
    )
    is_counted = kind in {Kind.P, Kind.NP, Kind.C, Kind.U}
    alone = not window and not split_by and not is_counted
    given.subgrouping.count = count if count is not None else int(alone)
    if window:
        given.subgrouping.window.FromTimedelta(timedelta(seconds=parse_duration(window)))

    async def use(session: Session) -> contract.ControlChart:
        request = contract.CreateControlChartRequest(parent=session.tenant, control_chart_id=chart, control_chart=given)
        return await _stub(session).CreateControlChart(request)

    made = with_session(use, tenant=tenant, data=data)
    print_done(
        f"Control chart {chart} is defined. Draw it with `dualspan analytics spc chart {chart}`.", made, as_json=as_json
    )


@spc.command("list")
def list_charts(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List control charts."""

    async def use(session: Session) -> list[contract.ControlChart]:
        request = contract.ListControlChartsRequest(parent=session.tenant, page_size=1000)
        found: list[contract.ControlChart] = []
        while True:
            page = await _stub(session).ListControlCharts(request)
            found += page.control_charts
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    charts = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json([as_dict(chart) for chart in charts])
        return
    rows = [
        {
            "chart": chart.name.rpartition("/")[2],
            "kind": _kind(chart.kind),
            "of": chart.asset or f"every {chart.model}",
            "property": chart.property + (f"[{chart.property_index}]" if chart.property_index else ""),
            "name": chart.display_name,
        }
        for chart in charts
    ]
    print_rows(rows, as_json=False, columns=("chart", "kind", "of", "property", "name"))


@spc.command("delete")
def delete(chart: ChartArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """Delete a control chart and its limits."""

    async def use(session: Session) -> None:
        await _stub(session).DeleteControlChart(contract.DeleteControlChartRequest(name=_name(session, chart)))

    with_session(use, tenant=tenant, data=data)
    print_done(f"Control chart {chart} is deleted.", {"deleted": chart}, as_json=as_json)


@spc.command("fix")
def fix(
    chart: ChartArgument,
    start: FromOption = "-7d",
    end: ToOption = "now",
    asset: AssetOption = "",
    exclude: ExcludeOption = None,
    centre: Annotated[float | None, typer.Option(help="Given by a standard, instead of a span.")] = None,
    sigma: Annotated[float, typer.Option(help="With --centre; not on charts of counts.")] = math.nan,
    comment: Annotated[str, typer.Option(help="Why they are fixed.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """End phase I: freeze the limits that a span gives as the next version."""
    request = contract.FixControlLimitsRequest(asset=asset, comment=comment)
    if centre is not None:
        request.given.centre, request.given.sigma = centre, sigma
    else:
        _set_span(request, start, end)
        request.exclusions.extend(_exclusions(exclude))

    async def use(session: Session) -> contract.ControlLimits:
        request.name = _name(session, chart)
        return await _stub(session).FixControlLimits(request)

    made = with_session(use, tenant=tenant, data=data)
    print_done(
        f"Limits of version {made.version} are fixed for {made.asset}, from {made.points} points.",
        made,
        as_json=as_json,
    )


@spc.command("limits")
def limits(
    chart: ChartArgument,
    asset: AssetOption = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List the versions of a chart's limits, newest first."""

    async def use(session: Session) -> list[contract.ControlLimits]:
        request = contract.ListControlLimitsRequest(name=_name(session, chart), asset=asset, page_size=1000)
        return list((await _stub(session).ListControlLimits(request)).limits)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json([as_dict(one) for one in found])
        return
    rows = [{**as_dict(one), "centre": f"{one.centre:.6g}", "sigma": f"{one.sigma:.4g}"} for one in found]
    columns = ("asset", "version", "centre", "sigma", "points", "start_time", "end_time", "comment", "author")
    print_rows(rows, as_json=False, columns=columns)


@spc.command("chart")
def chart(
    chart: ChartArgument,
    start: FromOption = "-8h",
    end: ToOption = "now",
    asset: AssetOption = "",
    version: Annotated[int, typer.Option(min=0, help="Version of the limits; 0: the newest.")] = 0,
    estimate: Annotated[bool, typer.Option("--estimate", help="Phase I: limits from this span itself.")] = False,
    exclude: ExcludeOption = None,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Draw a chart over a span, with the rules that it breaks."""
    request = contract.EvaluateControlChartRequest(asset=asset, limits_version=version, estimate_limits=estimate)
    _set_span(request, start, end)
    request.exclusions.extend(_exclusions(exclude))

    async def use(session: Session) -> contract.EvaluateControlChartResponse:
        request.name = _name(session, chart)
        return await _stub(session).EvaluateControlChart(request)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
        return
    _print_panels(found)
    _print_violations(found)
    _print_capability(found)
    screen.print(f"Good data: {found.good_share:.1%} of the span.")
    for note in (*found.notes, *found.capability.notes):
        messages.print(f"[yellow]note:[/] {note}")


def _print_panels(found: contract.EvaluateControlChartResponse) -> None:
    version = found.limits.version
    phase = f"phase II, limits of version {version}" if version else "phase I, limits estimated from these points"
    span = f"{format_time(found.start[0])} to {format_time(found.end[-1])}" if found.start else "no points"
    screen.print(f"[bold]{found.asset}[/], {len(found.start)} points, {span}; {phase}", soft_wrap=True)
    for panel in found.panels:
        unit = f" ({panel.unit})" if panel.unit else ""
        screen.print(f"\n[bold]{panel.title}[/]{unit}: centre {_first(panel.centre)}, limits {_bounds(panel)}")
        marked = {point for v in found.violations if v.panel == panel.title for point in v.points}
        lines = [Line(panel.lower, "┄", "red"), Line(panel.upper, "┄", "red"), Line(panel.centre, "─", "green")]
        screen.print(plot(panel.value, marked, lines, width=min(screen.width, _WIDEST)), end="")


def _print_violations(found: contract.EvaluateControlChartResponse) -> None:
    if not found.violations:
        screen.print("\nNo rule is broken.")
        return
    rows = [
        {
            "point": violation.signalled + 1,
            "begins": format_time(found.start[violation.signalled])[:19] + "Z",
            "panel": violation.panel,
            "rule": violation.rule_title,
            "what": violation.text,
        }
        for violation in found.violations[:_SHOWN]
    ]
    print_rows(rows, as_json=False, columns=("point", "begins", "panel", "rule", "what"))
    if len(found.violations) > _SHOWN:
        messages.print(f"{len(found.violations) - _SHOWN} more; --json has them all.")
    for shift in found.shifts:
        screen.print(
            f"The mean moved to about {shift.mean:.6g} after point {shift.began}; found at point {shift.signalled + 1}."
        )


def _print_capability(found: contract.EvaluateControlChartResponse) -> None:
    if not found.HasField("capability"):
        return
    capability = found.capability
    pairs = (("Cp", capability.cp), ("Cpk", capability.cpk), ("Pp", capability.pp), ("Ppk", capability.ppk))
    rows = [
        {"index": name, "value": f"{index.value:.3f}", "from": f"{index.lower:.3f}", "to": f"{index.upper:.3f}"}
        for name, index in pairs
        if not math.isnan(index.value)
    ]
    print_rows(rows, as_json=False, columns=("index", "value", "from", "to"))
    screen.print(
        f"{capability.values} values, mean {capability.mean:.6g}, sigma {capability.sigma_within:.4g} within and "
        f"{capability.sigma_overall:.4g} overall, {capability.outside} outside the specification; intervals of "
        f"{capability.confidence:.0%}."
    )


def _first(levels: Sequence[float]) -> str:
    return "-" if not levels else f"{levels[0]:.6g}" + ("" if len(set(levels)) == 1 else " …")


def _bounds(panel: contract.EvaluateControlChartResponse.Panel) -> str:
    return f"{_first(panel.lower)} to {_first(panel.upper)}"


def _numbers(rules: Rules) -> tuple[int, ...]:
    return {Rules.NELSON: _NELSON, Rules.WESTERN_ELECTRIC: _WESTERN_ELECTRIC, Rules.LIMITS: (1,)}[rules]


def _kind(number: int) -> str:
    word = contract.ControlChartKind.Name(contract.ControlChartKind.ValueType(number))
    return word.removeprefix("CONTROL_CHART_KIND_").lower().replace("_", "-")


def _set_span(
    request: contract.FixControlLimitsRequest | contract.EvaluateControlChartRequest, start: str, end: str
) -> None:
    now = datetime.now(UTC)
    request.start_time.FromMicroseconds(parse_time(start, now))
    request.end_time.FromMicroseconds(parse_time(end, now))


def _exclusions(given: list[str] | None) -> list[contract.Exclusion]:
    now = datetime.now(UTC)
    found: list[contract.Exclusion] = []
    for text in given or ():
        span, _, reason = text.partition("=")
        start, slash, end = span.partition("/")
        if not slash or not reason.strip():
            words = f"Write --exclude as FROM/TO=REASON, such as -3h/-2h='tool changed', not {text!r}."
            raise CommandError("BAD_EXCLUSION", words, exit_code=2)
        exclusion = contract.Exclusion(reason=reason)
        exclusion.start_time.FromMicroseconds(parse_time(start, now))
        exclusion.end_time.FromMicroseconds(parse_time(end, now))
        found.append(exclusion)
    return found


def _name(session: Session, chart: str) -> str:
    return chart if chart.startswith("tenants/") else f"{session.tenant}/controlCharts/{chart}"
