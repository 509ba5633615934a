"""Frames that are not sealed yet, decoded once and kept for the reads that follow."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dualspan_frame import BinaryColumn, Block, Frame, ValueKind
from dualspan_historian.ingest.verification import Verified
from dualspan_historian.model import Stream
from dualspan_historian.read.cache import WeightedCache
from dualspan_historian.storage.order import sort_samples
from dualspan_historian.storage.segments import newest_of_each_tag, tag_starts, weigh

FrameId = tuple[str, str, int, int]
"""(tenant, gateway, epoch, sequence): a frame's content never changes."""
_ByTag: TypeAlias = tuple[Block, NDArray[np.int64], NDArray[np.int64]]


class IndexedFrame:
    """A frame in which one tag's samples are found without looking at all of them.

    Args:
        frame: The samples.
    """

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._sorted: dict[ValueKind, _ByTag | None] = {}
        self._newest: list[Block] | None = None

    @property
    def weight(self) -> int:
        """Bytes of its columns; twice, for the sorted copy."""
        return 2 * sum(map(weigh_block, self._frame.blocks))

    def part(self, kind: ValueKind, tag_id: int) -> Block | None:
        """Return one tag's samples in order of arrival; None if there are none."""
        if kind not in self._sorted:
            block = self._frame.block(kind)
            self._sorted[kind] = _by_tag(block) if block is not None and len(block) else None
        found = self._sorted[kind]
        if found is None:
            return None
        block, tags, bounds = found
        place = int(tags.searchsorted(tag_id))
        if place == len(tags) or tags[place] != tag_id:
            return None
        return cut(block, int(bounds[place]), int(bounds[place + 1]))

    def newest(self) -> list[Block]:
        """Return the newest sample of every tag, a block per kind."""
        if self._newest is None:
            filled = [block for block in self._frame.blocks if len(block)]
            self._newest = [newest_of_each_tag(sort_samples(block)) for block in filled]
        return self._newest


class FrameCache:
    """Decoded frames by id, the oldest thrown out when they take too much memory.

    It hears of commits, so that a read of fresh data in the same process needs no payload from the database.

    Args:
        max_bytes: The most memory to use.
    """

    def __init__(self, max_bytes: int) -> None:
        self._frames = WeightedCache[FrameId, IndexedFrame](max_bytes, lambda indexed: indexed.weight)

    def committed(self, stream: Stream, uploads: Sequence[Verified]) -> None:
        """Keep frames that were committed in this process."""
        for upload in uploads:
            if upload.frame is not None:
                self.keep((stream.tenant, stream.gateway_id, stream.epoch, upload.sequence), upload.frame)

    def keep(self, key: FrameId, frame: Frame) -> IndexedFrame:
        """Keep a frame, and return it with its index."""
        return self._frames.keep(key, IndexedFrame(frame))

    def get(self, key: FrameId) -> IndexedFrame | None:
        """Return a frame if it is here."""
        return self._frames.get(key)


def cut(block: Block, start: int, stop: int) -> Block:
    """Return rows `start` to `stop`, not included, as views."""
    value = block.value.slice(start, stop) if isinstance(block.value, BinaryColumn) else block.value[start:stop]
    return Block(block.kind, block.tag[start:stop], block.timestamp[start:stop], block.status[start:stop], value)


def _by_tag(block: Block) -> _ByTag:
    """Return the samples by tag, the tags, and where each begins and ends, shape (tags + 1,)."""
    by_tag = block
    if bool((block.tag[1:] < block.tag[:-1]).any()):
        by_tag = block.take(np.argsort(block.tag, kind="stable"))
    starts = tag_starts(by_tag.tag)
    return by_tag, by_tag.tag[starts], np.append(starts, len(by_tag))


def weigh_block(block: Block) -> int:
    """Bytes of a block's columns."""
    return weigh(block.value, len(block))
