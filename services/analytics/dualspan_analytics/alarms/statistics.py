"""How good an alarm system is: the measures of ANSI/ISA-18.2-2016, clause 16, and EEMUA 191, chapter 6. Columnar."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.alarms.rules import Priority
from dualspan_analytics.alarms.state import KEPT_FROM_OPERATORS, AlarmState, Cause

_MINUTE_US = 60_000_000
_TEN_MINUTES_US = 10 * _MINUTE_US
_HOUR_US = 60 * _MINUTE_US
_DAY_US = 24 * _HOUR_US
_FLEETING_US = 10_000_000
_CHATTERING = 3
_FLOOD_BEGINS = 10
_FLOOD_ENDS = 5
_TOP = 10


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Transitions in order of time, columns of one length.

    Attributes:
        alarm: int64: place in `names`.
        cause: int16, `Cause`.
        before: int16, `AlarmState`.
        after: int16, `AlarmState`.
        timestamp: int64, microseconds.
        priority: int16, `Priority`.
        left_out: int64: changes that were only counted; every other one raised the alarm.
        names: The alarms.
    """

    alarm: NDArray[np.int64]
    cause: NDArray[np.int16]
    before: NDArray[np.int16]
    after: NDArray[np.int16]
    timestamp: NDArray[np.int64]
    priority: NDArray[np.int16]
    left_out: NDArray[np.int64]
    names: Sequence[str]

    @classmethod
    def of(cls, rows: Sequence[tuple[str, int, int, int, int, int, int]]) -> "History":
        """Columns of rows: alarm, cause, state before, state after, time, priority, changes left out."""
        alarm, cause, before, after, timestamp, priority, left_out = zip(*rows, strict=True) if rows else ((),) * 7
        names, places = np.unique(np.array(alarm, np.str_), return_inverse=True)
        return cls(
            places.astype(np.int64),
            np.array(cause, np.int16),
            np.array(before, np.int16),
            np.array(after, np.int16),
            np.array(timestamp, np.int64),
            np.array(priority, np.int16),
            np.array(left_out, np.int64),
            names.tolist(),
        )


@dataclass(frozen=True, slots=True)
class Frequent:
    """How often an alarm came, and its share of all."""

    alarm: str
    annunciations: int
    share: float


@dataclass(frozen=True, slots=True)
class Flood:
    """A time with more alarms than a person can follow."""

    start_us: int
    end_us: int
    annunciations: int


@dataclass(frozen=True, slots=True)
class Measure:
    """A measure held against the standard's advice: at most `target`."""

    id: str
    display_name: str
    value: float
    target: float

    @property
    def is_met(self) -> bool:
        """It is as advised."""
        return self.value <= self.target


@dataclass(frozen=True, slots=True)
class Statistics:
    """How good the alarm system was; `annunciations` are alarms that operators were shown as new."""

    start_us: int
    end_us: int
    annunciations: int
    per_operator_hour: float
    per_ten_minutes: float
    peak_per_ten_minutes: int
    floods: Sequence[Flood]
    flood_share: float
    top: Sequence[Frequent]
    top_share: float
    chattering: Sequence[str]
    fleeting: Sequence[str]
    stale: Sequence[str]
    priorities: Sequence[tuple[Priority, int, float]]
    measures: Sequence[Measure]


