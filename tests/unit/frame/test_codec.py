import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from dualspan.frame.v1 import frame_pb2
from dualspan_frame import (
    BinaryColumn,
    Block,
    DecodeLimits,
    Frame,
    ValueKind,
    Values,
    decode_column,
    decode_frame,
    encode_column,
    encode_frame,
)


@st.composite
def blocks(draw: st.DrawFn, kind: ValueKind) -> Block:
    count = draw(st.integers(1, 60))
    int64 = npst.arrays(np.int64, count)
    values: Values
    if kind is ValueKind.TEXT:
        values = BinaryColumn.from_list(draw(st.lists(st.text(max_size=6), min_size=count, max_size=count)))
    elif kind is ValueKind.BYTES:
        values = BinaryColumn.from_list(draw(st.lists(st.binary(max_size=6), min_size=count, max_size=count)))
    elif kind is ValueKind.BOOL:
        values = draw(npst.arrays(np.bool_, count))
    elif kind is ValueKind.INT64:
        values = draw(int64)
    else:
        # Any 64 bits are a double: NaN payloads, infinities, subnormals and -0.0 among them.
        values = draw(npst.arrays(np.uint64, count)).view(np.float64)
    return Block(kind, draw(int64), draw(int64), draw(npst.arrays(np.uint32, count)), values)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    kinds = draw(st.sets(st.sampled_from(list(ValueKind))))
    return Frame(tuple(draw(blocks(kind)) for kind in sorted(kinds)))


@given(frames(), st.booleans(), st.sampled_from([0, 4, 8]))
def test_any_frame_survives(frame: Frame, raw: bool, level: int) -> None:
    data = encode_frame(frame, raw=raw, level=level).SerializeToString()
    assert decode_frame(frame_pb2.Frame.FromString(data)).same_as(frame)


@pytest.mark.parametrize("raw", [False, True])
def test_the_extremes_survive(raw: bool) -> None:
    extremes = np.array([np.iinfo(np.int64).min, -1, 0, 1, np.iinfo(np.int64).max] * 50, np.int64)
    bits = np.array([0x7FF8DEADBEEF0001, 0xFFF0000000000000, 0x7FF0000000000000, 1 << 63, 1] * 50, np.uint64)
    status = np.full(250, 0xFFFFFFFF, np.uint32)
    frame = Frame(
        (
            Block(ValueKind.INT64, extremes, extremes, status, extremes),
            Block(ValueKind.FLOAT64, extremes, extremes, status, bits.view(np.float64)),
        )
    )
    assert decode_frame(encode_frame(frame, raw=raw)).same_as(frame)


def test_raw_is_what_the_contract_says() -> None:
    numbers = encode_column(np.array([1, -1], np.int64), raw=True)
    assert numbers.encoding == frame_pb2.ENCODING_RAW
    assert numbers.data == bytes.fromhex("0100000000000000ffffffffffffffff")
    text = encode_column(BinaryColumn.from_list(["ab", "", "c"]), raw=True)
    assert text.data == bytes.fromhex("020000000000000001000000") + b"abc"
    assert encode_column(np.array([True, False]), raw=True).data == b"\x01\x00"


def test_a_block_without_checksum_is_accepted() -> None:
    frame = one_of_each(100)
    message = encode_frame(frame, raw=True)
    for block in message.blocks:
        block.ClearField("checksum")
    assert decode_frame(message).same_as(frame)


def test_repeated_text_goes_into_a_dictionary() -> None:
    column = BinaryColumn.from_list([f"state {number // 40 % 5}" for number in range(5000)])
    encoded = encode_column(column)
    assert encoded.encoding == frame_pb2.ENCODING_DICTIONARY
    assert encoded.dictionary_count == 5
    assert encoded.ByteSize() < 300
    assert decode_column(encoded, ValueKind.TEXT, 5000) == column


def test_text_that_never_repeats_does_not() -> None:
    column = BinaryColumn.from_list([f"serial {number * 7919:x}" for number in range(5000)])
    encoded = encode_column(column)
    assert encoded.encoding == frame_pb2.ENCODING_ZSTD
    assert decode_column(encoded, ValueKind.TEXT, 5000) == column


@pytest.mark.parametrize("value", [0, 0x80000000])
def test_a_constant_column_is_a_few_bytes(value: int) -> None:
    assert encode_column(np.full(100_000, value, np.uint32)).ByteSize() < 50


def test_a_nan_column_is_a_constant_too() -> None:
    column = np.full(10_000, np.nan)
    encoded = encode_column(column)
    assert encoded.ByteSize() < 50
    assert decode_column(encoded, np.float64, 10_000).tobytes() == column.tobytes()


def test_zeros_of_both_signs_are_not_a_constant() -> None:
    column = np.array([0.0, -0.0] * 100 + [0.0])
    assert decode_column(encode_column(column), np.float64, 201).tobytes() == column.tobytes()


def test_noise_is_never_longer_than_raw() -> None:
    noise = np.random.default_rng(7).integers(0, 2**64, 1000, np.uint64).view(np.int64)
    assert encode_column(noise).ByteSize() <= encode_column(noise, raw=True).ByteSize()


def test_strided_arrays_are_encoded_by_value() -> None:
    column = np.arange(1000, dtype=np.int64)[::3]
    assert decode_column(encode_column(column), np.int64, len(column)).tolist() == column.tolist()


def test_an_empty_frame_is_an_empty_message() -> None:
    assert encode_frame(Frame()).ByteSize() == 0
    assert decode_frame(frame_pb2.Frame()).sample_count == 0


def test_limits_that_are_just_enough_are_enough() -> None:
    frame = one_of_each(100)
    assert decode_frame(encode_frame(frame), DecodeLimits(max_samples=500)).same_as(frame)


def one_of_each(count: int) -> Frame:
    random = np.random.default_rng(count)
    tag = np.arange(count, dtype=np.int64)
    time = 1_700_000_000_000_000 + tag * 1000
    status = np.zeros(count, np.uint32)
    values: dict[ValueKind, Values] = {
        ValueKind.FLOAT64: random.normal(size=count),
        ValueKind.INT64: random.integers(-1000, 1000, count),
        ValueKind.BOOL: random.random(count) < 0.5,
        ValueKind.TEXT: BinaryColumn.from_list([f"text {number % 9}" for number in range(count)]),
        ValueKind.BYTES: BinaryColumn.from_list([random.bytes(number % 7) for number in range(count)]),
    }
    return Frame(tuple(Block(kind, tag, time, status, value) for kind, value in values.items()))
