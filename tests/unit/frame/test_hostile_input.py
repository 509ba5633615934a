"""Whatever arrives, decoding returns the samples that were announced or raises FrameError."""

import resource
import struct
import tracemalloc

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from dualspan.frame.v1 import frame_pb2
from dualspan_frame import (
    CORRUPT_BLOCK,
    TOO_LARGE,
    BinaryColumn,
    Block,
    DecodeLimits,
    Frame,
    FrameError,
    ValueKind,
    Values,
    decode_column,
    decode_frame,
    encode_column,
    encode_frame,
)

RAW, PCODEC, ZSTD, DICTIONARY = (
    frame_pb2.ENCODING_RAW,
    frame_pb2.ENCODING_PCODEC,
    frame_pb2.ENCODING_ZSTD,
    frame_pb2.ENCODING_DICTIONARY,
)


def sample_frame() -> Frame:
    count = 300
    random = np.random.default_rng(5)
    tag = np.tile(np.arange(30, dtype=np.int64), 10)
    time = 1_700_000_000_000_000 + np.arange(count) * 1000 + random.integers(-5, 5, count)
    status = random.choice(np.array([0, 0x80000000], np.uint32), count)
    values: dict[ValueKind, Values] = {
        ValueKind.FLOAT64: np.round(random.normal(size=count), 2),
        ValueKind.INT64: np.cumsum(random.integers(0, 9, count)),
        ValueKind.BOOL: random.random(count) < 0.5,
        ValueKind.TEXT: BinaryColumn.from_list([f"é{number % 4}" for number in range(count)]),
        ValueKind.BYTES: BinaryColumn.from_list([random.bytes(number % 9) for number in range(count)]),
    }
    return Frame(tuple(Block(kind, tag, time, status, value) for kind, value in values.items()))


SAMPLE = sample_frame()
ENCODED = {raw: encode_frame(SAMPLE, raw=raw).SerializeToString() for raw in (False, True)}


def reason(message: frame_pb2.Frame, limits: DecodeLimits | None = None) -> str:
    with pytest.raises(FrameError) as caught:
        decode_frame(message, limits or DecodeLimits())
    assert caught.value.detail
    return caught.value.reason


def block(count: int, value: frame_pb2.Column, kind: ValueKind = ValueKind.FLOAT64) -> frame_pb2.Frame:
    """A frame of one block whose other columns are right, if `count` is."""
    zeros = encode_column(np.zeros(min(count, 1_000_000), np.int64))
    status = encode_column(np.zeros(min(count, 1_000_000), np.uint32))
    kind_number = frame_pb2.ValueKind.ValueType(kind)
    part = frame_pb2.Block(kind=kind_number, count=count, tag=zeros, timestamp=zeros, status=status, value=value)
    return frame_pb2.Frame(blocks=[part])


