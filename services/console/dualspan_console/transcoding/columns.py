"""Samples as columns of JSON: an array for each, NaN and the infinities as null."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualspan_console.variants import variant_text
from dualspan_frame import BinaryColumn, Block, Frame

# JavaScript's numbers are exact up to here.
EXACT = 2**53


def frame_columns(frame: Frame) -> list[dict[str, Any]]:
    """One object per kind: `kind`, `tag`, `time` (milliseconds since 1970 with their fraction), `status`, `value`."""
    return [block_columns(block) | {"tag": block.tag} for block in frame.blocks if len(block)]


def block_columns(block: Block) -> dict[str, Any]:
    """The columns of one block but for its tags."""
    return {
        "kind": f"VALUE_KIND_{block.kind.name}",
        "time": milliseconds(block.timestamp),
        "status": block.status,
        "value": _values(block),
    }


def milliseconds(timestamp: NDArray[np.int64]) -> NDArray[np.float64]:
    """Milliseconds since 1970 with their fraction, as JavaScript counts, from microseconds."""
    return timestamp / 1000.0


def _values(block: Block) -> Any:
    column = block.value
    if isinstance(column, BinaryColumn):
        if block.kind.name == "TEXT":
            return column.to_text()
        return [variant_text(content) or f"{len(content)} bytes" for content in column.to_list()]
    if column.dtype == np.int64 and len(column) and np.abs(column).max() >= EXACT:
        return [value if -EXACT < value < EXACT else str(value) for value in column.tolist()]
    return np.ascontiguousarray(column)
