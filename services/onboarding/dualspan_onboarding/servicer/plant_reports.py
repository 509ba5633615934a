"""PlantReportService: proven completeness for people."""

from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.onboarding.v1 import completeness_pb2, completeness_pb2_grpc
from dualspan_onboarding.errors import malformed
from dualspan_onboarding.names import parse_tenant
from dualspan_onboarding.reporting import scope_of
from dualspan_onboarding.service.plant_reports import PlantReports


class PlantReportServicer(completeness_pb2_grpc.PlantReportServiceServicer):
    """Answers for completeness reports.

    Args:
        reports: The use case.
    """

    def __init__(self, reports: PlantReports) -> None:
        self._reports = reports

    async def CreatePlantReport(  # noqa: N802 - the contract's name
        self, request: completeness_pb2.CreatePlantReportRequest, context: Any
    ) -> completeness_pb2.CreatePlantReportResponse:
        """See the contract."""
        tenant = parse_tenant(request.parent)
        scope = scope_of(tenant, request.site, request.gateway, request.server)
        start, end = _moment(request.start_time, "start_time"), _moment(request.end_time, "end_time")
        report = await self._reports.create(tenant, scope, start, end)
        return completeness_pb2.CreatePlantReportResponse(envelope=report.envelope, totals=report.totals)


def _moment(value: Timestamp, field: str) -> datetime:
    try:
        return value.ToDatetime(UTC)
    except ValueError as err:
        raise malformed("INVALID_TIME", field, f"{field} must lie between 0001 and 9999.") from err
