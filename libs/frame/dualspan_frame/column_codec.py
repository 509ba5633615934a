"""One column to bytes and back: `dualspan.frame.v1.Column`.

Whatever the bytes are, decoding either returns exactly `count` values or raises `FrameError`; it reads
nothing outside of them and allocates nothing that its limits do not cover.
"""

from functools import lru_cache
from typing import Any, TypeVar, overload

import numpy as np
import zstandard
from numpy.typing import NDArray

from dualspan.frame.v1 import frame_pb2
from dualspan_frame import pco
from dualspan_frame.binary_column import BinaryColumn
from dualspan_frame.errors import CORRUPT_BLOCK, TOO_LARGE, FrameError
from dualspan_frame.frame import ValueKind, Values, value_dtype
from dualspan_frame.limits import Budget, DecodeLimits

_ZSTD_LEVEL = 3
# Below this a compressed column's own header is longer than the values.
_FEWEST_TO_COMPRESS = 4
_FEWEST_FOR_DICTIONARY = 16

Scalar = TypeVar("Scalar", bound=np.generic)


def encode_column(
    values: NDArray[Any] | BinaryColumn, *, raw: bool = False, level: int = 4, delta: int | None = None
) -> frame_pb2.Column:
    """Encode one column in the smallest form that suits it.

    Args:
        values: bool, uint8, uint32, int64 or float64 of shape (n,), or a `BinaryColumn`.
        raw: Write fixed-width little-endian, for a reader that knows nothing else.
        level: pcodec's compression level, 0 to 12.
        delta: Order of consecutive differences where the caller knows it (1 for timestamps, which saves
            pcodec the search and finds what the search misses); None to let pcodec search.
    """
    if isinstance(values, BinaryColumn):
        return _raw_column(_binary_payload(values)) if raw else _encode_binary(values, level)
    numbers = np.ascontiguousarray(values.view(np.uint8) if values.dtype == np.bool_ else values)
    plain = numbers.astype(numbers.dtype.newbyteorder("<"), copy=False)
    if raw or len(numbers) < _FEWEST_TO_COMPRESS:
        return _raw_column(plain.tobytes())
    data = _compress_numbers(numbers, level, delta)
    if len(data) >= numbers.nbytes:
        return _raw_column(plain.tobytes())
    return frame_pb2.Column(encoding=frame_pb2.ENCODING_PCODEC, data=data)


@overload
def decode_column(
    column: frame_pb2.Column, dtype: type[Scalar], count: int, limits: DecodeLimits | Budget = ...
) -> NDArray[Scalar]: ...
@overload
def decode_column(
    column: frame_pb2.Column, dtype: ValueKind, count: int, limits: DecodeLimits | Budget = ...
) -> Values: ...
def decode_column(
    column: frame_pb2.Column,
    dtype: type[np.generic] | ValueKind,
    count: int,
    limits: DecodeLimits | Budget = DecodeLimits(),  # noqa: B008  # frozen: safe to share
) -> NDArray[Any] | BinaryColumn:
    """Decode one column of `count` values.

    Args:
        column: The encoded column, from anybody.
        dtype: A NumPy scalar type (uint8, uint32, int64, float64), or the kind of a value column.
        count: How many values it must hold.
        limits: The most that it may decode to.

    Returns:
        Shape (count,): an array of `dtype` (which may be read-only), or what `Block.value` is for the kind.

    Raises:
        FrameError: The column is corrupt, or larger than the limits.
    """
    budget = Budget(limits) if isinstance(limits, DecodeLimits) else limits
    if isinstance(limits, DecodeLimits):
        budget.spend_samples(count)
    if not isinstance(dtype, ValueKind):
        return _decode_numbers(column, np.dtype(dtype), count, budget)
    if dtype is ValueKind.BOOL:
        return _decode_booleans(column, count, budget)
    number = value_dtype(dtype)
    if number is not None:
        return _decode_numbers(column, number, count, budget)
    values = _decode_binary(column, count, budget)
    if dtype is ValueKind.TEXT and not values.is_text():
        raise FrameError(CORRUPT_BLOCK, "text that is not UTF-8")
    return values


def _raw_column(data: bytes) -> frame_pb2.Column:
    return frame_pb2.Column(encoding=frame_pb2.ENCODING_RAW, data=data)


