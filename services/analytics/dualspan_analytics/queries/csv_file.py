"""Tables as comma-separated values (RFC 4180), safe to open in a spreadsheet program."""

import io
from collections.abc import Iterator
from dataclasses import replace
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
from pyarrow import csv

from dualspan_analytics.columns import distinct_texts
from dualspan_analytics.queries.arrow_file import batch, slices
from dualspan_analytics.queries.model import Table, TableColumn
from dualspan_analytics.queries.times import iso_times
from dualspan_frame import ValueKind

# What a spreadsheet program takes for the beginning of a formula, in ASCII and in full width.
_FORMULA = tuple("=+-@\t\r＝＋－＠'")


def csv_pieces(table: Table, page_rows: int, zone: ZoneInfo) -> Iterator[bytes]:
    """A header line, then a line per row; UTF-8. Empty where there is no value, NaN where a machine sent that.

    Text and titles that a spreadsheet program would take for a formula have an apostrophe before them.
    """
    safe = replace(table, columns=[_harmless(column) for column in table.columns])
    for start, end in slices(safe, page_rows):
        rows = batch(safe, start, end, pa.array(iso_times(safe.time[start:end], zone), pa.string()))
        sink = io.BytesIO()
        csv.write_csv(rows, sink, csv.WriteOptions(include_header=start == 0, eol="\r\n"))
        yield sink.getvalue()


def _harmless(column: TableColumn) -> TableColumn:
    title = harmless(column.title)
    if column.kind is not ValueKind.TEXT:
        return replace(column, title=title)
    place, distinct = distinct_texts(column.value)
    values = np.array([harmless(text) for text in distinct], object)
    return replace(column, title=title, value=values[place])


def harmless(text: str) -> str:
    """Text that no spreadsheet program takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
