"""Times and spans of the contract."""

from datetime import datetime

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

_LARGEST_US = 2**62


def timestamp(moment: datetime | None) -> Timestamp | None:
    """A moment of the contract; None stays unset."""
    if moment is None:
        return None
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def duration(microseconds: int) -> Duration:
    """A span of the contract."""
    seconds, rest = divmod(microseconds, 1_000_000)
    if seconds < 0 and rest:  # seconds and nanos have the same sign
        seconds, rest = seconds + 1, rest - 1_000_000
    return Duration(seconds=seconds, nanos=rest * 1000)


def microseconds(span: Duration) -> int:
    """A span in whole microseconds, clipped to what a bigint column holds."""
    return max(-_LARGEST_US, min(_LARGEST_US, span.seconds * 1_000_000 + span.nanos // 1000))
