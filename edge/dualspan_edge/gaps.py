"""Gaps: what is known to be missing, in the words of the ledger."""

from collections.abc import Iterable, Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.historian.v1 import repair_pb2 as repair
from dualspan.historian.v1 import resources_pb2 as historian
from dualspan.historian.v1 import service_pb2 as ingest
from dualspan_edge.samples import Overflow

# More overflows than this in one notification become one gap of the whole server.
_MAX_OVERFLOW_GAPS = 100
# What the gaps of one frame take at most; the historian takes far more in one message.
_MOST_BYTES = 128 * 1024
_MOST_WORDS = 200


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


def coalesced(gaps: Sequence[historian.Gap], most_bytes: int) -> list[historian.Gap]:
    """Gaps that take at most so many bytes: if they take more, those of one server and cause become one gap.

    If even that is too much, so do those of one cause, without their words.
    """
    if _size_of(gaps) <= most_bytes:
        return list(gaps)
    by_server: dict[tuple[str, int], list[historian.Gap]] = {}
    by_cause: dict[int, list[historian.Gap]] = {}
    for one in gaps:
        by_server.setdefault((one.server, one.cause), []).append(one)
        by_cause.setdefault(one.cause, []).append(one)
    together = [_together(group) for group in by_server.values()]
    if _size_of(together) <= most_bytes:
        return together
    together = [_together(group) for group in by_cause.values()]
    for one in together:
        one.detail = ""
    return together


def _size_of(gaps: Sequence[historian.Gap]) -> int:
    return ingest.IngestRequest.Upload(gaps=gaps).ByteSize()


def _together(group: Sequence[historian.Gap]) -> historian.Gap:
    first = group[0]
    return gap(
        first.cause,
        min(one.start_time.ToMicroseconds() for one in group),
        max(one.end_time.ToMicroseconds() for one in group),
        server=first.server if all(one.server == first.server for one in group) else "",
        tag_id=first.tag_id if all(one.tag_id == first.tag_id for one in group) else 0,
        lost_samples=sum(one.lost_samples for one in group),
        detail=f"{len(group)} gaps, the first: {first.detail[:_MOST_WORDS]}" if len(group) > 1 else first.detail,
    )


def pack_notes(
    gaps: Sequence[historian.Gap],
    *,
    repairs: Sequence[repair.Repair] = (),
    coverage: Sequence[repair.Coverage] = (),
) -> bytes:
    """What goes with a frame as it is stored in the buffer, gaps in bounded length; empty if there is nothing."""
    packed = ingest.IngestRequest.Upload(gaps=coalesced(gaps, _MOST_BYTES), repairs=repairs, coverage=coverage)
    return packed.SerializeToString()


def unpack_notes(packed: bytes) -> ingest.IngestRequest.Upload:
    """The opposite of `pack_notes`: an upload that has nothing else yet."""
    return ingest.IngestRequest.Upload.FromString(packed)


def unpack_gaps(packed: Iterable[bytes]) -> list[historian.Gap]:
    """The gaps of several."""
    return [found for part in packed for found in unpack_notes(part).gaps]
