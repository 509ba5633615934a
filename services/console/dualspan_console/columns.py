"""Samples for a browser: JSON arrays, one per column. NaN and the infinities become null."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualspan_console.variants import variant_text
from dualspan_sdk import BinaryColumn, Block, Frame, Series

# JavaScript's numbers are exact up to here.
_EXACT = 2**53


def frame_columns(frame: Frame) -> list[dict[str, Any]]:
    """One object per kind: `tag`, `time` (milliseconds since 1970), `status`, `value`."""
    return [
        {
            "tag": block.tag.tolist(),
            "time": milliseconds(block.timestamp),
            "status": block.status.tolist(),
            "value": _values(block),
        }
        for block in frame.blocks
        if len(block)
    ]


def newest(frame: Frame) -> Frame:
    """The last row of each tag; arrival order decides."""
    return Frame(tuple(block.take(_last_rows(block.tag)) for block in frame.blocks))


def series_values(series: Series) -> list[float | None]:
    """The values of a series; null where there is none."""
    return _numbers(series.value)


def milliseconds(timestamp: NDArray[np.int64]) -> list[float]:
    """Milliseconds since 1970 with their fraction, as JavaScript counts, from microseconds."""
    return (timestamp / 1000.0).tolist()


def _last_rows(tag: NDArray[np.int64]) -> NDArray[np.int64]:
    _, first_from_end = np.unique(tag[::-1], return_index=True)
    return np.sort(len(tag) - 1 - first_from_end)


def _values(block: Block) -> list[Any]:
    column = block.value
    if isinstance(column, BinaryColumn):
        if block.kind.name == "TEXT":
            return column.to_text()
        return [variant_text(content) or f"{len(content)} bytes" for content in column.to_list()]
    if column.dtype == np.float64:
        return _numbers(column.astype(np.float64, copy=False))
    if column.dtype == np.int64:
        return [value if -_EXACT < value < _EXACT else str(value) for value in column.tolist()]
    return column.tolist()


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    cleaned: NDArray[np.object_] = values.astype(object)
    cleaned[~np.isfinite(values)] = None
    return cleaned.tolist()
