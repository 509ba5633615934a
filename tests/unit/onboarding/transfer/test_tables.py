"""CSV and workbooks: what goes out comes back, and what is hostile goes nowhere."""

import io
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from dualspan_onboarding.model import (
    ConnectionState,
    OpcUaServer,
    SecurityMode,
    SecurityPolicy,
    ServerReport,
    ServerSettings,
    Tag,
    TagState,
)
from dualspan_onboarding.names import ServerName, TagName
from dualspan_onboarding.rules import is_node_id
from dualspan_onboarding.sampling import (
    Acquisition,
    AcquisitionMode,
    Address,
    DataChangeTrigger,
    DeadbandType,
)
from dualspan_onboarding.transfer import rows
from dualspan_onboarding.transfer.columns import settings_of
from dualspan_onboarding.transfer.csv_file import as_written, harmless
from dualspan_onboarding.transfer.entries import Entry, FileFormat, FileRefused, TagFile
from dualspan_onboarding.transfer.files import read_file, write_file

SERVER = OpcUaServer(
    name=ServerName("acme", "g1", "press-1"),
    settings=ServerSettings(
        "Press", "opc.tcp://10.0.0.5:4840", SecurityMode.SIGN_AND_ENCRYPT, SecurityPolicy.STRONGEST, "op", ""
    ),
    password_sealed=b"sealed",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    snapshot=None,
    report=ServerReport("press-1", ConnectionState.CONNECTED),
)
TABLES = (FileFormat.CSV, FileFormat.XLSX)
ALL = (*TABLES, FileFormat.PUBLISHED_NODES)


def tag(number: int = 1, **changes: Any) -> Tag:
    stated: dict[str, Any] = {
        "name": TagName("acme", number),
        "server": SERVER.name,
        "node_id": f"nsu=http://plant;s=T{number}",
        "browse_path": f"Plant/T{number}",
        "display_name": f"T{number}",
        "kind": 1,
        "data_type": "Double",
        "unit": "°C",
        "sampling_interval_us": 100_000,
        "publishing_interval_us": 1_000_000,
        "queue_size": 0,
        "state": TagState.ACTIVE,
        "state_detail": "",
        "created_at": SERVER.created_at,
    }
    return Tag(**(stated | changes))


def written(*tags: Tag, how: FileFormat = FileFormat.CSV) -> bytes:
    return write_file(tags, {SERVER.name: SERVER}, how)[0]


def back(*tags: Tag, how: FileFormat) -> list[Entry]:
    file = read_file(written(*tags, how=how), None)
    assert not file.problems, file.problems
    return list(file.entries)


def same(entry: Entry, original: Tag) -> None:
    assert (entry.node.node_id, entry.address) == (original.node_id, original.address)
    wanted = settings_of(original)
    stated = {field: getattr(wanted, field) for field in entry.settings}
    assert dict(entry.settings) == stated
    silent = {field for field in type(wanted).__dataclass_fields__ if field not in entry.settings}
    assert all(not getattr(wanted, field) for field in silent), "only what is empty is left out"
    assert entry.facts.get("browse_path", "") == original.browse_path
    assert entry.facts.get("unit", "") == original.unit


_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30).map(str.strip)
_FROM_A_PLC = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00\ufffe\uffff"), max_size=30)
_TAGS = st.builds(
    tag,
    node_id=_FROM_A_PLC.map(lambda text: f"nsu=http://plant;s={text}").filter(is_node_id),
    browse_path=_FROM_A_PLC.map(lambda text: f"P/{text}x"),
    display_name=_TEXT,
    unit=_TEXT,
    kind=st.integers(1, 5),
    sampling_interval_us=st.integers(0, 86_400_000_000),
    publishing_interval_us=st.integers(0, 86_400_000_000),
    queue_size=st.integers(0, 100_000),
    address=st.sampled_from([Address(), Address(field_path="A.B[2]"), Address(index_range="0:3")]),
    acquisition=st.builds(
        Acquisition,
        mode=st.sampled_from(AcquisitionMode),
        deadband_type=st.sampled_from(DeadbandType),
        deadband_value=st.floats(0, 1e300),
        trigger=st.sampled_from(DataChangeTrigger),
        discard_newest=st.booleans(),
        heartbeat_us=st.integers(0, 86_400_000_000),
        register_node=st.booleans(),
        minimum_severity=st.integers(0, 1000),
    ),
)


