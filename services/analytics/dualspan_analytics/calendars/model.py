"""What a working calendar is, and what one may not say."""

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dualspan_analytics.calendars.errors import bad_calendar, bad_time_zone

DAY_MINUTES = 1440
MOST_SHIFTS = 64
MOST_PLANNED_STOPS = 256
MOST_HOLIDAYS = 1000
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Daily:
    """A span of local time on some days.

    Attributes:
        start_minute: Minutes after local midnight, 0 to 1439.
        end_minute: Likewise; at or before the start, it ends on the next day.
        weekdays: On which it begins: 0 is Monday.
        dates: Days on which it begins besides, holidays among them.
    """

    start_minute: int
    end_minute: int
    weekdays: tuple[int, ...] = ()
    dates: tuple[dt.date, ...] = ()

    @property
    def minutes(self) -> int:
        """How long it lasts on the clock, 1 to 1440."""
        return (self.end_minute - self.start_minute - 1) % DAY_MINUTES + 1

    def __str__(self) -> str:
        return f"{_clock(self.start_minute)}-{_clock(self.end_minute)}"


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift: planned operation time (ISO 22400-2, POT)."""

    name: str
    hours: Daily


@dataclass(frozen=True, slots=True)
class PlannedStop:
    """Time within shifts that is planned to be lost (ISO 22400-2, PDOT): a break, a cleaning, a meeting."""

    name: str
    hours: Daily


@dataclass(frozen=True, slots=True)
class Holiday:
    """A local day on which no weekly shift begins."""

    date: dt.date
    name: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """When the assets of a site, and everything below them, are to run.

    Attributes:
        id: Unique in the tenant.
        display_name: For people.
        time_zone: IANA name, such as `Europe/Berlin`.
        shifts: They do not overlap.
        planned_stops: They may.
        holidays: Days without weekly shifts.
        assets: Ids of the sites, lines or machines that it holds for; of an asset and its ancestors the nearest counts.
    """

    id: str
    display_name: str
    time_zone: str
    shifts: tuple[Shift, ...] = ()
    planned_stops: tuple[PlannedStop, ...] = ()
    holidays: tuple[Holiday, ...] = ()
    assets: tuple[str, ...] = ()


def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name.

    Raises:
        InvalidArgument: There is no such zone (`UNKNOWN_TIME_ZONE`).
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as err:
        raise bad_time_zone(name) from err


def check(calendar: Calendar) -> None:
    """Refuse a calendar that says something impossible.

    Raises:
        InvalidArgument: An unknown time zone, times out of range, too much of something (`BAD_CALENDAR`), two shifts
            at the same time (`SHIFTS_OVERLAP`).
    """
    zone_of(calendar.time_zone)
    _check_sizes(calendar)
    names = [shift.name for shift in calendar.shifts]
    for name in names:
        if not name.strip() or names.count(name) > 1:
            raise bad_calendar(f"shift {name!r} needs a name of its own")
    for kind, given in (("shift", calendar.shifts), ("planned stop", calendar.planned_stops)):
        for each in given:
            _check_hours(f"{kind} {each.name!r}", each.hours)


def _check_sizes(calendar: Calendar) -> None:
    sizes = (
        ("shifts", len(calendar.shifts), MOST_SHIFTS),
        ("planned stops", len(calendar.planned_stops), MOST_PLANNED_STOPS),
        ("holidays", len(calendar.holidays), MOST_HOLIDAYS),
    )
    for what, count, most in sizes:
        if count > most:
            raise bad_calendar(f"{count} {what} are too many; {most} at the most")


def _check_hours(what: str, hours: Daily) -> None:
    for field, minute in (("start", hours.start_minute), ("end", hours.end_minute)):
        if not 0 <= minute < DAY_MINUTES:
            raise bad_calendar(f"the {field} of {what} must be a time of the day from 00:00 to 23:59")
    if not hours.weekdays and not hours.dates:
        raise bad_calendar(f"{what} is on no day; give it weekdays or dates")
    if any(not 0 <= day < 7 for day in hours.weekdays):
        raise bad_calendar(f"a weekday of {what} is none: 0 is Monday, 6 is Sunday")
    if len(hours.dates) > MOST_HOLIDAYS:
        raise bad_calendar(f"{what} has {len(hours.dates)} dates; {MOST_HOLIDAYS} at the most")


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
