"""`dualspan analytics report …`: reports by day, shift and month, and their files."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan.analytics.v1 import reports_pb2 as contract
from dualspan.analytics.v1.reports_pb2_grpc import ReportServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_done, print_json, print_rows
from dualspan_cli.session import Session, all_pages, required_tenant
from dualspan_cli.times import parse_duration, parse_time

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.analytics.v1.reports_pb2_grpc import ReportServiceAsyncStub

report = typer.Typer(help="Reports by day, shift and month, as HTML and PDF.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(metavar="REPORT", help="Id of the report.")]
_POLL_SECONDS = 1.0
_WAITING = (contract.REPORT_RUN_STATE_PENDING, contract.REPORT_RUN_STATE_RUNNING)


class Period(StrEnum):
    """How long the time is that one run tells of."""

    DAILY = "daily"
    SHIFT = "shift"
    MONTHLY = "monthly"


class Section(StrEnum):
    """What a report tells of."""

    OEE = "oee"
    LOSSES = "losses"
    ENERGY = "energy"
    ALARMS = "alarms"
    SPC = "spc"
    COMPLETENESS = "completeness"


class Language(StrEnum):
    """Of a file."""

    EN = "en"
    ZH = "zh"


class FileForm(StrEnum):
    """Of a file."""

    HTML = "html"
    PDF = "pdf"


def _stub(session: Session) -> ReportServiceAsyncStub:
    return ReportServiceStub(session.analytics_channel)


def _name(session: Session, report_id: str) -> str:
    return f"{required_tenant(session)}/reports/{report_id}"


def _word(name: str) -> str:
    return name.rpartition("_")[2].lower()


def _row(run: contract.ReportRun) -> dict[str, object]:
    return {
        "run": run.name.rpartition("/")[2],
        "from": run.start_time.ToJsonString(),
        "to": run.end_time.ToJsonString(),
        "state": _word(contract.ReportRunState.Name(run.state)),
        "files": len(run.files),
        "detail": run.detail,
    }


@report.command("set")
def set_report(
    name: NameArgument,
    period: Annotated[Period, typer.Option(help="Of which time one run tells.")] = Period.DAILY,
    title: Annotated[str, typer.Option(help="Stands on it.")] = "",
    asset: Annotated[list[str] | None, typer.Option(help="Only this asset and what is below it; repeatable.")] = None,
    section: Annotated[list[Section] | None, typer.Option(help="Only this, in this order; repeatable.")] = None,
    language: Annotated[list[Language] | None, typer.Option(help="Only in this one; repeatable.")] = None,
    time_zone: Annotated[str, typer.Option(help="Such as Asia/Shanghai; the calendar's if not given.")] = "",
    calendar: Annotated[str, typer.Option(help="Id of the calendar whose shifts it follows.")] = "",
    delay: Annotated[str, typer.Option(help="Make it so long after a period ends.")] = "15m",
    start: Annotated[str, typer.Option("--from", help="First period; those after now if not given.")] = "",
    operators: Annotated[int, typer.Option(min=1, max=1000, help="How many operators share the alarms.")] = 1,
    paused: Annotated[bool, typer.Option("--paused", help="Make nothing by itself.")] = False,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what is reported when."""
    given = contract.Report(
        display_name=title,
        period=contract.ReportPeriod.Value(f"REPORT_PERIOD_{period.name}"),
        assets=asset or [],
        sections=[contract.ReportSection.Value(f"REPORT_SECTION_{each.name}") for each in section or []],
        languages=[contract.ReportLanguage.Value(f"REPORT_LANGUAGE_{each.name}") for each in language or []],
        time_zone=time_zone,
        operators=operators,
        paused=paused,
    )
    given.delay.FromTimedelta(timedelta(seconds=parse_duration(delay)))
    if start:
        given.start_time.FromMicroseconds(parse_time(start, datetime.now(UTC)))

    async def use(session: Session) -> contract.Report:
        given.name = _name(session, name)
        given.calendar = f"{required_tenant(session)}/calendars/{calendar}" if calendar else ""
        return await _stub(session).UpdateReport(contract.UpdateReportRequest(report=given))

    made = with_session(use, tenant=tenant, data=data)
    print_done(f"{name} is set. Make one now with `dualspan analytics report run {name}`.", made, as_json=as_json)


