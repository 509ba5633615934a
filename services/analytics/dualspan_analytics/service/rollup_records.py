"""Roll-ups as they are stored ⇄ cells, and which of them still hold.

A roll-up is a record of words of 64 bits: a header (`_Head`), the version of the data of each gateway, its cells, and
the products and orders that these name as JSON in UTF-8, filled up to a word. Thousands of records are looked at as
columns; none is looked at by itself.
"""

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.calendars.expansion import expand
from dualspan_analytics.calendars.model import Calendar
from dualspan_analytics.kpis.measures import MEASURES
from dualspan_analytics.kpis.planning import Machine
from dualspan_analytics.kpis.slots import MARGIN_US, DataVersions, Needs, Slots, slots_of, untouched
from dualspan_analytics.kpis.table import CellTable
from dualspan_analytics.store.production import Note, Rollup, StoredRollups

_DAY_US = 86_400_000_000
_RECORD = 2 + MEASURES
"""Words of a cell: product, order, measures; float64."""
_WORD = 8
Longs = NDArray[np.int64]


class _Head(IntEnum):
    """Words of a header.

    Attributes:
        MACHINE: A key of its id.
        PLAN: A key of all that the sums depend on besides samples and notes.
        START: Of the slot, µs.
        END: Likewise.
        DEPENDS: From here on samples mattered.
        TOLD: Which gateways the versions are of, and what people said: a key of the text.
        LABELS: A key of the text of products and orders.
        VERSIONS: How many there are.
        CELLS: How many there are.
        BYTES: Of the text.
        UNTIL: Up to here, and the margin, samples mattered.
    """

    MACHINE = 0
    PLAN = 1
    START = 2
    END = 3
    DEPENDS = 4
    TOLD = 5
    LABELS = 6
    VERSIONS = 7
    CELLS = 8
    BYTES = 9
    UNTIL = 10


def slots_between(calendar: Calendar, start_us: int, end_us: int) -> Slots:
    """A calendar's shifts and the times between them in [start_us, end_us)."""
    # Time between two shifts belongs to the day of the shift before, which may be some days ago.
    return slots_of(expand(calendar, start_us - 4 * _DAY_US, end_us), start_us, end_us)


@dataclass(frozen=True, slots=True)
class Held:
    """What roll-ups say.

    Attributes:
        fits: For each machine, which of its slots have a roll-up that holds, bool each.
        cells: Of these.
    """

    fits: Sequence[NDArray[np.bool_]]
    cells: CellTable


def earliest(stored: StoredRollups, otherwise: int) -> int:
    """The first time that any of them depends on; `otherwise` if there is none."""
    return int(_heads(stored)[:, _Head.DEPENDS].min(initial=otherwise))


def held(
    machines: Sequence[Machine],
    slots: Mapping[str, Slots],
    stored: StoredRollups,
    versions: Mapping[str, Sequence[DataVersions]],
    notes: Mapping[str, Sequence[Note]],
) -> Held:
    """Which slots have a roll-up that holds, and what these say.

    Args:
        machines: Of the question.
        slots: Of each, by id.
        stored: Their roll-ups.
        versions: Of the gateways of each, in a fixed order.
        notes: What people said about each.
    """
    heads = _heads(stored)
    known = _Known.of(machines, versions)
    machine, holds = _machines(machines, heads)
    holds &= _whole(stored, heads)
    holds &= _untouched(known, stored, heads, machine) & _told_the_same(known, machines, notes, heads, machine)
    fits: list[NDArray[np.bool_]] = [np.zeros(len(slots[machine.id]), np.bool_) for machine in machines]
    slot = np.full(len(heads), -1, np.int64)
    where = _Where(slot, np.zeros(len(heads), np.int16), np.zeros(len(heads), np.int32))
    for own, places in _by_slots(machines, slots):
        _place(own, np.flatnonzero(holds & np.isin(machine, places)), heads, where)
    there = np.flatnonzero(slot >= 0)
    there = there[np.lexsort((slot[there], machine[there]))]
    bounds = np.searchsorted(machine[there], np.arange(len(machines) + 1))
    for place, each in enumerate(fits):
        each[slot[there[bounds[place] : bounds[place + 1]]]] = True
    return Held(fits, _unpacked(stored, heads, where, machine, there))


def _heads(stored: StoredRollups) -> Longs:
    """int64[n, header]."""
    return stored.words[stored.offsets[:, None] + np.arange(len(_Head))]


def _machines(machines: Sequence[Machine], heads: Longs) -> tuple[Longs, NDArray[np.bool_]]:
    """int64[n], bool[n]: the place of each record's machine, and whether it was made as the machine is computed now."""
    keys = np.array([key_of(machine.id) for machine in machines], np.int64)
    plans = np.array([_plan_key(machine) for machine in machines], np.int64)
    order = np.argsort(keys)
    place = order[np.minimum(np.searchsorted(keys, heads[:, _Head.MACHINE], sorter=order), len(keys) - 1)]
    return place, (keys[place] == heads[:, _Head.MACHINE]) & (plans[place] == heads[:, _Head.PLAN])


