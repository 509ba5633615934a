import numpy as np
import pytest

from dualspan_frame import BinaryColumn, Block, Frame, ValueKind


def numbers(tags: list[int], times: list[int], values: list[float]) -> Block:
    count = len(tags)
    return Block(
        ValueKind.FLOAT64,
        np.array(tags, np.int64),
        np.array(times, np.int64),
        np.zeros(count, np.uint32),
        np.array(values, np.float64),
    )


def texts(tags: list[int], times: list[int], values: list[str]) -> Block:
    count = len(tags)
    return Block(
        ValueKind.TEXT,
        np.array(tags, np.int64),
        np.array(times, np.int64),
        np.zeros(count, np.uint32),
        BinaryColumn.from_list(values),
    )


def test_counts_and_times_cover_all_blocks() -> None:
    frame = Frame((numbers([1, 2], [50, 20], [1.0, 2.0]), texts([3], [70], ["on"])))
    assert frame.sample_count == 3
    assert frame.time_range() == (20, 70)


def test_no_samples_have_no_time() -> None:
    assert Frame().time_range() is None
    assert Frame((numbers([], [], []),)).time_range() is None


def test_select_keeps_order_and_leaves_out_empty_blocks() -> None:
    frame = Frame((numbers([1, 2, 1], [1, 2, 3], [1.0, 2.0, 3.0]), texts([3], [4], ["on"])))
    assert frame.select([1]).same_as(Frame((numbers([1, 1], [1, 3], [1.0, 3.0]),)))
    assert frame.select([3, 2]).sample_count == 2
    assert frame.select([]).blocks == ()


def test_concat_joins_by_kind_in_order_of_arrival() -> None:
    first = Frame((numbers([1], [1], [1.0]), texts([3], [1], ["on"])))
    second = Frame((texts([3], [2], ["off"]), numbers([1], [2], [2.0])))
    joined = Frame.concat([first, second])
    assert joined.same_as(Frame((numbers([1, 1], [1, 2], [1.0, 2.0]), texts([3, 3], [1, 2], ["on", "off"]))))


def test_two_blocks_of_one_kind_are_refused() -> None:
    block = numbers([1], [1], [1.0])
    with pytest.raises(ValueError, match="one block per kind"):
        Frame((block, block))


def test_block_of_another_kind_is_none() -> None:
    frame = Frame((numbers([1], [1], [1.0]),))
    assert frame.block(ValueKind.TEXT) is None
    assert frame.block(ValueKind.FLOAT64) is frame.blocks[0]


def test_columns_of_other_lengths_or_dtypes_are_refused() -> None:
    one = np.zeros(1, np.int64)
    status = np.zeros(1, np.uint32)
    with pytest.raises(ValueError, match="timestamp"):
        Block(ValueKind.INT64, one, np.zeros(2, np.int64), status, one)
    with pytest.raises(ValueError, match="value"):
        Block(ValueKind.FLOAT64, one, one, status, one)
    with pytest.raises(ValueError, match="value"):
        Block(ValueKind.TEXT, one, one, status, one)
    with pytest.raises(ValueError, match="value"):
        Block(ValueKind.INT64, one, one, status, BinaryColumn.empty(1))
    with pytest.raises(ValueError, match="value"):
        Block(ValueKind.TEXT, one, one, status, BinaryColumn.empty(2))


def test_take_by_mask_and_by_index_agree() -> None:
    block = texts([1, 2, 3], [1, 2, 3], ["a", "b", "c"])
    assert block.take(np.array([True, False, True])).same_as(block.take(np.array([0, 2])))


def test_same_as_tells_every_bit_of_a_nan() -> None:
    quiet = np.array([0x7FF8000000000001], np.uint64).view(np.float64)
    other = np.array([0x7FF8000000000002], np.uint64).view(np.float64)
    one = np.zeros(1, np.int64)
    status = np.zeros(1, np.uint32)
    first = Block(ValueKind.FLOAT64, one, one, status, quiet)
    assert first.same_as(Block(ValueKind.FLOAT64, one, one, status, quiet.copy()))
    assert not first.same_as(Block(ValueKind.FLOAT64, one, one, status, other))
