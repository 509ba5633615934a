"""CalendarService: when plants are to run."""

# ruff: noqa: N802 - the contract's names

import datetime as dt
from typing import Any

from google.protobuf.empty_pb2 import Empty

from dualspan.analytics.v1 import calendars_pb2 as contract
from dualspan.analytics.v1 import calendars_pb2_grpc
from dualspan_analytics.calendars.expansion import expand
from dualspan_analytics.service.definitions import ProductionDefinitions
from dualspan_analytics.service.kpis import check_span
from dualspan_analytics.servicer.production_mapping import CALENDAR, read_calendar, write_calendar
from dualspan_analytics.servicer.times import read_time, write_time
from dualspan_runtime.names import TENANT
from dualspan_runtime.paging import PageRules, PageTokens

_PAGES = PageRules(default=100, maximum=1000)
_MOST_DAYS = 400


class CalendarServicer(calendars_pb2_grpc.CalendarServiceServicer):
    """See the contract.

    Args:
        definitions: Calendars among them.
        tokens: Page tokens.
    """

    def __init__(self, definitions: ProductionDefinitions, tokens: PageTokens) -> None:
        self._definitions = definitions
        self._tokens = tokens

    async def GetCalendar(self, request: contract.GetCalendarRequest, context: Any) -> contract.Calendar:
        """See the contract."""
        name = CALENDAR.parse(request.name)
        return write_calendar(name["tenant"], await self._definitions.calendars.get(name["tenant"], name["calendar"]))

    async def ListCalendars(
        self, request: contract.ListCalendarsRequest, context: Any
    ) -> contract.ListCalendarsResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        query = ("ListCalendars", tenant)
        (after,) = self._tokens.read(request.page_token, query) or ("",)
        found = await self._definitions.calendars.page(tenant, str(after), size + 1)
        return contract.ListCalendarsResponse(
            calendars=[write_calendar(tenant, each) for each in found[:size]],
            next_page_token=self._tokens.write((found[size - 1].id,), query) if len(found) > size else "",
        )

    async def UpdateCalendar(self, request: contract.UpdateCalendarRequest, context: Any) -> contract.Calendar:
        """See the contract."""
        given = read_calendar(request.calendar)
        tenant = CALENDAR.parse(request.calendar.name)["tenant"]
        return write_calendar(tenant, await self._definitions.put_calendar(tenant, given))

    async def DeleteCalendar(self, request: contract.DeleteCalendarRequest, context: Any) -> Empty:
        """See the contract."""
        name = CALENDAR.parse(request.name)
        await self._definitions.calendars.delete(name["tenant"], name["calendar"])
        return Empty()

    async def ListShifts(self, request: contract.ListShiftsRequest, context: Any) -> contract.ListShiftsResponse:
        """See the contract."""
        name = CALENDAR.parse(request.name)
        start, end = read_time(request, "start_time"), read_time(request, "end_time")
        check_span(start, end, _MOST_DAYS)
        calendar = await self._definitions.calendars.get(name["tenant"], name["calendar"])
        found = expand(calendar, start, end)
        columns = zip(found.start.tolist(), found.end.tolist(), found.shift.tolist(), found.day.tolist(), strict=True)
        return contract.ListShiftsResponse(
            occurrences=[
                contract.ListShiftsResponse.Occurrence(
                    display_name=calendar.shifts[shift].name,
                    start_time=write_time(begin),
                    end_time=write_time(until),
                    date=(dt.date(1970, 1, 1) + dt.timedelta(days=day)).isoformat(),
                )
                for begin, until, shift, day in columns
            ]
        )