@pytest.mark.parametrize("how", TABLES)
@settings(max_examples=25, deadline=None)
@given(originals=st.lists(_TAGS, min_size=1, max_size=20))
def test_what_goes_out_comes_back(how: FileFormat, originals: list[Tag]) -> None:
    # The order of a file: by path, then by node.
    originals.sort(key=lambda each: (each.browse_path, each.node_id, each.address.field_path))
    for entry, original in zip(back(*originals, how=how), originals, strict=True):
        same(entry, original)


@pytest.mark.parametrize("how", ALL)
def test_the_same_tags_make_the_same_bytes_whatever_the_order_and_the_moment(how: FileFormat) -> None:
    tags = [tag(number) for number in range(1, 30)]
    assert written(*tags, how=how) == written(*reversed(tags), how=how)


@pytest.mark.parametrize("how", ALL)
def test_no_password_is_in_a_file(how: FileFormat) -> None:
    content = written(tag(), how=how)
    assert b"sealed" not in content
    assert b"assword" not in content.replace(b"UsernamePassword", b"")


@pytest.mark.parametrize("beginning", ["=", "+", "-", "@", "\t", "\r", "＝", "'"])
def test_no_cell_of_a_csv_is_a_formula(beginning: str) -> None:
    text = f'{beginning}HYPERLINK("http://evil","x")'
    assert harmless(text).startswith("'")
    assert as_written(harmless(text)) == text
    content = written(tag(browse_path=text, unit="=1+1")).decode("utf-8-sig")
    assert ",=1+1" not in content
    assert f",{beginning}H" not in content


def test_a_text_in_a_workbook_is_never_a_formula() -> None:
    book = load_workbook(io.BytesIO(written(tag(display_name="=1+1", unit="_x0041_"), how=FileFormat.XLSX)))
    row = {cell.value: value for cell, value in zip(*book.worksheets[0].iter_rows(max_row=2), strict=True)}
    assert (row["display_name"].value, row["display_name"].data_type) == ("=1+1", "s")
    assert row["unit"].value == "_x005F_x0041_", "as Excel escapes it, so that it does not become an A"


def csv(*lines: str) -> TagFile:
    return read_file("\n".join(lines).encode(), FileFormat.CSV)


