from typing import Any

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dualspan_console.transcoding.columns import frame_columns, milliseconds
from dualspan_frame import BinaryColumn, Block, Frame, ValueKind


def seen(frame: Frame) -> list[dict[str, Any]]:
    """The columns as a browser has them."""
    return orjson.loads(orjson.dumps(frame_columns(frame), option=orjson.OPT_SERIALIZE_NUMPY))


def floats(values: list[float], tags: list[int] | None = None) -> Frame:
    count = len(values)
    tag = np.array(tags or [1] * count, np.int64)
    return Frame(
        (Block(ValueKind.FLOAT64, tag, np.arange(count, dtype=np.int64), np.zeros(count, np.uint32), np.array(values)),)
    )


@given(arrays(np.float64, st.integers(1, 20)))
def test_any_double_becomes_json_that_a_browser_accepts(values: np.ndarray) -> None:
    (columns,) = seen(floats(values.tolist()))
    assert columns["value"] == [value if np.isfinite(value) else None for value in values.tolist()]


def test_integers_beyond_javascript_are_text() -> None:
    values = np.array([2**53 - 1, 2**53 + 1, -(2**62)], np.int64)
    block = Block(ValueKind.INT64, np.ones(3, np.int64), np.arange(3, dtype=np.int64), np.zeros(3, np.uint32), values)
    (columns,) = seen(Frame((block,)))
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
    assert [columns["value"] for columns in seen(frame)] == [["<b>停机</b>"], ["3 bytes"]]
    array = block(ValueKind.BYTES, BinaryColumn.from_list([b"\x83\2\0\0\0\7\x08"]))
    assert seen(Frame((array,)))[0]["value"] == ["[7, 8]"]


def test_empty_blocks_are_left_out() -> None:
    assert frame_columns(Frame()) == []
    assert frame_columns(floats([])) == []


def test_times_keep_their_microseconds() -> None:
    assert milliseconds(np.array([1_700_000_000_123_456], np.int64)).tolist() == [1_700_000_000_123.456]
