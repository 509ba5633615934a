"""Use cases: what machines did, why they stood, and what that cost."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from dualspan_analytics.calendars.expansion import expand, planned_stops
from dualspan_analytics.intervals import Intervals
from dualspan_analytics.kpis.errors import bad_query, too_many_notes
from dualspan_analytics.kpis.planning import Machine
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.service.kpis import MOST_DETAIL_DAYS, check_span
from dualspan_analytics.service.production import Production, shown
from dualspan_analytics.states.losses import Pareto, pareto, within
from dualspan_analytics.states.model import Element
from dualspan_analytics.states.stops import stops_of
from dualspan_analytics.states.timeline import Timeline
from dualspan_analytics.store import production
from dualspan_analytics.store.production import Note
from dualspan_runtime.context import current_principal
from dualspan_runtime.database import Database
from dualspan_runtime.errors import NotFound

MOST_SHOWN_NOTES = 10_000
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Losses:
    """Losses by key.

    Attributes:
        pareto: Its keys are indexes into `names`.
        names: Keys and what they are called.
        good_share: Share of the planned operation time with good data.
        skipped: Machines that are left out.
    """

    pareto: Pareto
    names: Sequence[tuple[str, str]]
    good_share: float
    skipped: Sequence[str]


class Stops:
    """Stops of machines.

    Args:
        database: The service's schema.
        production: How machines are computed, and their samples.
    """

    def __init__(self, database: Database, production_: Production) -> None:
        self._database = database
        self._production = production_

    async def note(self, tenant: str, asset: str, start_us: int, end_us: int, reason: str, comment: str) -> Note:
        """Write down why a machine stood, as a person says.

        Raises:
            NotFound: There is no such machine.
            InvalidArgument: The span or the reason makes no sense.
        """
        check_span(start_us, end_us, MOST_DETAIL_DAYS)
        if not reason.strip() or len(reason) > _LONGEST or len(comment) > _LONGEST:
            raise bad_query(f"give a reason; reason and comment have at most {_LONGEST} characters")
        machine, _ = await self._production.machine(tenant, asset, start_us, end_us)
        now = datetime.now(UTC)
        given = Note(0, machine.id, start_us, end_us, reason.strip(), comment, current_principal().actor, now)
        async with self._database.transaction(tenant) as connection:
            return await production.add_note(connection, tenant, given)

    async def notes(self, tenant: str, asset: str, start_us: int, end_us: int) -> list[Note]:
        """What people said about a machine, or about all, in order of start.

        Raises:
            ResourceExhausted: It is too much for one answer.
        """
        assets = [asset] if asset else None
        async with self._database.transaction(tenant, readonly=True) as connection:
            found = await production.notes(connection, tenant, assets, start_us, end_us, MOST_SHOWN_NOTES + 1)
        if len(found) > MOST_SHOWN_NOTES:
            raise too_many_notes(MOST_SHOWN_NOTES)
        return found

    async def forget(self, tenant: str, note_id: int) -> None:
        """Take a note back.

        Raises:
            NotFound: There is no such note.
        """
        async with self._database.transaction(tenant) as connection:
            if not await production.delete_note(connection, tenant, note_id):
                raise NotFound("STOP_NOTE_NOT_FOUND", f"There is no stop note {note_id}.")

    async def intervals(self, tenant: str, asset: str, start_us: int, end_us: int) -> tuple[Machine, Timeline]:
        """What a machine did, span by span.

        Raises:
            NotFound: There is no such asset.
            InvalidArgument: It is no machine, or the span makes no sense.
            FailedPrecondition: Nothing says what its states are.
            ResourceExhausted: It changed its state too often.
        """
        end_us = _checked(start_us, end_us)
        machine, notes = await self._production.machine(tenant, asset, start_us, end_us)
        found = await self._production.lines(tenant, [machine], {machine.id: notes}, start_us, end_us)
        return machine, await asyncio.to_thread(shown, found[0])

    async def losses(
        self, tenant: str, assets: Sequence[str], start_us: int, end_us: int, key: str, *, planned: bool
    ) -> Losses:
        """Losses of machines within their shifts.

        Args:
            tenant: Whose.
            assets: Sites, areas, lines or machines; none: all machines.
            start_us: Begin, µs.
            end_us: End, µs.
            key: `reason`, `state`, `asset` or `element`.
            planned: Planned down time counts too.

        Raises:
            NotFound: There is no such asset.
            InvalidArgument: The span makes no sense.
            FailedPrecondition: A property is not bound, or does not fit.
        """
        end_us = _checked(start_us, end_us)
        asked = await self._production.asked(tenant, assets, start_us, end_us)
        lines = await self._production.lines(tenant, asked.machines, asked.notes, start_us, end_us)

        def work() -> Losses:
            names: dict[tuple[str, str], int] = {}
            keys: list[int] = []
            durations: list[int] = []
            known = whole = 0
            for machine, line in zip(asked.machines, lines, strict=True):
                windows = _working(machine, start_us, end_us)
                unknown = line.element == Element.UNKNOWN
                whole += windows.total
                known += windows.total - int(windows.covered(line.start[unknown], line.end[unknown]).sum())
                for name, duration in _lost(machine, line, windows, key, planned=planned):
                    keys.append(names.setdefault(name, len(names)))
                    durations.append(duration)
            found = pareto(np.array(keys, np.int64), np.array(durations, np.int64))
            return Losses(found, list(names), known / whole if whole else 0.0, asked.skipped)

        return await asyncio.to_thread(work)


def _lost(
    machine: Machine, line: Timeline, windows: Intervals, key: str, *, planned: bool
) -> list[tuple[tuple[str, str], int]]:
    """Each stop's key, what it is called, and how long it lasted within shifts."""
    stops = stops_of(line)
    lost = within(stops, windows)
    rows: list[tuple[tuple[str, str], int]] = []
    columns = zip(stops.state.tolist(), stops.element.tolist(), stops.reason.tolist(), lost.tolist(), strict=True)
    for state, element, reason, duration in columns:
        if not duration or (element == Element.PDOT and not planned):
            continue
        code = line.reasons[reason]
        known = machine.plan.reasons.get(code)
        name = {
            "reason": (code, known.display_name if known else code),
            "state": (line.states[state].id, line.states[state].display_name),
            "asset": (machine.id, machine.id),
            "element": (Element(element).name, Element(element).name),
        }[key]
        rows.append((name, duration))
    return rows


def _working(machine: Machine, start_us: int, end_us: int) -> Intervals:
    """Time in shifts, without the calendar's planned stops."""
    shifts = expand(machine.calendar, start_us, end_us)
    stops = planned_stops(machine.calendar, start_us, end_us)
    return Intervals.joined(shifts.start, shifts.end).clipped(start_us, end_us).without(stops)


def _checked(start_us: int, end_us: int) -> int:
    """The end, no later than now."""
    check_span(start_us, end_us, MOST_DETAIL_DAYS)
    if start_us >= now_us():
        raise bad_query("it begins after now")
    return min(end_us, now_us())