def zstd(payload: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(payload)


def lengths(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}I", *numbers)


@given(st.booleans(), st.data())
def test_a_flipped_bit_is_found(raw: bool, data: st.DataObject) -> None:
    message = frame_pb2.Frame.FromString(ENCODED[raw])
    part = data.draw(st.sampled_from(list(message.blocks)))
    column = data.draw(st.sampled_from([part.tag, part.timestamp, part.status, part.value]))
    field = data.draw(st.sampled_from(["data", "dictionary"] if column.dictionary else ["data"]))
    content = bytearray(getattr(column, field))
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    setattr(column, field, bytes(content))
    assert reason(message) == CORRUPT_BLOCK


@given(st.booleans(), st.data())
def test_a_flipped_bit_without_checksum_harms_nothing(raw: bool, data: st.DataObject) -> None:
    message = frame_pb2.Frame.FromString(ENCODED[raw])
    for part in message.blocks:
        part.ClearField("checksum")
        column = data.draw(st.sampled_from([part.tag, part.timestamp, part.status, part.value]))
        content = bytearray(column.data)
        for _ in range(data.draw(st.integers(0, 3))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        column.data = bytes(content)
    try:
        frame = decode_frame(message)
    except FrameError:
        return
    assert frame.sample_count == SAMPLE.sample_count


@given(st.booleans(), st.data())
def test_a_truncated_column_is_found(raw: bool, data: st.DataObject) -> None:
    message = frame_pb2.Frame.FromString(ENCODED[raw])
    part = data.draw(st.sampled_from(list(message.blocks)))
    part.ClearField("checksum")
    column = data.draw(st.sampled_from([part.tag, part.timestamp, part.status, part.value]))
    column.data = column.data[: data.draw(st.integers(0, len(column.data) - 1))]
    assert reason(message) == CORRUPT_BLOCK


@given(
    st.sampled_from([RAW, PCODEC, ZSTD, DICTIONARY, frame_pb2.ENCODING_UNSPECIFIED]),
    st.sampled_from(list(ValueKind)),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=80),
    st.binary(max_size=40),
    st.integers(0, 2**32 - 1),
)
def test_any_bytes_harm_nothing(
    encoding: frame_pb2.Encoding.ValueType,
    kind: ValueKind,
    count: int,
    data: bytes,
    dictionary: bytes,
    dictionary_count: int,
) -> None:
    column = frame_pb2.Column(encoding=encoding, data=data, dictionary=dictionary, dictionary_count=dictionary_count)
    try:
        values = decode_column(column, kind, count)
    except FrameError:
        return
    assert len(values) == count


@pytest.mark.parametrize("kind", list(ValueKind))
@pytest.mark.parametrize("encoding", [RAW, PCODEC, ZSTD, DICTIONARY])
def test_two_to_the_31_samples_are_refused_before_anything_is_allocated(
    kind: ValueKind, encoding: frame_pb2.Encoding.ValueType
) -> None:
    tracemalloc.start()
    assert reason(block(2**31, frame_pb2.Column(encoding=encoding, data=b"x"), kind)) == TOO_LARGE
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32_000_000  # the honest million zeros that block() made


def test_samples_are_counted_over_all_blocks() -> None:
    message = encode_frame(SAMPLE)
    assert reason(message, DecodeLimits(max_samples=SAMPLE.sample_count - 1)) == TOO_LARGE


def test_bytes_are_counted_over_all_columns() -> None:
    assert reason(encode_frame(SAMPLE), DecodeLimits(max_bytes=10_000)) == TOO_LARGE


def test_a_zstd_bomb_is_not_decompressed() -> None:
    bomb = zstd(bytes(1 << 30))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    column = frame_pb2.Column(encoding=ZSTD, data=bomb)
    assert reason(block(10, column, ValueKind.TEXT)) == TOO_LARGE
    assert reason(block(10, column, ValueKind.FLOAT64)) == TOO_LARGE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_a_zstd_frame_that_hides_its_size_is_refused() -> None:
    stream = zstandard.ZstdCompressor(write_content_size=False).compress(lengths(1) + b"a")
    assert reason(block(1, frame_pb2.Column(encoding=ZSTD, data=stream), ValueKind.TEXT)) == CORRUPT_BLOCK


def test_a_dictionary_bomb_is_not_unfolded() -> None:
    long = zstd(lengths(1_000_000) + bytes(1_000_000))
    indexes = encode_column(np.zeros(1_000_000, np.uint32)).data
    column = frame_pb2.Column(encoding=DICTIONARY, data=indexes, dictionary=long, dictionary_count=1)
    assert reason(block(1_000_000, column, ValueKind.BYTES)) == TOO_LARGE


def test_a_dictionary_index_out_of_range_is_found() -> None:
    column = encode_column(BinaryColumn.from_list(["a", "b"] * 50))
    column.data = encode_column(np.arange(100, dtype=np.uint32) % 3).data
    assert reason(block(100, column, ValueKind.TEXT)) == CORRUPT_BLOCK


def test_a_dictionary_count_that_lies_is_found() -> None:
    column = encode_column(BinaryColumn.from_list(["a", "b"] * 50))
    for lie in (0, 1, 3, 2**32 - 1):
        column.dictionary_count = lie
        assert reason(block(100, column, ValueKind.TEXT)) == CORRUPT_BLOCK


@pytest.mark.parametrize(
    "payload",
    [
        lengths(1, 1) + b"abc",
        lengths(1, 3) + b"abc",
        lengths(2**32 - 1, 2**32 - 1) + b"abc",
        lengths(2**32 - 1, 4) + b"abc",
        lengths(3),
        b"",
    ],
)
def test_lengths_that_lie_are_found(payload: bytes) -> None:
    for column in (
        frame_pb2.Column(encoding=RAW, data=payload),
        frame_pb2.Column(encoding=ZSTD, data=zstd(payload)),
    ):
        assert reason(block(2, column, ValueKind.BYTES)) == CORRUPT_BLOCK


@pytest.mark.parametrize("pieces", [[b"\xff"], [b"\xc3", b"\xa9"], [b"ok", b"\xed\xa0\x80"]])
def test_text_that_is_not_utf8_is_found(pieces: list[bytes]) -> None:
    column = encode_column(BinaryColumn.from_list(pieces))
    assert reason(block(len(pieces), column, ValueKind.TEXT)) == CORRUPT_BLOCK


def test_a_boolean_of_two_is_found() -> None:
    assert reason(block(3, frame_pb2.Column(encoding=RAW, data=b"\x00\x02\x01"), ValueKind.BOOL)) == CORRUPT_BLOCK


def test_numbers_of_another_type_are_found() -> None:
    assert reason(block(10, encode_column(np.arange(10, dtype=np.uint32)))) == CORRUPT_BLOCK


@pytest.mark.parametrize("announced", [5, 9, 11, 100])
def test_more_or_fewer_numbers_than_announced_are_found(announced: int) -> None:
    column = encode_column(np.cumsum(np.arange(10_000, dtype=np.int64)))
    assert column.encoding == PCODEC
    with pytest.raises(FrameError):
        decode_column(column, np.int64, announced)


def test_text_encodings_are_refused_for_numbers_and_the_other_way_round() -> None:
    assert reason(block(10, frame_pb2.Column(encoding=DICTIONARY, data=b"x"))) == CORRUPT_BLOCK
    assert reason(block(10, frame_pb2.Column(encoding=PCODEC, data=b"x"), ValueKind.TEXT)) == CORRUPT_BLOCK


def test_a_kind_that_is_unknown_or_repeated_is_refused() -> None:
    message = encode_frame(SAMPLE)
    message.blocks[0].kind = frame_pb2.VALUE_KIND_UNSPECIFIED
    assert reason(message) == CORRUPT_BLOCK
    twice = frame_pb2.Frame(blocks=[encode_frame(SAMPLE).blocks[0]] * 2)
    assert reason(twice) == CORRUPT_BLOCK


def test_a_count_that_was_changed_is_found_by_the_checksum() -> None:
    message = encode_frame(Frame((SAMPLE.blocks[0],)), raw=True)
    message.blocks[0].count -= 1
    assert reason(message) == CORRUPT_BLOCK
