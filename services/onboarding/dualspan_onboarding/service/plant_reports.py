"""Completeness of a plant: which tags it has is known here; what is stored of them, the historian proves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.historian.v1.completeness_pb2 import CompletenessTotals, CreateCompletenessReportRequest
from dualspan_onboarding.clients import UNREACHABLE
from dualspan_onboarding.errors import malformed, too_many, upstream_failed
from dualspan_onboarding.errors.reports import nothing_to_report, report_refused
from dualspan_onboarding.reporting import MOST_TAGS, ReportedTag, Scope
from dualspan_onboarding.service.audit import audit
from dualspan_onboarding.store import reported_tags
from dualspan_runtime.context import current_principal
from dualspan_runtime.database import Database
from dualspan_runtime.errors import error_info

if TYPE_CHECKING:  # the generated modules have these classes for type checkers only
    from dualspan.historian.v1.completeness_pb2_grpc import CompletenessServiceAsyncStub

_SECONDS = 280.0
_REFUSALS = (
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.INVALID_ARGUMENT,
)


@dataclass(frozen=True, slots=True)
class PlantReport:
    """A report: the signed document, and its totals."""

    envelope: bytes
    totals: CompletenessTotals


class PlantReports:
    """The use case.

    Args:
        database: Where tags are.
        stub: Of a channel to the historian that carries this service's token.
    """

    def __init__(self, database: Database, stub: "CompletenessServiceAsyncStub") -> None:
        self._database = database
        self._stub = stub

    async def create(self, tenant: str, scope: Scope, start: datetime, end: datetime) -> PlantReport:
        """Have a report made and signed.

        Raises:
            InvalidArgument: the period is empty or lies in the future.
            NotFound: nothing of the scope was to be recorded in it.
            FailedPrecondition, ResourceExhausted: the historian cannot prove that much, or that far back.
            Unavailable: the historian or identity cannot be asked.
        """
        if not start < end <= datetime.now(UTC):
            raise malformed("INVALID_PERIOD", "end_time", "end_time must lie after start_time and not after now.")
        async with self._database.transaction(tenant) as connection:
            tags = await reported_tags.of_scope(connection, tenant, scope, start, end, MOST_TAGS + 1)
            if not tags:
                raise nothing_to_report(scope.subject)
            if len(tags) > MOST_TAGS:
                raise too_many("TOO_MANY_TAGS", "tags in a report", MOST_TAGS)
            await audit(connection, tenant, "plant.report", scope.subject, tags=str(len(tags)))
        request = CreateCompletenessReportRequest(
            parent=f"tenants/{tenant}",
            subject=scope.subject,
            tags=_tags(tags),
            start_time=_timestamp(start),
            end_time=_timestamp(end),
            requester=current_principal().actor,
        )
        try:
            answer = await self._stub.CreateCompletenessReport(request, timeout=_SECONDS)
        except grpc.aio.AioRpcError as err:
            if err.code() in UNREACHABLE:
                raise upstream_failed("historian") from err
            info = error_info(err)
            if info is not None and err.code() in _REFUSALS:
                raise report_refused(info.reason, err.details() or "") from err
            raise
        return PlantReport(answer.envelope, answer.totals)


def _tags(tags: Sequence[ReportedTag]) -> list[CreateCompletenessReportRequest.Tag]:
    return [
        CreateCompletenessReportRequest.Tag(
            tag_id=tag.tag_id,
            name=tag.browse_path,
            server=str(tag.server),
            end_time=None if tag.deleted_at is None else _timestamp(tag.deleted_at),
        )
        for tag in tags
    ]


def _timestamp(moment: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(moment)
    return message
