"""IngestService: where gateways send frames."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.historian.v1 import resources_pb2, service_pb2, service_pb2_grpc
from dualspan_historian.errors import open_first
from dualspan_historian.ingest.service import Committed, IngestService, Stream
from dualspan_historian.ingest.session import Inbox, Sessions, Upload, opening, run_session
from dualspan_historian.model import Gap
from dualspan_historian.servicer.times import read_optional_time
from dualspan_historian.settings import HistorianSettings
from dualspan_runtime.context import current_principal

_LONGEST_DETAIL = 1000


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
        stream = Stream(principal.tenant, principal.id, epoch)
        inbox = Inbox(self._settings.max_waiting_bytes, self._settings.max_in_flight)
        async with self._sessions.hold(stream, inbox):
            yield self._opened(await self._service.open(stream))
            session = run_session(self._service, stream, _uploads(request_iterator), inbox)
            async with aclosing(session):
                async for committed in session:
                    yield _ack(committed)

    def _opened(self, committed_sequence: int) -> service_pb2.IngestResponse:
        clock = Timestamp()
        clock.GetCurrentTime()
        return service_pb2.IngestResponse(
            opened=service_pb2.IngestResponse.Opened(
                committed_sequence=committed_sequence,
                max_in_flight=self._settings.max_in_flight,
                max_upload_bytes=self._settings.max_upload_bytes,
                clock=clock,
            )
        )


async def _uploads(requests: AsyncIterator[service_pb2.IngestRequest]) -> AsyncGenerator[Upload]:
    async for request in requests:
        if request.WhichOneof("message") != "upload":
            raise open_first()
        yield request.upload, tuple(_gap(gap) for gap in request.upload.gaps)


def _gap(gap: resources_pb2.Gap) -> Gap:
    return Gap(
        gap_id=0,
        tag_id=gap.tag_id,
        gateway_id="",
        server_id=gap.server[:_LONGEST_DETAIL].replace("\0", ""),
        start_time=read_optional_time(gap.start_time),
        end_time=read_optional_time(gap.end_time),
        cause=gap.cause if gap.cause in resources_pb2.GapCause.values() else 0,
        lost_samples=max(gap.lost_samples, 0),
        detail=gap.detail[:_LONGEST_DETAIL].replace("\0", ""),
    )


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
