"""Timelines of states: columns of spans that follow each other without a hole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.columns import Series, distinct_texts
from dualspan_analytics.intervals import Micros
from dualspan_analytics.states.model import UNKNOWN, UNKNOWN_STATE, Element, State

NO_REASON = 0
"""Index of "no reason was given" in every timeline's reasons."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """What one machine did in [start[0], end[-1]), without a hole.

    Attributes:
        start: int64[n], µs since the Unix epoch, ascending.
        end: int64[n]; each is the start of the next.
        state: int16[n], index into `states`.
        element: int8[n], `Element`: what the time counts as.
        reason: int32[n], index into `reasons`.
        states: What the indexes mean; the first is "unknown".
        reasons: Codes; the first is "", no reason was given.
        by_hand: bool[n]: a person gave the reason.
        told: bool[n]: a reason was given for this part itself; any other is that of another part of the stop.
    """

    start: Micros
    end: Micros
    state: NDArray[np.int16]
    element: NDArray[np.int8]
    reason: NDArray[np.int32]
    states: tuple[State, ...]
    reasons: tuple[str, ...]
    by_hand: NDArray[np.bool_]
    told: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.start)


def merged(line: Timeline) -> Timeline:
    """The same, with parts that follow each other with one state, element and reason as one."""
    same = (line.state[1:] == line.state[:-1]) & (line.reason[1:] == line.reason[:-1])
    first = np.flatnonzero(np.append(True, ~(same & (line.element[1:] == line.element[:-1]))))
    last = np.append(first[1:] - 1, len(line) - 1)
    return replace(
        line,
        start=line.start[first],
        end=line.end[last],
        state=line.state[first],
        element=line.element[first],
        reason=line.reason[first],
        by_hand=line.by_hand[first],
        told=line.told[first],
    )


@dataclass(frozen=True, slots=True)
class Steps:
    """A value that holds until the next one, over a whole span.

    Attributes:
        start: int64[n], where each value begins; the first is the span's start.
        value: int32[n].
    """

    start: Micros
    value: NDArray[np.int32]

    def at(self, t: Micros) -> NDArray[np.int32]:
        """int32[m]: the value at each time, which must not be before the first."""
        return self.value[np.searchsorted(self.start, t, side="right") - 1]


def steps(series: Series | None, codes: NDArray[np.int32], absent: int, start_us: int, end_us: int) -> Steps:
    """The values of a series, given as codes, as they held in [start_us, end_us).

    Args:
        series: Its timestamps, ascending; samples before the start say what held there. None: there is no data.
        codes: int32[n], one for each sample.
        absent: Code for the time before the first sample.
        start_us: Begin, µs.
        end_us: End, µs.
    """
    if series is None or not len(series):
        return Steps(np.array([start_us], np.int64), np.array([absent], np.int32))
    # Of samples at one instant the last one counts.
    last = np.append(series.timestamp[1:] != series.timestamp[:-1], True)
    t, value = series.timestamp[last], codes[last]
    before = int(np.searchsorted(t, start_us, side="right"))
    after = int(np.searchsorted(t, end_us, side="left"))
    first = value[before - 1] if before else absent
    start = np.concatenate([[start_us], t[before:after]])
    return compact(start, np.concatenate([[first], value[before:after]]).astype(np.int32))


def compact(start: Micros, value: NDArray[np.int32]) -> Steps:
    """The same with every value that repeats the one before left out."""
    keep = np.append(True, value[1:] != value[:-1])
    return Steps(start[keep], value[keep])


def coded(series: Series, known: Mapping[int | str, int], other: int) -> NDArray[np.int32]:
    """int32[n]: the code of each sample: by its value; `other` for values without one, Bad samples and NaN.

    Numbers are compared as integers, so 3.0 is 3 and 3.5 is nothing; text as it stands, without spaces around it.
    """
    result = np.full(len(series), other, np.int32)
    usable = ~series.is_bad
    values = series.value
    if values.dtype.kind in "OU":
        place, distinct = distinct_texts(values)
        result[usable] = np.array([known.get(each.strip(), other) for each in distinct], np.int32)[place[usable]]
        return result
    if values.dtype.kind == "f":
        usable &= np.isfinite(values) & (values == np.floor(values))
    whole = np.where(usable, values, 0).astype(np.int64)
    unique, inverse = np.unique(whole, return_inverse=True)
    table = np.array([known.get(each, other) for each in unique.tolist()], np.int32)
    result[usable] = table[inverse][usable]
    return result


def labels(series: Series | None) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """The codes of a series' samples and the texts that they stand for; 0 is "": Bad, missing or empty."""
    if series is None or not len(series):
        return np.empty(0, np.int32), ("",)
    place, distinct = _texts(series)
    names = ["", *sorted({each for each in distinct if each})]
    code = {name: index for index, name in enumerate(names)}
    return np.array([code[each] for each in distinct], np.int32)[place], tuple(names)


