"""What an upload has beside its samples, from the wire. A gateway's word is bounded, never refused."""

from collections.abc import Sequence
from dataclasses import replace

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.historian.v1 import repair_pb2, resources_pb2, service_pb2
from dualspan_historian.frame_traces import FrameTrace
from dualspan_historian.model import Gap
from dualspan_historian.repair.model import Coverage, Missing, Notes, OpenHole, Repair, TagStart
from dualspan_historian.servicer.times import read_optional_time

_LONGEST_TEXT = 1000
# A gateway joins its gaps long before there are so many in one upload; of whoever does not, the rest becomes one.
_MOST_GAPS = 10_000
# A year: nobody reads a value less often.
_LONGEST_INTERVAL = 366 * 86_400_000_000
_LARGEST = (1 << 63) - 1


def notes(upload: service_pb2.IngestRequest.Upload, trace: FrameTrace | None = None) -> Notes:
    """Return the gaps, repairs and coverage of an upload; its trace has been judged."""
    return Notes(
        gaps=_gaps(upload.gaps),
        repairs=tuple(_repair(repair) for repair in upload.repairs if _gap_id(repair.gap)),
        coverage=tuple(_coverage(one) for one in upload.coverage),
        lineage=upload.lineage & _LARGEST,
        trace=trace,
    )


def _gaps(told: Sequence[resources_pb2.Gap]) -> tuple[Gap, ...]:
    if len(told) <= _MOST_GAPS:
        return tuple(_gap(gap) for gap in told)
    kept = [_gap(gap) for gap in told[: _MOST_GAPS - 1]]
    rest = [_gap(gap) for gap in told[_MOST_GAPS - 1 :]]
    together = replace(
        rest[0],
        tag_id=0,
        server_id="",
        start_time=min((gap.start_time for gap in rest if gap.start_time), default=None),
        end_time=max((gap.end_time for gap in rest if gap.end_time), default=None),
        lost_samples=min(sum(gap.lost_samples for gap in rest), _LARGEST),
        detail=f"{len(rest)} gaps of one upload, the first: {rest[0].detail}"[:_LONGEST_TEXT],
    )
    return (*kept, together)


def _gap(gap: resources_pb2.Gap) -> Gap:
    return Gap(
        gap_id=0,
        tag_id=gap.tag_id,
        gateway_id="",
        server_id=_text(gap.server),
        start_time=read_optional_time(gap.start_time),
        end_time=read_optional_time(gap.end_time),
        cause=gap.cause if gap.cause in resources_pb2.GapCause.values() else 0,
        lost_samples=max(gap.lost_samples, 0),
        detail=_text(gap.detail),
    )


def _repair(repair: repair_pb2.Repair) -> Repair:
    missing = tuple(
        Missing(_microseconds(part.start_time), _microseconds(part.end_time), _text(part.detail))
        for part in repair.missing
    )
    until = _microseconds(repair.until_time)
    return Repair(_gap_id(repair.gap), repair.tag_id, _text(repair.server), until, repair.done, missing)


def _coverage(told: repair_pb2.Coverage) -> Coverage:
    starts = tuple(
        TagStart(start.tag_id, _microseconds(start.start_time), _interval(start.cyclic_interval))
        for start in told.starts
    )
    holes = tuple(OpenHole(hole.tag_id, _microseconds(hole.start_time), _text(hole.detail)) for hole in told.holes)
    complete = _microseconds(told.complete_time)
    return Coverage(_text(told.server), complete, starts, holes if told.holes_changed else None)


def _gap_id(name: str) -> int:
    """The id in `tenants/{tenant}/gaps/{gap}`; 0 if it is none."""
    digits = name.rpartition("/gaps/")[2]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else 0


def _interval(value: Duration) -> int:
    """Microseconds; what makes no sense becomes what does."""
    return min(max(value.seconds * 1_000_000 + value.nanos // 1000, 0), _LONGEST_INTERVAL)


def _microseconds(value: Timestamp) -> int:
    """Microseconds since 1970; 0 for a time that is left out or makes no sense."""
    return 0 if read_optional_time(value) is None else value.seconds * 1_000_000 + value.nanos // 1000


def _text(value: str) -> str:
    return value[:_LONGEST_TEXT].replace("\0", "")
