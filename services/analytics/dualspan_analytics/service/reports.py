"""Use cases: what reports there are, and when they are made."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from pydantic import TypeAdapter

from dualspan_analytics.calendars.model import Calendar, zone_of
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.reports import periods
from dualspan_analytics.reports.errors import not_made, not_over, report_not_found, run_not_found
from dualspan_analytics.reports.model import Format, Language, ReportDefinition, check
from dualspan_analytics.reports.rendering import file_name
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.service.definitions import Definitions
from dualspan_analytics.store import reports
from dualspan_analytics.store.reports import StoredFile, StoredRun
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import DomainError
from dualspan_runtime.tasks import Jobs

RUN = "analytics.report"
"""The task that does a run."""
DEFINITION = TypeAdapter(ReportDefinition)
_STATES = {reports.PENDING: "waiting", reports.RUNNING: "being made", reports.DONE: "done", reports.FAILED: "failed"}
# A report that cannot be planned, for its calendar is gone, is looked at again after so long.
_LATER_US = 900_000_000
_MOST_AT_ONCE = 100
_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class RunView:
    """A run and its files."""

    run: StoredRun
    files: Sequence[StoredFile]


class Reports:
    """Reports.

    Args:
        database: The service's schema.
        calendars: Whose shifts are followed.
        plant: Knows the assets.
        jobs: Asks the worker.
    """

    def __init__(self, database: Database, calendars: Definitions[Calendar], plant: PlantData, jobs: Jobs) -> None:
        self._database = database
        self._calendars = calendars
        self._plant = plant
        self._jobs = jobs

    async def put(self, tenant: str, definition: ReportDefinition) -> ReportDefinition:
        """Make a report or replace what it says; what it has planned stays planned.

        Raises:
            InvalidArgument: It cannot be made (`BAD_REPORT`), or its time zone is not known.
            NotFound: There is no such asset or calendar.
        """
        check(definition)
        (await self._plant.assets(tenant)).check_known(definition.assets)
        calendar = await self.calendar(tenant, definition)
        zone_of(periods.zone_of(definition, calendar))
        now = now_us()
        async with self._database.transaction(tenant) as connection:
            before = await reports.get(connection, tenant, definition.id, lock=True)
            asked = now if definition.start_us is None else definition.start_us
            planned = asked if before is None else max(before.planned_us, definition.start_us or 0)
            due = None if definition.paused else periods.next_due(definition, calendar, planned, now)
            document = DEFINITION.dump_json(definition).decode()
            await reports.put(connection, tenant, definition.id, document, planned, due)
        return definition

    async def calendar(self, tenant: str, definition: ReportDefinition) -> Calendar | None:
        """The calendar of a report; raises NotFound if it is gone."""
        return await self._calendars.get(tenant, definition.calendar) if definition.calendar else None

    async def get(self, tenant: str, report_id: str) -> ReportDefinition:
        """One report; raises NotFound if there is none."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await _definition(connection, tenant, report_id)

    async def page(self, tenant: str, after: str, most: int) -> Sequence[ReportDefinition]:
        """Reports behind an id, in order of id."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            found = await reports.page(connection, tenant, after, most)
        return [DEFINITION.validate_json(each.definition) for each in found]

    async def delete(self, tenant: str, report_id: str) -> None:
        """Delete a report with all that was made of it; raises NotFound if there is none."""
        async with self._database.transaction(tenant) as connection:
            if not await reports.delete(connection, tenant, report_id):
                raise report_not_found(report_id)

    async def run(self, tenant: str, report_id: str, time_us: int | None) -> RunView:
        """Ask for the report of the period that holds a time, or of the last one.

        Raises:
            NotFound: There is no such report or calendar.
            InvalidArgument: No period is over at that time.
        """
        definition = await self.get(tenant, report_id)
        span = periods.at(definition, await self.calendar(tenant, definition), time_us, now_us())
        if span is None:
            raise not_over()
        async with self._database.transaction(tenant) as connection:
            await _definition(connection, tenant, report_id)
            asked = await reports.ask(connection, tenant, report_id, span)
            files = await reports.files(connection, tenant, report_id, [span.start_us])
        await self._jobs.request(RUN, tenant, report_id, str(span.start_us))
        return RunView(asked, files)

    async def get_run(self, tenant: str, report_id: str, start_us: int) -> RunView:
        """One run; raises NotFound if there is none."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            found = await reports.get_run(connection, tenant, report_id, start_us)
            if found is None:
                raise run_not_found(report_id)
            return RunView(found, await reports.files(connection, tenant, report_id, [start_us]))

    async def runs(self, tenant: str, report_id: str, before_us: int, most: int) -> Sequence[RunView]:
        """Runs of periods before one, newest first; raises NotFound if there is no such report."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            await _definition(connection, tenant, report_id)
            found = await reports.runs(connection, tenant, report_id, before_us, most)
            files: defaultdict[int, list[StoredFile]] = defaultdict(list)
            for file in await reports.files(connection, tenant, report_id, [run.span.start_us for run in found]):
                files[file.start_us].append(file)
        return [RunView(run, files[run.span.start_us]) for run in found]

    async def download(
        self, tenant: str, report_id: str, start_us: int, language: Language, form: Format
    ) -> tuple[bytes, str]:
        """A file, and a name for it.

        Raises:
            NotFound: There is no such run.
            FailedPrecondition: It has no such file.
        """
        view = await self.get_run(tenant, report_id, start_us)
        async with self._database.transaction(tenant, readonly=True) as connection:
            content = await reports.content(connection, tenant, report_id, start_us, language, form)
        if content is None:
            raise not_made(_STATES[view.run.state])
        return content, file_name(report_id, view.run.span, language, form)

    async def sweep(self) -> None:
        """Plan the periods that are over, and ask for every run that nobody does."""
        async with self._database.platform_transaction() as connection:
            due = await reports.due(connection, now_us())
        for tenant, report_id in due:
            await self._plan(tenant, report_id)
        async with self._database.platform_transaction() as connection:
            waiting = await reports.waiting(connection)
        for tenant, report_id, start_us in waiting:
            await self._jobs.request(RUN, tenant, report_id, str(start_us))

    async def _plan(self, tenant: str, report_id: str) -> None:
        now = now_us()
        async with self._database.transaction(tenant) as connection:
            stored = await reports.get(connection, tenant, report_id, lock=True)
            # Another sweep may have been here.
            if stored is None or stored.due_us is None or stored.due_us > now:
                return
            definition, planned = DEFINITION.validate_json(stored.definition), stored.planned_us
            try:
                calendar = await self._calendar_within(connection, tenant, definition)
            except DomainError as error:
                _log.warning("report cannot be planned", tenant=tenant, report=report_id, reason=error.reason)
                await reports.plan(connection, tenant, report_id, (), planned, now + _LATER_US)
                return
            spans = periods.over(definition, calendar, planned, now)[:_MOST_AT_ONCE]
            planned = spans[-1].start_us + 1 if spans else planned
            due = periods.next_due(definition, calendar, planned, now)
            await reports.plan(connection, tenant, report_id, spans, planned, due)

    async def _calendar_within(
        self, connection: Connection, tenant: str, definition: ReportDefinition
    ) -> Calendar | None:
        if not definition.calendar:
            return None
        known = {each.id: each for each in await self._calendars.within(connection, tenant)}
        if definition.calendar not in known:
            raise report_not_found(definition.calendar)
        return known[definition.calendar]


async def _definition(connection: Connection, tenant: str, report_id: str) -> ReportDefinition:
    stored = await reports.get(connection, tenant, report_id)
    if stored is None:
        raise report_not_found(report_id)
    return DEFINITION.validate_json(stored.definition)
