"""Samples that are known to be missing, made visible in a series. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dualspan_analytics.columns import Series
from dualspan_analytics.intervals import Intervals

BAD_NO_DATA = 0x809B0000
# A gateway tells every few seconds how complete it is; what it has not told for so long may be missing.
_PENDING_US = 60_000_000


@dataclass(frozen=True, slots=True)
class MissingSpan:
    """When samples of a tag are missing, µs since the Unix epoch.

    Attributes:
        start_us: From here on.
        end_us: Up to here, not included.
        pending: Nothing is known to be missing; the gateway has told nothing of it yet.
        resumed: The value at the end is that of the newest sample at or before it.
    """

    start_us: int
    end_us: int
    pending: bool
    resumed: bool


def with_missing(series: Series, spans: Sequence[MissingSpan], now_us: int) -> Series:
    """The series with a Bad_NoData sample where samples begin to be missing.

    A sample within a span ends it: it is the newest that is known. Where the value at the end of a span is known, the
    newest sample before it comes back at the end, with that time.

    Args:
        series: Ascending in time.
        spans: In order of time, without overlaps.
        now_us: What is pending counts as missing when it is a minute old.
    """
    added: list[tuple[int, int, int]] = []  # place, time, row that it repeats (-1: Bad_NoData)
    for span in spans:
        low = int(np.searchsorted(series.timestamp, span.start_us, side="right"))
        high = int(np.searchsorted(series.timestamp, span.end_us, side="right"))
        if span.pending:
            last = int(series.timestamp[high - 1]) if high else span.start_us
            begin = max(span.start_us, last + 1)
            if begin < span.end_us and begin < now_us - _PENDING_US:
                added.append((high, begin, -1))
            continue
        exact = low > 0 and int(series.timestamp[low - 1]) == span.start_us
        added.append((low, span.start_us + int(exact), -1))
        if high == low and span.resumed and low > 0:
            added.append((low, span.end_us, low - 1))
    return _inserted(series, added) if added else series


def missing_time(spans: Sequence[MissingSpan], now_us: int) -> Intervals:
    """All time of some spans, whatever samples there are within; of what is pending, if it is a minute old."""
    return Intervals.of(
        (span.start_us, span.end_us) for span in spans if not span.pending or span.start_us < now_us - _PENDING_US
    )


def _inserted(series: Series, added: Sequence[tuple[int, int, int]]) -> Series:
    places, times, rows = (np.array(column, np.int64) for column in zip(*added, strict=True))
    absent = rows < 0
    if len(series):
        values = series.value[np.maximum(rows, 0)]
        status = np.where(absent, np.uint32(BAD_NO_DATA), series.status[np.maximum(rows, 0)])
    else:
        values = np.zeros(len(rows), series.value.dtype)
        status = np.full(len(rows), BAD_NO_DATA)
    if values.dtype == np.float64:
        values = np.where(absent, np.nan, values)
    elif values.dtype == object:
        values[absent] = ""
    else:
        values = np.where(absent, values.dtype.type(0), values)
    return Series(
        np.insert(series.timestamp, places, times),
        np.insert(series.value, places, values),
        np.insert(series.status, places, status.astype(np.uint32)),
        series.unit,
    )
