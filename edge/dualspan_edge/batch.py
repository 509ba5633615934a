"""Samples that are stored together, and how they become frames."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dualspan.historian.v1 import repair_pb2 as repair
from dualspan.historian.v1 import resources_pb2 as historian
from dualspan_edge.clock import now_microseconds
from dualspan_edge.gaps import pack_notes, unpack_notes
from dualspan_edge.store import NewFrame
from dualspan_frame import BinaryColumn, Block, Frame, encode_frame

# Tag, timestamp and status of a sample.
_ROW_BYTES = 20


@dataclass(frozen=True, slots=True)
class Repaired:
    """Samples from a server's history, and what they fill; they are a frame of their own."""

    blocks: tuple[Block, ...]
    repairs: tuple[repair.Repair, ...]


@dataclass(slots=True)
class Batch:
    """Samples that are stored together, and who waits for it."""

    blocks: list[tuple[Block, ...]] = field(default_factory=list)
    gaps: list[historian.Gap] = field(default_factory=list)
    repaired: list[Repaired] = field(default_factory=list)
    coverage: Sequence[repair.Coverage] = ()
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    samples: int = 0


def encode_batch(batch: Batch, frame_samples: int, frame_bytes: int) -> list[NewFrame]:
    """The frames of a batch, at least one; its gaps go with the first, coverage with the last of the live ones.

    Args:
        batch: What is to be stored.
        frame_samples: A frame is cut when it holds so many.
        frame_bytes: A frame is cut when its samples take so many bytes before encoding.
    """
    groups: list[list[Block]] = [[]]
    samples = size = 0
    received = (block for blocks in batch.blocks for block in blocks)
    for block in (piece for whole in received for piece in pieces(whole, frame_samples, frame_bytes)):
        added, added_size = len(block), bytes_of(block)
        if groups[-1] and (samples + added > frame_samples or size + added_size > frame_bytes):
            groups.append([])
            samples = size = 0
        groups[-1].append(block)
        samples += added
        size += added_size
    frames = [Frame.concat(Frame((block,)) for block in group) for group in groups]
    last = len(frames) - 1
    live = [
        new_frame(
            frame,
            pack_notes(batch.gaps if position == 0 else (), coverage=batch.coverage if position == last else ()),
        )
        for position, frame in enumerate(frames)
    ]
    # What was received before a repair came is before it in the buffer, too.
    return live + [
        new_frame(Frame.concat(Frame((block,)) for block in one.blocks), pack_notes((), repairs=one.repairs))
        for one in batch.repaired
    ]


def pieces(block: Block, most_samples: int, most_bytes: int) -> list[Block]:
    """A block in pieces that a frame can hold, in order; a sample that is longer by itself stands alone.

    A notification may be far longer than what the historian takes in one message.
    """
    if len(block) <= most_samples and bytes_of(block) <= most_bytes:
        return [block]
    value = block.value
    fixed = bytes_of(block) // max(len(block), 1)
    ends = np.cumsum(value.lengths + _ROW_BYTES if isinstance(value, BinaryColumn) else np.full(len(block), fixed))
    found: list[Block] = []
    start = 0
    while start < len(block):
        before = int(ends[start - 1]) if start else 0
        stop = int(np.searchsorted(ends, before + most_bytes, side="right"))
        stop = max(start + 1, min(stop, start + most_samples))
        found.append(block.take(np.arange(start, stop)))
        start = stop
    return found


def bytes_of(block: Block) -> int:
    """What a block's samples take before encoding."""
    value = block.value
    values = len(value.data) if isinstance(value, BinaryColumn) else value.nbytes
    return block.tag.nbytes + block.timestamp.nbytes + block.status.nbytes + values


def new_frame(frame: Frame, notes: bytes) -> NewFrame:
    """A frame to store, with what goes with it."""
    t_min, t_max = frame.time_range() or (now_microseconds(),) * 2
    return NewFrame(encode_frame(frame).SerializeToString(), notes, t_min, t_max, frame.sample_count)


def with_gap(frame: NewFrame, gap: historian.Gap) -> NewFrame:
    """The same frame with one more gap."""
    notes = unpack_notes(frame.gaps)
    packed = pack_notes([*notes.gaps, gap], repairs=notes.repairs, coverage=notes.coverage)
    return NewFrame(frame.payload, packed, frame.t_min, frame.t_max, frame.sample_count)
