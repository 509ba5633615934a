"""Tables as Office Open XML workbooks: sheet `data`, and sheet `about` with units and shares of good data."""

import io
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import xlsxwriter

from dualspan_analytics.queries.errors import workbook_too_large
from dualspan_analytics.queries.model import Quality, Table, TableColumn
from dualspan_analytics.queries.plan import header
from dualspan_analytics.queries.times import iso_times, offsets
from dualspan_frame import ValueKind

# ECMA-376 and Excel: rows with the header, characters of a cell, whole numbers that a double keeps.
_MOST_ROWS = 1_048_576
_MOST_TEXT = 32_767
_LARGEST_WHOLE = 1 << 53
# 17 µs of CPU a cell.
_MOST_CELLS = 2_000_000
_PIECE = 1 << 20
_DAY_US = 86_400_000_000
# Days from 1899-12-30, where the serial numbers of dates begin, to 1970-01-01.
_EPOCH_DAYS = 25_569
_OPTIONS = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "default_date_format": "yyyy-mm-dd hh:mm:ss.000",
}


def check_workbook(table: Table) -> None:
    """Raises ResourceExhausted if a table is too large for a workbook."""
    columns = 1 + len(table.columns) * (1 if table.quality is Quality.NOTHING else 2)
    if len(table) + 1 > _MOST_ROWS or len(table) * columns > _MOST_CELLS:
        raise workbook_too_large(len(table), columns, _MOST_ROWS - 1, _MOST_CELLS)


def xlsx_pieces(table: Table, zone: ZoneInfo) -> Iterator[bytes]:
    """A workbook, in pieces of a megabyte. Times are those of the zone's clocks, as workbooks know no zones."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, _OPTIONS) as book:
        book.set_properties({"title": "DualSpan query"})
        _write_data(book, table, zone)
        _write_about(book, table, zone)
    content = file.getbuffer()
    for start in range(0, len(content), _PIECE):
        yield bytes(content[start : start + _PIECE])


def _write_data(book: Any, table: Table, zone: ZoneInfo) -> None:
    sheet = book.add_worksheet("data")
    names = header([column.title for column in table.columns], table.quality)
    moment = book.add_format({"num_format": _OPTIONS["default_date_format"]})
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, len(names), 18)
    sheet.freeze_panes(1, 1)
    for place, name in enumerate(names):
        sheet.write_string(0, place, name[:_MOST_TEXT], book.add_format({"bold": True}))
    days = (table.time + offsets(table.time, zone)) / _DAY_US + _EPOCH_DAYS
    columns = [days.tolist()]
    writers: list[Callable[..., Any]] = [lambda row, place, value: sheet.write_number(row, place, value, moment)]
    for column in table.columns:
        columns.append(_cells(column))
        writers.append(_writer(sheet, column.kind))
        if table.quality is not Quality.NOTHING:
            beside = column.status if table.quality is Quality.STATUS else column.row_share
            columns.append(beside.tolist())
            writers.append(sheet.write_number)
    _write_rows(columns, writers)
    if len(table):
        sheet.autofilter(0, 0, len(table), len(names) - 1)


def _write_rows(columns: Sequence[list[Any]], writers: Sequence[Callable[..., Any]]) -> None:
    """Cell by cell: the library has no other way in, and wants rows in order."""
    for row, values in enumerate(zip(*columns, strict=True), start=1):
        for place, value in enumerate(values):
            if value is not None:
                writers[place](row, place, value)


def _cells(column: TableColumn) -> list[Any]:
    """Values, None where there is none."""
    values = column.value.astype(object)
    values[column.missing] = None
    return values.tolist()


def _writer(sheet: Any, kind: ValueKind) -> Callable[..., Any]:
    if kind is ValueKind.TEXT:
        return lambda row, place, value: sheet.write_string(row, place, value[:_MOST_TEXT])
    if kind is ValueKind.BOOL:
        return sheet.write_boolean

    def number(row: int, place: int, value: float) -> None:
        # A workbook has no NaN, no infinity and no whole number that a double cannot hold: they stay readable as text.
        if not math.isfinite(value) or (abs(value) > _LARGEST_WHOLE and isinstance(value, int)):
            sheet.write_string(row, place, str(value))
        else:
            sheet.write_number(row, place, value)

    return number


def _write_about(book: Any, table: Table, zone: ZoneInfo) -> None:
    sheet = book.add_worksheet("about")
    sheet.set_column(0, 0, 40)
    bold = book.add_format({"bold": True})
    percent = book.add_format({"num_format": "0.0 %"})
    for place, name in enumerate(("column", "unit", "good share", "values")):
        sheet.write_string(0, place, name, bold)
    for row, column in enumerate(table.columns, start=1):
        sheet.write_string(row, 0, column.title)
        sheet.write_string(row, 1, column.unit)
        sheet.write_number(row, 2, column.good_share, percent)
        sheet.write_number(row, 3, int(np.count_nonzero(~column.missing)))
    row = len(table.columns) + 2
    sheet.write_string(row, 0, "time zone")
    sheet.write_string(row, 1, zone.key)
    if len(table):
        first, last = iso_times(table.time[[0, -1]], zone).tolist()
        sheet.write_string(row + 1, 0, "first and last row")
        sheet.write_string(row + 1, 1, f"{first} – {last}")
