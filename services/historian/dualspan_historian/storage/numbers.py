"""Integers to pcodec and back, in the narrowest type that holds them: narrow ones are smaller and faster."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pcodec import ChunkConfig, DeltaSpec, ModeSpec, standalone  # pyright: ignore  # compiled, without types

from dualspan_historian.errors import CorruptSegmentError

_DTYPES: tuple[np.dtype[Any], ...] = tuple(np.dtype(name) for name in ("<i2", "<i4", "<i8", "<f8", "u1", "<u4"))
_INT16, _INT32 = np.iinfo(np.int16), np.iinfo(np.int32)
# Differences of which order; "auto" lets pcodec search for that and for common factors, which costs a few times more.
Delta = int | None


@lru_cache(maxsize=64)
def _config(level: int, delta: Delta) -> Any:
    if delta is None:
        return ChunkConfig(compression_level=level, enable_8_bit=True)
    spec = DeltaSpec.try_consecutive(delta) if delta else DeltaSpec.no_op()
    return ChunkConfig(compression_level=level, enable_8_bit=True, mode_spec=ModeSpec.classic(), delta_spec=spec)


def pack(numbers: NDArray[Any], level: int, delta: Delta) -> bytes:
    """Compress an array of shape (n,), n > 0: one byte for the dtype, then pcodec's standalone format."""
    code = _DTYPES.index(numbers.dtype)
    return bytes((code,)) + standalone.simple_compress(np.ascontiguousarray(numbers), _config(level, delta))


def unpack(data: memoryview, count: int) -> NDArray[Any]:
    """Return the `count` numbers that `pack` was given.

    Raises:
        CorruptSegmentError: The bytes are not what was written.
    """
    if not data or data[0] >= len(_DTYPES):
        raise CorruptSegmentError("a column without its type")
    numbers = np.empty(count, _DTYPES[data[0]])
    try:
        progress = standalone.simple_decompress_into(bytes(data[1:]), numbers)
    except (RuntimeError, TypeError) as err:
        raise CorruptSegmentError(str(err)) from err
    if progress.n_processed != count or not progress.finished:
        raise CorruptSegmentError(f"not the {count} numbers that were written")
    return numbers


def narrow(numbers: NDArray[np.int64]) -> NDArray[Any]:
    """Return the same numbers in the narrowest of int16, int32 and int64 that holds them."""
    low, high = int(numbers.min()), int(numbers.max())
    if low >= _INT16.min and high <= _INT16.max:
        return numbers.astype(np.int16)
    if low >= _INT32.min and high <= _INT32.max:
        return numbers.astype(np.int32)
    return numbers


def best_delta(numbers: NDArray[Any]) -> int:
    """Tell whether differences (1) or the numbers themselves (0) vary less, by their mean deviations."""
    if len(numbers) < 3:
        return 0
    wide = numbers.astype(np.float64)
    steps = np.diff(wide)
    return int(np.abs(steps - steps.mean()).mean() < np.abs(wide - wide.mean()).mean())
