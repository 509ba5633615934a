"""`dualspan analytics kpi …`: OEE and the other KPIs of ISO 22400-2, and custom ones."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan.analytics.v1 import kpis_pb2
from dualspan.analytics.v1.kpis_pb2_grpc import KpiServiceStub
from dualspan_cli.commands.analytics.production import AssetsArgument, FromOption, ToOption, time_of
from dualspan_cli.commands.analytics.stops import INTERVAL, interval_row
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.output import JsonFlag, as_dict, messages, print_done, print_json, print_messages, print_rows
from dualspan_cli.session import Session
from dualspan_cli.times import format_time

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.analytics.v1.kpis_pb2_grpc import KpiServiceAsyncStub

kpi = typer.Typer(help="OEE and the other KPIs of ISO 22400-2, and your own.", no_args_is_help=True)
KpiArgument = Annotated[str, typer.Argument(metavar="KPI", help="Id, such as oee.")]


class Group(StrEnum):
    """By what rows are made."""

    MACHINE = "machine"
    LINE = "line"
    AREA = "area"
    SITE = "site"
    SHIFT = "shift"
    SHIFT_NAME = "shift-name"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    PRODUCT = "product"
    ORDER = "order"


def _stub(session: Session) -> KpiServiceAsyncStub:
    return KpiServiceStub(session.analytics_channel)


@kpi.command("list")
def list_kpis(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List the KPIs that there are."""

    async def use(session: Session) -> list[kpis_pb2.Kpi]:
        return list((await _stub(session).ListKpis(kpis_pb2.ListKpisRequest(parent=session.tenant))).kpis)

    print_messages(
        with_session(use, tenant=tenant, data=data), as_json=as_json, columns=("name", "formula", "unit", "standard")
    )


