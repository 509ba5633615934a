"""Instants: what callers have, and microseconds since 1970-01-01T00:00:00 UTC inside."""

from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import numpy as np
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

Instant: TypeAlias = datetime | np.datetime64 | int
"""A datetime with its time zone, a NumPy datetime64 (UTC), or microseconds since 1970-01-01T00:00:00 UTC."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(instant: Instant) -> int:
    """Microseconds since the epoch; raises `ValueError` for a datetime without a time zone and for NaT."""
    if isinstance(instant, datetime):
        if instant.tzinfo is None:
            raise ValueError(f"{instant!r} has no time zone: give it one, such as datetime.UTC")
        return (instant - _EPOCH) // _MICROSECOND
    if isinstance(instant, np.datetime64):
        if np.isnat(instant):
            raise ValueError("NaT is not an instant")
        return int(instant.astype("datetime64[us]").astype(np.int64))
    return instant


def to_timestamp(instant: Instant) -> Timestamp:
    """The same instant for a message."""
    seconds, microseconds = divmod(to_microseconds(instant), 1_000_000)
    return Timestamp(seconds=seconds, nanos=microseconds * 1000)


def to_duration(interval: timedelta) -> Duration:
    """The same length of time for a message."""
    seconds, microseconds = divmod(interval // _MICROSECOND, 1_000_000)
    return Duration(seconds=seconds, nanos=microseconds * 1000)
