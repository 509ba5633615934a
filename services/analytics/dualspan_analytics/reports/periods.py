"""Which periods a report has. Pure."""

import numpy as np

from dualspan_analytics.calendars.expansion import expand, periods
from dualspan_analytics.calendars.model import Calendar
from dualspan_analytics.reports.model import Period, ReportDefinition, Span

_DAY_US = 86_400_000_000
LONGEST_US = 40 * _DAY_US
"""No period is longer."""


def zone_of(definition: ReportDefinition, calendar: Calendar | None) -> str:
    """The time zone of a report, IANA."""
    return definition.time_zone or (calendar.time_zone if calendar else "UTC")


def spans(definition: ReportDefinition, calendar: Calendar | None, start_us: int, end_us: int) -> list[Span]:
    """The whole periods that begin in [start_us, end_us), in order of time.

    Args:
        definition: The report.
        calendar: Its calendar; a report by shift has none without it.
        start_us: µs since the Unix epoch.
        end_us: Not included.
    """
    if definition.period is Period.SHIFT:
        return _shifts(calendar, start_us, end_us) if calendar else []
    kind = "day" if definition.period is Period.DAILY else "month"
    edges = periods(zone_of(definition, calendar), kind, start_us, end_us + LONGEST_US)
    begins = np.flatnonzero((edges[:-1] >= start_us) & (edges[:-1] < end_us))
    return [Span(int(edges[i]), int(edges[i + 1]), "") for i in begins]


def _shifts(calendar: Calendar, start_us: int, end_us: int) -> list[Span]:
    found = expand(calendar, start_us, end_us)
    rows = zip(found.start.tolist(), found.end.tolist(), found.shift.tolist(), strict=True)
    return [Span(begin, end, calendar.shifts[shift].name) for begin, end, shift in rows if start_us <= begin < end_us]


def over(definition: ReportDefinition, calendar: Calendar | None, planned_us: int, now_us: int) -> list[Span]:
    """The periods that begin from `planned_us` on and are to be made by now, in order of time."""
    ready = now_us - definition.delay_us
    return [span for span in spans(definition, calendar, planned_us, now_us) if span.end_us <= ready]


def next_due(definition: ReportDefinition, calendar: Calendar | None, planned_us: int, now_us: int) -> int:
    """When the next period that begins from `planned_us` on is to be made; a day from now if there is none in sight."""
    found = spans(definition, calendar, planned_us, max(planned_us, now_us) + LONGEST_US)
    return found[0].end_us + definition.delay_us if found else now_us + _DAY_US


def at(definition: ReportDefinition, calendar: Calendar | None, time_us: int | None, now_us: int) -> Span | None:
    """The period that holds a time, or the last one, if it is over."""
    wanted = now_us if time_us is None else time_us
    done = [span for span in spans(definition, calendar, wanted - LONGEST_US, wanted + 1) if span.end_us <= now_us]
    if time_us is not None:
        done = [span for span in done if span.start_us <= time_us < span.end_us]
    return done[-1] if done else None
