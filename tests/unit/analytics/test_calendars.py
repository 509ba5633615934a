import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_analytics.calendars.expansion import check_shifts, expand, periods, planned_stops
from dualspan_analytics.calendars.model import Calendar, Daily, Holiday, PlannedStop, Shift
from dualspan_analytics.kpis.slots import slots_of
from dualspan_runtime.errors import InvalidArgument

EVERY_DAY = tuple(range(7))
HOUR = 3_600_000_000


def us(zone: str, *when: int) -> int:
    return round(dt.datetime(*when, tzinfo=ZoneInfo(zone)).timestamp() * 1e6)  # type: ignore[arg-type]


def hours(start: str, end: str, weekdays: tuple[int, ...] = EVERY_DAY, dates: tuple[dt.date, ...] = ()) -> Daily:
    def minute(text: str) -> int:
        return int(text[:2]) * 60 + int(text[3:])

    return Daily(minute(start), minute(end), weekdays, dates)


def three_shifts(zone: str = "Europe/Berlin") -> Calendar:
    return Calendar(
        "plant",
        "Plant",
        zone,
        (
            Shift("early", hours("06:00", "14:00")),
            Shift("late", hours("14:00", "22:00")),
            Shift("night", hours("22:00", "06:00")),
        ),
    )


def test_night_shift_has_7_hours_in_spring_and_9_in_autumn() -> None:
    for date, length in (((2026, 3, 28), 7), ((2026, 3, 29), 8), ((2026, 10, 24), 9), ((2026, 10, 25), 8)):
        start = us("Europe/Berlin", *date, 22)
        found = expand(three_shifts(), start, start + HOUR)
        assert found.start.tolist() == [start]
        assert found.shift.tolist() == [2]
        assert (found.end - found.start).tolist() == [length * HOUR]
        assert found.day.tolist() == [dt.date(*date).toordinal() - dt.date(1970, 1, 1).toordinal()]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe"])
def test_three_shifts_cover_a_year_without_hole_or_overlap(zone: str) -> None:
    start, end = us(zone, 2026, 1, 1, 6), us(zone, 2027, 1, 1, 6)
    found = expand(three_shifts(zone), start, end)
    assert found.start[0] == start
    assert found.end[-1] == end
    assert (found.start[1:] == found.end[:-1]).all()
    assert len(found) == 3 * 365


