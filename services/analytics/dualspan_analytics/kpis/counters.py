"""What counters and meters counted: right across resets, rollover and values that go backwards."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.columns import Series
from dualspan_analytics.intervals import Intervals, Micros
from dualspan_analytics.kpis.plausibility import Samples, may_be_implausible, usual, without_false

_FULL = 0.9
"""A counter above this share of its modulus may have rolled over when it falls below the rest."""
_RESET = 0.5
"""Falling below this share of what it showed, a counter was reset; falling less, it was corrected."""
_OLD = 1000.0
"""So many usual steps in one are a total of days, and not what was counted since the first sample."""


def _no_times() -> Micros:
    return np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Increments:
    """When a counter counted, and how much.

    Attributes:
        timestamp: int64[n], µs: the sample that showed it.
        amount: float64[n], not 0; below 0 where a few were taken back.
        since: int64[n], µs: the good sample before; it was counted after that one.
        resets: int64[m], µs: samples at which the counter was found reset; what it counted just before is lost.
        backwards: int64[k], µs: samples that showed less than before without a reset.
        rollovers: int64[r], µs: samples at which it began again behind its modulus.
        dropped: int64[d], µs: samples with which values began that cannot be true; they are left out.
        jumps: int64[j], µs: samples that showed far more than can have been counted; they count, unless the counter
            was near 0 since the first sample of all.
        around: From the samples before values that are left out to those behind them: without the former nobody would
            know; in order of time, those before the span too.
        doubtful: What stood before the first sample might show that some of this is false.
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
    dropped: Micros = field(default_factory=_no_times)
    jumps: Micros = field(default_factory=_no_times)
    around: Intervals = field(default_factory=Intervals.none)
    doubtful: bool = False

    @property
    def doubts(self) -> Micros:
        """int64[n], µs: when it was set back, jumped, or began to show what cannot be true."""
        return np.concatenate([self.backwards, self.dropped, self.jumps])

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

    Values that cannot be true are left out first (see `plausibility`). A fall that is left is, in this order: a
    rollover, if the counter has a modulus, was in its last tenth and is in its first; a reset, if it fell below half of
    what it showed: then what it shows now was counted since, unless that is implausible; else it was set back: by a
    little, and that much is taken off again, or by more than ten usual steps, and it counts on from there.

    So nothing depends on samples far away, except on the one before a value that is false: a shift that is computed
    alone counts what it counts within a month.

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
    unknown = bad.without(Intervals.of([(int(t[0]), int(t[-1]))]))
    step = np.diff(value)
    if may_be_implausible(value, step):
        unusable = np.cumsum(~usable, dtype=np.int64)[within]
        return _looked_at(Samples(t, value, unusable), start_us, modulus, bad, unknown)
    none = np.empty(0, np.int64)
    counted = (step > 0) & (t[1:] >= start_us)
    return Increments(t[1:][counted], step[counted], t[:-1][counted], none, none, none, bad, unknown)


def _looked_at(samples: Samples, start_us: int, modulus: float, bad: Intervals, unknown: Intervals) -> Increments:
    """What a counter counted that does not simply rise."""
    ordinary = usual(samples)
    kept = without_false(samples, ordinary)
    t, value = kept.samples.t, kept.samples.value
    step, before, now = np.diff(value), value[:-1], value[1:]
    fall = step < 0
    rolled = np.zeros(len(fall), np.bool_)
    if modulus > 0:
        rolled = fall & (before > _FULL * modulus) & (now < (1.0 - _FULL) * modulus) & (before < modulus)
        half = 0.5 * modulus  # one that a PLC keeps as a signed number goes on below 0
        rolled |= fall & (before > _FULL * half) & (before < half) & (now < -_FULL * half)
    reset = fall & ~rolled & (now < _RESET * before)
    most = ordinary.most_of(kept.samples)
    back = fall & ~rolled & ~reset
    lost = (reset & (now > most)) | (back & (-step > ordinary.most))
    amount = np.where(rolled, step + modulus, np.where(lost, 0.0, np.where(reset, np.maximum(now, 0.0), step)))
    far = step > most
    jump = far & ordinary.is_known & (step > ordinary.most_in(np.diff(t)))
    # What comes out of the first values of all may be a total that was there before anybody looked.
    first = int(np.argmax(jump | fall)) if len(step) else 0
    if jump[first : first + 1].any() and before[first] <= ordinary.most and step[first] > _OLD * ordinary.step:
        amount[first] = 0.0
    when = t[1:]
    seen = when >= start_us
    counted = (amount != 0) & seen
    return Increments(
        timestamp=when[counted],
        amount=amount[counted],
        since=t[:-1][counted],
        resets=when[reset & seen],
        backwards=when[back & seen],
        rollovers=when[rolled & seen],
        bad=bad,
        open=unknown,
        dropped=kept.dropped[kept.dropped >= start_us],
        jumps=when[jump & seen],
        around=kept.around,
        doubtful=bool(((far | lost) & seen).any()),
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
        dropped=np.union1d(whole.dropped, part.dropped),
        jumps=np.union1d(whole.jumps, part.jumps),
        bad=Intervals.joined(
            np.concatenate([whole.bad.start, part.bad.start]), np.concatenate([whole.bad.end, part.bad.end])
        ),
        open=whole.open,
    )
