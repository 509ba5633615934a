"""Roll-ups as they are stored ⇄ cells, and which of them still hold."""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.calendars.expansion import expand
from dualspan_analytics.calendars.model import Calendar
from dualspan_analytics.kpis.measures import MEASURES
from dualspan_analytics.kpis.planning import Machine
from dualspan_analytics.kpis.slots import MARGIN_US, DataVersions, Slots, slots_of, untouched
from dualspan_analytics.kpis.table import CellTable
from dualspan_analytics.store.production import Note, Rollup, StoredRollups

_DAY_US = 86_400_000_000
_RECORD = 2 + MEASURES
"""Product, order, measures."""


def slots_between(calendar: Calendar, start_us: int, end_us: int) -> Slots:
    """A calendar's shifts and the times between them in [start_us, end_us)."""
    # Time between two shifts belongs to the day of the shift before, which may be some days ago.
    return slots_of(expand(calendar, start_us - 4 * _DAY_US, end_us), start_us, end_us)


def held(
    place: int,
    slots: Slots,
    stored: StoredRollups | None,
    versions: Sequence[DataVersions],
    notes: Sequence[Note],
) -> tuple[NDArray[np.bool_], CellTable | None]:
    """Which slots have a roll-up that holds, and what these say."""
    nothing = np.zeros(len(slots), np.bool_)
    if stored is None or not versions:
        return nothing, None
    start, end = stored.start_us, stored.end_us
    at = np.fromstring(stored.versions, np.int64, sep=",")
    if len(at) != len(start) * len(versions):  # a property was bound to a tag of another gateway meanwhile
        return nothing, None
    at = at.reshape(len(start), len(versions))
    holds = np.ones(len(start), np.bool_)
    for column, known in enumerate(versions):
        holds &= untouched(known, stored.depends_us, end, at[:, column])
    holds &= _said_the_same(stored, _told(versions, notes, start, end))
    # Those of another calendar lie across these slots.
    where = np.minimum(np.searchsorted(start, slots.start), len(start) - 1)
    fits = (start[where] == slots.start) & (end[where] == slots.end) & holds[where]
    return fits, _unpacked(place, slots.take(fits), stored, where[fits])


def _said_the_same(stored: StoredRollups, told: list[str]) -> NDArray[np.bool_]:
    """bool[n]: of which roll-ups notes and gateways are what they were."""
    if len(stored.notes) == 1 and len(set(told)) == 1:
        return np.full(len(told), stored.notes[0] == told[0])
    then = stored.notes * len(told) if len(stored.notes) == 1 else stored.notes
    return np.array([one == other for one, other in zip(told, then, strict=True)], np.bool_)


def _unpacked(place: int, slots: Slots, stored: StoredRollups, which: NDArray[np.intp]) -> CellTable:
    sizes = stored.sizes // (8 * _RECORD)
    rows = np.frombuffer(stored.cells, np.float64).reshape(-1, _RECORD)
    first = np.concatenate([[0], np.cumsum(sizes)])
    slot = np.repeat(np.arange(len(which)), sizes[which])
    row = np.arange(len(slot)) - np.repeat(np.cumsum(sizes[which]) - sizes[which], sizes[which])
    taken = rows[np.repeat(first[which], sizes[which]) + row]
    names = {text: tuple(json.loads(text)) for text in set(stored.labels)}
    one = names[stored.labels[0]] if len(names) == 1 else None
    labels = [one or names[stored.labels[each]] for each in which.tolist()]
    return CellTable.of_labels(place, slots, slot, taken[:, 0], taken[:, 1], labels, taken[:, 2:])


def rollups_of(
    machine: Machine,
    table: CellTable,
    slots: Slots,
    depends: NDArray[np.int64],
    versions: Sequence[DataVersions],
    notes: Sequence[Note],
    until_us: int,
) -> list[Rollup]:
    """What is to be stored: of whole slots that are over, together with their margin."""
    whole = slots_between(machine.calendar, int(slots.start[0]) - _DAY_US, int(slots.end[-1]) + _DAY_US)
    where = np.minimum(np.searchsorted(whole.start, slots.start), len(whole) - 1)
    over = (whole.start[where] == slots.start) & (whole.end[where] == slots.end) & (slots.end + MARGIN_US <= until_us)
    told = _told(versions, notes, slots.start, slots.end)
    newest = tuple(each.newest for each in versions)
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


def _told(
    versions: Sequence[DataVersions], notes: Sequence[Note], start: NDArray[np.int64], end: NDArray[np.int64]
) -> list[str]:
    """Whose versions they are, and a digest of the notes about each slot and its margin."""
    gateways = ",".join(each.gateway for each in versions)
    told = [gateways] * len(start)
    if not notes:
        return told
    low = np.array([note.start_us for note in notes], np.int64)
    high = np.array([note.end_us for note in notes], np.int64)
    for slot in range(len(start)):
        mine = np.flatnonzero((low < end[slot] + MARGIN_US) & (high > start[slot] - MARGIN_US))
        if len(mine):
            said = repr([(notes[each].note_id, notes[each].reason) for each in mine.tolist()])
            told[slot] = f"{gateways} {hashlib.sha256(said.encode()).hexdigest()}"
    return told