@kpi.command("set")
def set_kpi(
    kpi_id: KpiArgument,
    formula: Annotated[str, typer.Argument(help="Such as `increase(active_energy) / PQ`.")],
    unit: Annotated[str, typer.Option(help="UCUM code, such as kW.h.")] = "",
    name: Annotated[str, typer.Option(help="Display name.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a KPI of your own from properties, or replace it."""

    async def use(session: Session) -> kpis_pb2.Kpi:
        given = kpis_pb2.Kpi(name=f"{session.tenant}/kpis/{kpi_id}", display_name=name, formula=formula, unit=unit)
        return await _stub(session).UpdateKpi(kpis_pb2.UpdateKpiRequest(kpi=given))

    made = with_session(use, tenant=tenant, data=data)
    print_done(f"KPI {kpi_id} is set.", made, as_json=as_json)


@kpi.command("delete")
def delete_kpi(
    kpi_id: KpiArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """Delete a KPI of your own."""

    async def use(session: Session) -> None:
        await _stub(session).DeleteKpi(kpis_pb2.DeleteKpiRequest(name=f"{session.tenant}/kpis/{kpi_id}"))

    with_session(use, tenant=tenant, data=data)
    print_done(f"KPI {kpi_id} is deleted.", {"deleted": kpi_id}, as_json=as_json)


@kpi.command("query")
def query(
    assets: AssetsArgument = None,
    kpis: Annotated[list[str] | None, typer.Option("--kpi", help="Repeatable; OEE and its parts if none.")] = None,
    by: Annotated[list[Group] | None, typer.Option(help="Rows by these; repeatable.")] = None,
    start: FromOption = "-7d",
    end: ToOption = "now",
    from_samples: Annotated[
        bool, typer.Option("--from-samples", help="Compute all from samples, whatever is rolled up.")
    ] = False,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Compute KPIs of machines, lines or sites, by shift, day, product or order."""
    wanted = kpis or ["oee", "availability", "effectiveness", "quality-ratio"]
    dimensions = [kpis_pb2.Dimension.Value(f"DIMENSION_{each.name}") for each in by or [Group.MACHINE]]

    async def use(session: Session) -> kpis_pb2.QueryKpisResponse:
        request = kpis_pb2.QueryKpisRequest(
            parent=session.tenant,
            assets=assets or [],
            start_time=time_of(start),
            end_time=time_of(end),
            kpis=wanted,
            group_by=dimensions,
            include_sums=as_json,
            skip_rollups=from_samples,
        )
        return await _stub(session).QueryKpis(request)

    answer = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(answer))
        return
    notes: list[str] = []
    rows = _rows(answer, notes)
    print_rows(rows, as_json=False, columns=tuple(rows[0]) if rows else ("oee",))
    for number, note in enumerate(notes, 1):
        messages.print(f"[{number}] {note}", soft_wrap=True, markup=False)
    if answer.skipped_assets:
        messages.print(f"Left out, for want of a machine profile: {', '.join(answer.skipped_assets)}")


@kpi.command("open")
def open_kpi(
    kpi_id: KpiArgument,
    asset: Annotated[str, typer.Argument(help="The machine, line, area or site; none: all machines.")] = "",
    start: FromOption = "-8h",
    end: ToOption = "now",
    product: Annotated[str | None, typer.Option(help="Only of this product.")] = None,
    order: Annotated[str | None, typer.Option(help="Only of this order.")] = None,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Open a KPI of a machine, a line or a site down to the sums and intervals that it is made of."""

    async def use(session: Session) -> kpis_pb2.KpiDetail:
        name = f"{session.tenant}/kpis/{kpi_id}"
        request = kpis_pb2.GetKpiRequest(
            name=name, asset=asset, start_time=time_of(start), end_time=time_of(end), product=product, order=order
        )
        return await _stub(session).GetKpi(request)

    found = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(found))
        return
    messages.print(f"{kpi_id} of {asset or 'all machines'} = {found.kpi.formula}", soft_wrap=True)
    messages.print(_figure(found, found.kpi.unit), soft_wrap=True)
    sums = [{"sum": each.sum, "value": f"{each.values[0]:.6g}", "unit": each.unit} for each in found.sums]
    print_rows(sums, as_json=False, columns=("sum", "value", "unit"))
    for machine in found.machines:
        messages.print(f"\n{machine.asset}: {_figure(machine, machine.unit)}", soft_wrap=True)
        _print_parts(machine)
    if not found.machines:
        _print_parts(found)
    if found.skipped_assets:
        messages.print(f"Left out, for want of a machine profile: {', '.join(found.skipped_assets)}")


def _figure(found: kpis_pb2.KpiDetail | kpis_pb2.KpiDetail.Machine, unit: str) -> str:
    return f"{_number(found.value, unit)}, {found.good_share:.1%} good data{_because(found.reason)}"


def _print_parts(found: kpis_pb2.KpiDetail | kpis_pb2.KpiDetail.Machine) -> None:
    print_rows([interval_row(each) for each in found.intervals], as_json=False, columns=INTERVAL)
    for mark in found.counter_marks:
        messages.print(f"{mark.property}: {mark.kind} at {format_time(mark.time.ToMicroseconds())}")


def _rows(answer: kpis_pb2.QueryKpisResponse, notes: list[str]) -> list[dict[str, str]]:
    """A table; why a figure is what it is stands once in `notes`, and its number beside the figure."""
    rows: list[dict[str, str]] = []
    for row in range(answer.row_count):
        found: dict[str, str] = {}
        if answer.HasField("assets"):
            found["asset"] = answer.assets.texts[answer.assets.places[row]]
        if answer.start_times_us:
            found["from"] = format_time(answer.start_times_us[row])[:16]
        for label, column in (("shift", answer.shifts), ("product", answer.products), ("order", answer.orders)):
            if column.places:
                found[label] = column.texts[column.places[row]]
        for each in answer.kpis:
            reason = each.reasons.texts[each.reasons.places[row]]
            if reason and reason not in notes:
                notes.append(reason)
            mark = f" [{notes.index(reason) + 1}]" if reason else ""
            found[each.kpi] = _number(each.values[row], each.unit) + mark
        found["good data"] = f"{min(each.good_shares[row] for each in answer.kpis):.1%}"
        rows.append(found)
    return rows


def _number(value: float, unit: str) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.1%}" if unit == "1" else f"{value:.5g} {unit}".strip()


def _because(reason: str) -> str:
    return f" ({reason})" if reason else ""