def _compress_numbers(numbers: NDArray[Any], level: int, delta: int | None) -> bytes:
    bits = numbers.view(f"u{numbers.itemsize}")  # so that NaN equals NaN and 0.0 is not -0.0
    middle = bits[len(bits) // 2]
    if bits[0] == middle == bits[-1] and bool((bits == middle).all()):
        return _compress_constant(numbers.dtype.str, numbers[:1].tobytes(), len(numbers))
    return pco.compress(numbers, level, delta)


@lru_cache(maxsize=1024)
def _compress_constant(dtype: str, value: bytes, count: int) -> bytes:
    """Nearly every status column is all Good, so its few bytes are kept by length."""
    return pco.compress(np.full(count, np.frombuffer(value, dtype)[0]), 0, 0)


def _binary_payload(values: BinaryColumn) -> bytes:
    return values.lengths.astype("<u4").tobytes() + values.data.tobytes()


def _encode_binary(values: BinaryColumn, level: int) -> frame_pb2.Column:
    if len(values) >= _FEWEST_FOR_DICTIONARY:
        found = values.dictionary()
        if found is not None and len(found[0]) <= len(values) // 2:
            return frame_pb2.Column(
                encoding=frame_pb2.ENCODING_DICTIONARY,
                data=_compress_numbers(found[1], level, None),
                dictionary=_compress_bytes(_binary_payload(found[0])),
                dictionary_count=len(found[0]),
            )
    payload = _binary_payload(values)
    compressed = _compress_bytes(payload)
    if len(compressed) >= len(payload):
        return _raw_column(payload)
    return frame_pb2.Column(encoding=frame_pb2.ENCODING_ZSTD, data=compressed)


def _compress_bytes(payload: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(payload)


def _decode_numbers(column: frame_pb2.Column, dtype: np.dtype[Any], count: int, budget: Budget) -> NDArray[Any]:
    size = count * dtype.itemsize
    budget.spend_bytes(size)
    if column.encoding == frame_pb2.ENCODING_PCODEC:
        return pco.decompress(column.data, dtype, count)
    if column.encoding == frame_pb2.ENCODING_RAW:
        data = column.data
    elif column.encoding == frame_pb2.ENCODING_ZSTD:
        data = _decompress_bytes(column.data, size)
    else:
        raise FrameError(CORRUPT_BLOCK, f"encoding {column.encoding} is not one for numbers")
    if len(data) != size:
        raise FrameError(CORRUPT_BLOCK, f"{len(data)} bytes for {count} values of {dtype.itemsize} bytes")
    return np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype, copy=False)


def _decode_booleans(column: frame_pb2.Column, count: int, budget: Budget) -> NDArray[np.bool_]:
    numbers = _decode_numbers(column, np.dtype(np.uint8), count, budget)
    if count and numbers.max() > 1:
        raise FrameError(CORRUPT_BLOCK, "a boolean that is neither 0 nor 1")
    return numbers.view(np.bool_)


def _decode_binary(column: frame_pb2.Column, count: int, budget: Budget) -> BinaryColumn:
    if column.encoding == frame_pb2.ENCODING_RAW:
        budget.spend_bytes(len(column.data))
        return _split_payload(column.data, count, budget)
    if column.encoding == frame_pb2.ENCODING_ZSTD:
        return _split_payload(_decompress_spending(column.data, budget), count, budget)
    if column.encoding == frame_pb2.ENCODING_DICTIONARY:
        return _decode_dictionary(column, count, budget)
    raise FrameError(CORRUPT_BLOCK, f"encoding {column.encoding} is not one for text or bytes")


def _decode_dictionary(column: frame_pb2.Column, count: int, budget: Budget) -> BinaryColumn:
    distinct = _split_payload(_decompress_spending(column.dictionary, budget), column.dictionary_count, budget)
    budget.spend_bytes(count * 4)
    indexes = pco.decompress(column.data, np.dtype(np.uint32), count)
    if count and int(indexes.max()) >= len(distinct):
        raise FrameError(CORRUPT_BLOCK, f"a dictionary index of {indexes.max()} where {len(distinct)} contents are")
    # A few long contents, indexed often, are a bomb: the sum is known before anything is gathered. Gathering
    # needs the offsets, and for each byte its source position (int64) beside the byte itself.
    budget.spend_bytes(int(distinct.lengths[indexes].sum()) * 9 + count * 8)
    return distinct.take(indexes)


def _split_payload(payload: bytes, count: int, budget: Budget) -> BinaryColumn:
    if len(payload) < 4 * count:
        raise FrameError(CORRUPT_BLOCK, f"{len(payload)} bytes cannot hold {count} lengths")
    budget.spend_bytes(8 * count)
    lengths = np.frombuffer(payload, "<u4", count)
    data = np.frombuffer(payload, np.uint8, offset=4 * count)
    if int(lengths.sum(dtype=np.uint64)) != len(data):
        raise FrameError(CORRUPT_BLOCK, f"the lengths do not add up to the {len(data)} bytes that follow")
    return BinaryColumn.from_lengths(lengths, data)


def _decompress_spending(data: bytes, budget: Budget) -> bytes:
    decoded = _decompress_bytes(data, budget.bytes_left)
    budget.spend_bytes(len(decoded))
    return decoded


def _decompress_bytes(data: bytes, limit: int) -> bytes:
    """Decompress one zstd frame, once it has said how much it holds and that is no more than `limit`."""
    try:
        size = zstandard.frame_content_size(data)
        if size < 0:
            raise FrameError(CORRUPT_BLOCK, "a zstd frame without its content size")
        if size > limit:
            raise FrameError(TOO_LARGE, f"a zstd frame of {size} bytes where at most {limit} are allowed")
        return zstandard.ZstdDecompressor().decompress(data, allow_extra_data=False)
    except zstandard.ZstdError as err:
        raise FrameError(CORRUPT_BLOCK, f"zstd: {err}") from err
