"""Use cases: the sums of machines slot by slot, rolled up before or computed now."""

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.assets import AssetTree
from dualspan_analytics.calendars.expansion import expand, planned_stops
from dualspan_analytics.calendars.model import Calendar
from dualspan_analytics.changes import Changes
from dualspan_analytics.columns import PropertyRef, Series
from dualspan_analytics.expressions.model import Property
from dualspan_analytics.intervals import Intervals
from dualspan_analytics.kpis.errors import bad_query
from dualspan_analytics.kpis.machine import Computed, compute
from dualspan_analytics.kpis.measures import MEASURES
from dualspan_analytics.kpis.planning import Machine, all_planned, machines_of, planned
from dualspan_analytics.kpis.slots import MARGIN_US, DataVersions, Slots, depends_on, slots_of, untouched
from dualspan_analytics.kpis.table import CellTable, joined, table_of
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.service.definitions import ProductionDefinitions
from dualspan_analytics.states.model import StopNote
from dualspan_analytics.store import production
from dualspan_analytics.store.production import Note, Rollup, StoredRollups
from dualspan_runtime.database import Database

_DAY_US = 86_400_000_000
_NEAR_US = 6 * 3_600_000_000
_MOST_NOTES = 10_000
_RECORD = 2 + MEASURES
"""Product, order, measures."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Machines of a question.

    Attributes:
        tree: The tenant's assets.
        machines: How each is computed, in order of id.
        skipped: Machines of which nothing says what their states are.
        notes: What people said, by machine, the newest last.
    """

    tree: AssetTree
    machines: Sequence[Machine]
    skipped: Sequence[str]
    notes: Mapping[str, Sequence[Note]]


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

    async def asked(self, tenant: str, assets: Sequence[str], start_us: int, end_us: int) -> Asked:
        """The machines among assets and below them, and all that is known of how they are computed.

        Raises:
            NotFound: There is no such asset.
            InvalidArgument: The span ends before it begins, or a profile names states that there are not.
            FailedPrecondition: A property is not bound, or does not fit.
        """
        if end_us <= start_us:
            raise bad_query("it ends before it begins")
        tree = await self._plant.assets(tenant)
        machines = machines_of(tree, assets)
        async with self._database.transaction(tenant, readonly=True) as connection:
            profiles = await self._definitions.profiles.within(connection, tenant)
            calendars = await self._definitions.calendars.within(connection, tenant)
            low, high = start_us - MARGIN_US, end_us + MARGIN_US
            told = await production.notes(connection, tenant, None, low, high, _MOST_NOTES)
        found, skipped = all_planned(tree, machines, profiles, calendars)
        notes: defaultdict[str, list[Note]] = defaultdict(list)
        for note in sorted(told, key=lambda each: each.note_id):
            notes[note.asset].append(note)
        return Asked(tree, found, skipped, notes)

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
        self, tenant: str, machine: Machine, notes: Sequence[Note], start_us: int, end_us: int
    ) -> Computed:
        """One machine from its samples, to the microsecond."""
        end_us = min(end_us, now_us())
        if end_us <= start_us:
            raise bad_query("it begins after now")
        series = await self._plant.read(tenant, machine.refs, start_us, end_us)
        slots = _slots_of(machine.calendar, start_us, end_us)
        return await asyncio.to_thread(_compute, machine, series, notes, start_us, end_us, slots)

    async def values(
        self, tenant: str, refs: Sequence[PropertyRef], start_us: int, end_us: int
    ) -> dict[PropertyRef, Series]:
        """Samples of properties, each with the one before the span."""
        return await self._plant.read(tenant, refs, start_us, end_us)

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
        stored = {} if skip_rollups else await self._stored(tenant, asked.machines, start_us, end_us)
        tags = _tags(asked)
        versions = await self._versions(tenant, tags, stored.values(), start_us, end_us)
        parts: list[CellTable] = []
        missing: list[tuple[int, NDArray[np.bool_]]] = []
        rolled = 0
        for place, machine in enumerate(asked.machines):
            mine, notes = slots[machine.id], asked.notes.get(machine.id, ())
            held, table = _held(place, mine, stored.get(machine.id), versions[machine.id], notes)
            rolled += int(held.sum())
            if table is not None:
                parts.append(table)
            if not held.all():
                missing.append((place, ~held))
        if missing:
            fresh = await self._fresh(tenant, asked, slots, missing, versions)
            parts += fresh
        computed = sum(int(wanted.sum()) for _, wanted in missing)
        return Summed(joined(parts), rolled, computed)

    async def _stored(
        self, tenant: str, machines: Sequence[Machine], start_us: int, end_us: int
    ) -> dict[str, StoredRollups]:
        ids, plans = [each.id for each in machines], [each.digest for each in machines]
        async with self._database.transaction(tenant, readonly=True) as connection:
            rows = await production.rollups(connection, tenant, ids, plans, start_us, end_us)
        return {row.asset: row for row in rows}

    async def _versions(
        self,
        tenant: str,
        tags: Mapping[str, Sequence[int]],
        stored: Collection[StoredRollups],
        start_us: int,
        end_us: int,
    ) -> dict[str, list[DataVersions]]:
        """The versions of each machine's gateways, in a fixed order."""
        earliest = min([start_us, *(min(row.depends_us) for row in stored)])
        flat = [tag for each in tags.values() for tag in each]
        if not flat:
            return {machine: [] for machine in tags}
        gateways, places = await self._changes.versions(tenant, flat, max(earliest, 0), end_us + MARGIN_US)
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
    ) -> list[CellTable]:
        """Compute slots from samples, and roll up those that are whole and over."""
        wanted = [(place, slots[asked.machines[place].id].take(which)) for place, which in missing]
        parts: list[CellTable] = []
        for low, high in _reads([each for _, each in wanted]):
            end = min(high + MARGIN_US, now_us())
            mine = [(place, each.take((each.start >= low) & (each.end <= high))) for place, each in wanted]
            mine = [(place, each) for place, each in mine if len(each)]
            refs = [ref for place, _ in mine for ref in asked.machines[place].refs]
            series = await self._plant.read(tenant, refs, low - MARGIN_US, end)
            found, rollups = await asyncio.to_thread(_pass, asked, mine, series, versions, end)
            parts += found
            if rollups:
                async with self._database.transaction(tenant) as connection:
                    await production.store(connection, tenant, rollups)
        return parts


