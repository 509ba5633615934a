"""Conditions as columns: what is watched, and where each of them stands."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.alarms.rules import Signal

UNKNOWN, CLEAR, RAISED = -1, 0, 1
"""What a sample says of a condition; a sample that says nothing of it (Bad, NaN) makes it unknown."""


class Measure(IntEnum):
    """What of a sample is held against a condition's limit."""

    VALUE = 1
    RATE = 2
    RATE_EITHER_WAY = 3
    STATE = 4
    STALE = 5
    BAD_DATA = 6


class Purpose(IntEnum):
    """What a condition's changes are for."""

    ALARM = 1
    SUPPRESSION = 2


@dataclass(frozen=True, slots=True, order=True)
class ConditionKey:
    """Names a condition for good: over restarts and changes of rules.

    Attributes:
        rule: The rule's id.
        asset: The asset's id.
        index: Of an indexed property; 0 for any other.
        level: `HH`, `H`, `L`, `LL` of a limit; "" of any other condition.
        purpose: Whether it raises the alarm or suppresses it by design.
    """

    rule: str
    asset: str
    index: int
    level: str
    purpose: Purpose = Purpose.ALARM


@dataclass(frozen=True, slots=True)
class ConditionRow:
    """One condition before it becomes a row of columns.

    Attributes:
        key: Names it.
        revision: Of its rule: with another one it begins anew.
        signal: What it watches.
        measure: What is held against the limit.
        sign: 1: raised above the limit; -1: below.
        limit: In the signal's unit; of a rate in that unit per minute.
        deadband: How far behind the limit it clears, 0 or more.
        on_delay_us: For how long it must hold before it is raised; of stale data the silence that is allowed.
        off_delay_us: For how long it must be clear before it clears.
        span_us: Over which a rate is taken.
        states: Of a state condition: the values, as codes of the signal.
        uncertain_is_bad: Whether a sample of Uncertain status says nothing.
    """

    key: ConditionKey
    revision: int
    signal: Signal
    measure: Measure
    sign: int = 1
    limit: float = 0.5
    deadband: float = 0.0
    on_delay_us: int = 0
    off_delay_us: int = 0
    span_us: int = 0
    states: tuple[int, ...] = ()
    uncertain_is_bad: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ConditionTable:
    """`n` conditions in columns of shape (n,), ordered by signal.

    Attributes:
        rows: What the columns were made of.
        signals: The distinct signals; a sample names one by its place here.
        signal: int64: the place of each condition's signal.
        measure: int8.
        sign, limit, deadband: float64.
        on_delay, off_delay, span: int64, microseconds.
        uncertain_is_bad: bool.
        state_keys: int64, ascending: condition and code of every state that raises.
    """

    rows: tuple[ConditionRow, ...]
    signals: tuple[Signal, ...]
    signal: NDArray[np.int64]
    measure: NDArray[np.int8]
    sign: NDArray[np.float64]
    limit: NDArray[np.float64]
    deadband: NDArray[np.float64]
    on_delay: NDArray[np.int64]
    off_delay: NDArray[np.int64]
    span: NDArray[np.int64]
    uncertain_is_bad: NDArray[np.bool_]
    state_keys: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, conditions: list[ConditionRow]) -> Self:
        """Columns of some conditions."""
        signals = tuple(sorted({row.signal for row in conditions}))
        place = {signal: number for number, signal in enumerate(signals)}
        rows = sorted(conditions, key=lambda row: (place[row.signal], row.key))
        states = [state_key(np.array(number), np.array(code)) for number, row in enumerate(rows) for code in row.states]
        return cls(
            rows=tuple(rows),
            signals=signals,
            signal=np.array([place[row.signal] for row in rows], np.int64),
            measure=np.array([row.measure for row in rows], np.int8),
            sign=np.array([row.sign for row in rows], np.float64),
            limit=np.array([row.limit for row in rows], np.float64),
            deadband=np.array([row.deadband for row in rows], np.float64),
            on_delay=np.array([row.on_delay_us for row in rows], np.int64),
            # What is heard again is not stale any more, at once.
            off_delay=np.array([0 if row.measure is Measure.STALE else row.off_delay_us for row in rows], np.int64),
            span=np.array([row.span_us for row in rows], np.int64),
            uncertain_is_bad=np.array([row.uncertain_is_bad for row in rows], np.bool_),
            state_keys=np.sort(np.array(states, np.int64)),
        )


