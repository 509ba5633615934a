"""Times and lengths on the wire ⇄ microseconds."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan_runtime.errors import InvalidArgument

# Years 1 to 9999, as the protobuf type allows.
_SECONDS = range(-62_135_596_800, 253_402_300_800)
_LONGEST_SECONDS = 400 * 86_400


def read_time(message: Message, field: str) -> int:
    """A required time of a message, µs since the Unix epoch.

    Raises:
        InvalidArgument: It is missing or none (`INVALID_TIME`).
    """
    value: Timestamp = getattr(message, field)
    if not message.HasField(field) or value.seconds not in _SECONDS or not 0 <= value.nanos < 1_000_000_000:
        words = f"{field} must be a time from year 1 to 9999."
        raise InvalidArgument("INVALID_TIME", words, field=field)
    return value.seconds * 1_000_000 + value.nanos // 1000


def read_length(value: Duration, field: str) -> int:
    """A length in µs, 0 or more.

    Raises:
        InvalidArgument: It is negative or longer than 400 days (`INVALID_LENGTH`).
    """
    if not 0 <= value.seconds <= _LONGEST_SECONDS or not 0 <= value.nanos < 1_000_000_000:
        raise InvalidArgument("INVALID_LENGTH", f"{field} must be from 0 to 400 days.", field=field)
    return value.seconds * 1_000_000 + value.nanos // 1000


def write_time(value_us: int) -> Timestamp:
    """µs since the Unix epoch as a message."""
    return Timestamp(seconds=value_us // 1_000_000, nanos=value_us % 1_000_000 * 1000)


def write_length(value_us: int) -> Duration:
    """A length in µs as a message."""
    return Duration(seconds=value_us // 1_000_000, nanos=value_us % 1_000_000 * 1000)