@report.command("list")
def list_reports(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List reports."""

    async def use(session: Session) -> list[contract.Report]:
        request = contract.ListReportsRequest(parent=required_tenant(session), page_size=1000)
        return await all_pages(_stub(session).ListReports, request, lambda page: page.reports)

    rows = [as_dict(each) for each in with_session(use, tenant=tenant, data=data)]
    print_rows(rows, as_json=as_json, columns=("name", "display_name", "period", "assets", "calendar", "paused"))


@report.command("runs")
def runs(name: NameArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List what was made of a report, newest period first."""

    async def use(session: Session) -> list[contract.ReportRun]:
        request = contract.ListReportRunsRequest(parent=_name(session, name), page_size=1000)
        return await all_pages(_stub(session).ListReportRuns, request, lambda page: page.runs)

    found = with_session(use, tenant=tenant, data=data)
    rows = [as_dict(each) for each in found] if as_json else [_row(each) for each in found]
    print_rows(rows, as_json=as_json, columns=("run", "from", "to", "state", "files", "detail"))


@report.command("run")
def run(
    name: NameArgument,
    at: Annotated[str, typer.Option(help="A time within the period; the last one that is over if not given.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a report now, and wait for it."""

    async def use(session: Session) -> contract.ReportRun:
        request = contract.RunReportRequest(name=_name(session, name))
        if at:
            request.time.FromMicroseconds(parse_time(at, datetime.now(UTC)))
        asked = await _stub(session).RunReport(request)
        with messages.status("Making the report…"):
            while asked.state in _WAITING:
                await asyncio.sleep(_POLL_SECONDS)
                asked = await _stub(session).GetReportRun(contract.GetReportRunRequest(name=asked.name))
        return asked

    made = with_session(use, tenant=tenant, data=data)
    if made.state != contract.REPORT_RUN_STATE_DONE:
        raise CommandError("REPORT_FAILED", made.detail)
    if as_json:
        print_json(as_dict(made))
    else:
        run_id = made.name.rpartition("/")[2]
        messages.print(f"Made. Fetch it with `dualspan analytics report download {name} {run_id}`.")


@report.command("download")
def download(
    name: NameArgument,
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="From `runs`.")],
    language: Annotated[Language, typer.Option(help="In which language.")] = Language.EN,
    form: Annotated[FileForm, typer.Option("--form", help="In which form.")] = FileForm.PDF,
    folder: Annotated[Path, typer.Option(help="Where to put it.", exists=True, file_okay=False)] = Path(),
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Fetch a file."""

    async def use(session: Session) -> contract.DownloadReportResponse:
        request = contract.DownloadReportRequest(
            name=f"{_name(session, name)}/runs/{run_id}",
            language=contract.ReportLanguage.Value(f"REPORT_LANGUAGE_{language.name}"),
            format=contract.ReportFormat.Value(f"REPORT_FORMAT_{form.name}"),
        )
        return await _stub(session).DownloadReport(request)

    found = with_session(use, tenant=tenant, data=data)
    # The name is the platform's: nothing of it may lead out of the folder.
    path = folder / Path(found.file_name).name
    path.write_bytes(found.content)
    if as_json:
        print_json({"path": str(path), "bytes": len(found.content), "media_type": found.media_type})
    else:
        messages.print(f"{path} ({len(found.content)} bytes)")


@report.command("delete")
def delete(name: NameArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """Delete a report with all that was made of it."""

    async def use(session: Session) -> None:
        await _stub(session).DeleteReport(contract.DeleteReportRequest(name=_name(session, name)))

    with_session(use, tenant=tenant, data=data)
    print_done(f"{name} is deleted.", {"deleted": name}, as_json=as_json)
