"""The timestamp column of a segment to bytes and back.

Three schemes, by the first byte. A column that rises in constant steps is three numbers. Samples on a grid with jitter
(a PLC that samples every 100 ms, give or take) are their grid position, which is nearly always 0, 1, 2, …, and their
distance from it: the jitter enters once, where differences of neighbours would carry it twice. Anything else is stored
as differences. Common factors (1000 for millisecond clocks) are taken out first.
"""

import struct

import numpy as np
from numpy.typing import NDArray

from dualspan_historian.errors import CorruptSegmentError
from dualspan_historian.storage.numbers import narrow, pack, unpack

_STEP, _DELTA, _GRID = 0, 1, 2
_STEP_HEADER = struct.Struct("<Bqq")  # scheme, first, step
_DELTA_HEADER = struct.Struct("<Bqq")  # scheme, first, factor
_GRID_HEADER = struct.Struct("<BqdqI")  # scheme, first, step, factor, bytes of positions (0: 0, 1, 2, …)
# Beyond, positions times step could leave the integers that float64 holds exactly.
_WIDEST_GRID = 1 << 52


def encode_timestamps(ts: NDArray[np.int64], level: int) -> bytes:
    """Encode int64 microseconds, shape (n,), n > 0, never falling."""
    if len(ts) == 1:
        return _STEP_HEADER.pack(_STEP, int(ts[0]), 0)
    steps = np.diff(ts)
    shortest, longest = int(steps.min()), int(steps.max())
    if shortest == longest:
        return _STEP_HEADER.pack(_STEP, int(ts[0]), shortest)
    factor = _common_factor(steps)
    return _encode_grid(ts, steps, factor, level) or _encode_steps(ts, factor, level)


def decode_timestamps(data: bytes, count: int) -> NDArray[np.int64]:
    """Decode `count` timestamps.

    Raises:
        CorruptSegmentError: The bytes are not what was written.
    """
    view = memoryview(data)
    scheme = view[0] if data else -1
    try:
        if scheme == _STEP:
            _, first, step = _STEP_HEADER.unpack(data)
            return first + step * np.arange(count, dtype=np.int64)
        if scheme == _DELTA:
            _, first, factor = _DELTA_HEADER.unpack_from(data)
            return first + factor * unpack(view[_DELTA_HEADER.size :], count).astype(np.int64)
        if scheme == _GRID:
            return _decode_grid(view, count)
    except struct.error as err:
        raise CorruptSegmentError("a timestamp column without its header") from err
    raise CorruptSegmentError(f"timestamp scheme {scheme} is not known")


def _common_factor(steps: NDArray[np.int64]) -> int:
    factor = int(np.gcd.reduce(steps[:64]))
    if factor > 1 and len(steps) > 64 and bool((steps % factor).any()):
        factor = int(np.gcd.reduce(steps))
    return max(factor, 1)


def _encode_steps(ts: NDArray[np.int64], factor: int, level: int) -> bytes:
    offsets = (ts - ts[0]) // factor if factor > 1 else ts - ts[0]
    return _DELTA_HEADER.pack(_DELTA, int(ts[0]), factor) + pack(narrow(offsets), level, 1)


def _encode_grid(ts: NDArray[np.int64], steps: NDArray[np.int64], factor: int, level: int) -> bytes | None:
    """Encode by grid position and distance from it; None where differences promise to be smaller."""
    first = int(ts[0])
    usual = float(np.partition(steps, len(steps) // 2)[len(steps) // 2])
    span = int(ts[-1]) - first
    if usual <= 0 or span >= _WIDEST_GRID:
        return None
    scatter_of_steps = float(np.abs(steps - usual).mean())
    mean = float(steps[np.abs(steps - usual) < usual / 2].mean())
    for step in (max(round(mean, -3), 1.0), mean):  # whole milliseconds, or a clock that drifts
        position = np.rint((ts - first) / step)
        distance = ts - first - _on_grid(position, step, factor) * factor
        scatter = float(np.abs(distance - distance.mean()).mean())
        if scatter <= scatter_of_steps:
            return _pack_grid(first, step, factor, position.astype(np.int64), distance // factor, level)
    return None


def _on_grid(position: NDArray[np.float64], step: float, factor: int) -> NDArray[np.int64]:
    """Grid positions as counts of the factor. IEEE arithmetic: the same wherever it is decoded."""
    scaled = position * (step / factor)
    return np.rint(scaled, out=scaled).astype(np.int64)


def _pack_grid(
    first: int, step: float, factor: int, position: NDArray[np.int64], distance: NDArray[np.int64], level: int
) -> bytes:
    regular = int(position[-1]) == len(position) - 1 and bool((position == np.arange(len(position))).all())
    positions = b"" if regular else pack(narrow(position), level, 1)
    header = _GRID_HEADER.pack(_GRID, first, step, factor, len(positions))
    return header + positions + pack(narrow(distance), level, 0)


def _decode_grid(view: memoryview, count: int) -> NDArray[np.int64]:
    _, first, step, factor, size = _GRID_HEADER.unpack_from(view)
    body = view[_GRID_HEADER.size :]
    position = unpack(body[:size], count).astype(np.float64) if size else np.arange(count, dtype=np.float64)
    # In place: fresh memory costs more than the arithmetic.
    ts = _on_grid(position, step, factor)
    ts += unpack(body[size:], count)
    ts *= factor
    ts += first
    return ts
