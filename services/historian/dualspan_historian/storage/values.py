"""The value and status columns of a segment to bytes and back.

Floating-point numbers that came from decimals (70.25 °C) are stored as the integers they are multiples of: a sixth
smaller and twice as fast as pcodec's own float mode. That the way back gives the same bits is checked for every value;
the few that do not (NaN among numbers) stand beside the others.
"""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualspan.frame.v1 import frame_pb2
from dualspan_frame import BinaryColumn, FrameError, ValueKind, Values, decode_column, encode_column
from dualspan_historian.errors import CorruptSegmentError
from dualspan_historian.storage.numbers import best_delta, narrow, pack, unpack

_CONSTANT, _PACKED, _DECIMAL, _RUNS, _BITS, _COLUMN = range(6)
_DECIMAL_HEADER = struct.Struct("<BBI")  # scheme, digits, exceptions
_RUNS_HEADER = struct.Struct("<BII")  # scheme, runs, bytes of starts
_SCALES = tuple(10.0**digits for digits in range(8))
_LARGEST = float(1 << 53)


def encode_values(values: Values, level: int, *, thorough: bool = False) -> bytes:
    """Encode float64, int64 or bool of shape (n,), or a `BinaryColumn` of n contents, n > 0.

    Args:
        values: The column.
        level: pcodec's compression level.
        thorough: Let pcodec search for the best mode, as merging does.
    """
    if isinstance(values, BinaryColumn):
        return bytes((_COLUMN,)) + encode_column(values, level=level).SerializeToString()
    if values.dtype == np.bool_:
        flags = values.view(np.uint8)
        return _encode_runs(flags) or bytes((_BITS,)) + np.packbits(flags).tobytes()
    bits = values.view(np.int64)
    if bits[0] == bits[-1] and bool((bits == bits[0]).all()):
        return bytes((_CONSTANT,)) + values[:1].tobytes()
    if values.dtype == np.int64:
        numbers = narrow(values.view(np.int64))
        return bytes((_PACKED,)) + pack(numbers, level, None if thorough else best_delta(numbers))
    numbers = values.astype(np.float64, copy=False)
    return _encode_decimals(numbers, level, thorough=thorough) or bytes((_PACKED,)) + pack(numbers, level, None)


def decode_values(data: bytes, kind: ValueKind, count: int) -> Values:
    """Decode `count` values of a kind.

    Raises:
        CorruptSegmentError: The bytes are not what was written.
    """
    scheme = data[0] if data else -1
    if kind in {ValueKind.TEXT, ValueKind.BYTES}:
        return _decode_binary(data, kind, count)
    dtype: Any = {ValueKind.FLOAT64: np.float64, ValueKind.INT64: np.int64, ValueKind.BOOL: np.uint8}[kind]
    try:
        if scheme == _CONSTANT:
            return np.full(count, np.frombuffer(data, dtype, 1, 1)[0])
        if scheme == _PACKED:
            return unpack(memoryview(data)[1:], count).astype(dtype, copy=False)
        if scheme == _DECIMAL:
            return _decode_decimals(data, count)
        if scheme == _RUNS:
            return _decode_runs(data, count).astype(np.uint8).view(np.bool_)
        if scheme == _BITS:
            return np.unpackbits(np.frombuffer(data, np.uint8, offset=1), count=count).view(np.bool_)
    except (struct.error, ValueError) as err:
        raise CorruptSegmentError(f"a value column: {err}") from err
    raise CorruptSegmentError(f"value scheme {scheme} is not known")


def encode_status(status: NDArray[np.uint32], level: int) -> bytes | None:
    """Encode status codes of shape (n,); None when all are Good (0), which is nearly always."""
    if not status.any():
        return None
    return _encode_runs(status) or bytes((_PACKED,)) + pack(status, level, 0)


def decode_status(data: bytes | None, count: int) -> NDArray[np.uint32]:
    """Decode `count` status codes.

    Raises:
        CorruptSegmentError: The bytes are not what was written.
    """
    if data is None:
        return np.broadcast_to(np.uint32(0), (count,))
    if data[:1] == bytes((_RUNS,)):
        return _decode_runs(data, count).astype(np.uint32, copy=False)
    if data[:1] == bytes((_PACKED,)):
        return unpack(memoryview(data)[1:], count).astype(np.uint32, copy=False)
    raise CorruptSegmentError("status scheme is not known")


def _encode_decimals(values: NDArray[np.float64], level: int, *, thorough: bool) -> bytes | None:
    digits = _decimal_digits(values)
    if digits is None:
        return None
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = np.rint(values * _SCALES[digits])
        whole = np.where(np.abs(scaled) < _LARGEST, scaled, 0.0).astype(np.int64)
    odd = np.flatnonzero((whole / _SCALES[digits]).view(np.int64) != values.view(np.int64))
    if len(odd) > len(values) // 32:
        return None
    if len(odd):
        whole[odd] = whole[np.maximum(odd - 1, 0)]
    numbers = narrow(whole)
    header = _DECIMAL_HEADER.pack(_DECIMAL, digits, len(odd))
    exceptions = odd.astype("<u4").tobytes() + values[odd].tobytes()
    return header + exceptions + pack(numbers, level, None if thorough else best_delta(numbers))


def _decimal_digits(values: NDArray[np.float64]) -> int | None:
    """The fewest decimal digits that nearly all of some values need; None if they are not decimals."""
    some = values[:: max(1, len(values) // 64)]
    some = some[np.isfinite(some) & (np.abs(some) < _LARGEST / _SCALES[-1])]
    if not len(some):
        return None
    for digits, scale in enumerate(_SCALES):
        if np.count_nonzero(np.rint(some * scale) / scale != some) <= len(some) // 32:
            return digits
    return None


def _decode_decimals(data: bytes, count: int) -> NDArray[np.float64]:
    _, digits, odd = _DECIMAL_HEADER.unpack_from(data)
    start = _DECIMAL_HEADER.size
    values = unpack(memoryview(data)[start + 12 * odd :], count) / _SCALES[digits]
    if odd:
        values[np.frombuffer(data, "<u4", odd, start)] = np.frombuffer(data, "<f8", odd, start + 4 * odd)
    return values


def _encode_runs(numbers: NDArray[Any]) -> bytes | None:
    """Encode as runs of equal numbers; None when runs are shorter than 16 on average."""
    starts = np.flatnonzero(np.diff(numbers)) + 1
    if len(starts) + 1 > max(len(numbers) // 16, 1):
        return None
    bounds = pack(np.concatenate(([0], starts)).astype(np.uint32), 4, 1)
    held = pack(numbers[np.concatenate(([0], starts))], 4, 0)
    return _RUNS_HEADER.pack(_RUNS, len(starts) + 1, len(bounds)) + bounds + held


def _decode_runs(data: bytes, count: int) -> NDArray[Any]:
    _, runs, size = _RUNS_HEADER.unpack_from(data)
    body = memoryview(data)[_RUNS_HEADER.size :]
    starts = unpack(body[:size], runs).astype(np.int64)
    return np.repeat(unpack(body[size:], runs), np.diff(starts, append=count))


def _decode_binary(data: bytes, kind: ValueKind, count: int) -> BinaryColumn:
    try:
        values = decode_column(frame_pb2.Column.FromString(data[1:]), kind, count)
    except FrameError as err:
        raise CorruptSegmentError(str(err)) from err
    if not isinstance(values, BinaryColumn):
        raise CorruptSegmentError("a value column of another kind")
    return values
