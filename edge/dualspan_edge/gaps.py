"""Gaps: what is known to be missing, in the words of the ledger."""

from collections.abc import Iterable

from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.historian.v1 import resources_pb2 as historian
from dualspan.historian.v1 import service_pb2 as ingest
from dualspan_edge.samples import Overflow

# More overflows than this in one notification become one gap of the whole server.
_MAX_OVERFLOW_GAPS = 100


def timestamp_of(microseconds: int) -> Timestamp:
    """A protobuf Timestamp."""
    result = Timestamp()
    result.FromMicroseconds(microseconds)
    return result


def gap(
    cause: historian.GapCause.ValueType,
    start: int,
    end: int,
    *,
    server: str = "",
    tag_id: int = 0,
    lost_samples: int = 0,
    detail: str = "",
) -> historian.Gap:
    """A gap from `start` to `end`, microseconds since 1970; of every tag if no tag is named."""
    return historian.Gap(
        cause=cause,
        start_time=timestamp_of(min(start, end)),
        end_time=timestamp_of(end),
        server=server,
        tag_id=tag_id,
        lost_samples=lost_samples,
        detail=detail,
    )


def overflow_gaps(overflow: Overflow, server: str) -> list[historian.Gap]:
    """The gaps of samples that the server's queues dropped."""
    cause = historian.GAP_CAUSE_SERVER_OVERFLOW
    if len(overflow.tag) > _MAX_OVERFLOW_GAPS:
        detail = f"the queues of {len(overflow.tag)} monitored items overflowed"
        return [gap(cause, int(overflow.start.min()), int(overflow.end.max()), server=server, detail=detail)]
    rows = zip(overflow.tag.tolist(), overflow.start.tolist(), overflow.end.tolist(), strict=True)
    detail = "the monitored item's queue at the server overflowed"
    return [gap(cause, start, end, server=server, tag_id=tag, detail=detail) for tag, start, end in rows]


def pack_gaps(gaps: Iterable[historian.Gap]) -> bytes:
    """Gaps as they are stored in the buffer; empty if there are none."""
    return ingest.IngestRequest.Upload(gaps=gaps).SerializeToString()


def unpack_gaps(packed: Iterable[bytes]) -> list[historian.Gap]:
    """The opposite of `pack_gaps`, over several."""
    return [found for part in packed for found in ingest.IngestRequest.Upload.FromString(part).gaps]