def as_text(series: Series) -> NDArray[np.object_]:
    """str[n]: each sample as text; whole numbers without a point, "" for Bad samples and NaN."""
    place, distinct = _texts(series)
    return np.array(distinct, object)[place]


def _texts(series: Series) -> tuple[NDArray[np.int64], list[str]]:
    """int64[n], and the distinct texts that these are places in, the last of which is ""."""
    values, usable = series.value, ~series.is_bad
    if values.dtype.kind in "OU":
        place, distinct = distinct_texts(values)
        return np.where(usable, place, len(distinct)), [*(each.strip() for each in distinct), ""]
    if values.dtype.kind == "b":
        values = values.astype(np.int64)
    if values.dtype.kind == "f":
        usable &= np.isfinite(values)
        values = np.where(usable, values, 0.0)
        if bool((values == np.floor(values)).all()):
            values = values.astype(np.int64)
    unique, place = np.unique(values, return_inverse=True)
    return np.where(usable, place, len(unique)), [*unique.astype(str).tolist(), ""]


def timeline(found: Steps, end_us: int, states: Sequence[State]) -> Timeline:
    """A timeline without reasons from the indexes of states.

    Args:
        found: Indexes into `states`, over the whole span.
        end_us: Where the span ends.
        states: The first is "unknown".
    """
    count = len(found.start)
    elements = np.array([state.element for state in states], np.int8)
    return Timeline(
        start=found.start,
        end=np.append(found.start[1:], end_us),
        state=found.value.astype(np.int16),
        element=elements[found.value],
        reason=np.zeros(count, np.int32),
        states=tuple(states),
        reasons=("",),
        by_hand=np.zeros(count, np.bool_),
        told=np.zeros(count, np.bool_),
    )


def from_values(series: Series | None, values: Mapping[int | str, State], start_us: int, end_us: int) -> Timeline:
    """A timeline from a property whose values are states.

    What is Bad, missing, NaN or no known value is unknown.

    Args:
        series: The property.
        values: Which value is which state.
        start_us: Begin, µs.
        end_us: End, µs.
    """
    states = [UNKNOWN_STATE, *dict.fromkeys(values.values())]
    known = {value: states.index(state) for value, state in values.items()}
    codes = np.empty(0, np.int32) if series is None else coded(series, known, UNKNOWN)
    return timeline(steps(series, codes, UNKNOWN, start_us, end_us), end_us, states)


def with_ways_out(line: Timeline, ways_out: Sequence[str]) -> Timeline:
    """The timeline with states through which a machine comes back counted as down where they follow on a failure.

    Args:
        line: As the states say.
        ways_out: Ids of such states.
    """
    out = np.array([state.id in ways_out for state in line.states])[line.state]
    before = np.maximum.accumulate(np.where(out, -1, np.arange(len(line))))
    failed = out & (before >= 0) & (line.element[before] == Element.ADOT)
    return replace(line, element=np.where(failed, Element.ADOT, line.element).astype(np.int8))


def from_rules(rules: Sequence[tuple[State, Steps]], otherwise: State | None, start_us: int, end_us: int) -> Timeline:
    """A timeline from conditions, of which the first that holds counts.

    Args:
        rules: A state each, and when it holds: 1 it does, 0 it does not, -1 nobody knows.
        otherwise: Where none holds; None: unknown.
        start_us: Begin, µs.
        end_us: End, µs.

    A condition that nobody knows makes the state unknown, unless an earlier one holds: a later one could only be
    guessed at.
    """
    states = [UNKNOWN_STATE, *dict.fromkeys([state for state, _ in rules] + ([otherwise] if otherwise else []))]
    edges = np.unique(np.concatenate([np.array([start_us], np.int64), *(found.start for _, found in rules)]))
    result = np.full(len(edges), states.index(otherwise) if otherwise else UNKNOWN, np.int32)
    open_ = np.ones(len(edges), np.bool_)
    for state, found in rules:
        value = found.at(edges)
        result[open_ & (value == 1)] = states.index(state)
        result[open_ & (value < 0)] = UNKNOWN
        open_ &= value == 0
    return timeline(compact(edges, result), end_us, states)
