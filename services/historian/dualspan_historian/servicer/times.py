"""Times on the wire ⇄ microseconds and datetimes."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from dualspan_historian.errors import time_required

# Year 1 to 9999, as the protobuf type allows.
_EARLIEST_SECONDS, _LATEST_SECONDS = -62_135_596_800, 253_402_300_799


def read_time(message: object, field: str) -> int:
    """Return a required time of a request, in microseconds since 1970.

    Raises:
        InvalidArgument: It is missing or out of its range (`INVALID_TIME`).
    """
    value: Timestamp = getattr(message, field)
    if not message.HasField(field) or not _is_valid(value):  # type: ignore[attr-defined]
        raise time_required(field)
    return value.seconds * 1_000_000 + value.nanos // 1000


def read_optional_time(value: Timestamp) -> datetime | None:
    """Return a time that may be left out or be wrong; None then."""
    if not (value.seconds or value.nanos) or not _is_valid(value):
        return None
    return value.ToDatetime(tzinfo=UTC)


def write_time(value: datetime | None) -> Timestamp | None:
    """Return a time as a message."""
    if value is None:
        return None
    message = Timestamp()
    message.FromDatetime(value)
    return message


def write_microseconds(value: int) -> Timestamp:
    """Return microseconds since 1970 as a message."""
    return Timestamp(seconds=value // 1_000_000, nanos=value % 1_000_000 * 1000)


def _is_valid(value: Timestamp) -> bool:
    return _EARLIEST_SECONDS <= value.seconds <= _LATEST_SECONDS and 0 <= value.nanos < 1_000_000_000
