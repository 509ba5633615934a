"""ReportService: reports, their runs, and the files of these."""

# ruff: noqa: N802 - the contract's names

import datetime as dt
from enum import IntEnum
from typing import Any, TypeAlias, TypeVar

import grpc.aio
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.analytics.v1 import reports_pb2 as contract
from dualspan.analytics.v1 import reports_pb2_grpc
from dualspan_analytics.clients import stamp
from dualspan_analytics.reports.errors import bad_report, run_not_found
from dualspan_analytics.reports.model import DEFAULT_DELAY_US, Format, Language, Period, ReportDefinition, SectionKind
from dualspan_analytics.service.reports import Reports, RunView
from dualspan_runtime.names import TENANT, ResourceName
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
KindT = TypeVar("KindT", bound=IntEnum)
REPORT = ResourceName("tenants/{tenant}/reports/{report}")
RUN = ResourceName("tenants/{tenant}/reports/{report}/runs/{run}", run="[0-9]{8}t[0-9]{6}z")
_CALENDAR = ResourceName("tenants/{tenant}/calendars/{calendar}")
_PAGES = PageRules()
_SECOND = 1_000_000
_FAR_US = 2**62
_LATEST_SECONDS = 253_402_300_799
_MEDIA = {Format.HTML: "text/html; charset=utf-8", Format.PDF: "application/pdf"}


def run_id(start_us: int) -> str:
    """`20261122t160000z`: when the period begins, in UTC."""
    return f"{dt.datetime.fromtimestamp(start_us // _SECOND, dt.UTC):%Y%m%dt%H%M%Sz}"


def _start_of(name: str) -> tuple[str, str, int]:
    """Tenant, report, and start of the period of a run's name."""
    names = RUN.parse(name)
    try:
        begin = dt.datetime.strptime(names["run"], "%Y%m%dt%H%M%Sz").replace(tzinfo=dt.UTC)
    except ValueError as err:
        raise run_not_found(name) from err
    return names["tenant"], names["report"], int(begin.timestamp()) * _SECOND


def _kind(kind: type[KindT], value: int, field: str) -> KindT:
    try:
        return kind(value)
    except ValueError as err:
        raise bad_report(field, "it is none that is known") from err


def _time(value: Timestamp, field: str) -> int:
    if not 0 <= value.seconds <= _LATEST_SECONDS:
        raise bad_report(field, "it must be a time after 1970")
    return value.seconds * _SECOND + value.nanos // 1000


def _calendar(name: str, tenant: str) -> str:
    if not name:
        return ""
    names = _CALENDAR.parse(name)
    if names["tenant"] != tenant:
        raise bad_report("calendar", "it must be one of the same tenant")
    return names["calendar"]


def definition_of(given: contract.Report) -> tuple[str, ReportDefinition]:
    """The tenant, and what a report says; raises InvalidArgument."""
    names = REPORT.parse(given.name)
    return names["tenant"], ReportDefinition(
        id=names["report"],
        display_name=given.display_name[:200],
        period=_kind(Period, given.period, "period"),
        assets=tuple(dict.fromkeys(given.assets)),
        sections=tuple(_kind(SectionKind, each, "sections") for each in given.sections),
        languages=tuple(_kind(Language, each or Language.EN, "languages") for each in given.languages),
        time_zone=given.time_zone,
        calendar=_calendar(given.calendar, names["tenant"]),
        delay_us=given.delay.ToMicroseconds() if given.HasField("delay") else DEFAULT_DELAY_US,
        paused=given.paused,
        start_us=_time(given.start_time, "start_time") if given.HasField("start_time") else None,
        operators=given.operators or 1,
    )


def _message(tenant: str, given: ReportDefinition) -> contract.Report:
    message = contract.Report(
        name=REPORT.format(tenant=tenant, report=given.id),
        display_name=given.display_name,
        period=contract.ReportPeriod.ValueType(given.period),
        assets=given.assets,
        sections=[contract.ReportSection.ValueType(each) for each in given.sections],
        languages=[contract.ReportLanguage.ValueType(each) for each in given.languages],
        time_zone=given.time_zone,
        calendar=_CALENDAR.format(tenant=tenant, calendar=given.calendar) if given.calendar else "",
        paused=given.paused,
        start_time=None if given.start_us is None else stamp(given.start_us),
        operators=given.operators,
    )
    message.delay.FromMicroseconds(given.delay_us)
    return message


