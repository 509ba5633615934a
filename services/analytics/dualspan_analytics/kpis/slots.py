"""Slots: occurrences of shifts and the times between them, and which roll-ups of them still hold. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.calendars.expansion import Shifts
from dualspan_analytics.intervals import Intervals, Micros
from dualspan_analytics.states.stops import LATE_US

NO_SHIFT = -1
"""In place of a shift: the time between two."""

QUARTER_US = 900_000_000
"""The historian tells changes in quarters of an hour."""

MARGIN_US = QUARTER_US
"""So much around a slot is read too: a stop that began before, and may be a minor one."""

_NEVER_US = 1 << 62


@dataclass(frozen=True, slots=True)
class Slots:
    """Spans that follow each other without a hole.

    Attributes:
        start: int64[n], µs.
        end: int64[n].
        shift: int16[n], index into the calendar's shifts, or `NO_SHIFT`.
        day: int32[n], local day in days since 1970-01-01: of the shift, or of the shift before.
    """

    start: Micros
    end: Micros
    shift: NDArray[np.int16]
    day: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.start)

    def take(self, which: NDArray[np.bool_]) -> "Slots":
        """Some of them."""
        return Slots(self.start[which], self.end[which], self.shift[which], self.day[which])


def slots_of(shifts: Shifts, start_us: int, end_us: int) -> Slots:
    """Cut [start_us, end_us) into the parts of shifts and of the times between."""
    edges = np.column_stack([shifts.start, shifts.end]).ravel()
    bounds = np.concatenate([[start_us], edges[(edges > start_us) & (edges < end_us)], [end_us]])
    start, end = bounds[:-1], bounds[1:]
    there = end > start
    start, end = start[there], end[there]
    place = np.searchsorted(edges, start, side="right")
    inside = place % 2 == 1
    before = np.clip((place - 1) // 2, 0, max(len(shifts) - 1, 0))
    if not len(shifts):
        day = (start // 86_400_000_000).astype(np.int32)
        return Slots(start, end, np.full(len(start), NO_SHIFT, np.int16), day)
    shift = np.where(inside, shifts.shift[before], NO_SHIFT).astype(np.int16)
    return Slots(start, end, shift, shifts.day[before])


@dataclass(frozen=True, slots=True)
class DataVersions:
    """What of a gateway's data was touched when: quarters ascending, and the commit that last touched each."""

    newest: int
    quarters: NDArray[np.int64]
    versions: NDArray[np.int64]
    gateway: str = ""
    _newer: dict[int, NDArray[np.int64]] = field(default_factory=dict, repr=False, compare=False)

    def newer(self, version: int) -> NDArray[np.int64]:
        """int64[quarters + 1]: how many of the quarters before each were touched after a version; made once."""
        if version not in self._newer:
            self._newer[version] = np.concatenate([[0], np.cumsum(self.versions > version)])
        return self._newer[version]


def untouched(
    known: DataVersions, depends_us: Micros, end_us: Micros, versions: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """bool[n]: which results still hold: no commit after their version touched what they depend on.

    Args:
        known: Of the gateway, all quarters from the earliest `depends_us` to the latest `end_us` and its margin.
        depends_us: int64[n], from here on data matter.
        end_us: int64[n], up to there data matter, and up to `MARGIN_US` later.
        versions: int64[n], of the data when the result was computed.
    """
    first = np.searchsorted(known.quarters, depends_us // QUARTER_US, side="left")
    last = np.searchsorted(known.quarters, (end_us + MARGIN_US - 1) // QUARTER_US, side="right")
    holds = np.ones(len(versions), np.bool_)
    # Few results are computed one by one, so few versions are different: a count for each answers for all of its slots.
    for version in np.unique(versions).tolist():
        mine = versions == version
        newer = known.newer(version)
        holds[mine] = newer[last[mine]] == newer[first[mine]]
    return holds


def depends_on(first_samples: Sequence[Micros], start_us: Micros) -> Micros:
    """int64[n]: from where on data matter to each slot: the last sample of every property before it and its margin.

    Args:
        first_samples: Timestamps of each property, ascending.
        start_us: int64[n], starts of the slots.
    """
    begin = start_us - MARGIN_US
    depends = begin.copy()
    for t in first_samples:
        place = np.searchsorted(t, begin, side="right") - 1
        # Without a sample before, one that comes late may stand anywhere before.
        depends = np.minimum(depends, np.where(place >= 0, t[np.maximum(place, 0)] if len(t) else 0, 0))
    return depends


def reaching_back(depends_us: Micros, start_us: Micros, around: Sequence[Intervals]) -> Micros:
    """int64[n]: the same, where a slot begins among false values of a counter: these are known by what was before.

    Args:
        depends_us: int64[n], see `depends_on`.
        start_us: int64[n], starts of the slots.
        around: Of each counter, from the last true sample to the next, ascending.
    """
    begin, depends = start_us - MARGIN_US, depends_us
    for spans in around:
        if len(spans):
            place = np.maximum(np.searchsorted(spans.start, begin, side="left") - 1, 0)
            within = (spans.start[place] < begin) & (begin <= spans.end[place])
            depends = np.where(within, np.minimum(depends, spans.start[place]), depends)
    return depends


@dataclass(frozen=True, slots=True)
class Needs:
    """Which data matter to slots, but for the margin.

    Attributes:
        since: int64[n], µs: from here on.
        until: int64[n]: up to here.
    """

    since: Micros
    until: Micros

    @property
    def is_known(self) -> NDArray[np.bool_]:
        """bool[n]: all of these data are there."""
        return self.until < _NEVER_US


def reaching_on(end_us: Micros, untold: Intervals, known_us: int) -> Micros:
    """int64[n]: up to where data matter to each slot.

    A slot that ends in a stop without a reason depends on what is told later in this stop, as far as that reaches back.

    Args:
        end_us: int64[n], ends of the slots.
        untold: When it stood without a reason.
        known_us: What comes from here on was not looked at: a stop that lasts until then may still be given a reason.
    """
    if not len(untold):
        return end_us
    place = np.maximum(np.searchsorted(untold.start, end_us, side="left") - 1, 0)
    told = untold.end[place]
    within = (untold.start[place] < end_us) & (end_us < told)
    until = np.minimum(told, end_us + LATE_US)
    return np.where(within, np.where(until >= known_us, _NEVER_US, until), end_us)