def _plan_key(machine: Machine) -> int:
    return int.from_bytes(machine.digest[:_WORD], "little", signed=True)


def _whole(stored: StoredRollups, heads: Longs) -> NDArray[np.bool_]:
    """bool[n]: which records have the parts that their headers name; others are of an older make."""
    text = -(-heads[:, _Head.BYTES] // _WORD)
    return stored.sizes == len(_Head) + heads[:, _Head.VERSIONS] + heads[:, _Head.CELLS] * _RECORD + text


@dataclass(frozen=True, slots=True)
class _Known:
    """The versions of machines' data, those of the same gateways together.

    Attributes:
        group: int64[machines], place in `versions`.
        versions: Of each group.
        told: int64[groups], key of the gateways' names.
    """

    group: Longs
    versions: Sequence[Sequence[DataVersions]]
    told: Longs

    @classmethod
    def of(cls, machines: Sequence[Machine], versions: Mapping[str, Sequence[DataVersions]]) -> "_Known":
        places: dict[tuple[int, ...], int] = {}
        found: list[Sequence[DataVersions]] = []
        group: list[int] = []
        for machine in machines:
            own = versions[machine.id]
            place = places.setdefault(tuple(map(id, own)), len(found))
            if place == len(found):
                found.append(own)
            group.append(place)
        return cls(np.array(group, np.int64), found, np.array([key_of(_gateways(own)) for own in found], np.int64))


def _untouched(known: _Known, stored: StoredRollups, heads: Longs, machine: Longs) -> NDArray[np.bool_]:
    """bool[n]: since which records no commit touched what they depend on."""
    holds = np.zeros(len(heads), np.bool_)
    group, count = known.group[machine], heads[:, _Head.VERSIONS]
    for place, gateways in enumerate(known.versions):
        # Other gateways than then: a property was bound to a tag of another one meanwhile.
        mine = np.flatnonzero((group == place) & (count == len(gateways)) & (count > 0))
        fine = np.ones(len(mine), np.bool_)
        for column, each in enumerate(gateways):
            at = stored.words[stored.offsets[mine] + len(_Head) + column]
            fine &= untouched(each, heads[mine, _Head.DEPENDS], heads[mine, _Head.UNTIL], at)
        holds[mine] = fine
    return holds


def _told_the_same(
    known: _Known,
    machines: Sequence[Machine],
    notes: Mapping[str, Sequence[Note]],
    heads: Longs,
    machine: Longs,
) -> NDArray[np.bool_]:
    """bool[n]: of which records gateways and notes are what they were."""
    wanted = known.told[known.group[machine]]
    for place, each in enumerate(machines):
        if notes.get(each.id):
            mine = np.flatnonzero(machine == place)
            gateways = known.versions[int(known.group[place])]
            wanted[mine] = _told(gateways, notes[each.id], heads[mine, _Head.START], heads[mine, _Head.END])
    return np.asarray(heads[:, _Head.TOLD] == wanted, np.bool_)


@dataclass(frozen=True, slots=True)
class _Where:
    """The slot of each record: its place (-1: it is of none), shift and day."""

    slot: Longs
    shift: NDArray[np.int16]
    day: NDArray[np.int32]


def _by_slots(machines: Sequence[Machine], slots: Mapping[str, Slots]) -> list[tuple[Slots, list[int]]]:
    """Distinct slots, and the places of the machines that have them."""
    found: dict[int, tuple[Slots, list[int]]] = {}
    for place, machine in enumerate(machines):
        own = slots[machine.id]
        found.setdefault(id(own), (own, []))[1].append(place)
    return list(found.values())


def _place(slots: Slots, mine: NDArray[np.intp], heads: Longs, where: _Where) -> None:
    """Find the slots of records; those of another calendar lie across these."""
    start, end = heads[mine, _Head.START], heads[mine, _Head.END]
    at = np.minimum(np.searchsorted(slots.start, start), len(slots) - 1)
    same = (slots.start[at] == start) & (slots.end[at] == end)
    mine, at = mine[same], at[same]
    where.slot[mine], where.shift[mine], where.day[mine] = at, slots.shift[at], slots.day[at]


def _unpacked(stored: StoredRollups, heads: Longs, where: _Where, machine: Longs, there: NDArray[np.intp]) -> CellTable:
    """The cells of some records, in their order."""
    count = heads[there, _Head.CELLS]
    begin = stored.offsets[there] + len(_Head) + heads[there, _Head.VERSIONS]
    record = np.repeat(np.arange(len(there)), count)
    within = np.arange(len(record)) - np.repeat(np.cumsum(count) - count, count)
    of = there[record]
    cells = stored.words.view(np.float64)[(begin[record] + within * _RECORD)[:, None] + np.arange(_RECORD)]
    code, first, texts = _labels(stored, heads, begin + count * _RECORD, there)
    at = first[record]
    return CellTable(
        machine[of].astype(np.int32),
        where.slot[of],
        heads[of, _Head.START],
        heads[of, _Head.END],
        where.shift[of],
        where.day[of],
        code[at + cells[:, 0].astype(np.int64)],
        code[at + cells[:, 1].astype(np.int64)],
        cells[:, 2:],
        texts,
    )


def _labels(
    stored: StoredRollups, heads: Longs, begin: Longs, there: NDArray[np.intp]
) -> tuple[NDArray[np.int32], Longs, tuple[str, ...]]:
    """Codes of the labels of all kinds of records, where in them each record's begin, and what codes mean."""
    _, example, kind = np.unique(heads[there, _Head.LABELS], return_index=True, return_inverse=True)
    labels: list[list[str]] = []
    for each in example.tolist():
        size = int(heads[there[each], _Head.BYTES])
        labels.append(json.loads(stored.words[int(begin[each]) :].view(np.uint8)[:size].tobytes()))
    place = {text: index for index, text in enumerate(dict.fromkeys(["", *(text for own in labels for text in own)]))}
    # A record without cells may have no label; none of its codes is looked up.
    tables = [np.array([place[text] for text in own] or [0], np.int32) for own in labels]
    first = np.concatenate([[0], np.cumsum([len(each) for each in tables], dtype=np.int64)])
    return np.concatenate([np.empty(0, np.int32), *tables]), first[kind].astype(np.int64), tuple(place)


def rollups_of(
    machine: Machine,
    table: CellTable,
    slots: Slots,
    needs: Needs,
    versions: Sequence[DataVersions],
    notes: Sequence[Note],
    until_us: int,
) -> list[Rollup]:
    """What is to be stored: of whole slots that are over, together with their margin, and of which all is known."""
    whole = slots_between(machine.calendar, int(slots.start[0]) - _DAY_US, int(slots.end[-1]) + _DAY_US)
    where = np.minimum(np.searchsorted(whole.start, slots.start), len(whole) - 1)
    over = (whole.start[where] == slots.start) & (whole.end[where] == slots.end) & (slots.end + MARGIN_US <= until_us)
    over &= needs.is_known
    told = _told(versions, notes, slots.start, slots.end)
    newest = np.array([each.newest for each in versions], np.int64).tobytes()
    keys = key_of(machine.id), _plan_key(machine)
    texts = table.texts
    bounds = np.searchsorted(table.slot, np.arange(len(slots) + 1))
    found: list[Rollup] = []
    for slot in np.flatnonzero(over).tolist():
        rows = slice(int(bounds[slot]), int(bounds[slot + 1]))
        used = np.unique(np.concatenate([table.product[rows], table.order[rows]]))
        codes = [np.searchsorted(used, column[rows]) for column in (table.product, table.order)]
        cells = np.column_stack([*codes, table.measures[rows]]).astype(np.float64)
        labels = json.dumps([texts[each] for each in used.tolist()], ensure_ascii=False)
        text = labels.encode()
        start, end = int(slots.start[slot]), int(slots.end[slot])
        counts = [len(versions), len(cells), len(text)]
        since, until = int(needs.since[slot]), int(needs.until[slot])
        head = [*keys, start, end, since, int(told[slot]), key_of(labels), *counts, until]
        filled = text.ljust(-(-len(text) // _WORD) * _WORD, b"\0")
        record = np.array(head, np.int64).tobytes() + newest + cells.tobytes() + filled
        found.append(Rollup(machine.id, start, end, record))
    return found


@functools.lru_cache(4096)
def key_of(text: str) -> int:
    """64 bits that tell texts apart."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:_WORD], "little", signed=True)


def _gateways(versions: Sequence[DataVersions]) -> str:
    return ",".join(each.gateway for each in versions)


def _told(versions: Sequence[DataVersions], notes: Sequence[Note], start: Longs, end: Longs) -> Longs:
    """int64[n]: whose versions they are, and what people said about each slot and its margin, as keys."""
    gateways = _gateways(versions)
    told = np.full(len(start), key_of(gateways), np.int64)
    low = np.array([note.start_us for note in notes], np.int64)
    high = np.array([note.end_us for note in notes], np.int64)
    for slot in range(len(start) if notes else 0):
        mine = np.flatnonzero((low < end[slot] + MARGIN_US) & (high > start[slot] - MARGIN_US))
        if len(mine):
            said = repr([(notes[each].note_id, notes[each].reason) for each in mine.tolist()])
            told[slot] = key_of(f"{gateways} {said}")
    return told