def state_key(row: NDArray[np.int64], code: NDArray[np.int64]) -> NDArray[np.int64]:
    """A condition and a code of 32 bits as one number."""
    return (row.astype(np.int64) << 32) | (code.astype(np.int64) & 0xFFFFFFFF)


@dataclass(frozen=True, slots=True, eq=False)
class Tail:
    """What rates need of samples that have been evaluated, ordered by condition and time, columns of shape (m,).

    Attributes:
        row: int64: the condition.
        timestamp: int64, microseconds.
        value: float64.
    """

    row: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    value: NDArray[np.float64]

    @classmethod
    def empty(cls) -> Self:
        """No samples."""
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Where `n` conditions over `s` signals stand. Never changed: an evaluation makes a new one.

    Attributes:
        raw: int8 (n,): what the last sample said: `UNKNOWN`, `CLEAR` or `RAISED`.
        since: int64 (n,): since when without interruption, microseconds.
        value: float64 (n,): the value that began it.
        active: bool (n,): the condition is raised, its delay over.
        floor: int64 (n,): nothing of it happens before this time: its last change, or its beginning.
        heard: int64 (s,): the newest sample of each signal that was evaluated.
        late: int64 (s,): samples of each signal that came too late to be evaluated.
        tail: For rates.
    """

    raw: NDArray[np.int8]
    since: NDArray[np.int64]
    value: NDArray[np.float64]
    active: NDArray[np.bool_]
    floor: NDArray[np.int64]
    heard: NDArray[np.int64]
    late: NDArray[np.int64]
    tail: Tail

    @classmethod
    def beginning(cls, table: ConditionTable, now_us: int) -> Self:
        """Conditions of which nothing is known; silence counts from now."""
        count, stale = len(table), table.measure == Measure.STALE
        return cls(
            raw=np.where(stale, RAISED, UNKNOWN).astype(np.int8),
            since=np.full(count, now_us, np.int64),
            value=np.full(count, np.nan),
            active=np.zeros(count, np.bool_),
            floor=np.full(count, now_us, np.int64),
            heard=np.full(len(table.signals), np.iinfo(np.int64).min, np.int64),
            late=np.zeros(len(table.signals), np.int64),
            tail=Tail.empty(),
        )

    def carried(self, old: ConditionTable, new: ConditionTable, now_us: int) -> tuple[Self, NDArray[np.int64]]:
        """Standing of a new table: what has not changed goes on, what has changed begins anew.

        A condition whose rule was changed stays raised until a sample says otherwise: changing a rule clears no alarm.

        Returns:
            The standing, and the numbers of the conditions that begin, int64.
        """
        fresh = type(self).beginning(new, now_us)
        before = {row.key: number for number, row in enumerate(old.rows)}
        pairs = [(number, before[row.key]) for number, row in enumerate(new.rows) if row.key in before]
        to, source = (np.array(side, np.int64) for side in (zip(*pairs, strict=True) if pairs else ((), ())))
        same = np.array([new.rows[a] == old.rows[b] for a, b in pairs], np.bool_)
        fresh.active[to] = self.active[source]
        for column in ("raw", "since", "value", "floor"):
            getattr(fresh, column)[to[same]] = getattr(self, column)[source[same]]
        heard = {signal: number for number, signal in enumerate(old.signals)}
        for number, signal in enumerate(new.signals):
            if signal in heard:
                fresh.heard[number] = self.heard[heard[signal]]
                fresh.late[number] = self.late[heard[signal]]
        begin = np.setdiff1d(np.arange(len(new), dtype=np.int64), to[same])
        return replace(fresh, tail=self._carried_tail(to[same], source[same])), begin

    def _carried_tail(self, to: NDArray[np.int64], source: NDArray[np.int64]) -> Tail:
        renumbered = np.full(len(self.raw), -1, np.int64)
        renumbered[source] = to
        row = renumbered[self.tail.row]
        order = np.lexsort((self.tail.timestamp, row))
        order = order[row[order] >= 0]
        return Tail(row[order], self.tail.timestamp[order], self.tail.value[order])
