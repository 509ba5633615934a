"""Stored columns to blocks."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dualspan_frame import BinaryColumn, Block, ValueKind, Values, concat_values, value_dtype
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


def row_of(segments: Sequence[SegmentInfo]) -> Sequence[SegmentInfo] | None:
    """Return segments of one tag in order of time, if they are several and follow each other; None otherwise."""
    ordered = sorted(segments, key=lambda one: one.t_min)
    apart = all(one.t_max < following.t_min for one, following in pairwise(ordered))
    return ordered if len(ordered) > 1 and apart else None


def join_row(blocks: Sequence[Block]) -> Block:
    """Join samples of one tag that follow each other."""
    statuses = [block.status for block in blocks]
    count = sum(map(len, blocks))
    # Good status is a single 0 that is shown as many: joining it would make real memory of it.
    good = all(status.strides == (0,) and not status[0] for status in statuses)
    return Block(
        blocks[0].kind,
        np.broadcast_to(blocks[0].tag[0], (count,)),
        np.concatenate([block.timestamp for block in blocks]),
        np.broadcast_to(np.uint32(0), (count,)) if good else np.concatenate(statuses),
        concat_values([block.value for block in blocks]),
    )
