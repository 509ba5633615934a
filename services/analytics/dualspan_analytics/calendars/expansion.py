"""Calendars as columns of UTC times, right across changes of the clock."""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.calendars.errors import shifts_overlap
from dualspan_analytics.calendars.model import DAY_MINUTES, WEEKDAYS, Calendar, Daily, check, zone_of
from dualspan_analytics.intervals import Intervals, Micros

MINUTE_US = 60_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EPOCH_DAY = dt.date(1970, 1, 1).toordinal()

Period = Literal["day", "week", "month"]


@dataclass(frozen=True, slots=True)
class Shifts:
    """Shifts as they occur, ascending.

    Attributes:
        start: int64[n], µs since the Unix epoch.
        end: int64[n].
        shift: int16[n], index into the calendar's shifts.
        day: int32[n], the local day on which each begins, in days since 1970-01-01.
    """

    start: Micros
    end: Micros
    shift: NDArray[np.int16]
    day: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.start)


def expand(calendar: Calendar, start_us: int, end_us: int) -> Shifts:
    """The shifts that touch [start_us, end_us), whole.

    A time that a change of the clock leaves out is the moment of that change; of one that comes twice the first counts.
    So a night shift from 22:00 to 06:00 lasts 7 hours in spring, 9 in autumn, and what does not overlap on the clock
    does not overlap in UTC.
    """
    holidays = {holiday.date.toordinal() for holiday in calendar.holidays}
    rows = sorted(
        (begin, end, index, day)
        for index, shift in enumerate(calendar.shifts)
        for begin, end, day in _occurrences(calendar, shift.hours, holidays, start_us, end_us)
    )
    columns = np.array(rows, np.int64).reshape(-1, 4)
    start, end, shift_index, day = columns.T
    return Shifts(start.copy(), end.copy(), shift_index.astype(np.int16), (day - _EPOCH_DAY).astype(np.int32))


def planned_stops(calendar: Calendar, start_us: int, end_us: int) -> Intervals:
    """Planned stops that touch [start_us, end_us), joined."""
    return Intervals.of(
        (begin, end)
        for stop in calendar.planned_stops
        for begin, end, _ in _occurrences(calendar, stop.hours, set(), start_us, end_us)
    )


def periods(time_zone: str, period: Period, start_us: int, end_us: int) -> Micros:
    """int64[n + 1]: where local days, weeks (from Monday) or months begin, from the one that holds `start_us` on.

    A day has 23 or 25 hours when the clock changes.
    """
    zone = zone_of(time_zone)
    day = _day_of(start_us, zone)
    day = day - dt.timedelta(days=day.weekday()) if period == "week" else day
    day = day.replace(day=1) if period == "month" else day
    edges: list[int] = []
    while not edges or edges[-1] < end_us:
        edges.append(_instant(day, 0, zone))
        day = (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1) if period == "month" else day + _STEP[period]
    return np.array(edges, np.int64)


def midnights(time_zone: str, days: Micros) -> Micros:
    """int64[n]: when local days begin, µs.

    Args:
        time_zone: IANA name.
        days: int64[n], days since 1970-01-01.
    """
    zone = zone_of(time_zone)
    return np.array([_instant(dt.date.fromordinal(day + _EPOCH_DAY), 0, zone) for day in days.tolist()], np.int64)


def check_shifts(calendar: Calendar) -> None:
    """Refuse a calendar that is not valid, or whose shifts overlap.

    Raises:
        InvalidArgument: `BAD_CALENDAR`, `UNKNOWN_TIME_ZONE`, or `SHIFTS_OVERLAP` with both names and times.
    """
    check(calendar)
    _check_spans(calendar, _template(calendar), lambda minute: WEEKDAYS[minute // DAY_MINUTES % 7])
    _check_spans(calendar, _dated(calendar), lambda minute: dt.date.fromordinal(minute // DAY_MINUTES).isoformat())


_STEP = {"day": dt.timedelta(days=1), "week": dt.timedelta(days=7)}
_Span = tuple[int, int, int]
"""Local minutes of start and end, index of the shift."""


def _template(calendar: Calendar) -> Iterator[_Span]:
    """The weekly shifts of two weeks, so that Sunday night meets Monday."""
    for index, shift in enumerate(calendar.shifts):
        for day in shift.hours.weekdays:
            for week in (0, 7):
                begin = (day + week) * DAY_MINUTES + shift.hours.start_minute
                yield begin, begin + shift.hours.minutes, index


def _dated(calendar: Calendar) -> Iterator[_Span]:
    """The shifts on and around the dates that shifts name."""
    named = {date.toordinal() for shift in calendar.shifts for date in shift.hours.dates}
    holidays = {holiday.date.toordinal() for holiday in calendar.holidays}
    days = {day + step for day in named for step in (-1, 0, 1)}
    for index, shift in enumerate(calendar.shifts):
        for day in _days(shift.hours, holidays, days):
            begin = day * DAY_MINUTES + shift.hours.start_minute
            yield begin, begin + shift.hours.minutes, index


def _check_spans(calendar: Calendar, spans: Iterable[_Span], day_of: Callable[[int], str]) -> None:
    for (_, end, one), (begin, _, other) in pairwise(sorted(set(spans))):
        if begin < end:
            first, second = calendar.shifts[one], calendar.shifts[other]
            raise shifts_overlap(first.name, str(first.hours), second.name, str(second.hours), day_of(begin))


def _days(hours: Daily, holidays: set[int], days: Iterable[int]) -> Iterator[int]:
    """The days (ordinals) among some on which a span begins."""
    dated = {date.toordinal() for date in hours.dates}
    for day in days:
        # Ordinal 1 is a Monday.
        if day in dated or ((day - 1) % 7 in hours.weekdays and day not in holidays):
            yield day


def _occurrences(
    calendar: Calendar, hours: Daily, holidays: set[int], start_us: int, end_us: int
) -> Iterator[tuple[int, int, int]]:
    """Start and end, µs, and the local day (ordinal) of a span wherever it touches [start_us, end_us)."""
    zone = zone_of(calendar.time_zone)
    first, last = _day_of(start_us, zone).toordinal() - 2, _day_of(end_us, zone).toordinal() + 1
    for day in _days(hours, holidays, range(first, last + 1)):
        date = dt.date.fromordinal(day)
        begin = _instant(date, hours.start_minute, zone)
        end = _instant(date, hours.start_minute + hours.minutes, zone)
        if begin < end_us and end > start_us and begin < end:
            yield begin, end, day


def _instant(day: dt.date, minute: int, zone: dt.tzinfo) -> int:
    """µs since the Unix epoch of a local time; minutes past 24 h are the next day's."""
    local = (dt.datetime.combine(day, dt.time()) + dt.timedelta(minutes=minute)).replace(tzinfo=zone)
    found = local.astimezone(dt.UTC)
    if local.replace(fold=1).astimezone(dt.UTC) < found:
        found = _change(local.replace(fold=1).astimezone(dt.UTC), found, zone)
    return (found - _EPOCH) // dt.timedelta(microseconds=1)


def _change(before: dt.datetime, after: dt.datetime, zone: dt.tzinfo) -> dt.datetime:
    """When the clock of a zone changes between two times in UTC, to the second."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > dt.timedelta(seconds=1):
        middle = before + (after - before) // dt.timedelta(seconds=2) * dt.timedelta(seconds=1)
        before, after = (middle, after) if middle.astimezone(zone).utcoffset() == offset else (before, middle)
    return after


def _day_of(time_us: int, zone: dt.tzinfo) -> dt.date:
    return (_EPOCH + dt.timedelta(microseconds=time_us)).astimezone(zone).date()
