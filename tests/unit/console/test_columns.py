import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dualspan_console.columns import frame_columns, milliseconds, newest
from dualspan_sdk import BinaryColumn, Block, Frame, ValueKind


def floats(values: list[float], tags: list[int] | None = None) -> Frame:
    count = len(values)
    tag = np.array(tags or [1] * count, np.int64)
    return Frame(
        (Block(ValueKind.FLOAT64, tag, np.arange(count, dtype=np.int64), np.zeros(count, np.uint32), np.array(values)),)
    )


@given(arrays(np.float64, st.integers(1, 20)))
def test_any_double_becomes_json_that_a_browser_accepts(values: np.ndarray) -> None:
    (columns,) = frame_columns(floats(values.tolist()))
    found = json.loads(json.dumps(columns, allow_nan=False))["value"]
    assert found == [value if np.isfinite(value) else None for value in values.tolist()]


def test_integers_beyond_javascript_are_text() -> None:
    values = np.array([2**53 - 1, 2**53 + 1, -(2**62)], np.int64)
    block = Block(ValueKind.INT64, np.ones(3, np.int64), np.arange(3, dtype=np.int64), np.zeros(3, np.uint32), values)
    (columns,) = frame_columns(Frame((block,)))
    assert columns["value"] == [2**53 - 1, str(2**53 + 1), str(-(2**62))]


def test_bytes_are_described_and_text_is_shown() -> None:
    def block(kind: ValueKind, column: BinaryColumn) -> Block:
        return Block(kind, np.ones(1, np.int64), np.zeros(1, np.int64), np.zeros(1, np.uint32), column)

    frame = Frame(
        (
            block(ValueKind.TEXT, BinaryColumn.from_list(["<b>停机</b>"])),
            block(ValueKind.BYTES, BinaryColumn.from_list([b"abc"])),
        )
    )
    assert [columns["value"] for columns in frame_columns(frame)] == [["<b>停机</b>"], ["3 bytes"]]
    array = block(ValueKind.BYTES, BinaryColumn.from_list([b"\x83\2\0\0\0\7\x08"]))
    assert frame_columns(Frame((array,)))[0]["value"] == ["[7, 8]"]


def test_empty_blocks_are_left_out() -> None:
    assert frame_columns(Frame()) == []
    assert frame_columns(floats([])) == []


def test_the_newest_sample_of_each_tag_is_the_one_that_came_last() -> None:
    frame = newest(floats([1.0, 2.0, 3.0, 4.0, 5.0], [7, 8, 7, 8, 9]))
    (columns,) = frame_columns(frame)
    assert dict(zip(columns["tag"], columns["value"], strict=True)) == {7: 3.0, 8: 4.0, 9: 5.0}


def test_times_keep_their_microseconds() -> None:
    assert milliseconds(np.array([1_700_000_000_123_456], np.int64)) == [1_700_000_000_123.456]