def _tags(asked: Asked) -> dict[str, list[int]]:
    """The tags of each machine."""
    machines = asked.machines
    return {each.id: [binding.tag_id for binding in asked.tree.bindings(each.refs).values()] for each in machines}


def _reads(wanted: Sequence[Slots]) -> list[tuple[int, int]]:
    """The spans to read: slots that are near each other are read at once, and one that is far apart by itself."""
    start = np.concatenate([each.start for each in wanted])
    end = np.concatenate([each.end for each in wanted])
    near = Intervals.joined(start, end + _NEAR_US)
    return list(zip(near.start.tolist(), (near.end - _NEAR_US).tolist(), strict=True))


def _pass(
    asked: Asked,
    wanted: Sequence[tuple[int, Slots]],
    series: Mapping[PropertyRef, Series],
    versions: Mapping[str, Sequence[DataVersions]],
    end_us: int,
) -> tuple[list[CellTable], list[Rollup]]:
    """One vectorised pass for each machine."""
    parts: list[CellTable] = []
    rollups: list[Rollup] = []
    for place, slots in wanted:
        machine = asked.machines[place]
        notes = asked.notes.get(machine.id, ())
        span = int(slots.start[0]) - MARGIN_US, min(int(slots.end[-1]) + MARGIN_US, end_us)
        found = _compute(machine, series, notes, *span, slots=slots)
        table = table_of(place, found, slots)
        parts.append(table)
        depends = depends_on([series[ref].timestamp for ref in machine.refs], slots.start)
        newest = tuple(each.newest for each in versions[machine.id])
        rollups += _rollups(machine, table, slots, depends, newest, notes, end_us)
    return parts, rollups


def _compute(
    machine: Machine,
    series: Mapping[PropertyRef, Series],
    notes: Sequence[Note],
    start_us: int,
    end_us: int,
    slots: Slots,
) -> Computed:
    stops = planned_stops(machine.calendar, start_us, end_us)
    values = values_of(machine, series)
    return compute(machine.plan, values, said(notes), slots, stops, (start_us, end_us))


def values_of(machine: Machine, series: Mapping[PropertyRef, Series]) -> dict[Property, Series]:
    """A machine's series by property."""
    return {Property(ref.property, ref.index): series[ref] for ref in machine.refs}


def said(notes: Sequence[Note]) -> list[StopNote]:
    """What people said, as timelines want it."""
    return [StopNote(note.start_us, note.end_us, note.reason) for note in notes]


def _slots_of(calendar: Calendar, start_us: int, end_us: int) -> Slots:
    # Time between two shifts belongs to the day of the shift before, which may be some days ago.
    return slots_of(expand(calendar, start_us - 4 * _DAY_US, end_us), start_us, end_us)


