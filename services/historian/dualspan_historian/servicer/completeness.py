"""CompletenessService: reports for other services."""

import time
from collections.abc import Sequence
from typing import Any

from google.protobuf.duration_pb2 import Duration

from dualspan.historian.v1 import completeness_pb2, completeness_pb2_grpc
from dualspan_historian.errors import future_period, reversed_interval, subject_required, tag_count
from dualspan_historian.report.document import totals
from dualspan_historian.report.missing import MissingSpans
from dualspan_historian.report.model import ReportQuery, ReportTag, TagFigures
from dualspan_historian.report.service import CompletenessReports
from dualspan_historian.servicer.requests import MOST_TAGS_LATEST, tag_ids
from dualspan_historian.servicer.times import read_time
from dualspan_runtime.context import current_tenant

_MOST_TAGS = 50_000
_LONGEST_TEXT = 1000
# Clocks of services differ a little.
_LEEWAY_US = 5_000_000


class CompletenessServicer(completeness_pb2_grpc.CompletenessServiceServicer):
    """See the contract.

    Args:
        reports: Makes reports.
        missing: Tells when samples are missing.
    """

    def __init__(self, reports: CompletenessReports, missing: MissingSpans) -> None:
        self._reports = reports
        self._missing = missing

    async def CreateCompletenessReport(  # noqa: N802 - the contract's name
        self, request: completeness_pb2.CreateCompletenessReportRequest, context: Any
    ) -> completeness_pb2.CreateCompletenessReportResponse:
        """See the contract."""
        report = await self._reports.create(current_tenant(), _query(request))
        return completeness_pb2.CreateCompletenessReportResponse(envelope=report.envelope, totals=_totals(report.lines))

    async def ListMissingSpans(  # noqa: N802 - the contract's name
        self, request: completeness_pb2.ListMissingSpansRequest, context: Any
    ) -> completeness_pb2.ListMissingSpansResponse:
        """See the contract."""
        ids = tag_ids(request.tag_ids, MOST_TAGS_LATEST)
        start, end = read_time(request, "start_time"), read_time(request, "end_time")
        if start >= end:
            raise reversed_interval()
        spans = await self._missing.of(current_tenant(), ids, (start, end))
        return completeness_pb2.ListMissingSpansResponse(
            tag_id=[span.tag_id for span in spans],
            start_us=[span.start_us for span in spans],
            end_us=[span.end_us for span in spans],
            pending=[span.pending for span in spans],
            resumed=[span.resumed for span in spans],
        )


def _query(request: completeness_pb2.CreateCompletenessReportRequest) -> ReportQuery:
    """Return what is asked.

    Raises:
        InvalidArgument: Something that the request needs is missing, or makes no sense.
    """
    if not 1 <= len(request.tags) <= _MOST_TAGS:
        raise tag_count(len(request.tags), _MOST_TAGS)
    if not request.subject.strip():
        raise subject_required()
    start, end = read_time(request, "start_time"), read_time(request, "end_time")
    if start >= end:
        raise reversed_interval()
    if end > time.time_ns() // 1000 + _LEEWAY_US:
        raise future_period()
    tags = {tag.tag_id: _tag(tag) for tag in request.tags}
    return ReportQuery(
        subject=request.subject[:_LONGEST_TEXT],
        tags=tuple(tags[tag_id] for tag_id in sorted(tags)),
        start_us=start,
        end_us=end,
        requester=request.requester[:_LONGEST_TEXT],
    )


def _tag(tag: completeness_pb2.CreateCompletenessReportRequest.Tag) -> ReportTag:
    end = read_time(tag, "end_time") if tag.HasField("end_time") else None
    return ReportTag(tag.tag_id, tag.name[:_LONGEST_TEXT], tag.server[:_LONGEST_TEXT], end)


def _totals(lines: Sequence[TagFigures]) -> completeness_pb2.CompletenessTotals:
    times = totals(lines)
    return completeness_pb2.CompletenessTotals(
        tags=len(lines),
        complete_tags=sum(line.is_complete for line in lines),
        expected_time=_duration(times.expected),
        received_time=_duration(times.received),
        repaired_time=_duration(times.repaired),
        missing_time=_duration(times.missing),
        pending_time=_duration(times.pending),
        received_samples=sum(line.received_samples for line in lines),
        repaired_samples=sum(line.repaired_samples for line in lines),
    )


def _duration(microseconds: int) -> Duration:
    return Duration(seconds=microseconds // 1_000_000, nanos=microseconds % 1_000_000 * 1000)
