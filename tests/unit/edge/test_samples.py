"""From items to samples of tags."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dualspan_edge.conversion import (
    BAD_ENCODING_LIMITS_EXCEEDED,
    BAD_NO_DATA,
    BAD_OUT_OF_RANGE,
    BAD_TYPE_MISMATCH,
    MAX_VALUE_BYTES,
    convert,
)
from dualspan_edge.decoder import DataChange, ItemRun, RunForm
from dualspan_edge.samples import TagTable
from dualspan_frame import BinaryColumn, Block, ValueKind

NOW = 1_795_000_000_000_000
FLOAT, INT64, UINT64, DOUBLE, BOOLEAN, DATE_TIME = 10, 8, 9, 11, 1, 13


def _run(
    values: Any,
    *,
    form: RunForm = RunForm.NUMBER,
    built_in: int = DOUBLE,
    handle: list[int] | None = None,
    status: list[int] | None = None,
    time: list[int] | None = None,
    first: int = 0,
    count: int | None = None,
) -> ItemRun:
    size = len(values) if count is None else count
    return ItemRun(
        form=form,
        built_in=built_in if form is RunForm.NUMBER else 0,
        index=np.arange(first, first + size, dtype=np.int64),
        handle=np.array(handle or [0] * size, np.uint32),
        status=np.array(status or [0] * size, np.uint32),
        timestamp=np.array(time or [NOW + number for number in range(size)], np.int64),
        values=values,
    )


def _doubles(*values: float) -> NDArray[np.float64]:
    return np.array(values)


def _change(*runs: ItemRun) -> DataChange:
    return DataChange(sum(len(run) for run in runs), runs)


def test_handles_become_tags() -> None:
    table = TagTable()
    handles = [table.add(tag_id, ValueKind.FLOAT64) for tag_id in (700, 300, 500)]
    received = table.receive(_change(_run(_doubles(1, 2, 3), handle=[handles[2], handles[0], handles[1]])), NOW)
    (block,) = received.blocks
    assert block.tag.tolist() == [500, 700, 300]
    assert block.value.tolist() == [1.0, 2.0, 3.0]  # pyright: ignore[reportAttributeAccessIssue]
    assert received.sample_count == 3
    assert received.overflow is None


def test_many_handles() -> None:
    table = TagTable()
    handles = [table.add(tag_id, ValueKind.INT64) for tag_id in range(1000, 1500)]
    run = _run(np.arange(500), built_in=INT64, handle=handles)
    (block,) = table.receive(_change(run), NOW).blocks
    assert block.tag.tolist() == list(range(1000, 1500))


def test_unknown_and_removed_handles_are_nobodys() -> None:
    table = TagTable()
    keep, gone = table.add(1, ValueKind.FLOAT64), table.add(2, ValueKind.FLOAT64)
    table.remove(gone)
    received = table.receive(_change(_run(_doubles(1, 2, 3), handle=[gone, keep, 4_000_000_000])), NOW)
    assert received.blocks[0].tag.tolist() == [1]
    assert not table.receive(_change(_run(_doubles(1), handle=[gone])), NOW).blocks


def test_arrival_order_within_a_tag_holds_across_runs() -> None:
    table = TagTable()
    handle = table.add(1, ValueKind.FLOAT64)
    odd = _run(_doubles(1, 3), handle=[handle] * 2, time=[NOW + 1, NOW + 3])
    even = _run(None, form=RunForm.ABSENT, handle=[handle] * 2, time=[NOW, NOW + 2], count=2, status=[0x80000000] * 2)
    odd = ItemRun(odd.form, odd.built_in, np.array([1, 3]), odd.handle, odd.status, odd.timestamp, odd.values)
    even = ItemRun(even.form, even.built_in, np.array([0, 2]), even.handle, even.status, even.timestamp, None)
    (block,) = table.receive(_change(odd, even), NOW).blocks
    assert block.timestamp.tolist() == [NOW, NOW + 1, NOW + 2, NOW + 3]


def test_kinds_of_one_run_are_told_apart() -> None:
    table = TagTable()
    first, second = table.add(1, ValueKind.FLOAT64), table.add(2, ValueKind.INT64)
    run = _run(np.array([5, 6, 7], np.int32), built_in=6, handle=[first, second, first])
    blocks = {block.kind: block for block in table.receive(_change(run), NOW).blocks}
    assert blocks[ValueKind.FLOAT64].value.tolist() == [5.0, 7.0]  # pyright: ignore[reportAttributeAccessIssue]
    assert blocks[ValueKind.INT64].value.tolist() == [6]  # pyright: ignore[reportAttributeAccessIssue]


def test_the_first_value_of_a_new_item_is_not_repeated() -> None:
    table = TagTable()
    old = table.add(1, ValueKind.FLOAT64)
    table.receive(_change(_run(_doubles(1.5), handle=[old], time=[NOW - 5])), NOW)
    table.remove(old)
    table.compact()
    new = table.add(1, ValueKind.FLOAT64)
    repeated = _run(_doubles(1.5, 2.5), handle=[new, new], time=[NOW - 5, NOW])
    (block,) = table.receive(_change(repeated), NOW).blocks
    assert block.timestamp.tolist() == [NOW]
    # Only the first one can be a repeat: after it, equal times are the server's business.
    (block,) = table.receive(_change(_run(_doubles(3.5), handle=[new], time=[NOW])), NOW).blocks
    assert block.timestamp.tolist() == [NOW]


def test_overflow_spans_from_the_last_sample() -> None:
    table = TagTable()
    handle, other = table.add(1, ValueKind.FLOAT64), table.add(2, ValueKind.FLOAT64)
    table.receive(_change(_run(_doubles(1), handle=[handle], time=[NOW - 100])), NOW)
    run = _run(_doubles(2, 3), handle=[handle, other], status=[0x480, 0x480], time=[NOW, NOW])
    overflow = table.receive(_change(run), NOW).overflow
    assert overflow is not None
    assert overflow.tag.tolist() == [1, 2]
    assert overflow.start.tolist() == [NOW - 100, NOW]
    assert overflow.end.tolist() == [NOW, NOW]


@pytest.mark.parametrize("status", [0x80, 0x880, 0x400])
def test_other_bits_are_no_overflow(status: int) -> None:
    table = TagTable()
    handle = table.add(1, ValueKind.FLOAT64)
    received = table.receive(_change(_run(_doubles(2), handle=[handle], status=[status])), NOW)
    assert received.overflow is None
    assert received.blocks[0].status.tolist() == [status]


def test_a_source_without_a_clock() -> None:
    table = TagTable()
    handle = table.add(1, ValueKind.FLOAT64)
    times = [0, NOW + 10**15, NOW]
    run = _run(_doubles(1, 2, 3), handle=[handle] * 3, time=times, status=[0, 0x80000000, 0])
    (block,) = table.receive(_change(run), NOW).blocks
    assert block.timestamp.tolist() == [NOW, NOW, NOW]
    assert block.status.tolist() == [0x40000000, 0x80000000, 0]


def _converted(run: ItemRun, kind: ValueKind) -> tuple[list[Any], list[int]]:
    converted = convert(run, kind)
    # What comes out has to be what a block of this kind takes.
    Block(kind, np.zeros(len(run), np.int64), run.timestamp, converted.status, converted.values)
    values = converted.values
    return (values.to_list() if isinstance(values, BinaryColumn) else values.tolist()), converted.status.tolist()


@pytest.mark.parametrize("kind", list(ValueKind))
def test_no_value(kind: ValueKind) -> None:
    run = _run(None, form=RunForm.ABSENT, count=2, status=[0, 0x80050000])
    values, status = _converted(run, kind)
    assert status == [BAD_NO_DATA, 0x80050000]
    assert values[0] in (0, False, b"") or np.isnan(values[0])


def test_numbers() -> None:
    assert _converted(_run(np.array([1.5], np.float32), built_in=FLOAT), ValueKind.FLOAT64) == ([1.5], [0])
    assert _converted(_run(np.array([-7], np.int16), built_in=4), ValueKind.INT64) == ([-7], [0])
    assert _converted(_run(np.array([True]), built_in=BOOLEAN), ValueKind.BOOL) == ([True], [0])
    assert _converted(_run(np.array([NOW]), built_in=DATE_TIME), ValueKind.INT64) == ([NOW], [0])
    largest = np.array([2**64 - 1, 5], np.uint64)
    assert _converted(_run(largest, built_in=UINT64), ValueKind.INT64) == ([2**63 - 1, 5], [BAD_OUT_OF_RANGE, 0])


@pytest.mark.parametrize(
    ("run", "kind"),
    [
        (_run(np.array([1.5])), ValueKind.INT64),
        (_run(np.array([1.5])), ValueKind.TEXT),
        (_run(np.array([NOW]), built_in=DATE_TIME), ValueKind.FLOAT64),
        (_run(BinaryColumn.from_list([b"x"]), form=RunForm.TEXT), ValueKind.FLOAT64),
        (_run(BinaryColumn.from_list([b"\x8b"]), form=RunForm.VARIANT), ValueKind.TEXT),
    ],
)
def test_another_type_than_the_tags(run: ItemRun, kind: ValueKind) -> None:
    assert _converted(run, kind)[1] == [BAD_TYPE_MISMATCH]


def test_anything_can_be_a_variant() -> None:
    double = _run(np.array([1.0]))
    assert _converted(double, ValueKind.BYTES)[0] == [b"\x0b" + np.float64(1).tobytes()]
    text = _run(BinaryColumn.from_list([b"ab"]), form=RunForm.TEXT)
    assert _converted(text, ValueKind.BYTES)[0] == [b"\x0c\x02\x00\x00\x00ab"]
    time = _run(np.array([0]), built_in=DATE_TIME)
    assert _converted(time, ValueKind.BYTES)[0] == [b"\x0d" + (116_444_736_000_000_000).to_bytes(8, "little")]


def test_a_value_that_is_too_long_is_left_out() -> None:
    run = _run(BinaryColumn.from_list([b"x" * (MAX_VALUE_BYTES + 1), b"y"]), form=RunForm.TEXT)
    assert _converted(run, ValueKind.TEXT) == ([b"", b"y"], [BAD_ENCODING_LIMITS_EXCEEDED, 0])
