"""Roll-ups: what was packed comes back as it was, as long as nothing that it depends on has changed."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from dualspan_analytics.calendars.model import Calendar, Daily, Shift
from dualspan_analytics.intervals import Intervals
from dualspan_analytics.kpis.measures import MEASURES
from dualspan_analytics.kpis.planning import Machine
from dualspan_analytics.kpis.slots import MARGIN_US, QUARTER_US, DataVersions, Needs, Slots, reaching_on
from dualspan_analytics.kpis.table import CellTable, joined
from dualspan_analytics.service.rollup_records import Held, earliest, held, rollups_of, slots_between
from dualspan_analytics.states.stops import LATE_US
from dualspan_analytics.store.production import Note, Rollup, StoredRollups

HOUR = 3_600_000_000
START, END = 20_000 * 24 * HOUR, 20_003 * 24 * HOUR
EVERY_DAY = tuple(range(7))
CALENDAR = Calendar(
    "works", "", "UTC", (Shift("early", Daily(360, 840, EVERY_DAY)), Shift("late", Daily(840, 1320, EVERY_DAY)))
)
OTHER = Calendar("other", "", "UTC", (Shift("day", Daily(480, 960, EVERY_DAY)),))
TEXTS = ("", "bottle", "can", "订单 7")
Versions = Mapping[str, Sequence[DataVersions]]


def machine(name: str, calendar: Calendar = CALENDAR, digest: bytes = b"as planned now") -> Machine:
    return cast("Machine", SimpleNamespace(id=name, calendar=calendar, digest=digest))


def versions(newest: int, newer: Mapping[int, int] | None = None, gateway: str = "g") -> DataVersions:
    """All quarters were touched by commit 1, some by later ones."""
    quarters = np.arange(START // QUARTER_US - 100, END // QUARTER_US + 2)
    touched = np.ones(len(quarters), np.int64)
    for quarter, version in (newer or {}).items():
        touched[quarters == quarter] = version
    return DataVersions(newest, quarters, touched, gateway)


def cells(place: int, slots: Slots, seed: int) -> CellTable:
    """Up to three cells in each slot, of some products and orders."""
    rng = np.random.default_rng(seed)
    slot = np.repeat(np.arange(len(slots)), rng.integers(1, 4, len(slots)))
    count = len(slot)
    return CellTable(
        np.full(count, place, np.int32),
        slot,
        slots.start[slot],
        slots.end[slot],
        slots.shift[slot],
        slots.day[slot],
        rng.integers(0, len(TEXTS), count).astype(np.int32),
        rng.integers(0, len(TEXTS), count).astype(np.int32),
        rng.random((count, MEASURES)),
        TEXTS,
    )


def stored(parts: Sequence[Sequence[Rollup]], seed: int = 0) -> StoredRollups:
    """As the store brings them: in no order."""
    found = [rollup.record for rollups in parts for rollup in rollups]
    places = np.random.default_rng(seed).permutation(len(found)).tolist()
    sizes = np.array([len(found[place]) for place in places], np.int64)
    return StoredRollups.of(b"".join(found[place] for place in places), sizes)


class Plant:
    """Two machines by shifts and one by days, rolled up when commit 5 was the newest."""

    def __init__(self) -> None:
        self.machines = [machine("m1"), machine("m2", OTHER), machine("m3")]
        by_calendar = {each.id: slots_between(each, START, END) for each in (CALENDAR, OTHER)}
        self.slots = {each.id: by_calendar[each.calendar.id] for each in self.machines}
        self.tables = [cells(place, self.slots[each.id], place) for place, each in enumerate(self.machines)]
        self.notes: dict[str, list[Note]] = {}
        self.versions: Versions = {
            "m1": [versions(5)],
            "m2": [versions(5), versions(5, gateway="h")],
            "m3": [versions(5)],
        }
        self.rollups = [
            rollups_of(
                each,
                table,
                self.slots[each.id],
                Needs(self.slots[each.id].start - HOUR, self.until(each.id)),
                self.versions[each.id],
                (),
                END + 2 * MARGIN_US,
            )
            for each, table in zip(self.machines, self.tables, strict=True)
        ]

    def until(self, asset: str) -> np.ndarray:
        """All is known at the end of a slot, but for two of `m3`."""
        end = self.slots[asset].end
        if asset != "m3":
            return end
        # One ends in a stop that was given its reason hours later, one in a stop that never was.
        waits = Intervals.of([(int(end[2]) - HOUR, int(end[2]) + 3 * HOUR), (int(end[5]) - HOUR, int(end[5]) + HOUR)])
        return reaching_on(end, waits, int(end[5]) + HOUR)

    def held(self, **instead: Sequence[DataVersions]) -> Held:
        known = {**self.versions, **instead}
        return held(self.machines, self.slots, stored(self.rollups), known, self.notes)


def rows(table: CellTable) -> list[tuple[object, ...]]:
    columns = (table.machine, table.slot, table.start, table.end, table.shift, table.day)
    names = [table.texts[each] for each in table.product.tolist()], [table.texts[e] for e in table.order.tolist()]
    return list(zip(*(c.tolist() for c in columns), *names, map(tuple, table.measures.tolist()), strict=True))


def test_what_was_packed_comes_back_in_order() -> None:
    plant = Plant()
    found = plant.held()
    # The first and the last slot are cut by the question: what they are part of is not over.
    assert [int(each.sum()) for each in found.fits] == [len(plant.rollups[place]) for place in range(3)]
    wanted = joined(plant.tables)
    kept = np.concatenate([fits[table.slot] for fits, table in zip(found.fits, plant.tables, strict=True)])
    assert rows(found.cells) == [row for row, is_kept in zip(rows(wanted), kept.tolist(), strict=True) if is_kept]
    assert kept.sum() > 20
    everything = stored(plant.rollups)
    assert earliest(everything, END) == min(each.start_us for own in plant.rollups for each in own) - HOUR


def test_a_stop_that_a_slot_ends_in_keeps_it_open_until_its_reason_is_told() -> None:
    plant = Plant()
    slots, before = plant.slots["m3"], plant.held().fits[2]
    assert np.flatnonzero(~before).tolist() == [0, 5, len(slots) - 1]
    for hours, stale in ((1, [2, 3]), (2, [2, 3]), (4, [3])):
        touched = int(slots.end[2] + hours * HOUR) // QUARTER_US
        after = plant.held(m3=[versions(6, {touched: 6})]).fits[2]
        assert np.flatnonzero(before & ~after).tolist() == stale, hours
    # What is told four days later does not matter any more.
    late = Intervals.of([(0, LATE_US + 5 * HOUR)])
    until = reaching_on(np.array([1, 3]) * HOUR, late, LATE_US + 2 * HOUR)
    assert Needs(until, until).is_known.tolist() == [True, False]
    assert until[0] == LATE_US + HOUR


def test_a_later_commit_makes_only_what_it_touched_stale() -> None:
    plant = Plant()
    slots, before = plant.slots["m1"], plant.held()
    touched = int(slots.start[4]) // QUARTER_US + 2
    after = plant.held(m1=[versions(6, {touched: 6})])
    assert np.flatnonzero(before.fits[0] & ~after.fits[0]).tolist() == [4]
    assert after.fits[2].tolist() == before.fits[2].tolist()
    # Of two gateways either one may have changed.
    other = int(plant.slots["m2"].start[2]) // QUARTER_US + 2
    of_second = plant.held(m2=[versions(5), versions(6, {other: 6}, "h")])
    assert np.flatnonzero(before.fits[1] & ~of_second.fits[1]).tolist() == [2]


@pytest.mark.parametrize("now", [[], [versions(5), versions(5)], [versions(5, gateway="another")]])
def test_other_gateways_make_all_stale(now: list[DataVersions]) -> None:
    assert not Plant().held(m1=now).fits[0].any()


def test_another_plan_makes_all_stale_and_another_machine_is_left_out() -> None:
    plant = Plant()
    before = plant.held()
    plant.machines[0] = machine("m1", digest=b"otherwise planned")
    after = plant.held()
    assert not after.fits[0].any()
    assert after.fits[2].tolist() == before.fits[2].tolist()
    del plant.machines[2]
    assert {int(each) for each in plant.held().cells.machine} == {1}


def test_what_people_say_makes_its_slots_stale() -> None:
    plant = Plant()
    slots, before = plant.slots["m3"], plant.held()
    begin = int(slots.start[3]) + HOUR
    said = Note(1, "m3", begin, begin + HOUR, "no material", "", "ada", datetime.now(UTC))
    plant.notes = {"m3": [said]}
    after = plant.held()
    assert np.flatnonzero(before.fits[2] & ~after.fits[2]).tolist() == [3]
    assert after.fits[0].tolist() == before.fits[0].tolist()


def test_records_of_another_calendar_or_make_are_none() -> None:
    plant = Plant()
    by_day = slots_between(OTHER, START, END)
    plant.slots["m1"] = by_day
    assert not plant.held().fits[0].any()
    plant = Plant()
    longer = [Rollup(each.asset, each.start_us, each.end_us, each.record + b"\0" * 8) for each in plant.rollups[2]]
    plant.rollups[2] = longer
    found = plant.held()
    assert not found.fits[2].any()
    assert found.fits[0].any()


def test_nothing_rolled_up_is_nothing() -> None:
    plant = Plant()
    plant.rollups = [[], [], []]
    found = plant.held()
    assert not any(each.any() for each in found.fits)
    assert len(found.cells) == 0
