"""Stops: why a machine stood, from a reason tag and from people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.intervals import Intervals, Micros
from dualspan_analytics.states.model import Element, StopNote, StopReason
from dualspan_analytics.states.timeline import NO_REASON, Steps, Timeline

LATE_US = 4 * 86_400_000_000
"""A reason holds for what was at most so long before it in the same stop: it may be told behind a weekend."""


@dataclass(frozen=True, slots=True)
class Stops:
    """Spans in which a machine stood for one reason; unknown time is none.

    Attributes:
        start: int64[n], µs since the Unix epoch.
        end: int64[n].
        state: int16[n], the longest of its states, index into the timeline's.
        element: int8[n], `Element`.
        reason: int32[n], index into the timeline's reasons.
        open_start: bool[n]: it began before what was looked at.
    """

    start: Micros
    end: Micros
    state: NDArray[np.int16]
    element: NDArray[np.int8]
    reason: NDArray[np.int32]
    open_start: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.start)


def with_reasons(line: Timeline, given: Steps, texts: Sequence[str], catalogue: Mapping[str, StopReason]) -> Timeline:
    """The timeline with the reasons that a tag gave while the machine stood.

    A machine tells its reason a little before or after its state, or a person much later, so a part of a stop without
    one has that of the next part, unless that is told more than four days later, or else of the part before.

    Args:
        line: Without reasons.
        given: The tag's codes over the same span, indexes into `texts`.
        texts: The codes; the first is "". "0" is no reason either.
        catalogue: What is known of codes; one with an element decides what the time counts as.
    """
    line = _cut(line, given.start)
    none = np.array([text in {"", "0"} for text in texts])
    told = _stands(line) & ~none[given.at(line.start)]
    late = _too_late(line, told)
    if len(late):
        line = _cut(line, late)
        told = _stands(line) & ~none[given.at(line.start)]
    reason = np.where(told, given.at(line.start), NO_REASON).astype(np.int32)
    reason = _filled(reason, _runs(_stands(line)), line.start)
    return _counted(replace(line, reason=reason, reasons=("", *texts[1:]), told=told), catalogue)


def with_notes(line: Timeline, notes: Sequence[StopNote], catalogue: Mapping[str, StopReason]) -> Timeline:
    """The timeline with what people said, which goes before what a tag said; of two notes the later in order counts.

    Running and unknown time stay as they are.
    """
    if not notes:
        return line
    low, high = int(line.start[0]), int(line.end[-1])
    edges = np.array([edge for note in notes for edge in (note.start_us, note.end_us)], np.int64)
    line = _cut(line, edges[(edges > low) & (edges < high)])
    stands = _stands(line)
    reasons = [*line.reasons, *dict.fromkeys(note.code for note in notes if note.code not in line.reasons)]
    reason, by_hand, told = line.reason.copy(), line.by_hand.copy(), line.told.copy()
    for note in notes:
        hit = stands & (line.start >= note.start_us) & (line.end <= note.end_us)
        reason[hit], by_hand[hit], told[hit] = reasons.index(note.code), True, True
    return _counted(replace(line, reason=reason, by_hand=by_hand, reasons=tuple(reasons), told=told), catalogue)


def untold(line: Timeline) -> Intervals:
    """When a machine stood without a reason: what is told later in the same stop holds then too, or else before."""
    state = np.array([state.element for state in line.states], np.int8)[line.state]
    waits = (state != Element.APT) & (state != Element.UNKNOWN) & ~line.told
    return Intervals.joined(line.start[waits], line.end[waits])


def with_minor_stops(line: Timeline, shorter_than_us: int) -> Timeline:
    """The timeline with failures that were over in no time counted as delays (ISO 22400-2, minor stoppages)."""
    if shorter_than_us <= 0:
        return line
    down = line.element == Element.ADOT
    # Neither a reason that changes nor a moment without good data makes two short failures of a long one.
    run = _runs(down | (line.element == Element.UNKNOWN))
    begin, end = np.full(run[-1] + 1, line.end[-1]), np.full(run[-1] + 1, line.start[0])
    np.minimum.at(begin, run[down], line.start[down])
    np.maximum.at(end, run[down], line.end[down])
    minor = down & (end - begin < shorter_than_us)[run]
    return replace(line, element=np.where(minor, Element.ADET, line.element).astype(np.int8))


def stops_of(line: Timeline) -> Stops:
    """The stops of a timeline: parts that follow each other with one reason and one time element are one stop."""
    group = _groups(line)
    stands = _stands(line)
    length = line.end - line.start
    order = np.lexsort((-length, group))
    firsts = order[np.append(True, group[order][1:] != group[order][:-1])]  # the longest part of each group
    opens = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
    closes = np.append(opens[1:] - 1, len(line) - 1)
    keep = stands[opens]
    opens, closes, firsts = opens[keep], closes[keep], firsts[keep]
    return Stops(
        start=line.start[opens],
        end=line.end[closes],
        state=line.state[firsts],
        element=line.element[opens],
        reason=line.reason[opens],
        open_start=opens == 0,
    )


def parts_within(line: Timeline, spans: Intervals) -> Timeline:
    """The parts of a timeline that lie in some spans; what is between them is left out."""
    edges = spans.edges
    line = _cut(line, edges[(edges > line.start[0]) & (edges < line.end[-1])])
    keep = spans.contains(line.start)
    return replace(
        line,
        start=line.start[keep],
        end=line.end[keep],
        state=line.state[keep],
        element=line.element[keep],
        reason=line.reason[keep],
        by_hand=line.by_hand[keep],
        told=line.told[keep],
    )


def _stands(line: Timeline) -> NDArray[np.bool_]:
    return (line.element != Element.APT) & (line.element != Element.UNKNOWN)


def _groups(line: Timeline) -> NDArray[np.int64]:
    """int64[n]: which parts belong together: same element, same reason, one after the other."""
    same = (line.element[1:] == line.element[:-1]) & (line.reason[1:] == line.reason[:-1])
    return np.concatenate([[0], np.cumsum(~same)])


def _runs(stands: NDArray[np.bool_]) -> NDArray[np.int64]:
    """int64[n]: a number for every run of parts that all stand, or all do not."""
    return np.concatenate([[0], np.cumsum(stands[1:] != stands[:-1])])


def _too_late(line: Timeline, told: NDArray[np.bool_]) -> Micros:
    """int64[n]: times before which a reason does not hold any more, within stops that are longer than that."""
    stands = _stands(line)
    first = np.flatnonzero(told[1:] & stands[:-1] & ~told[:-1]) + 1
    if not len(first):
        return np.empty(0, np.int64)
    begins = np.flatnonzero(np.append(True, stands[1:] != stands[:-1]))
    since = line.start[begins[np.searchsorted(begins, first, side="right") - 1]]
    late = line.start[first] - LATE_US
    return late[late > since]


def _filled(reason: NDArray[np.int32], run: NDArray[np.int64], start: Micros) -> NDArray[np.int32]:
    """Reasons with holes filled from behind, then from before, within each run of parts that begin then."""
    count = len(reason)
    place = np.arange(count)
    there = reason != NO_REASON
    behind = np.minimum.accumulate(np.where(there, place, count)[::-1])[::-1]
    before = np.maximum.accumulate(np.where(there, place, -1))
    padded, runs, starts = np.append(reason, NO_REASON), np.append(run, -1), np.append(start, 0)
    reaches = (runs[behind] == run) & (starts[behind] - start <= LATE_US)
    from_behind = np.where(reaches, padded[behind], NO_REASON)
    from_before = np.where((before >= 0) & (runs[before] == run), padded[before], NO_REASON)
    return np.where(from_behind != NO_REASON, from_behind, from_before).astype(np.int32)


def _counted(line: Timeline, catalogue: Mapping[str, StopReason]) -> Timeline:
    """The timeline with the elements that its reasons ask for."""
    wanted = np.array([_element(catalogue.get(code)) for code in line.reasons], np.int8)[line.reason]
    decided = _stands(line) & (wanted != Element.UNKNOWN)
    return replace(line, element=np.where(decided, wanted, line.element).astype(np.int8))


def _element(reason: StopReason | None) -> Element:
    return Element.UNKNOWN if reason is None else reason.element


def _cut(line: Timeline, edges: Micros) -> Timeline:
    """The timeline with its parts cut at some times within it."""
    start = np.union1d(line.start, edges)
    part = np.searchsorted(line.start, start, side="right") - 1
    return replace(
        line,
        start=start,
        end=np.append(start[1:], line.end[-1]),
        state=line.state[part],
        element=line.element[part],
        reason=line.reason[part],
        by_hand=line.by_hand[part],
        told=line.told[part],
    )