@pytest.mark.parametrize(
    "content",
    [
        "gateway;server;node_id;queue_size\ng1;press-1;i=1;7",
        "gateway\tserver\tnode_id\tqueue_size\ng1\tpress-1\ti=1\t7",
        "sep=;\nGateway;Server;NODE_ID ;queue_size\ng1;press-1;i=1;7",
        "﻿gateway,server,node_id,queue_size\r\ng1,press-1,i=1,7\r\n\r\n,,,\r\n",
    ],
)
def test_what_spreadsheet_programs_make_of_a_csv_is_read(content: str) -> None:
    for encoding in ("utf-8", "utf-16"):
        (entry,) = read_file(content.encode(encoding), None).entries
        assert (entry.server, entry.node.node_id, dict(entry.settings)) == (("g1", "press-1"), "i=1", {"queue_size": 7})


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ("i=x,", "node_id", "MALFORMED_NODE_ID"),
        (",7", "node_id", "NODE_MISSING"),
        ("i=1,many", "queue_size", "NUMBER_OUT_OF_RANGE"),
        ("i=1,١٢", "queue_size", "NUMBER_OUT_OF_RANGE"),
        ("i=1,7,,,x", "", "TOO_MANY_CELLS"),
        ("i=1,,0.0001", "sampling_interval_ms", "INTERVAL_TOO_FINE"),
        ("i=1,,1e400", "sampling_interval_ms", "INTERVAL_OUT_OF_RANGE"),
        ("i=1,,nan", "sampling_interval_ms", "INTERVAL_OUT_OF_RANGE"),
        ("i=1,,1 s", "sampling_interval_ms", "MALFORMED_INTERVAL"),
        ("i=1,,,MAYBE", "mode", "UNKNOWN_WORD"),
    ],
)
def test_a_row_that_is_wrong_is_named_with_line_column_and_remedy(row: str, field: str, reason: str) -> None:
    file = csv("node_id,queue_size,sampling_interval_ms,mode", "i=5,", '"i=6\n7",', row)
    (other, problem) = file.problems
    assert (other.place.line, other.reason) == (3, "MALFORMED_NODE_ID")
    assert (problem.place.line, problem.place.field, problem.reason) == (5, field, reason)
    assert problem.remedy
    assert len(file.entries) == 1


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"", 1, "FILE_EMPTY"),
        (b"a,b\n1,2", 1, "HEADER_MISSING"),
        (b"node_id,node_id\ni=1,i=1", 1, "COLUMN_REPEATED"),
        (b'node_id\n"i=1', 2, "NOT_CSV"),
        (b"node_id\ni=1\n\xff\xfe\xfa", 3, "NOT_UTF8"),
        (b"node_id\n" + b"x" * 70_000, 2, "NOT_CSV"),
        (b"node_id\n" + b"i=1\n" * 21, 22, "TOO_MANY_ENTRIES"),
        (b"x" * (32 * 1024 * 1024 + 1), 1, "FILE_TOO_LARGE"),
        (b"PK\x03\x04 no zip", 1, "NOT_XLSX"),
    ],
)
def test_a_file_of_which_nothing_can_be_read_says_why_and_where(
    content: bytes, line: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MAX_ENTRIES", 20)
    with pytest.raises(FileRefused) as refused:
        read_file(content, None)
    assert (refused.value.problem.reason, refused.value.problem.place.line) == (reason, line)


def test_unknown_columns_are_said_once() -> None:
    file = csv("node_id,my notes", "i=1,a", "i=2,b")
    assert [(remark.place.line, remark.place.field) for remark in file.remarks] == [(1, "my notes")]


# Workbooks know no time zones.
DAY = datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)


def book_of(*rows: list[object]) -> bytes:
    book = Workbook()
    sheet: Any = book.active
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_formulas_dates_and_errors_in_a_workbook_are_named() -> None:
    content = book_of(
        ["node_id", "queue_size", "display_name"],
        ["i=1", "=1+1", "a"],
        ["i=2", DAY, "b"],
        ["i=3", 7.0, "c"],
    )
    file = read_file(content, None)
    assert [(p.place.line, p.place.field, p.reason) for p in file.problems] == [
        (2, "queue_size", "FORMULA"),
        (3, "queue_size", "NOT_TEXT"),
    ]
    assert [dict(entry.settings) for entry in file.entries] == [{"queue_size": 7, "display_name": "c"}]


def with_part(content: bytes, name: str, part: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for info in source.infolist():
            if info.filename != name:
                target.writestr(info, source.read(info))
        target.writestr(name, part)
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


def test_a_bomb_is_not_unpacked() -> None:
    bomb = with_part(book_of(["node_id"]), SHEET, b"<a>" + b"\x20" * 100_000_000 + b"</a>")
    assert len(bomb) < 200_000
    with pytest.raises(FileRefused, match="would unpack to"):
        read_file(bomb, None)


def test_entities_are_not_expanded() -> None:
    laughs = b'<!DOCTYPE a [<!ENTITY b "' + b"x" * 1000 + b'">]><worksheet>&b;</worksheet>'
    with pytest.raises(FileRefused) as refused:
        read_file(with_part(book_of(["node_id"]), SHEET, laughs), None)
    assert refused.value.problem.reason == "NOT_XLSX"


def test_a_sheet_that_claims_a_million_rows_costs_what_it_has() -> None:
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/>'
        '<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>node_id</t></is></c></row>'
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData></worksheet>'
    )
    file = read_file(with_part(book_of(["node_id"]), SHEET, sheet.encode()), None)
    assert (file.count, len(file.problems)) == (0, 0)
