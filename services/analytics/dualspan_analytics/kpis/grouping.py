"""Rows of a question from cells: by machine, line or site, by shift or day, by product and order. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.assets import AssetLevel, AssetTree
from dualspan_analytics.calendars.expansion import midnights
from dualspan_analytics.kpis.errors import bad_query
from dualspan_analytics.kpis.measures import Measures, add_up_units, unit_codes
from dualspan_analytics.kpis.planning import Machine
from dualspan_analytics.kpis.slots import NO_SHIFT
from dualspan_analytics.kpis.table import CellTable


class Dimension(IntEnum):
    """By what rows are made; the numbers of the contract."""

    MACHINE = 1
    LINE = 2
    AREA = 3
    SITE = 4
    SHIFT = 5
    SHIFT_NAME = 6
    DAY = 7
    WEEK = 8
    MONTH = 9
    PRODUCT = 10
    ORDER = 11


_ASSETS = {
    Dimension.MACHINE: AssetLevel.MACHINE,
    Dimension.LINE: AssetLevel.LINE,
    Dimension.AREA: AssetLevel.AREA,
    Dimension.SITE: AssetLevel.SITE,
}
_TIMES = frozenset({Dimension.SHIFT, Dimension.SHIFT_NAME, Dimension.DAY, Dimension.WEEK, Dimension.MONTH})


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in order of asset, time, product and order.

    Attributes:
        asset: int64[n], index into `assets`; None without such a dimension.
        start: int64[n], µs: of the shift, or of the first local day; the earliest if sites have other clocks.
        end: int64[n]; likewise the latest.
        shift: int64[n], index into `shifts`.
        product: int64[n], index into `texts`.
        order: int64[n], likewise.
        assets: Ids.
        shifts: Names.
        texts: Products and orders.
        first: int64[n], µs: where the time that was added up begins.
        last: int64[n], where it ends.
        measures: float64[n, MEASURES].
    """

    asset: NDArray[np.int64] | None
    start: NDArray[np.int64] | None
    end: NDArray[np.int64] | None
    shift: NDArray[np.int64] | None
    product: NDArray[np.int64] | None
    order: NDArray[np.int64] | None
    assets: tuple[str, ...]
    shifts: tuple[str, ...]
    texts: tuple[str, ...]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    measures: Measures

    def __len__(self) -> int:
        return len(self.first)


def check_dimensions(dimensions: Sequence[Dimension]) -> None:
    """Refuse dimensions that do not go together.

    Raises:
        InvalidArgument: `BAD_KPI_QUERY`.
    """
    if len(set(dimensions)) < len(dimensions):
        raise bad_query("a dimension is named twice")
    if len([each for each in dimensions if each in _ASSETS]) > 1:
        raise bad_query("group by one of machine, line, area and site")
    if len([each for each in dimensions if each in _TIMES]) > 1:
        raise bad_query("group by one of shift, shift name, day, week and month")


def grouped(cells: CellTable, machines: Sequence[Machine], tree: AssetTree, dimensions: Sequence[Dimension]) -> Rows:
    """Add cells up into rows; time outside of shifts is in none by shift."""
    wanted = set(dimensions)
    if wanted & {Dimension.SHIFT, Dimension.SHIFT_NAME}:
        cells = _within_shifts(cells)
    asset, assets = _assets(cells, machines, tree, wanted)
    shift, shifts = _shift_names(cells, machines)
    times = _times(cells, machines, wanted)
    named = bool(wanted & {Dimension.SHIFT, Dimension.SHIFT_NAME})
    nothing = np.zeros(len(cells), np.int64)
    keys = [
        asset,
        times.first,
        times.last,
        shift if named else nothing,
        cells.product if Dimension.PRODUCT in wanted else nothing,
        cells.order if Dimension.ORDER in wanted else nothing,
    ]
    unique, row = _distinct(keys)
    if not wanted and not len(unique):
        unique = np.zeros((1, len(keys)), np.int64)
    count = len(unique)
    timed = bool(wanted & (_TIMES - {Dimension.SHIFT_NAME}))
    return Rows(
        unique[:, 0] if wanted & _ASSETS.keys() else None,
        _extreme(np.minimum, row, times.start, count) if timed else None,
        _extreme(np.maximum, row, times.end, count) if timed else None,
        unique[:, 3] if named else None,
        unique[:, 4] if Dimension.PRODUCT in wanted else None,
        unique[:, 5] if Dimension.ORDER in wanted else None,
        assets,
        shifts,
        cells.texts or ("",),
        _extreme(np.minimum, row, cells.start, count),
        _extreme(np.maximum, row, cells.end, count),
        add_up_units(cells.measures, _units(machines)[cells.machine], row, count),
    )


def _units(machines: Sequence[Machine]) -> NDArray[np.int64]:
    return unit_codes([machine.plan.counted_in for machine in machines])


def _distinct(keys: Sequence[NDArray[np.integer]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """int64[n, keys], int64[cells]: the distinct combinations in order, and which one is each cell's."""
    row = np.zeros(len(keys[0]), np.int64)
    first = np.zeros(min(len(row), 1), np.int64)
    for key in keys:
        values, place = np.unique(key, return_inverse=True)
        if len(values) > 1:
            # One number for each combination so far: sorting rows of several takes many times as long.
            _, first, row = np.unique(row * len(values) + place, return_index=True, return_inverse=True)
    return np.stack([key[first] for key in keys], axis=1).astype(np.int64), row


def _extreme(which: np.ufunc, row: NDArray[np.int64], value: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    result = np.zeros(count, np.int64)
    if len(row):
        order = np.argsort(row, kind="stable")
        starts = np.flatnonzero(np.append(True, row[order][1:] != row[order][:-1]))
        result[row[order][starts]] = which.reduceat(value[order], starts)
    return result


def _within_shifts(cells: CellTable) -> CellTable:
    keep = cells.shift != NO_SHIFT
    return CellTable(
        cells.machine[keep],
        cells.slot[keep],
        cells.start[keep],
        cells.end[keep],
        cells.shift[keep],
        cells.day[keep],
        cells.product[keep],
        cells.order[keep],
        cells.measures[keep],
        cells.texts,
    )


def _assets(
    cells: CellTable, machines: Sequence[Machine], tree: AssetTree, wanted: set[Dimension]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The asset of each cell at the level that is asked for; "" for machines that stand under none."""
    level = next((_ASSETS[each] for each in wanted if each in _ASSETS), None)
    if level is None:
        return np.zeros(len(cells), np.int64), ("",)
    above = [next((each.id for each in tree.path(machine.id) if each.level is level), "") for machine in machines]
    names = tuple(sorted(set(above)))
    place = {name: index for index, name in enumerate(names)}
    table = np.array([place[name] for name in above], np.int64)
    return table[cells.machine], names


def _shift_names(cells: CellTable, machines: Sequence[Machine]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """The shift's name of each cell; calendars share names. "" outside of shifts."""
    calendars = {machine.calendar.id: machine.calendar for machine in machines}
    names = ("", *dict.fromkeys(shift.name for calendar in calendars.values() for shift in calendar.shifts))
    place = {name: index for index, name in enumerate(names)}
    most = max((len(calendar.shifts) for calendar in calendars.values()), default=0)
    table = np.zeros((len(machines), most + 1), np.int64)
    for row, machine in enumerate(machines):
        for column, shift in enumerate(machine.calendar.shifts):
            table[row, column] = place[shift.name]
    return table[cells.machine, cells.shift], names


@dataclass(frozen=True, slots=True)
class _Times:
    """What each cell belongs to in time, int64[n] each: `first` and `last` tell rows apart, `start`, `end` are µs."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]


def _times(cells: CellTable, machines: Sequence[Machine], wanted: set[Dimension]) -> _Times:
    """The shift of each cell, or the local day, week or month by the clock of its machine."""
    if Dimension.SHIFT in wanted:
        return _Times(cells.start, cells.end, cells.start, cells.end)
    zeros = np.zeros(len(cells), np.int64)
    if not wanted & {Dimension.DAY, Dimension.WEEK, Dimension.MONTH}:
        return _Times(zeros, zeros, zeros, zeros)
    first, following = _periods(cells.day.astype(np.int64), wanted)
    start, end = zeros.copy(), zeros.copy()
    zones = np.array([machine.calendar.time_zone for machine in machines], object)[cells.machine]
    for zone in {machine.calendar.time_zone for machine in machines}:
        mine = zones == zone
        for days, edge in ((first, start), (following, end)):
            distinct, place = np.unique(days[mine], return_inverse=True)
            edge[mine] = midnights(zone, distinct)[place.ravel()]
    return _Times(first, zeros, start, end)


def _periods(days: NDArray[np.int64], wanted: set[Dimension]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first day of the day, week or month of each day, and of the one that follows."""
    if Dimension.DAY in wanted:
        return days, days + 1
    if Dimension.WEEK in wanted:
        first = days - (days + 3) % 7  # 1970-01-01 was a Thursday
        return first, first + 7
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    first = months.astype("datetime64[D]").astype(np.int64)
    return first, (months + 1).astype("datetime64[D]").astype(np.int64)
