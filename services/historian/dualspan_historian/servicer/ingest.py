"""IngestService: where gateways send frames."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.historian.v1 import repair_pb2, service_pb2, service_pb2_grpc
from dualspan_historian.errors import open_first, results_only
from dualspan_historian.frame_traces import Pace
from dualspan_historian.ingest.service import Committed, IngestService
from dualspan_historian.ingest.session import Inbox, Sessions, Upload, opening, run_session
from dualspan_historian.model import APP_PREFIX, Stream
from dualspan_historian.repair.model import RepairQuery
from dualspan_historian.servicer import answers
from dualspan_historian.servicer.notes import notes
from dualspan_historian.servicer.times import write_time
from dualspan_historian.settings import HistorianSettings
from dualspan_historian.storage.frame_store import Reached
from dualspan_runtime.context import current_principal
from dualspan_runtime.paging import PageRules
from dualspan_runtime.principal import Principal, PrincipalKind

_REPAIRABLE = PageRules(default=10, maximum=100)
_MOST_LEFT_OUT = 10_000


class IngestServicer(service_pb2_grpc.IngestServiceServicer):
    """See the contract.

    Args:
        service: The use cases.
        settings: The window that gateways are told.
    """

    def __init__(self, service: IngestService, settings: HistorianSettings) -> None:
        self._service = service
        self._settings = settings
        self._sessions = Sessions()

    async def Ingest(  # noqa: N802 - the contract's name
        self, request_iterator: AsyncIterator[service_pb2.IngestRequest], context: Any
    ) -> AsyncIterator[service_pb2.IngestResponse]:
        """See the contract."""
        principal = current_principal()
        epoch = (await opening(request_iterator)).epoch
        stream = Stream(principal.tenant, _source(principal), epoch)
        pace = Pace(self._settings.frame_trace_seconds)
        inbox = Inbox(self._settings.max_waiting_bytes, self._settings.max_in_flight)
        async with self._sessions.hold(stream, inbox):
            yield self._opened(await self._service.open(stream), pace)
            session = run_session(self._service, stream, _uploads(request_iterator, stream, pace), inbox)
            async with aclosing(session):
                async for committed in session:
                    yield _ack(committed)

    async def ListRepairableGaps(  # noqa: N802 - the contract's name
        self, request: repair_pb2.ListRepairableGapsRequest, context: Any
    ) -> repair_pb2.ListRepairableGapsResponse:
        """See the contract."""
        principal, most = current_principal(), _REPAIRABLE.size(request.page_size)
        left_out = tuple(request.except_tag_ids[:_MOST_LEFT_OUT])
        wanted = RepairQuery(principal.id, request.server, most, left_out)
        found = await self._service.repairable(principal.tenant, wanted)
        return repair_pb2.ListRepairableGapsResponse(gaps=[answers.repairable(principal.tenant, one) for one in found])

    def _opened(self, reached: Reached, pace: Pace) -> service_pb2.IngestResponse:
        clock = Timestamp()
        clock.GetCurrentTime()
        return service_pb2.IngestResponse(
            opened=service_pb2.IngestResponse.Opened(
                committed_sequence=reached.sequence,
                committed_lineage=reached.lineage,
                committed_time=write_time(reached.commit_time) if reached.sequence else None,
                complete_time=write_time(reached.complete_time) if reached.sequence else None,
                max_in_flight=self._settings.max_in_flight,
                max_upload_bytes=self._settings.max_upload_bytes,
                clock=clock,
                trace_interval=pace.interval,
            )
        )


def _source(principal: Principal) -> str:
    """Who sends: an app by what it is as well, so that a gateway of the same id is somebody else."""
    return APP_PREFIX + principal.id if principal.kind is PrincipalKind.APP else principal.id


async def _uploads(
    requests: AsyncIterator[service_pb2.IngestRequest], stream: Stream, pace: Pace
) -> AsyncGenerator[Upload]:
    async for request in requests:
        if request.WhichOneof("message") != "upload":
            raise open_first()
        told = notes(request.upload, pace.heard(request.upload))
        if stream.is_app and (told.gaps or told.repairs or told.coverage):
            raise results_only()
        yield request.upload, told


def _ack(committed: Committed) -> service_pb2.IngestResponse:
    return service_pb2.IngestResponse(
        ack=service_pb2.IngestResponse.Ack(
            committed_sequence=committed.sequence,
            quarantined=[
                service_pb2.IngestResponse.Quarantined(
                    sequence=refusal.sequence, reason=refusal.reason, detail=refusal.detail
                )
                for refusal in committed.refusals
            ],
        )
    )