def _run(tenant: str, view: RunView) -> contract.ReportRun:
    run = view.run
    message = contract.ReportRun(
        name=RUN.format(tenant=tenant, report=run.report_id, run=run_id(run.span.start_us)),
        start_time=stamp(run.span.start_us),
        end_time=stamp(run.span.end_us),
        state=contract.ReportRunState.ValueType(run.state),
        attempts=run.attempts,
        detail=run.detail,
        files=[
            contract.ReportFile(
                language=contract.ReportLanguage.ValueType(each.language),
                format=contract.ReportFormat.ValueType(each.format),
                bytes=each.size,
                sha256=each.sha256.hex(),
            )
            for each in view.files
        ],
    )
    if run.made_at is not None:
        message.make_time.FromDatetime(run.made_at.astimezone(dt.UTC))
    return message


class ReportServicer(reports_pb2_grpc.ReportServiceServicer):
    """See the contract.

    Args:
        reports: Use cases.
        tokens: Page tokens.
    """

    def __init__(self, reports: Reports, tokens: PageTokens) -> None:
        self._reports = reports
        self._tokens = tokens

    async def GetReport(self, request: contract.GetReportRequest, context: Context) -> contract.Report:
        """See the contract."""
        names = REPORT.parse(request.name)
        return _message(names["tenant"], await self._reports.get(names["tenant"], names["report"]))

    async def ListReports(self, request: contract.ListReportsRequest, context: Context) -> contract.ListReportsResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        query = ("ListReports", tenant)
        key = self._tokens.read(request.page_token, query)
        found = await self._reports.page(tenant, "" if key is None else str(key[0]), size + 1)
        answer = contract.ListReportsResponse(reports=[_message(tenant, each) for each in found[:size]])
        if len(found) > size:
            answer.next_page_token = self._tokens.write((found[size - 1].id,), query)
        return answer

    async def UpdateReport(self, request: contract.UpdateReportRequest, context: Context) -> contract.Report:
        """See the contract."""
        tenant, definition = definition_of(request.report)
        return _message(tenant, await self._reports.put(tenant, definition))

    async def DeleteReport(self, request: contract.DeleteReportRequest, context: Context) -> Empty:
        """See the contract."""
        names = REPORT.parse(request.name)
        await self._reports.delete(names["tenant"], names["report"])
        return Empty()

    async def RunReport(self, request: contract.RunReportRequest, context: Context) -> contract.ReportRun:
        """See the contract."""
        names = REPORT.parse(request.name)
        time_us = _time(request.time, "time") if request.HasField("time") else None
        return _run(names["tenant"], await self._reports.run(names["tenant"], names["report"], time_us))

    async def GetReportRun(self, request: contract.GetReportRunRequest, context: Context) -> contract.ReportRun:
        """See the contract."""
        tenant, report_id, start_us = _start_of(request.name)
        return _run(tenant, await self._reports.get_run(tenant, report_id, start_us))

    async def ListReportRuns(
        self, request: contract.ListReportRunsRequest, context: Context
    ) -> contract.ListReportRunsResponse:
        """See the contract."""
        names, size = REPORT.parse(request.parent), _PAGES.size(request.page_size)
        query = ("ListReportRuns", names["tenant"], names["report"])
        key = self._tokens.read(request.page_token, query)
        before_us = _FAR_US if key is None else int(key[0])
        found = await self._reports.runs(names["tenant"], names["report"], before_us, size + 1)
        answer = contract.ListReportRunsResponse(runs=[_run(names["tenant"], each) for each in found[:size]])
        if len(found) > size:
            answer.next_page_token = self._tokens.write((found[size - 1].run.span.start_us,), query)
        return answer

    async def DownloadReport(
        self, request: contract.DownloadReportRequest, context: Context
    ) -> contract.DownloadReportResponse:
        """See the contract."""
        language = _kind(Language, request.language or Language.EN, "language")
        form = _kind(Format, request.format or Format.PDF, "format")
        content, name = await self._reports.download(*_start_of(request.name), language, form)
        return contract.DownloadReportResponse(content=content, media_type=_MEDIA[form], file_name=name)
