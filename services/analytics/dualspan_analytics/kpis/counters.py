"""What counters and meters counted: right across resets, rollover and values that go backwards."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.columns import Series
from dualspan_analytics.intervals import Intervals, Micros

_FULL = 0.9
"""A counter above this share of its modulus may have rolled over when it falls below the rest."""
_RESET = 0.5
"""Falling below this share of what it showed, a counter was reset; falling less, it was corrected."""


@dataclass(frozen=True, slots=True)
class Increments:
    """When a counter counted, and how much.

    Attributes:
        timestamp: int64[n], µs: the sample that showed it.
        amount: float64[n], more than 0.
        since: int64[n], µs: the good sample before; it was counted after that one.
        resets: int64[m], µs: samples at which the counter was found reset; what it counted just before is lost.
        backwards: int64[k], µs: samples that showed less than before without a reset; they count nothing.
        rollovers: int64[r], µs: samples at which it began again behind its modulus.
        bad: Time without good data.
        open: That part of it which no later sample makes up for: before the first good sample and behind the last.
    """

    timestamp: Micros
    amount: NDArray[np.float64]
    since: Micros
    resets: Micros
    backwards: Micros
    rollovers: Micros
    bad: Intervals
    open: Intervals

    def times(self, factor: float) -> "Increments":
        """The same in another unit."""
        return self if factor == 1.0 else replace(self, amount=self.amount * factor)


def nothing(start_us: int, end_us: int) -> Increments:
    """A counter of which nothing is known in [start_us, end_us)."""
    empty = np.empty(0, np.int64)
    whole = Intervals.of([(start_us, end_us)])
    return Increments(empty, np.empty(0), empty, empty, empty, empty, whole, whole)


def bad_time(series: Series, start_us: int, end_us: int) -> Intervals:
    """When in [start_us, end_us) a series has no good value: before its first sample, and from a Bad one or NaN on."""
    usable = usable_samples(series)
    t = series.timestamp
    until = np.append(t[1:], max(end_us, int(t[-1]) if len(t) else end_us))
    starts = np.concatenate([[start_us], t[~usable]])
    ends = np.concatenate([[int(t[0]) if len(t) else end_us], until[~usable]])
    return Intervals.joined(np.maximum(starts, start_us), np.minimum(ends, end_us))


def usable_samples(series: Series) -> NDArray[np.bool_]:
    """bool[n]: samples that are neither Bad nor NaN nor infinite."""
    usable = ~series.is_bad
    if series.value.dtype.kind == "f":
        usable = usable & np.isfinite(series.value)
    return usable


def increments(series: Series, start_us: int, end_us: int, modulus: float = 0.0) -> Increments:
    """What a counter counted in [start_us, end_us).

    A fall is, in this order: a rollover, if the counter has a modulus, was in its last tenth and is in its first; a
    reset, if it fell below half of what it showed: then what it shows now was counted since; else a correction: what
    it goes back by is not counted a second time when it comes again.

    Args:
        series: Ascending in time; the last sample before the start says where the counter stood.
        start_us: Begin, µs.
        end_us: End, µs.
        modulus: The value at which the counter begins again with 0, such as 65536; 0: never.
    """
    usable = usable_samples(series)
    within = usable & (series.timestamp < end_us)
    t, value = series.timestamp[within], series.value[within].astype(np.float64)
    bad = bad_time(series, start_us, end_us)
    if not len(t):
        return nothing(start_us, end_us)
    before, fall = value[:-1], value[1:] < value[:-1]
    rolled = np.zeros(len(fall), np.bool_)
    if modulus > 0:
        rolled = fall & (before > _FULL * modulus) & (value[1:] < (1.0 - _FULL) * modulus) & (before < modulus)
    reset = fall & ~rolled & (value[1:] < _RESET * before)
    # The counter as it would stand without resets and rollovers, and then only its new heights.
    lift = np.concatenate([[0.0], np.cumsum(np.where(rolled, modulus, np.where(reset, before, 0.0)))])
    height = np.maximum.accumulate(value + lift)
    amount = np.diff(height)
    when = t[1:]
    counted = (amount > 0) & (when >= start_us)
    seen = when >= start_us
    return Increments(
        timestamp=when[counted],
        amount=amount[counted],
        since=t[:-1][counted],
        resets=when[reset & seen],
        backwards=when[fall & ~rolled & ~reset & seen],
        rollovers=when[rolled & seen],
        bad=bad,
        open=bad.without(Intervals.of([(int(t[0]), int(t[-1]))])),
    )


def difference(whole: Increments, part: Increments) -> Increments:
    """What was counted by one counter and not by another, such as good pieces from all and defective ones.

    Two tags are not sampled at one instant, so a piece may be taken away just before it is added: amounts below 0 are
    kept, and only their sum over a while means something.
    """
    return Increments(
        timestamp=np.concatenate([whole.timestamp, part.timestamp]),
        amount=np.concatenate([whole.amount, -part.amount]),
        since=np.concatenate([whole.since, part.since]),
        resets=np.union1d(whole.resets, part.resets),
        backwards=np.union1d(whole.backwards, part.backwards),
        rollovers=np.union1d(whole.rollovers, part.rollovers),
        bad=Intervals.joined(
            np.concatenate([whole.bad.start, part.bad.start]), np.concatenate([whole.bad.end, part.bad.end])
        ),
        open=whole.open,
    )
