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
# A gap of a century is a clock that was wrong; what it hides begins with its start.
_MOST = 366 * 96 * 10


def quarters_of(uploads: Sequence[Verified], gaps: Sequence[Gap]) -> NDArray[np.int64]:
    """Return the quarters that samples and gaps reach into, ascending, in units of `QUARTER_US`."""
    parts = [quarters for upload in uploads for quarters in _of_samples(upload)]
    parts += [quarters for gap in gaps for quarters in _of_gap(gap)]
    return np.unique(np.concatenate([np.empty(0, np.int64), *parts]))


def _of_samples(upload: Verified) -> Iterator[NDArray[np.int64]]:
    if upload.stored is None:
        return
    first, last = upload.stored.t_min // QUARTER_US, upload.stored.t_max // QUARTER_US
    if last - first < _FEW or upload.frame is None:
        yield np.arange(first, last + 1, dtype=np.int64)
        return
    for block in upload.frame.blocks:
        yield np.unique(block.timestamp // QUARTER_US)


def _of_gap(gap: Gap) -> Iterator[NDArray[np.int64]]:
    if gap.start_time is None or gap.end_time is None or gap.end_time < gap.start_time:
        return  # nobody knows when it is, so nobody can show it
    first, last = (_micros(moment) // QUARTER_US for moment in (gap.start_time, gap.end_time))
    yield np.arange(first, min(last, first + _MOST) + 1, dtype=np.int64)


def _micros(moment: datetime) -> int:
    span = moment - _EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds
