"""The use case of queries: read, join, convert."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan.historian.v1 import resources_pb2 as historian_resources
from dualspan_analytics.assets import AssetTree
from dualspan_analytics.columns import PropertyRef, Series, distinct_texts
from dualspan_analytics.intervals import Intervals
from dualspan_analytics.plant_data import Aggregate, PlantData, Processed
from dualspan_analytics.queries.errors import not_numeric, table_too_large, texts_too_large
from dualspan_analytics.queries.joins import (
    Joined,
    horizon,
    is_number,
    join,
    share_of_intervals,
    union,
    without_future,
)
from dualspan_analytics.queries.model import BAD_NO_DATA, Join, Quality, Query, QueryColumn, Table, TableColumn
from dualspan_analytics.queries.plan import check_query, titles
from dualspan_analytics.scaling import aggregate_unit, needs_numbers
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.turns import Turns
from dualspan_analytics.units import Conversion, conversion
from dualspan_frame import ValueKind

_TEXT_BYTES = 50
"""So much room for text has a cell on the average."""
_PERCENT_GOOD = historian_resources.AGGREGATE_PERCENT_GOOD
_KINDS = {
    np.dtype(np.float64): ValueKind.FLOAT64,
    np.dtype(np.int64): ValueKind.INT64,
    np.dtype(np.bool_): ValueKind.BOOL,
}
Aggregates = Mapping[tuple[PropertyRef, Aggregate.ValueType], Processed]


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read for a query, and when; `missing` is when samples of aggregates are known to be missing."""

    series: Mapping[PropertyRef, Series]
    aggregates: Aggregates
    missing: Mapping[PropertyRef, Intervals]
    conversions: Sequence[Conversion]
    units: Sequence[str]
    now_us: int


class Queries:
    """Answers queries with tables.

    Args:
        plant: Assets and their values.
        most_cells: Most rows x columns of a table.
        turns: Of queries whose tables are made at the same time.
    """

    def __init__(self, plant: PlantData, most_cells: int, turns: Turns) -> None:
        self._plant = plant
        self._most_cells = most_cells
        self._turns = turns

    async def table(self, tenant: str, query: Query) -> Table:
        """The table that answers a query.

        Raises:
            NotFound: There is no such asset or property.
            FailedPrecondition: A property is not bound to a tag.
            InvalidArgument: The query makes no sense, or a unit does not fit the property's (`UNITS_DO_NOT_FIT`).
            ResourceExhausted: The table or what it is made of is too large.
            Unavailable: onboarding or the historian cannot be asked.
        """
        check_query(query)
        self._check_size(query.intervals, query)
        async with self._turns.taken(tenant):
            tree = await self._plant.assets(tenant)
            tree.bindings(column.ref for column in query.columns)
            _check_kinds(tree, query)
            read = await self._read(tenant, tree, query)
            return await asyncio.to_thread(self._table, query, read)

    def _check_size(self, rows: int, query: Query) -> None:
        columns = len(query.columns) * (1 if query.quality is Quality.NOTHING else 2)
        if rows * columns > self._most_cells:
            raise table_too_large(rows, columns, self._most_cells)

    async def _read(self, tenant: str, tree: AssetTree, query: Query) -> _Read:
        has = [aggregate_unit(column.aggregate, tree.unit(column.ref)) for column in query.columns]
        units = [column.unit or unit for column, unit in zip(query.columns, has, strict=True)]
        now = now_us()
        # Before anything is read: what does not fit is told at once.
        conversions = [conversion(unit, wanted) for unit, wanted in zip(has, units, strict=True)]
        series, aggregates = await asyncio.gather(self._samples(tenant, query), self._aggregates(tenant, query))
        # An aggregate does not know what should have come and did not.
        refs = [column.ref for column in query.columns if column.aggregate]
        missing = await self._plant.missing(tenant, refs, query.start_us, query.end_us) if refs else {}
        return _Read(series, aggregates, missing, conversions, units, now)

    async def _samples(self, tenant: str, query: Query) -> Mapping[PropertyRef, Series]:
        refs = list(dict.fromkeys(column.ref for column in query.columns if not column.aggregate))
        if not refs:
            return {}
        # A row near the end may take the sample after it.
        further = query.tolerance_us or 0 if any(c.join is not Join.LAST for c in query.columns) else 0
        return await self._plant.read(tenant, refs, query.start_us, query.end_us + further)

    async def _aggregates(self, tenant: str, query: Query) -> Aggregates:
        wanted: dict[Aggregate.ValueType, list[PropertyRef]] = {}
        for column in query.columns:
            if column.aggregate:
                wanted.setdefault(Aggregate.ValueType(column.aggregate), []).append(column.ref)
                wanted.setdefault(_PERCENT_GOOD, []).append(column.ref)
        found: dict[tuple[PropertyRef, Aggregate.ValueType], Processed] = {}
        for aggregate, refs in wanted.items():
            found |= await self._plant.read_processed(
                tenant, refs, query.start_us, query.end_us, interval_us=query.interval_us, aggregates=[aggregate]
            )
        return found

    def _table(self, query: Query, read: _Read) -> Table:
        rows = self._rows(query, read)
        self._check_size(len(rows), query)
        columns: list[TableColumn] = []
        for place, (column, title) in enumerate(zip(query.columns, titles(query.columns), strict=True)):
            made = _aggregate if column.aggregate else _joined
            columns.append(made(query, column, title, rows, read, place))
        _check_texts(columns, self._most_cells * _TEXT_BYTES)
        return Table(rows, columns, query.quality)

    def _rows(self, query: Query, read: _Read) -> NDArray[np.int64]:
        if query.interval_us:
            return query.start_us + np.arange(query.intervals, dtype=np.int64) * query.interval_us
        series = list(read.series.values())
        if query.rows_of is not None:
            series = [read.series[query.columns[query.rows_of].ref]]
        return union(series, query.start_us, query.end_us)


def _check_texts(columns: Sequence[TableColumn], most: int) -> None:
    """Raises ResourceExhausted if the texts of all rows, one after the other, are too much."""
    left = most
    for column in columns:
        if column.kind is ValueKind.TEXT and len(column.value):
            place, distinct = distinct_texts(column.value)
            size = int(np.array([len(text.encode()) for text in distinct], np.int64)[place].sum())
            left -= size
            if left < 0:
                raise texts_too_large(column.title, size, most)


def _check_kinds(tree: AssetTree, query: Query) -> None:
    """Raises InvalidArgument if an aggregate of numbers is asked of text."""
    for column, title in zip(query.columns, titles(query.columns), strict=True):
        if needs_numbers(column.aggregate) and tree.property(column.ref).kind is ValueKind.TEXT:
            raise not_numeric(title, "nothing can be aggregated")


def _joined(
    query: Query, column: QueryColumn, title: str, rows: NDArray[np.int64], read: _Read, place: int
) -> TableColumn:
    series, change = read.series[column.ref], read.conversions[place]
    if series.value.dtype.kind not in "fi":
        if column.join is Join.LINEAR:
            raise not_numeric(title, "no line can be drawn between its values")
        if change != Conversion(1.0, 0.0):
            raise not_numeric(title, "it has no unit to convert")
    until = horizon(series, read.now_us)
    found = join(series, rows, column.join, query.tolerance_us)
    found = without_future(found, rows, until) if query.interval_us else found
    value = found.value if change == Conversion(1.0, 0.0) else change.apply(found.value)
    whole = np.array([query.start_us, query.end_us])
    return TableColumn(
        title=title,
        unit=read.units[place],
        kind=_KINDS.get(value.dtype, ValueKind.TEXT),
        value=value,
        missing=found.missing,
        status=found.status,
        row_share=_row_share(query, series, rows, found, until),
        good_share=float(share_of_intervals(series, whole, until)[0]),
    )


def _row_share(
    query: Query, series: Series, rows: NDArray[np.int64], found: Joined, until_us: int
) -> NDArray[np.float64]:
    if not query.interval_us:
        return (((found.status >> 30) == 0) & is_number(found.value)).astype(np.float64)
    return share_of_intervals(series, np.append(rows, query.end_us), until_us)


def _aggregate(
    query: Query, column: QueryColumn, title: str, rows: NDArray[np.int64], read: _Read, place: int
) -> TableColumn:
    found = read.aggregates[column.ref, Aggregate.ValueType(column.aggregate)]
    share = np.nan_to_num(read.aggregates[column.ref, _PERCENT_GOOD].value) / 100
    edges = np.append(rows, query.end_us)
    lengths = np.diff(edges)
    if column.ref in read.missing:
        share = np.minimum(share, 1.0 - read.missing[column.ref].covered(edges[:-1], edges[1:]) / lengths)
    # What an aggregate says of the time after now, it says of the last value.
    share = np.minimum(share, np.clip(read.now_us - rows, 0, lengths) / lengths)
    future = rows >= read.now_us
    return TableColumn(
        title=title,
        unit=read.units[place],
        kind=ValueKind.FLOAT64,
        value=read.conversions[place].apply(found.value),
        missing=((found.status >> 31) == 1) | future,
        status=np.where(future, np.uint32(BAD_NO_DATA), found.status).astype(np.uint32),
        row_share=share,
        good_share=float(np.average(share, weights=lengths)),
    )
