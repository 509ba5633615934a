"""Use cases: the sums of machines slot by slot, rolled up before or computed now."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.assets import Asset, AssetTree
from dualspan_analytics.calendars.model import Calendar
from dualspan_analytics.changes import Changes
from dualspan_analytics.columns import PropertyRef, Series
from dualspan_analytics.expressions.instants import Work
from dualspan_analytics.intervals import Intervals
from dualspan_analytics.kpis.errors import bad_query, too_many_intervals, too_many_notes
from dualspan_analytics.kpis.machine import Around, Computed
from dualspan_analytics.kpis.planning import Machine, all_planned, machines_of, planned
from dualspan_analytics.kpis.profile import Profile
from dualspan_analytics.kpis.slots import MARGIN_US, DataVersions, Slots
from dualspan_analytics.kpis.table import CellTable, joined
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.service import opened_machines
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.service.counter_history import DAY_US, LATER_US, with_day_before, with_earlier, with_later
from dualspan_analytics.service.definitions import ProductionDefinitions
from dualspan_analytics.service.passes import Batch, Look, Passed, Passes
from dualspan_analytics.service.rollup_records import earliest, held, slots_between
from dualspan_analytics.states.stops import LATE_US
from dualspan_analytics.states.timeline import Timeline, merged
from dualspan_analytics.store import production
from dualspan_analytics.store.production import Note, StoredRollups
from dualspan_runtime.database import Database

MOST_INTERVALS = 100_000
"""Of one answer: what a person or a chart can take, and a fraction of a second to make."""
_NEAR_US = 6 * 3_600_000_000
MOST_NOTES = 100_000
"""About all machines of a question."""
_MOST_PLANS = 64
_MACHINES_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """Machines of a question.

    Attributes:
        tree: The tenant's assets.
        machines: How each is computed, in order of id.
        skipped: Machines of which nothing says what their states are.
        notes: What people said, by machine, the newest last.
        tags: Of each machine, by id.
    """

    tree: AssetTree
    machines: Sequence[Machine]
    skipped: Sequence[str]
    notes: Mapping[str, Sequence[Note]]
    tags: Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Summed:
    """Sums, cell by cell.

    Attributes:
        cells: Of all machines; `machine` counts the machines of the question.
        rolled_up: Slots that were rolled up before.
        computed: Slots that were computed now.
    """

    cells: CellTable
    rolled_up: int
    computed: int


@dataclass(frozen=True, slots=True)
class _Planned:
    """The machines of a question, those of which nothing says how they are computed, and the tags of each."""

    machines: list[Machine]
    skipped: list[str]
    tags: dict[str, list[int]]


@dataclass(frozen=True, slots=True)
class _Plans:
    """How machines are computed with these assets and definitions, by the ids of the machines that were asked for."""

    tree: AssetTree
    profiles: list[Profile]
    calendars: list[Calendar]
    machines: dict[tuple[str, ...], _Planned]


class Production:
    """Sums of machines.

    Args:
        database: The service's schema.
        definitions: Calendars and machine profiles.
        plant: Assets and samples.
        changes: Which samples changed.
    """

    def __init__(
        self, database: Database, definitions: ProductionDefinitions, plant: PlantData, changes: Changes
    ) -> None:
        self._database = database
        self._definitions = definitions
        self._plant = plant
        self._changes = changes
        self._plans: dict[str, _Plans] = {}
        self._earliest: dict[str, int] = {}

    async def asked(self, tenant: str, assets: Sequence[str], start_us: int, end_us: int) -> Asked:
        """The machines among assets and below them, and all that is known of how they are computed.

        Raises:
            NotFound: There is no such asset.
            InvalidArgument: The span ends before it begins, or a profile names states that there are not.
            FailedPrecondition: A property is not bound, or does not fit.
            ResourceExhausted: There are too many stop notes.
        """
        if end_us <= start_us:
            raise bad_query("it ends before it begins")
        tree = await self._plant.assets(tenant)
        machines = machines_of(tree, assets)
        async with self._database.transaction(tenant, readonly=True) as connection:
            profiles = await self._definitions.profiles.within(connection, tenant)
            calendars = await self._definitions.calendars.within(connection, tenant)
            low, high = start_us - MARGIN_US, end_us + MARGIN_US
            ids = [machine.id for machine in machines] if assets else None
            told = await production.notes(connection, tenant, ids, low, high, MOST_NOTES + 1)
        if len(told) > MOST_NOTES:
            raise too_many_notes(MOST_NOTES)
        planned_ = self._planned(tenant, tree, machines, profiles, calendars)
        notes: defaultdict[str, list[Note]] = defaultdict(list)
        for note in sorted(told, key=lambda each: each.note_id):
            notes[note.asset].append(note)
        return Asked(tree, planned_.machines, planned_.skipped, notes, planned_.tags)

    def _planned(
        self,
        tenant: str,
        tree: AssetTree,
        machines: Sequence[Asset],
        profiles: list[Profile],
        calendars: list[Calendar],
    ) -> "_Planned":
        """How machines are computed; worked out once as long as nobody changes anything."""
        known = self._plans.get(tenant)
        if known is None or known.tree is not tree or known.profiles != profiles or known.calendars != calendars:
            known = self._plans[tenant] = _Plans(tree, profiles, calendars, {})
        key = tuple(machine.id for machine in machines)
        if key not in known.machines:
            if len(known.machines) >= _MOST_PLANS:
                known.machines.clear()
            found, skipped = all_planned(tree, machines, profiles, calendars)
            tags = {each.id: [binding.tag_id for binding in tree.bindings(each.refs).values()] for each in found}
            known.machines[key] = _Planned(found, skipped, tags)
        return known.machines[key]

    async def machine(self, tenant: str, asset: str, start_us: int, end_us: int) -> tuple[Machine, Sequence[Note]]:
        """One machine.

        Raises:
            FailedPrecondition: Nothing says what its states are (`NO_MACHINE_PROFILE`); else as `asked`.
        """
        asked = await self.asked(tenant, [asset], start_us, end_us)
        if not asked.machines:
            await self._refuse(tenant, asked.tree, asset)
        return asked.machines[0], asked.notes.get(asked.machines[0].id, ())

    async def _refuse(self, tenant: str, tree: AssetTree, asset: str) -> None:
        """Say what is missing."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            profiles = await self._definitions.profiles.within(connection, tenant)
        planned(tree, tree.asset(asset), profiles, ())
        raise bad_query(f"{asset} is no machine")

    async def computed(
        self, tenant: str, machine: Machine, notes: Sequence[Note], start_us: int, end_us: int, work: Work
    ) -> Computed:
        """One machine from its samples, to the microsecond; `work` is what the question may still do."""
        end_us = min(end_us, now_us())
        if end_us <= start_us:
            raise bad_query("it begins after now")
        return await opened_machines.computed(self._plant, tenant, machine, notes, (start_us, end_us), work)

    async def lines(
        self, tenant: str, machines: Sequence[Machine], notes: Mapping[str, Sequence[Note]], start_us: int, end_us: int
    ) -> list[Timeline]:
        """What each machine did, as its figures have it; raises what `computed` does."""
        return await opened_machines.lines(self._plant, tenant, machines, notes, (start_us, end_us))

    async def values(
        self, tenant: str, refs: Sequence[PropertyRef], start_us: int, end_us: int
    ) -> dict[PropertyRef, Series]:
        """Samples of properties, each with the one before the span."""
        return await self._plant.read(tenant, refs, start_us, end_us)

    async def with_earlier(
        self,
        tenant: str,
        counters: Mapping[PropertyRef, float],
        series: Mapping[PropertyRef, Series],
        span: tuple[int, int],
    ) -> dict[PropertyRef, Series]:
        """See `counter_history`."""
        return await with_earlier(self._plant, tenant, counters, series, span)

    async def sums(
        self, tenant: str, asked: Asked, start_us: int, end_us: int, *, skip_rollups: bool = False
    ) -> Summed:
        """The sums of machines in [start_us, end_us), no later than now, slot by slot.

        Slots whose roll-up still holds are taken from there. The others are computed in one pass over one read of all
        tags; whole ones that are over are rolled up.
        """
        end_us = min(end_us, now_us())
        if end_us <= start_us or not asked.machines:
            return Summed(joined([]), 0, 0)
        slots = _slots(asked.machines, start_us, end_us)
        stored, versions = await self._known(tenant, asked, start_us, end_us, skip_rollups=skip_rollups)
        found = await asyncio.to_thread(held, asked.machines, slots, stored, versions, asked.notes)
        parts = [found.cells]
        missing = [(place, ~fits) for place, fits in enumerate(found.fits) if not fits.all()]
        if missing:
            parts += await self._fresh(tenant, asked, slots, missing, versions, keep=not skip_rollups)
        computed = sum(int(wanted.sum()) for _, wanted in missing)
        whole = sum(len(fits) for fits in found.fits)
        return Summed(joined(parts), whole - computed, computed)

    async def _known(
        self, tenant: str, asked: Asked, start_us: int, end_us: int, *, skip_rollups: bool
    ) -> tuple[StoredRollups, dict[str, list[DataVersions]]]:
        """The roll-ups of each machine, and the versions of its data from the first time on that these depend on."""
        if skip_rollups:
            return StoredRollups.of(b"", np.empty(0, np.int64)), {machine.id: [] for machine in asked.machines}
        tags = asked.tags
        # Mostly it is the same time as before, so the historian can be asked before it is known.
        since = min(self._earliest.get(tenant, start_us), start_us)
        stored, versions = await asyncio.gather(
            self._stored(tenant, asked.machines, start_us, end_us), self._versions(tenant, tags, since, end_us)
        )
        first = min(start_us, earliest(stored, start_us))
        self._earliest[tenant] = first
        if first < since:
            versions = await self._versions(tenant, tags, first, end_us)
        return stored, versions

    async def _stored(self, tenant: str, machines: Sequence[Machine], start_us: int, end_us: int) -> StoredRollups:
        ids = [each.id for each in machines]
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await production.rollups(connection, tenant, ids, start_us, end_us)

    async def _versions(
        self,
        tenant: str,
        tags: Mapping[str, Sequence[int]],
        start_us: int,
        end_us: int,
    ) -> dict[str, list[DataVersions]]:
        """The versions of each machine's gateways, in a fixed order."""
        flat = [tag for each in tags.values() for tag in each]
        if not flat:
            return {machine: [] for machine in tags}
        until_us = end_us + LATE_US + MARGIN_US
        gateways, places = await self._changes.versions(tenant, flat, max(start_us, 0), until_us)
        at = iter(places)
        return {
            machine: [gateways[place] for place in sorted({next(at) for _ in each})] for machine, each in tags.items()
        }

    async def _fresh(
        self,
        tenant: str,
        asked: Asked,
        slots: Mapping[str, Slots],
        missing: Sequence[tuple[int, NDArray[np.bool_]]],
        versions: Mapping[str, Sequence[DataVersions]],
        *,
        keep: bool,
    ) -> list[CellTable]:
        """Compute slots from samples, and roll up those that are whole and over, if they are to be kept."""
        wanted = [(place, slots[asked.machines[place].id].take(which)) for place, which in missing]
        parts: list[CellTable] = []
        passes = Passes(asked.machines, asked.notes, versions if keep else {}, Work(), now_us())
        for low, high in _reads([each for _, each in wanted]):
            end = min(high + MARGIN_US, now_us())
            mine = [(place, each.take((each.start >= low) & (each.end <= high))) for place, each in wanted]
            batches = _batches([(place, each) for place, each in mine if len(each)])
            async with aclosing(self._read(tenant, asked, batches, low - MARGIN_US, end)) as reads:
                async for batch, series in reads:
                    for passed in await self._passed(tenant, passes, batch, series, (low - MARGIN_US, end)):
                        parts += passed.tables
                        if passed.rollups:
                            async with self._database.transaction(tenant) as connection:
                                await production.store(connection, tenant, passed.rollups)
        return parts

    async def _passed(
        self,
        tenant: str,
        passes: Passes,
        batch: Batch,
        series: Mapping[PropertyRef, Series],
        span: tuple[int, int],
    ) -> list[Passed]:
        """A batch, and what of it is computed again with earlier and with later samples."""
        found = [await asyncio.to_thread(passes.over, batch, series, span[1], Look(Around(0, 0), True, False))]
        more = series
        if found[0].doubtful:
            more = await with_earlier(self._plant, tenant, passes.counters(found[0].doubtful), series, span)
            more = await with_day_before(self._plant, tenant, found[0].unseen, more, span[0])
        for later in LATER_US:
            last = found[-1]
            if not last.doubtful:
                break
            until = min(span[1] + later, passes.now_us)
            more, known = await with_later(self._plant, tenant, last.untold, more, (span[1], until))
            look = Look(Around(DAY_US, known - span[1]), False, known < until or later == LATER_US[-1])
            found.append(await asyncio.to_thread(passes.over, last.doubtful, more, span[1], look))
        return found

    async def _read(
        self, tenant: str, asked: Asked, batches: Sequence[Batch], start_us: int, end_us: int
    ) -> AsyncGenerator[tuple[Batch, Mapping[PropertyRef, Series]]]:
        """The samples of each batch; while one is computed, the next one is read."""

        def read(batch: Batch) -> asyncio.Task[dict[PropertyRef, Series]]:
            refs = [ref for place, _ in batch for ref in asked.machines[place].refs]
            held = min(2, len(batches))
            return asyncio.create_task(self._plant.read(tenant, refs, start_us, end_us, parts=held))

        reading = read(batches[0])
        try:
            for batch, following in zip(batches, [*batches[1:], None], strict=True):
                series = await reading
                if following is not None:
                    reading = read(following)
                yield batch, series
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


