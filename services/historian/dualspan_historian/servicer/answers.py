"""What use cases return to messages."""

from dualspan.frame.v1 import frame_pb2
from dualspan.historian.v1 import repair_pb2, resources_pb2, service_pb2
from dualspan_frame import Frame, encode_column, encode_frame
from dualspan_historian.live.hub import Delivery
from dualspan_historian.model import Gap, QuarantinedFrame, StorageTotals
from dualspan_historian.read.aggregates import Aggregate, Series
from dualspan_historian.read.arrow import frame_to_arrow, series_to_arrow
from dualspan_historian.read.processed import ProcessedQuery
from dualspan_historian.repair.model import RepairableGap
from dualspan_historian.servicer.requests import GAP, write_source
from dualspan_historian.servicer.times import write_microseconds, write_time
from dualspan_runtime.names import ResourceName

_QUARANTINED = ResourceName("tenants/{tenant}/quarantinedFrames/{frame}")
# Answers are read once: compress little, quickly.
_LEVEL = 2
# So few values are sent sooner than they are compressed.
_FEW = 5_000


def samples(frame: Frame, form: int) -> tuple[frame_pb2.Frame | None, bytes]:
    """Return a frame in the form that was asked for: as (frame, arrow), one of them empty."""
    if form == service_pb2.RESULT_FORM_ARROW:
        return None, frame_to_arrow(frame)
    return encode_frame(frame, raw=form == service_pb2.RESULT_FORM_FRAME_RAW, level=_LEVEL), b""


def processed(query: ProcessedQuery, results: dict[int, list[Series]], form: int) -> service_pb2.ReadProcessedResponse:
    """Return aggregates in the order of the request, in the form that was asked for."""
    rows = [
        (tag_id, aggregate, series)
        for tag_id in query.tag_ids
        for aggregate, series in zip(query.aggregates, results[tag_id], strict=True)
    ]
    if form == service_pb2.RESULT_FORM_ARROW:
        return service_pb2.ReadProcessedResponse(arrow=series_to_arrow(rows))
    raw = form == service_pb2.RESULT_FORM_FRAME_RAW or sum(len(series.value) for _, _, series in rows) <= _FEW
    return service_pb2.ReadProcessedResponse(series=[_series(*row, raw=raw) for row in rows])


def _series(
    tag_id: int, aggregate: Aggregate, series: Series, *, raw: bool
) -> service_pb2.ReadProcessedResponse.Series:
    return service_pb2.ReadProcessedResponse.Series(
        tag_id=tag_id,
        aggregate=aggregate,
        count=len(series.value),
        timestamp=encode_column(series.timestamp, raw=raw, level=_LEVEL, delta=1),
        status=encode_column(series.status, raw=raw, level=_LEVEL),
        value=encode_column(series.value, raw=raw, level=_LEVEL),
    )


def delivery(given: Delivery) -> service_pb2.SubscribeResponse:
    """Return a frame for a subscriber."""
    return service_pb2.SubscribeResponse(frame=encode_frame(given.frame, level=_LEVEL), skipped_frames=given.skipped)


def gap(tenant: str, row: Gap) -> resources_pb2.Gap:
    """Return a row of the gap ledger."""
    return resources_pb2.Gap(
        name=GAP.format(tenant=tenant, gap=row.gap_id),
        tag_id=row.tag_id,
        gateway=write_source(tenant, row.gateway_id),
        server=row.server_id,
        start_time=write_time(row.start_time),
        end_time=write_time(row.end_time),
        cause=resources_pb2.GapCause.ValueType(row.cause),
        lost_samples=row.lost_samples,
        detail=row.detail,
        state=resources_pb2.GapState.ValueType(row.state),
        create_time=write_time(row.create_time),
        resolve_time=write_time(row.resolve_time),
        repaired_samples=row.repaired_samples,
        repaired_tags=row.repaired_tags,
        unrepairable_tags=row.unrepairable_tags,
        resolution=row.resolution,
    )


def repairable(tenant: str, found: RepairableGap) -> repair_pb2.RepairableGap:
    """Return a gap that may be filled."""
    tags = [
        repair_pb2.RepairableGap.Tag(tag_id=tag.tag_id, start_time=write_microseconds(tag.start_us))
        for tag in found.tags
    ]
    return repair_pb2.RepairableGap(gap=gap(tenant, found.gap), tags=tags, attempts=found.gap.attempts)


def quarantined(tenant: str, row: QuarantinedFrame) -> resources_pb2.QuarantinedFrame:
    """Return a frame in quarantine."""
    return resources_pb2.QuarantinedFrame(
        name=_QUARANTINED.format(tenant=tenant, frame=row.quarantine_id),
        gateway=write_source(tenant, row.gateway_id),
        epoch=row.epoch,
        sequence=row.sequence,
        reason=row.reason,
        detail=row.detail,
        size_bytes=row.size_bytes,
        create_time=write_time(row.create_time),
    )


def statistics(tenant: str, totals: StorageTotals) -> service_pb2.StorageStatistics:
    """Return how much is stored."""
    return service_pb2.StorageStatistics(
        committed_samples=totals.committed_samples,
        sealed_samples=totals.sealed_samples,
        unsealed_frames=totals.unsealed_frames,
        unsealed_samples=totals.unsealed_samples,
        sealed_bytes=totals.sealed_bytes,
        segments=totals.segments,
        repeated_samples=totals.repeated_samples,
        open_gaps=totals.open_gaps,
        quarantined_frames=totals.quarantined_frames,
        positions=[
            service_pb2.IngestPosition(
                gateway=write_source(tenant, position.gateway_id),
                epoch=position.epoch,
                committed_sequence=position.committed_sequence,
                commit_time=write_time(position.commit_time),
            )
            for position in totals.positions
        ],
    )
