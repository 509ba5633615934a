"""Stored columns to blocks."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dualspan_frame import BinaryColumn, Block, ValueKind, Values, value_dtype
from dualspan_historian.storage.segment_store import SegmentColumns, SegmentInfo
from dualspan_historian.storage.timestamps import decode_timestamps
from dualspan_historian.storage.values import decode_status, decode_values


def decode_segment(info: SegmentInfo, columns: SegmentColumns, lines: dict[bytes, NDArray[np.int64]]) -> Block:
    """Decode a segment.

    Args:
        info: Which one.
        columns: Its columns. Without values the block has zeros instead.
        lines: Timestamps decoded so far by their bytes: tags that share a timeline decode it once.

    Raises:
        CorruptSegmentError: A column is not what was written.
    """
    count = info.sample_count
    ts = lines.get(columns.ts)
    if ts is None or len(ts) != count:
        ts = lines[columns.ts] = decode_timestamps(columns.ts, count)
    value = blank(info.kind, count) if columns.value is None else decode_values(columns.value, info.kind, count)
    return Block(
        info.kind, np.broadcast_to(np.int64(info.tag_id), (count,)), ts, decode_status(columns.status, count), value
    )


def blank(kind: ValueKind, count: int) -> Values:
    """Return `count` empty values of a kind."""
    dtype = value_dtype(kind)
    return BinaryColumn.empty(count) if dtype is None else np.zeros(count, dtype)


def empty_block(kind: ValueKind) -> Block:
    """Return a block without samples."""
    return Block(kind, np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.uint32), blank(kind, 0))


def join(kind: ValueKind, parts: Sequence[Block]) -> Block:
    """Return all samples of some blocks of a kind, one block after the other; the block itself if it is one."""
    if not parts:
        return empty_block(kind)
    return parts[0] if len(parts) == 1 else Block.concat(parts)