def _reads(wanted: Sequence[Slots]) -> list[tuple[int, int]]:
    """The spans to read: slots that are near each other are read at once, and one that is far apart by itself."""
    start = np.concatenate([each.start for each in wanted])
    end = np.concatenate([each.end for each in wanted])
    near = Intervals.joined(start, end + _NEAR_US)
    return list(zip(near.start.tolist(), (near.end - _NEAR_US).tolist(), strict=True))


def _batches(wanted: Batch) -> list[Batch]:
    """A few machines at a time: what is held is bounded, and the historian is busy while they are computed."""
    return [wanted[first : first + _MACHINES_AT_ONCE] for first in range(0, len(wanted), _MACHINES_AT_ONCE)]


def shown(line: Timeline) -> Timeline:
    """What is shown of a timeline: parts of one state and reason as one.

    Raises:
        ResourceExhausted: There are more than `MOST_INTERVALS`.
    """
    return checked(merged(line), 0)


def checked(line: Timeline, before: int) -> Timeline:
    """A timeline, if it is not too much with so many parts of others.

    Raises:
        ResourceExhausted: There are more than `MOST_INTERVALS`.
    """
    if len(line) + before > MOST_INTERVALS:
        raise too_many_intervals(len(line) + before, MOST_INTERVALS)
    return line


def _slots(machines: Sequence[Machine], start_us: int, end_us: int) -> dict[str, Slots]:
    """The slots of each machine; those of one calendar are made once."""
    made: dict[str, Slots] = {}
    for machine in machines:
        if machine.calendar.id not in made:
            made[machine.calendar.id] = slots_between(machine.calendar, start_us, end_us)
    return {machine.id: made[machine.calendar.id] for machine in machines}
