"""Conditions held against samples: columns in, changes out. No code here handles one sample at a time.

A condition's samples are cut into runs that say the same. A run that lasted longer than its delay counts; where a run
that counts says other than the one before it that counted, the condition changes. So Bad data, which makes runs that
never count, can neither raise nor clear anything, and a delay is an addition.
"""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.alarms.rates import rates
from dualspan_analytics.alarms.table import (
    CLEAR,
    RAISED,
    UNKNOWN,
    ConditionTable,
    Measure,
    Standing,
    Tail,
    state_key,
)

MOST_CHANGES = 20
"""Changes of one condition within a second that are reported one by one; of more, those in the middle are counted."""
_SECOND_US = 1_000_000
_HOLD = 2
_CODES = float(1 << 31)


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Samples in order of arrival, columns of one length.

    Attributes:
        signal: int64: place in the table's signals.
        timestamp: int64, microseconds.
        value: float64; texts as the codes of the plan, NaN where there is no number.
        status: uint32, OPC UA status codes.
    """

    signal: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    value: NDArray[np.float64]
    status: NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.signal)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Self:
        """Those at these places, or where this mask holds."""
        return type(self)(self.signal[rows], self.timestamp[rows], self.value[rows], self.status[rows])

    @property
    def is_unusable(self) -> NDArray[np.bool_]:
        """Bad status, or no number."""
        return (self.status >> 31 == 1) | np.isnan(self.value)

    @classmethod
    def empty(cls) -> Self:
        """None."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0, np.uint32))


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """What changed, ordered by condition and time, columns of one length.

    Attributes:
        row: int64: the condition.
        raised: bool: raised, or cleared.
        timestamp: int64, microseconds: when, delays included.
        value: float64: what began it.
        left_out: int64: changes right before it that were only counted.
    """

    row: NDArray[np.int64]
    raised: NDArray[np.bool_]
    timestamp: NDArray[np.int64]
    value: NDArray[np.float64]
    left_out: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def none(cls) -> Self:
        """Nothing changed."""
        whole = np.empty(0, np.int64)
        return cls(whole, np.empty(0, np.bool_), whole, np.empty(0), whole)


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """What is said of conditions, ordered by condition and time; each begins with what was known before."""

    row: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    raw: NDArray[np.int8]
    value: NDArray[np.float64]
    first: NDArray[np.bool_]


def evaluate(
    table: ConditionTable, standing: Standing, samples: Samples, horizon_us: int, latest_us: int
) -> tuple[Standing, Changes]:
    """Hold samples against conditions.

    Of samples with one signal and time the last to arrive counts. One that is not newer than the newest that was
    evaluated is late: it is counted and changes nothing, whatever the reason (sent twice, a repaired gap, a clock that
    was set back). One between a change by the clock and now counts from that change on.

    Args:
        table: The conditions.
        standing: Where they stand.
        samples: What came.
        horizon_us: Delays that ended up to here are over, unless a sample says otherwise.
        latest_us: Samples from after this time are not believed and left out.
    """
    samples, heard, late = _in_order(standing, samples, latest_us)
    steps, tail = _steps(table, standing, samples)
    if not len(steps.row):
        return replace(standing, heard=heard, late=late), Changes.none()
    after, changes = _changes(table, standing, steps, horizon_us)
    return replace(after, heard=heard, late=late, tail=tail), changes


def _in_order(
    standing: Standing, samples: Samples, latest_us: int
) -> tuple[Samples, NDArray[np.int64], NDArray[np.int64]]:
    """Samples that count, by signal and time; the newest of each signal; how many of each ever came late."""
    is_late = samples.timestamp <= standing.heard[samples.signal]
    late = standing.late + np.bincount(samples.signal[is_late], minlength=len(standing.late))
    samples = samples.take(~is_late & (samples.timestamp <= latest_us))
    order = np.lexsort((samples.timestamp, samples.signal))
    samples = samples.take(order)
    again = (samples.signal[1:] == samples.signal[:-1]) & (samples.timestamp[1:] == samples.timestamp[:-1])
    samples = samples.take(~np.append(again, np.zeros(min(len(samples), 1), np.bool_)))
    heard = standing.heard.copy()
    # The last of each signal is its newest; with repeated places NumPy keeps the last that it writes.
    heard[samples.signal] = samples.timestamp
    return samples, heard, late


def _steps(table: ConditionTable, standing: Standing, samples: Samples) -> tuple[_Steps, Tail]:
    """What samples say of conditions. Conditions without a sample whose delay runs are among them."""
    low, high = (np.searchsorted(samples.signal, table.signal, side) for side in ("left", "right"))
    stale = table.measure == Measure.STALE
    # Of stale data each sample says two things: it is heard, and from now on it is silent.
    said = (high - low) * np.where(stale, 2, 1)
    waiting = (standing.raw != UNKNOWN) & ((standing.raw == RAISED) != standing.active)
    touched = np.flatnonzero((said > 0) | waiting)
    count = said[touched] + 1
    begin = np.cumsum(count) - count
    row = np.repeat(touched, count)
    place = np.arange(len(row)) - np.repeat(begin, count) - 1
    first = place < 0
    sample = low[row] + np.where(stale[row], place >> 1, place)
    sample[first] = 0
    pair = np.flatnonzero(~first)
    raw = np.empty(len(row), np.int8)
    raw[first] = standing.raw[touched]
    value, timestamp = np.empty(len(row)), np.empty(len(row), np.int64)
    value[first], timestamp[first] = standing.value[touched], standing.since[touched]
    chosen = samples.take(sample[pair])
    raw[pair], tail = _said(table, standing.tail, row[pair], chosen, place[pair])
    value[pair] = chosen.value
    timestamp[pair] = np.maximum(chosen.timestamp, standing.floor[row[pair]])
    return _Steps(row, timestamp, _held(raw), value, first), tail