def measure(
    history: History, standing_since: Sequence[str], start_us: int, end_us: int, operators: int = 1
) -> Statistics:
    """The measures of a span.

    Args:
        history: The transitions in it.
        standing_since: Alarms that have stood for more than 24 hours at its end.
        start_us: From here on, microseconds.
        end_us: Up to here; later than the start.
        operators: Positions among whom the alarms are shared evenly.
    """
    shown = (history.after == AlarmState.UNACKNOWLEDGED) & (history.before != AlarmState.UNACKNOWLEDGED)
    # What was only counted raised and cleared in turn.
    hidden = history.left_out // 2 * ~np.isin(history.after, list(KEPT_FROM_OPERATORS))
    weight = shown + hidden
    counts = np.bincount(history.alarm, weight, len(history.names)).astype(np.int64)
    total = int(counts.sum())
    hours = (end_us - start_us) / _HOUR_US
    times = np.repeat(history.timestamp, weight)
    floods = find_floods(times, start_us, end_us, operators)
    flood_share = sum(flood.end_us - flood.start_us for flood in floods) / (end_us - start_us)
    top = _top(counts, history.names)
    found = Statistics(
        start_us=start_us,
        end_us=end_us,
        annunciations=total,
        per_operator_hour=total / hours / operators,
        per_ten_minutes=total / hours / 6 / operators,
        peak_per_ten_minutes=-(-_peak(times, start_us) // operators),
        floods=floods,
        flood_share=flood_share,
        top=top,
        top_share=sum(each.annunciations for each in top) / total if total else 0.0,
        chattering=_named(history, _chattering(history, shown)),
        fleeting=_named(history, _fleeting(history, shown)),
        stale=standing_since,
        priorities=_priorities(history.priority, weight, total),
        measures=(),
    )
    return _with_measures(found)


def _top(counts: NDArray[np.int64], names: Sequence[str]) -> Sequence[Frequent]:
    order: list[int] = np.argsort(-counts, kind="stable")[:_TOP].tolist()
    total = max(int(counts.sum()), 1)
    found = [(names[place], int(counts[place])) for place in order]
    return [Frequent(name, count, count / total) for name, count in found if count]


def _named(history: History, places: NDArray[np.int64]) -> Sequence[str]:
    found: list[int] = np.unique(places).tolist()
    return [history.names[place] for place in found]


def _chattering(history: History, shown: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Alarms that came three times or more within a minute (ISA-18.2, 3.1.25)."""
    came = shown | (history.left_out >= 2 * _CHATTERING)
    order = np.lexsort((history.timestamp[came], history.alarm[came]))
    alarm, timestamp = history.alarm[came][order], history.timestamp[came][order]
    step = _CHATTERING - 1
    close = (alarm[step:] == alarm[:-step]) & (timestamp[step:] - timestamp[:-step] <= _MINUTE_US)
    return np.concatenate([alarm[step:][close], history.alarm[history.left_out >= 2 * _CHATTERING]])


def _fleeting(history: History, shown: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Alarms that went within seconds of their coming, with nobody having done anything."""
    order = np.lexsort((np.arange(len(history.alarm)), history.alarm))
    alarm, cause, timestamp = history.alarm[order], history.cause[order], history.timestamp[order]
    went = (alarm[1:] == alarm[:-1]) & shown[order][:-1] & (cause[1:] == Cause.CLEARED)
    went &= timestamp[1:] - timestamp[:-1] < _FLEETING_US
    return alarm[1:][went]


def _peak(times: NDArray[np.int64], start_us: int) -> int:
    """Most annunciations in one of the ten-minute periods from the start on."""
    if not len(times):
        return 0
    return int(np.bincount((times - start_us) // _TEN_MINUTES_US).max())


def find_floods(times: NDArray[np.int64], start_us: int, end_us: int, operators: int = 1) -> Sequence[Flood]:
    """Floods: from ten minutes with more than 10 alarms for an operator until ten minutes with fewer than 5.

    Args:
        times: int64, ascending, microseconds.
        start_us: The ten minutes are counted from here.
        end_us: A flood that lasts is cut here.
        operators: Positions among whom the alarms are shared.
    """
    periods = -(-(end_us - start_us) // _TEN_MINUTES_US)
    counts = np.bincount((times - start_us) // _TEN_MINUTES_US, minlength=periods)[:periods]
    # +1 where a flood begins or goes on for sure, -1 where there is none for sure; between these the last word holds.
    word = np.where(counts > _FLOOD_BEGINS * operators, 1, np.where(counts < _FLOOD_ENDS * operators, -1, 0))
    spoke = np.maximum.accumulate(np.where(word != 0, np.arange(periods), -1))
    inside = (spoke >= 0) & (word[spoke] == 1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(np.int8), [0]])))
    return [
        Flood(
            start_us + first * _TEN_MINUTES_US,
            min(start_us + last * _TEN_MINUTES_US, end_us),
            int(counts[first:last].sum()),
        )
        for first, last in edges.reshape(-1, 2).tolist()
    ]


def _priorities(
    priority: NDArray[np.int16], weight: NDArray[np.int64], total: int
) -> Sequence[tuple[Priority, int, float]]:
    counts = np.bincount(priority, weight, max(Priority) + 1).astype(np.int64)
    return [(each, int(counts[each]), int(counts[each]) / max(total, 1)) for each in Priority]


def _with_measures(found: Statistics) -> Statistics:
    """Table 7 of ISA-18.2: what is very likely to be acceptable."""
    measures = (
        Measure("ANNUNCIATIONS_PER_OPERATOR_HOUR", "Alarms per hour and operator", found.per_operator_hour, 6.0),
        Measure("ANNUNCIATIONS_PER_TEN_MINUTES", "Alarms in 10 minutes per operator", found.per_ten_minutes, 1.0),
        Measure("PEAK_PER_TEN_MINUTES", "Alarms in the worst 10 minutes", float(found.peak_per_ten_minutes), 10.0),
        Measure("FLOOD_SHARE", "Share of the time in floods", found.flood_share, 0.01),
        Measure("TOP_TEN_SHARE", "Share of the ten most frequent alarms", found.top_share, 0.05),
        Measure("CHATTERING", "Chattering alarms", float(len(found.chattering)), 0.0),
        Measure("STALE", "Alarms that stand for more than 24 hours", float(len(found.stale)), 5.0),
    )
    return replace(found, measures=measures)
