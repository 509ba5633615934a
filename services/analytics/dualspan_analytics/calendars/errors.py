"""What can be wrong with a calendar, in words that say what to do next."""

from dualspan_runtime.errors import InvalidArgument


def bad_calendar(why: str) -> InvalidArgument:
    """Something in a calendar is impossible."""
    return InvalidArgument("BAD_CALENDAR", f"The calendar is not valid: {why}.")


def bad_time_zone(name: str) -> InvalidArgument:
    """There is no such zone."""
    return InvalidArgument(
        "UNKNOWN_TIME_ZONE",
        f"There is no time zone {name[:60]!r}. Use an IANA name, such as Asia/Shanghai or Europe/Berlin.",
        time_zone=name[:60],
    )


def shifts_overlap(first: str, first_time: str, second: str, second_time: str, day: str) -> InvalidArgument:
    """Two shifts run at once."""
    return InvalidArgument(
        "SHIFTS_OVERLAP",
        f"Shifts {first!r} ({first_time}) and {second!r} ({second_time}) overlap on {day}. "
        "Let one end before the other begins; every moment belongs to one shift at the most.",
        first=first,
        second=second,
        day=day,
    )