def test_a_time_that_is_left_out_is_the_moment_in_which_the_clock_goes_on() -> None:
    day = us("Europe/Berlin", 2026, 3, 29)
    for start, end, length in (("02:30", "03:30", HOUR // 2), ("01:30", "03:30", HOUR), ("02:15", "02:45", 0)):
        found = expand(Calendar("c", "", "Europe/Berlin", (Shift("odd", hours(start, end)),)), day, day + 6 * HOUR)
        assert (found.end - found.start).tolist() == [length] * bool(length)


def test_shifts_with_a_gap_between_do_not_overlap_when_the_clock_changes() -> None:
    shifts = (Shift("night", hours("22:00", "02:30")), Shift("early", hours("03:00", "11:00")))
    calendar = Calendar("c", "", "Europe/Berlin", shifts)
    check_shifts(calendar)
    start, end = us("Europe/Berlin", 2026, 3, 28, 12), us("Europe/Berlin", 2026, 3, 29, 20)
    found = expand(calendar, start, end)
    assert (found.start[1:] >= found.end[:-1]).all()
    slots = slots_of(found, start, end)
    assert (slots.end - slots.start).sum() == end - start
    assert (slots.start[1:] == slots.end[:-1]).all()


def test_local_days_have_23_and_25_hours() -> None:
    edges = periods("Europe/Berlin", "day", us("Europe/Berlin", 2026, 3, 28, 12), us("Europe/Berlin", 2026, 3, 31))
    assert (np.diff(edges) // HOUR).tolist() == [24, 23, 24]
    edges = periods("Europe/Berlin", "day", us("Europe/Berlin", 2026, 10, 25), us("Europe/Berlin", 2026, 10, 26))
    assert (np.diff(edges) // HOUR).tolist() == [25]
    edges = periods("Europe/Berlin", "week", us("Europe/Berlin", 2026, 3, 25), us("Europe/Berlin", 2026, 3, 30))
    assert (np.diff(edges) // HOUR).tolist() == [7 * 24 - 1]
    edges = periods("Asia/Shanghai", "month", us("Asia/Shanghai", 2026, 12, 31), us("Asia/Shanghai", 2027, 2, 28))
    assert (np.diff(edges) // (24 * HOUR)).tolist() == [31, 31, 28]


def test_holidays_have_no_weekly_shift_but_those_that_name_them() -> None:
    christmas = dt.date(2026, 12, 25)
    calendar = Calendar(
        "c",
        "",
        "Asia/Shanghai",
        (Shift("early", hours("06:00", "14:00")), Shift("emergency", hours("08:00", "10:00", (), (christmas,)))),
        holidays=(Holiday(christmas, "Christmas"),),
    )
    check_shifts(calendar)
    found = expand(calendar, us("Asia/Shanghai", 2026, 12, 24), us("Asia/Shanghai", 2026, 12, 27))
    assert found.shift.tolist() == [0, 1, 0]


def test_planned_stops_are_joined() -> None:
    calendar = Calendar(
        "c",
        "",
        "UTC",
        planned_stops=(
            PlannedStop("lunch", hours("12:00", "12:30")),
            PlannedStop("cleaning", hours("12:15", "13:00", (0,))),
        ),
    )
    monday = us("UTC", 2026, 11, 16)
    found = planned_stops(calendar, monday, monday + 48 * HOUR)
    assert ((found.end - found.start) / HOUR).tolist() == [1.0, 0.5]


@pytest.mark.parametrize(
    ("shifts", "first", "second", "day"),
    [
        (
            (Shift("early", hours("06:00", "14:30")), Shift("late", hours("14:00", "22:00"))),
            "'early' (06:00-14:30)",
            "'late' (14:00-22:00)",
            "Monday",
        ),
        (
            (Shift("night", hours("22:00", "06:00", (6,))), Shift("early", hours("05:00", "09:00", (0,)))),
            "'night' (22:00-06:00)",
            "'early' (05:00-09:00)",
            "Monday",
        ),
        (
            (
                Shift("early", hours("06:00", "14:00", (0, 1))),
                Shift("extra", hours("13:00", "15:00", (), (dt.date(2026, 11, 17),))),
            ),
            "'early' (06:00-14:00)",
            "'extra' (13:00-15:00)",
            "2026-11-17",
        ),
    ],
)
def test_overlaps_are_refused_with_names_and_times(
    shifts: tuple[Shift, ...], first: str, second: str, day: str
) -> None:
    with pytest.raises(InvalidArgument, match="SHIFTS_OVERLAP") as caught:
        check_shifts(Calendar("c", "", "Europe/Berlin", shifts))
    message = caught.value.message
    assert first in message
    assert second in message
    assert day in message


@pytest.mark.parametrize(
    ("calendar", "reason"),
    [
        (Calendar("c", "", "Europe/Nowhere"), "UNKNOWN_TIME_ZONE"),
        (Calendar("c", "", "../etc/passwd"), "UNKNOWN_TIME_ZONE"),
        (Calendar("c", "", "UTC", (Shift("", hours("06:00", "14:00")),)), "BAD_CALENDAR"),
        (Calendar("c", "", "UTC", (Shift("a", Daily(0, 1440, (0,))),)), "BAD_CALENDAR"),
        (Calendar("c", "", "UTC", (Shift("a", Daily(0, 60)),)), "BAD_CALENDAR"),
        (Calendar("c", "", "UTC", (Shift("a", Daily(0, 60, (7,))),)), "BAD_CALENDAR"),
        (Calendar("c", "", "UTC", (Shift("a", Daily(0, 60, (1,))), Shift("a", Daily(90, 100, (1,))))), "BAD_CALENDAR"),
    ],
)
def test_bad_calendars_are_refused(calendar: Calendar, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        check_shifts(calendar)


@given(
    st.lists(st.tuples(st.integers(0, 1439), st.integers(0, 1439), st.sets(st.integers(0, 6), min_size=1)), max_size=4),
    # Weeks in which the clock changes, and any.
    st.sampled_from([1_772_600_000, 1_793_400_000]) | st.integers(1_577_836_800, 1_893_456_000),
)
def test_what_is_accepted_never_overlaps(given_shifts: list[tuple[int, int, set[int]]], second: int) -> None:
    shifts = tuple(Shift(f"s{n}", Daily(a, b, tuple(days))) for n, (a, b, days) in enumerate(given_shifts))
    calendar = Calendar("c", "", "America/New_York", shifts)
    try:
        check_shifts(calendar)
    except InvalidArgument:
        return
    found = expand(calendar, second * 1_000_000, second * 1_000_000 + 21 * 24 * HOUR)
    assert (found.start[1:] >= found.end[:-1]).all()
    assert (found.end > found.start).all()
