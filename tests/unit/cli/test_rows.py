import json

import numpy as np
import pytest

from dualspan_cli.output import OutputForm
from dualspan_cli.rows import RowPrinter, frame_rows
from dualspan_sdk import BinaryColumn, Block, Frame, Tag, ValueKind

US = 1_700_000_000_000_000


def tag(tag_id: int, kind: ValueKind) -> Tag:
    return Tag(
        name=f"tenants/t/tags/{tag_id}",
        tag_id=tag_id,
        server="tenants/t/gateways/g/servers/s",
        node_id="nsu=urn:x;s=a",
        browse_path="/a",
        display_name=f"tag {tag_id}",
        kind=kind,
        data_type="",
        unit="°C",
        state="ACTIVE",
        state_detail="",
    )


def block(kind: ValueKind, values: object, status: int = 0) -> Block:
    count = len(values)  # pyright: ignore[reportArgumentType]
    return Block(
        kind,
        np.full(count, int(kind), np.int64),
        US + np.arange(count, dtype=np.int64),
        np.full(count, status, np.uint32),
        values,  # pyright: ignore[reportArgumentType]
    )


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_every_kind_becomes_json_that_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    frame = Frame(
        (
            block(ValueKind.FLOAT64, np.array([1.5, np.nan, np.inf])),
            block(ValueKind.INT64, np.array([2**62], np.int64)),
            block(ValueKind.BOOL, np.array([True])),
            block(ValueKind.TEXT, BinaryColumn.from_list(["停机"])),
            block(ValueKind.BYTES, BinaryColumn.from_list([b"\x01\xff"])),
        )
    )
    printer = RowPrinter(OutputForm.JSON, limit=0)
    for row in frame_rows(frame, {int(kind): tag(int(kind), kind) for kind in ValueKind}):
        assert printer.print(row)
    found = [json.loads(line)["value"] for line in lines(capsys)]
    assert found == [1.5, "nan", "inf", 2**62, True, "停机", "01ff"]


def test_csv_has_one_header_and_keeps_the_status_code(capsys: pytest.CaptureFixture[str]) -> None:
    frame = Frame((block(ValueKind.FLOAT64, np.array([1.0, 2.0]), status=0x809B0000),))
    printer = RowPrinter(OutputForm.CSV, limit=0)
    for row in frame_rows(frame, {1: tag(1, ValueKind.FLOAT64)}):
        printer.print(row)
    header, first, second = lines(capsys)
    assert header == "time,tag_id,tag,aggregate,value,unit,status"
    assert first == "2023-11-14T22:13:20.000000Z,1,tag 1,,1.0,°C,0x809B0000"
    assert second.startswith("2023-11-14T22:13:20.000001Z")


def test_a_table_says_when_a_value_is_bad_and_stops_at_its_limit(capsys: pytest.CaptureFixture[str]) -> None:
    frame = Frame((block(ValueKind.FLOAT64, np.arange(5.0), status=0x80000000),))
    printer = RowPrinter(OutputForm.TABLE, limit=2)
    wanted = [printer.print(row) for row in frame_rows(frame, {1: tag(1, ValueKind.FLOAT64)})][:2]
    assert wanted == [True, False]
    assert "Bad" in lines(capsys)[1]
