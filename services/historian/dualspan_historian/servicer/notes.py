"""What an upload has beside its samples, from the wire. A gateway's word is bounded, never refused."""

from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.historian.v1 import repair_pb2, resources_pb2, service_pb2
from dualspan_historian.model import Gap
from dualspan_historian.repair.model import Coverage, Missing, Notes, OpenHole, Repair, TagStart
from dualspan_historian.servicer.times import read_optional_time

_LONGEST_TEXT = 1000
_LARGEST_LINEAGE = (1 << 63) - 1


def notes(upload: service_pb2.IngestRequest.Upload) -> Notes:
    """Return the gaps, repairs and coverage of an upload."""
    return Notes(
        gaps=tuple(_gap(gap) for gap in upload.gaps),
        repairs=tuple(_repair(repair) for repair in upload.repairs if _gap_id(repair.gap)),
        coverage=tuple(_coverage(one) for one in upload.coverage),
        lineage=upload.lineage & _LARGEST_LINEAGE,
    )


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
        TagStart(start.tag_id, _microseconds(start.start_time), max(start.cyclic_interval.ToMicroseconds(), 0))
        for start in told.starts
    )
    holes = tuple(OpenHole(hole.tag_id, _microseconds(hole.start_time), _text(hole.detail)) for hole in told.holes)
    complete = _microseconds(told.complete_time)
    return Coverage(_text(told.server), complete, starts, holes if told.holes_changed else None)


def _gap_id(name: str) -> int:
    """The id in `tenants/{tenant}/gaps/{gap}`; 0 if it is none."""
    digits = name.rpartition("/gaps/")[2]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else 0


def _microseconds(value: Timestamp) -> int:
    """Microseconds since 1970; 0 for a time that is left out or makes no sense."""
    return 0 if read_optional_time(value) is None else value.seconds * 1_000_000 + value.nanos // 1000


def _text(value: str) -> str:
    return value[:_LONGEST_TEXT].replace("\0", "")
