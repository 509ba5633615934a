"""Periods of reports: whole ones, once, across changes of the clock."""

import datetime as dt
from dataclasses import replace

import pytest

from dualspan_analytics.calendars.model import Calendar, Daily, Shift
from dualspan_analytics.reports.model import Language, Period, ReportDefinition, SectionKind, check
from dualspan_analytics.reports.periods import at, next_due, over, spans
from dualspan_runtime.errors import InvalidArgument

HOUR = 3_600_000_000
DAILY = ReportDefinition("r", "", Period.DAILY, (), (), (), "Europe/Berlin", "", HOUR, False, None)
MONTHLY = replace(DAILY, period=Period.MONTHLY)
EVERY_DAY = tuple(range(7))
CALENDAR = Calendar(
    "c",
    "",
    "Asia/Shanghai",
    (Shift("早班", Daily(480, 1200, EVERY_DAY)), Shift("晚班", Daily(1200, 480, EVERY_DAY))),
)
BY_SHIFT = replace(DAILY, period=Period.SHIFT, time_zone="", calendar="c")


def us(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp()) * 1_000_000


def test_days_are_local_and_as_long_as_the_clock_makes_them() -> None:
    found = spans(DAILY, None, us("2026-10-24T00:00+02:00"), us("2026-10-27T00:00+01:00"))
    assert [(span.end_us - span.start_us) // HOUR for span in found] == [24, 25, 24]
    assert found[0].start_us == us("2026-10-24T00:00+02:00")


def test_months() -> None:
    found = spans(MONTHLY, None, us("2026-01-15T00:00+01:00"), us("2026-04-01T00:00+02:00"))
    assert [span.start_us for span in found] == [us("2026-02-01T00:00+01:00"), us("2026-03-01T00:00+01:00")]


def test_shifts_are_those_of_the_calendar() -> None:
    found = spans(BY_SHIFT, CALENDAR, us("2026-11-01T08:00+08:00"), us("2026-11-02T08:00+08:00"))
    assert [(span.title, (span.end_us - span.start_us) // HOUR) for span in found] == [("早班", 12), ("晚班", 12)]
    assert spans(BY_SHIFT, None, 0, 10**15) == []


def test_a_period_is_due_a_while_after_its_end() -> None:
    begin, end = us("2026-11-01T00:00+01:00"), us("2026-11-02T00:00+01:00")
    assert over(DAILY, None, begin, end + HOUR - 1) == []
    assert [span.start_us for span in over(DAILY, None, begin, end + HOUR)] == [begin]
    assert next_due(DAILY, None, begin, begin) == end + HOUR
    assert next_due(DAILY, None, begin + 1, begin) == end + 24 * HOUR + HOUR


@pytest.mark.parametrize("definition", [DAILY, MONTHLY, BY_SHIFT])
def test_every_period_comes_once_however_the_sweeps_fall(definition: ReportDefinition) -> None:
    calendar = CALENDAR if definition.calendar else None
    now, planned, found = us("2026-01-01T00:00+00:00"), us("2026-01-01T00:00+00:00"), []
    for step in (1, 5, 13, 2, 700, 3, 24, 24, 0, 900, 1) * 4:
        now += step * HOUR
        if next_due(definition, calendar, planned, now) > now:
            assert over(definition, calendar, planned, now) == []
            continue
        some = over(definition, calendar, planned, now)
        assert some
        found += some
        planned = some[-1].start_us + 1
    whole = spans(definition, calendar, us("2026-01-01T00:00+00:00"), now)
    assert found == [span for span in whole if span.end_us + definition.delay_us <= now]


def test_the_last_one_or_the_one_that_holds_a_time() -> None:
    now = us("2026-11-22T12:00+01:00")
    last = at(DAILY, None, None, now)
    assert last is not None
    assert last.end_us == us("2026-11-22T00:00+01:00")
    assert (
        at(DAILY, None, us("2026-11-20T15:00+01:00"), now)
        == spans(DAILY, None, us("2026-11-20T00:00+01:00"), us("2026-11-20T00:00+01:00") + 1)[0]
    )
    assert at(DAILY, None, us("2026-11-22T01:00+01:00"), now) is None


@pytest.mark.parametrize(
    "definition",
    [
        replace(BY_SHIFT, calendar=""),
        replace(DAILY, delay_us=-1),
        replace(DAILY, sections=(SectionKind.OEE, SectionKind.OEE)),
        replace(DAILY, languages=(Language.ZH, Language.ZH)),
    ],
)
def test_what_cannot_be_made_is_refused(definition: ReportDefinition) -> None:
    with pytest.raises(InvalidArgument):
        check(definition)
