"""Times and spans of the contract."""

from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

_LARGEST_US = 2**62
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_US = 253_402_300_799_000_000  # the end of the year 9999


def timestamp(moment: datetime | None) -> Timestamp | None:
    """A moment of the contract; None stays unset."""
    if moment is None:
        return None
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def moment(message: Timestamp) -> datetime:
    """A moment that a gateway states, within the years that a datetime has."""
    stated = message.seconds * 1_000_000 + message.nanos // 1000
    return _EPOCH + timedelta(microseconds=max(0, min(_LAST_US, stated)))


def duration(microseconds: int) -> Duration:
    """A span of the contract."""
    seconds, rest = divmod(microseconds, 1_000_000)
    if seconds < 0 and rest:  # seconds and nanos have the same sign
        seconds, rest = seconds + 1, rest - 1_000_000
    return Duration(seconds=seconds, nanos=rest * 1000)


def microseconds(span: Duration) -> int:
    """A span in whole microseconds, clipped to what a bigint column holds."""
    return max(-_LARGEST_US, min(_LARGEST_US, span.seconds * 1_000_000 + span.nanos // 1000))
