"""Which quarters of an hour uploads reach into. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from dualspan_historian.ingest.verification import Verified
from dualspan_historian.model import Gap
from dualspan_historian.storage.touch_store import QUARTER_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A frame that spans no more than this is not looked at sample by sample: all between is taken as touched.
_FEW = 8
# A gap of a century is a clock that was wrong: of all that gaps hide, the newest year counts. Each quarter is a row to
# write, and what nobody recorded for years was not believed to be there either.
_MOST = 366 * 96
# Of the future nothing is stored beyond what a clock may be wrong by.
_AHEAD = 96


def quarters_of(uploads: Sequence[Verified], gaps: Sequence[Gap], now_us: int) -> NDArray[np.int64]:
    """Return the quarters that samples and gaps reach into, ascending, in units of `QUARTER_US`."""
    parts = [quarters for upload in uploads for quarters in _of_samples(upload)]
    spans = [span for gap in gaps for span in _of_gap(gap)]
    return np.unique(np.concatenate([quarters_within(spans, now_us), *parts]))


def quarters_within(spans: Sequence[tuple[int, int]], now_us: int) -> NDArray[np.int64]:
    """Return the quarters within spans, ascending: of however many and however long spans, the newest year.

    Args:
        spans: First and last quarter of each.
        now_us: The time, in microseconds since 1970.
    """
    latest = now_us // QUARTER_US + _AHEAD
    room = _MOST
    parts: list[NDArray[np.int64]] = []
    # From the newest on, and none twice: what is made is never longer than what is returned.
    for first, last in sorted(spans, key=lambda span: span[1], reverse=True):
        end = min(last, latest)
        begin = max(first, end - room + 1)
        if begin > end:
            continue
        parts.append(np.arange(begin, end + 1, dtype=np.int64))
        room -= end - begin + 1
        latest = begin - 1
    return np.concatenate([np.empty(0, np.int64), *reversed(parts)])


def _of_samples(upload: Verified) -> Iterator[NDArray[np.int64]]:
    if upload.stored is None:
        return
    first, last = upload.stored.t_min // QUARTER_US, upload.stored.t_max // QUARTER_US
    if last - first < _FEW or upload.frame is None:
        yield np.arange(first, last + 1, dtype=np.int64)
        return
    for block in upload.frame.blocks:
        yield np.unique(block.timestamp // QUARTER_US)


def _of_gap(gap: Gap) -> Iterator[tuple[int, int]]:
    if gap.start_time is None or gap.end_time is None or gap.end_time < gap.start_time:
        return  # nobody knows when it is, so nobody can show it
    yield _micros(gap.start_time) // QUARTER_US, _micros(gap.end_time) // QUARTER_US


def _micros(moment: datetime) -> int:
    span = moment - _EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds
