"""Use case: making the report of one period."""

import asyncio
from datetime import timedelta

import structlog

from dualspan_analytics.calendars.model import Calendar
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.reports import periods
from dualspan_analytics.reports.model import Document, Format, Language, ReportDefinition, Span
from dualspan_analytics.reports.rendering import render
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.service.report_figures import ReportFigures, said
from dualspan_analytics.service.reports import Reports
from dualspan_analytics.store import reports
from dualspan_analytics.store.reports import StoredRun
from dualspan_runtime.database import Database
from dualspan_runtime.errors import DomainError, Unavailable

LEASE = timedelta(minutes=10)
"""A worker that has not ended a run after so long is taken for dead."""
MOST_ATTEMPTS = 5
_NO_PAUSE = timedelta(0)
_log = structlog.stdlib.get_logger()


class ReportRuns:
    """Does runs. Any number of workers may try to do the same one; one of them does.

    Args:
        database: The service's schema.
        reports_: What reports say.
        figures: What stands in them.
        plant: Names of assets.
    """

    def __init__(self, database: Database, reports_: Reports, figures: ReportFigures, plant: PlantData) -> None:
        self._database = database
        self._reports = reports_
        self._figures = figures
        self._plant = plant

    async def run(self, tenant: str, report_id: str, start_us: int) -> None:
        """Make the report of one period, if it is to be made and nobody else does."""
        async with self._database.transaction(tenant) as connection:
            run = await reports.claim(connection, tenant, report_id, start_us, LEASE)
        if run is None:
            return
        if run.attempts > MOST_ATTEMPTS:
            await self._end(
                tenant, run, reports.FAILED, f"Given up after {MOST_ATTEMPTS} attempts that ended a worker."
            )
            return
        try:
            async with asyncio.timeout(LEASE.total_seconds() / 2):
                definition = await self._reports.get(tenant, report_id)
                files = await self._make(tenant, definition, run.span)
        except (Unavailable, TimeoutError) as error:
            await self._again(tenant, run, said(error) if isinstance(error, DomainError) else "It took too long.")
        except DomainError as error:
            await self._end(tenant, run, reports.FAILED, said(error))
        else:
            async with self._database.transaction(tenant) as connection:
                if await reports.end(connection, tenant, run, reports.DONE, "", _NO_PAUSE):
                    await reports.put_files(connection, tenant, run, files)

    async def _make(
        self, tenant: str, definition: ReportDefinition, span: Span
    ) -> list[tuple[Language, Format, bytes]]:
        calendar = await self._reports.calendar(tenant, definition)
        document = await self._document(tenant, definition, calendar, span)
        wanted = [(language, form) for language in definition.languages or tuple(Language) for form in Format]
        return [
            (language, form, await asyncio.to_thread(render, document, language, form)) for language, form in wanted
        ]

    async def _document(
        self, tenant: str, definition: ReportDefinition, calendar: Calendar | None, span: Span
    ) -> Document:
        tree = await self._plant.assets(tenant)
        zone = periods.zone_of(definition, calendar)
        return Document(
            title=definition.display_name,
            tenant=tenant,
            period=definition.period,
            span=span,
            scope=tuple(tree.asset(asset).display_name or asset for asset in definition.assets),
            time_zone=zone,
            made_us=now_us(),
            sections=await self._figures.sections(tenant, definition, span, zone),
        )

    async def _again(self, tenant: str, run: StoredRun, detail: str) -> None:
        if run.attempts >= MOST_ATTEMPTS:
            await self._end(tenant, run, reports.FAILED, f"Given up after {run.attempts} attempts. {detail}")
            return
        pause = timedelta(seconds=30 * 4 ** (run.attempts - 1))
        await self._end(tenant, run, reports.PENDING, detail, pause)

    async def _end(self, tenant: str, run: StoredRun, state: int, detail: str, pause: timedelta = _NO_PAUSE) -> None:
        _log.warning("report not made", tenant=tenant, report=run.report_id, start_us=run.span.start_us, detail=detail)
        async with self._database.transaction(tenant) as connection:
            await reports.end(connection, tenant, run, state, detail, pause)