def _held(raw: NDArray[np.int8]) -> NDArray[np.int8]:
    """Between the limits nothing new is said: the last word holds. The first of a condition always says something."""
    spoke = np.maximum.accumulate(np.where(raw == _HOLD, 0, np.arange(len(raw))))
    return raw[spoke]


def _said(
    table: ConditionTable, tail: Tail, row: NDArray[np.int64], samples: Samples, place: NDArray[np.int64]
) -> tuple[NDArray[np.int8], Tail]:
    """What each sample says of its condition: `UNKNOWN`, `CLEAR`, `RAISED`, or nothing new."""
    measure = table.measure[row]
    usable = ~(samples.is_unusable | (table.uncertain_is_bad[row] & (samples.status >> 30 == 1)))
    value = samples.value
    is_state = measure == Measure.STATE
    if is_state.any():
        value = np.where(is_state, _in_states(table, row, value), value)
    is_rate = usable & ((measure == Measure.RATE) | (measure == Measure.RATE_EITHER_WAY))
    if is_rate.any():
        found, tail = rates(tail, row[is_rate], samples.timestamp[is_rate], value[is_rate], table.span)
        found = np.where(measure[is_rate] == Measure.RATE_EITHER_WAY, np.abs(found), found)
        value = value.copy()
        value[is_rate] = found
        usable &= ~np.isnan(value)
    sign = table.sign[row]
    beyond = sign * value - sign * table.limit[row]
    raw = np.where(beyond > 0, RAISED, np.where(beyond <= -table.deadband[row], CLEAR, _HOLD))
    raw = np.where(usable, raw, UNKNOWN)
    raw = np.where(measure == Measure.BAD_DATA, np.where(usable, CLEAR, RAISED), raw)
    raw = np.where(measure == Measure.STALE, np.where(usable, place & 1, _HOLD), raw)
    return raw.astype(np.int8), tail


def _in_states(table: ConditionTable, row: NDArray[np.int64], value: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 where a value is one of the condition's states, else 0; NaN stays."""
    whole = (np.abs(value) < _CODES) & (np.floor(value) == value)
    keys = state_key(row, np.where(whole, value, 0).astype(np.int64))
    place = np.minimum(np.searchsorted(table.state_keys, keys), max(len(table.state_keys) - 1, 0))
    found = whole & (table.state_keys[place] == keys) if len(table.state_keys) else np.zeros(len(row), np.bool_)
    return np.where(np.isnan(value), np.nan, found)


def _changes(table: ConditionTable, standing: Standing, steps: _Steps, horizon_us: int) -> tuple[Standing, Changes]:
    begins = steps.first.copy()
    begins[1:] |= steps.raw[1:] != steps.raw[:-1]
    run = np.flatnonzero(begins)
    row, raw, start = steps.row[run], steps.raw[run], steps.timestamp[run]
    is_last = np.append(row[1:] != row[:-1], True)
    # A run lasts until the next begins; the last one is known to last until its last sample, and until the horizon.
    last_step = np.append(run[1:], len(steps.row)) - 1
    end = np.where(is_last, np.maximum(horizon_us, steps.timestamp[last_step]), np.append(start[1:], 0))
    delay = np.where(raw == RAISED, table.on_delay[row], table.off_delay[row])
    lasted = end - start
    counts = (raw != UNKNOWN) & ((lasted > delay) | (delay == 0) | (is_last & (lasted == delay)))
    changes = _different(standing, row[counts], raw[counts], (start + delay)[counts], steps.value[run][counts])
    active, floor = standing.active.copy(), standing.floor.copy()
    active[changes.row], floor[changes.row] = changes.raised, changes.timestamp
    now, since, value = standing.raw.copy(), standing.since.copy(), standing.value.copy()
    last = row[is_last]
    now[last], since[last], value[last] = raw[is_last], start[is_last], steps.value[run][is_last]
    return replace(standing, raw=now, since=since, value=value, active=active, floor=floor), _bounded(changes)


def _different(
    standing: Standing,
    row: NDArray[np.int64],
    raw: NDArray[np.int8],
    timestamp: NDArray[np.int64],
    value: NDArray[np.float64],
) -> Changes:
    """Of runs that count those that say other than the one before."""
    raised = raw == RAISED
    before = standing.active[row]
    follows = np.flatnonzero(row[1:] == row[:-1]) + 1
    before[follows] = raised[follows - 1]
    new = raised != before
    return Changes(row[new], raised[new], timestamp[new], value[new], np.zeros(int(new.sum()), np.int64))


def _bounded(changes: Changes) -> Changes:
    """Of a condition that changes too often some changes are only counted: an even number in each second's middle."""
    second = changes.timestamp // _SECOND_US
    begins = np.flatnonzero(np.append(True, (changes.row[1:] != changes.row[:-1]) | (second[1:] != second[:-1])))
    count = np.diff(np.append(begins, len(changes)))
    surplus = np.maximum(count - MOST_CHANGES, 0)
    surplus += surplus & 1
    if not surplus.any():
        return changes
    place = np.arange(len(changes)) - np.repeat(begins, count)
    out_of = np.repeat(surplus, count)
    resumes = MOST_CHANGES // 2 + out_of
    keep = (place < MOST_CHANGES // 2) | (place >= resumes)
    left_out = np.where((place == resumes) & (out_of > 0), out_of, 0)
    return Changes(
        changes.row[keep], changes.raised[keep], changes.timestamp[keep], changes.value[keep], left_out[keep]
    )
