"""The forms of a table say the same, and none of them does harm."""

import csv
import io
import zipfile
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import load_workbook

from dualspan_analytics.queries.arrow_file import arrow_pieces
from dualspan_analytics.queries.csv_file import csv_pieces
from dualspan_analytics.queries.model import BAD_NO_DATA, Quality, Table, TableColumn
from dualspan_analytics.queries.parquet_file import parquet_pieces
from dualspan_analytics.queries.times import iso_times
from dualspan_analytics.queries.xlsx_file import check_workbook, xlsx_pieces
from dualspan_frame import ValueKind
from dualspan_runtime.errors import ResourceExhausted

UTC = ZoneInfo("UTC")
T0 = 1_760_000_000_000_000
SECOND = 1_000_000


def column(title: str, values: object, kind: ValueKind, missing: list[bool], unit: str = "") -> TableColumn:
    dtypes = {ValueKind.FLOAT64: np.float64, ValueKind.INT64: np.int64, ValueKind.BOOL: np.bool_}
    value = np.array(values, dtypes.get(kind, object))
    absent = np.array(missing, np.bool_)
    status = np.where(absent, np.uint32(BAD_NO_DATA), np.uint32(0)).astype(np.uint32)
    return TableColumn(title, unit, kind, value, absent, status, (~absent).astype(np.float64), 0.75)


def table(quality: Quality = Quality.NOTHING) -> Table:
    return Table(
        T0 + np.arange(3) * SECOND,
        [
            column("temperature", [1.5, np.nan, 3.25], ValueKind.FLOAT64, [False, False, True], "Cel"),
            column("count", [1, 2**60, 0], ValueKind.INT64, [False, False, True], "{piece}"),
            column("running", [True, False, False], ValueKind.BOOL, [False, False, True]),
            column("reason", ['=cmd|"/c"', "缺料, 等", ""], ValueKind.TEXT, [False, False, True]),
        ],
        quality,
    )


def joined(pieces: object) -> bytes:
    return b"".join(pieces)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("page_rows", [1, 2, 100])
def test_arrow(page_rows: int) -> None:
    found = pa.ipc.open_stream(joined(arrow_pieces(table(Quality.STATUS), page_rows))).read_all()
    assert found["time"].cast(pa.int64()).to_pylist() == (T0 + np.arange(3) * SECOND).tolist()
    assert str(found["temperature"].to_pylist()) == "[1.5, nan, None]"
    assert found["count"].to_pylist() == [1, 2**60, None]
    assert found["reason"].to_pylist() == ['=cmd|"/c"', "缺料, 等", None]
    assert found["running"].to_pylist() == [True, False, None]
    assert found["count status"].to_pylist() == [0, 0, BAD_NO_DATA]
    assert found.schema.field("temperature").metadata == {b"unit": b"Cel", b"good_share": b"0.750000"}


@pytest.mark.parametrize("page_rows", [1, 2, 100])
def test_parquet_says_what_arrow_says(page_rows: int) -> None:
    pieces = list(parquet_pieces(table(Quality.STATUS), page_rows))
    assert all(pieces), "an empty piece would be taken for the end"
    found = pq.read_table(io.BytesIO(b"".join(pieces)))
    expected = pa.ipc.open_stream(joined(arrow_pieces(table(Quality.STATUS), page_rows))).read_all()
    assert str(found.to_pydict()) == str(expected.to_pydict())
    assert found.schema.field("temperature").metadata[b"unit"] == b"Cel"


@pytest.mark.parametrize("page_rows", [1, 100])
def test_csv(page_rows: int) -> None:
    text = joined(csv_pieces(table(Quality.GOOD_SHARE), page_rows, ZoneInfo("Asia/Shanghai"))).decode()
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0][:3] == ["time", "temperature", "temperature good share"]
    assert rows[1] == ["2025-10-09T16:53:20.000+08:00", "1.5", "1", "1", "1", "true", "1", '\'=cmd|"/c"', "1"]
    assert rows[2][1] == "nan"
    assert rows[2][7] == "缺料, 等"
    assert rows[3] == ["2025-10-09T16:53:22.000+08:00", "", "0", "", "0", "", "0", "", "0"]
    assert len(rows) == 4


def test_a_workbook() -> None:
    book = load_workbook(io.BytesIO(joined(xlsx_pieces(table(), UTC))))
    rows = list(book["data"].iter_rows(values_only=True))
    assert rows[0] == ("time", "temperature", "count", "running", "reason")
    assert str(rows[1][0]) == "2025-10-09 08:53:20"
    assert rows[1][1:] == (1.5, 1, True, '=cmd|"/c"')
    assert rows[2][1:3] == ("nan", str(2**60))
    assert rows[3][1:] == (None, None, None, None)
    about = list(book["about"].iter_rows(values_only=True))
    assert about[1] == ("temperature", "Cel", 0.75, 2)


def test_text_never_becomes_a_formula_in_a_workbook() -> None:
    content = joined(xlsx_pieces(table(), UTC))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")


@pytest.mark.parametrize("quality", list(Quality))
def test_an_empty_table_has_a_header_in_each_form(quality: Quality) -> None:
    empty = Table(np.empty(0, np.int64), [column("x", [], ValueKind.FLOAT64, [])], quality)
    width = 2 if quality is Quality.NOTHING else 3
    assert pa.ipc.open_stream(joined(arrow_pieces(empty, 10))).read_all().num_columns == width
    assert pq.read_table(io.BytesIO(joined(parquet_pieces(empty, 10)))).num_columns == width
    assert joined(csv_pieces(empty, 10, UTC)).count(b",") == width - 1
    assert load_workbook(io.BytesIO(joined(xlsx_pieces(empty, UTC))))["data"].max_row == 1


def test_what_no_workbook_holds_is_refused() -> None:
    rows = 1_048_576
    many = Table(
        np.zeros(rows, np.int64), [column("x", np.zeros(rows), ValueKind.FLOAT64, [False] * rows)], Quality.NOTHING
    )
    with pytest.raises(ResourceExhausted, match="1048575 rows"):
        check_workbook(many)


def test_times_are_right_across_a_change_of_the_clock() -> None:
    # Berlin, 2025-10-26: the hour from 2 to 3 happens twice.
    times = np.array([1_761_438_600, 1_761_442_200]) * SECOND
    assert iso_times(times, ZoneInfo("Europe/Berlin")).tolist() == [
        "2025-10-26T02:30:00.000+02:00",
        "2025-10-26T02:30:00.000+01:00",
    ]
    assert iso_times(np.array([1]), UTC).tolist() == ["1970-01-01T00:00:00.000001Z"]