def _slots(machines: Sequence[Machine], start_us: int, end_us: int) -> dict[str, Slots]:
    """The slots of each machine; those of one calendar are made once."""
    made: dict[str, Slots] = {}
    for machine in machines:
        if machine.calendar.id not in made:
            made[machine.calendar.id] = _slots_of(machine.calendar, start_us, end_us)
    return {machine.id: made[machine.calendar.id] for machine in machines}


def _held(
    place: int,
    slots: Slots,
    stored: StoredRollups | None,
    versions: Sequence[DataVersions],
    notes: Sequence[Note],
) -> tuple[NDArray[np.bool_], CellTable | None]:
    """Which slots have a roll-up that holds, and what these say."""
    nothing = np.zeros(len(slots), np.bool_)
    if stored is None or not versions or len(stored.versions[0]) != len(versions):
        return nothing, None
    start, end = np.array(stored.start_us, np.int64), np.array(stored.end_us, np.int64)
    holds = np.ones(len(start), np.bool_)
    depends, at = np.array(stored.depends_us, np.int64), np.array(stored.versions, np.int64)
    for column, known in enumerate(versions):
        holds &= untouched(known, depends, end, at[:, column])
    told = _told(notes, start, end)
    holds &= np.array([one == other for one, other in zip(told, stored.notes, strict=True)], np.bool_)
    # Those of another calendar lie across these slots.
    where = np.minimum(np.searchsorted(start, slots.start), len(start) - 1)
    held = (start[where] == slots.start) & (end[where] == slots.end) & holds[where]
    return held, _unpacked(place, slots.take(held), stored, where[held])


def _unpacked(place: int, slots: Slots, stored: StoredRollups, which: NDArray[np.intp]) -> CellTable:
    sizes = np.array(stored.sizes, np.int64) // (8 * _RECORD)
    rows = np.frombuffer(stored.cells, np.float64).reshape(-1, _RECORD)
    first = np.concatenate([[0], np.cumsum(sizes)])
    slot = np.repeat(np.arange(len(which)), sizes[which])
    row = np.arange(len(slot)) - np.repeat(np.cumsum(sizes[which]) - sizes[which], sizes[which])
    taken = rows[np.repeat(first[which], sizes[which]) + row]
    names = {text: tuple(json.loads(text)) for text in set(stored.labels)}
    labels = [names[stored.labels[each]] for each in which.tolist()]
    return CellTable.of_labels(place, slots, slot, taken[:, 0], taken[:, 1], labels, taken[:, 2:])


def _rollups(
    machine: Machine,
    table: CellTable,
    slots: Slots,
    depends: NDArray[np.int64],
    newest: tuple[int, ...],
    notes: Sequence[Note],
    until_us: int,
) -> list[Rollup]:
    """What is to be stored: of whole slots that are over, together with their margin."""
    whole = _slots_of(machine.calendar, int(slots.start[0]) - _DAY_US, int(slots.end[-1]) + _DAY_US)
    where = np.minimum(np.searchsorted(whole.start, slots.start), len(whole) - 1)
    over = (whole.start[where] == slots.start) & (whole.end[where] == slots.end) & (slots.end + MARGIN_US <= until_us)
    told = _told(notes, slots.start, slots.end)
    texts = table.texts
    bounds = np.searchsorted(table.slot, np.arange(len(slots) + 1))
    found: list[Rollup] = []
    for slot in np.flatnonzero(over).tolist():
        rows = slice(int(bounds[slot]), int(bounds[slot + 1]))
        used = np.unique(np.concatenate([table.product[rows], table.order[rows]]))
        codes = [np.searchsorted(used, column[rows]) for column in (table.product, table.order)]
        packed = np.column_stack([*codes, table.measures[rows]]).astype(np.float64)
        found.append(
            Rollup(
                machine.id,
                int(slots.start[slot]),
                int(slots.end[slot]),
                machine.digest,
                told[slot],
                int(depends[slot]),
                newest,
                json.dumps([texts[each] for each in used.tolist()], ensure_ascii=False),
                packed.tobytes(),
            )
        )
    return found


def _told(notes: Sequence[Note], start: NDArray[np.int64], end: NDArray[np.int64]) -> list[str]:
    """A digest of the notes about each slot and its margin; "" without any."""
    told = [""] * len(start)
    if not notes:
        return told
    low = np.array([note.start_us for note in notes], np.int64)
    high = np.array([note.end_us for note in notes], np.int64)
    for slot in range(len(start)):
        mine = np.flatnonzero((low < end[slot] + MARGIN_US) & (high > start[slot] - MARGIN_US))
        if len(mine):
            said = repr([(notes[each].note_id, notes[each].reason) for each in mine.tolist()])
            told[slot] = hashlib.sha256(said.encode()).hexdigest()
    return told
