"""From scores to alarms, and from alarms to figures that say what they are worth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.intelligence.table import Floats

WEEK_US = 7 * 24 * 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Episode:
    """One alarm: from the first score at or above 1 to the last; µs."""

    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Event:
    """Something that should be found: it shows from `onset_us` on and is over at `end_us`.

    Attributes:
        onset_us: Where finding it begins to count.
        stop_us: Where the machine gave up; leads are counted to it.
        end_us: Where it was repaired.
    """

    onset_us: int
    stop_us: int
    end_us: int


def episodes(time_us: NDArray[np.int64], score: Floats, release: int) -> list[Episode]:
    """Alarms in the scores of one machine; those that `release` judged steps or fewer lie between are one.

    A step without a score neither raises nor clears one.
    """
    judged = np.isfinite(score)
    times, hot = time_us[judged], score[judged] >= 1.0
    places = np.flatnonzero(hot)
    if not len(places):
        return []
    breaks = np.flatnonzero(np.diff(places) > release)
    first, last = np.append(0, breaks + 1), np.append(breaks, len(places) - 1)
    return [Episode(int(times[places[a]]), int(times[places[b]])) for a, b in zip(first, last, strict=True)]


@dataclass(frozen=True, slots=True)
class Detection:
    """What alarms were worth.

    Attributes:
        events: What was there to be found.
        found: Of which so many were found before they were over.
        alarms: Alarms.
        false_alarms: Of which so many belong to no event.
        lead_us: For each event that was found, how long before the stop.
        machine_weeks: Time that was watched.
    """

    events: int
    found: int
    alarms: int
    false_alarms: int
    lead_us: tuple[int, ...]
    machine_weeks: float

    @property
    def recall(self) -> float:
        """Share of events that were found; NaN without events."""
        return self.found / self.events if self.events else float("nan")

    @property
    def precision(self) -> float:
        """Share of alarms that belong to an event; NaN without alarms."""
        return (self.alarms - self.false_alarms) / self.alarms if self.alarms else float("nan")

    @property
    def f1(self) -> float:
        """Harmonic mean of both; 0 when nothing was found, NaN when there was nothing to find."""
        if not self.events:
            return float("nan")
        missed = self.events - self.found
        return 2.0 * self.found / (2.0 * self.found + self.false_alarms + missed)

    @property
    def false_per_machine_week(self) -> float:
        """False alarms per machine and week."""
        return self.false_alarms / self.machine_weeks if self.machine_weeks else float("nan")

    @property
    def median_lead_us(self) -> float:
        """Median lead; NaN when nothing was found."""
        return float(np.median(self.lead_us)) if self.lead_us else float("nan")


def detection(events: Sequence[Event], alarms: Sequence[Episode], watched_us: int) -> Detection:
    """Hold the alarms of one machine against what there was to be found."""
    leads: list[int] = []
    matched: set[int] = set()
    for event in events:
        hits = [n for n, alarm in enumerate(alarms) if alarm.start_us < event.end_us and alarm.end_us > event.onset_us]
        if hits:
            leads.append(event.stop_us - max(alarms[hits[0]].start_us, event.onset_us))
            matched.update(hits)
    return Detection(
        events=len(events),
        found=len(leads),
        alarms=len(alarms),
        false_alarms=len(alarms) - len(matched),
        lead_us=tuple(leads),
        machine_weeks=watched_us / WEEK_US,
    )


def together(parts: Sequence[Detection]) -> Detection:
    """The figures of several machines as one."""
    return Detection(
        events=sum(part.events for part in parts),
        found=sum(part.found for part in parts),
        alarms=sum(part.alarms for part in parts),
        false_alarms=sum(part.false_alarms for part in parts),
        lead_us=tuple(lead for part in parts for lead in part.lead_us),
        machine_weeks=sum(part.machine_weeks for part in parts),
    )
