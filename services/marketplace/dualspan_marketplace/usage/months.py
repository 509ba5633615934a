"""Months of statements, in an enterprise's time zone.

Usage is counted by hours of UTC. Where midnight is not a full hour (India, Nepal, Newfoundland), a month begins with
the first full hour after it: every hour belongs to exactly one month.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dualspan_marketplace.usage.hours import hour_of
from dualspan_marketplace.usage.model import HOUR

# Zones are no more than 26 hours apart, and no month is as short as this.
_NO_MONTH = timedelta(days=2)


def is_zone(name: str) -> bool:
    """Whether there is a time zone of this name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def beginning(time: datetime, zone: str) -> datetime:
    """The beginning of the month that a time lies in, UTC."""
    local = time.astimezone(ZoneInfo(zone))
    month = _first_hour(local.year, local.month, zone)
    # Within the first minutes of a month, before its first full hour.
    return month if month <= time else _first_hour(*_before(local.year, local.month), zone)


def end(start: datetime, zone: str) -> datetime:
    """The end of the month that begins at a time, UTC.

    Where another zone was chosen since, its month may end a few hours after that time: those are no month of their own,
    for which a flat price would be due once more, but belong to the month that follows.
    """
    local = start.astimezone(ZoneInfo(zone))
    found = _first_hour(local.year, local.month, zone)
    year, month = local.year, local.month
    while found - start <= _NO_MONTH:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        found = _first_hour(year, month, zone)
    return found


def _first_hour(year: int, month: int, zone: str) -> datetime:
    midnight = datetime(year, month, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    hour = hour_of(midnight)
    return hour if hour == midnight else hour + HOUR


def _before(year: int, month: int) -> tuple[int, int]:
    return (year - 1, 12) if month == 1 else (year, month - 1)
