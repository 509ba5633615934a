"""What earlier reads and commits have left decoded in this process, for one tenant."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from dualspan_frame import Block, Frame
from dualspan_historian.read.cache import WeightedCache
from dualspan_historian.read.frames import FrameCache, IndexedFrame
from dualspan_historian.storage.frame_store import FrameKey
from dualspan_historian.storage.segment_store import SegmentInfo

SegmentCache: TypeAlias = WeightedCache[tuple[str, *tuple[int, ...]], Block]
"""Decoded segments by (tenant, ids of one or of several in a row): a segment's content never changes."""


class Memory:
    """A tenant's share of the caches. Whether what it holds is still there, only the database knows.

    Args:
        tenant: Whose.
        frames: Decoded frames.
        segments: Decoded segments.
    """

    def __init__(self, tenant: str, frames: FrameCache, segments: SegmentCache) -> None:
        self._tenant = tenant
        self._frames = frames
        self._segments = segments

    def frame(self, key: FrameKey) -> IndexedFrame | None:
        """Return a frame if it is here."""
        return self._frames.get((self._tenant, key.gateway_id, key.epoch, key.sequence))

    def keep_frame(self, key: FrameKey, frame: Frame) -> IndexedFrame:
        """Keep a frame, and return it with its index."""
        return self._frames.keep((self._tenant, key.gateway_id, key.epoch, key.sequence), frame)

    def segments(self, row: Sequence[SegmentInfo]) -> Block | None:
        """Return the samples of a segment, or of several in a row that were joined, if they are here."""
        return self._segments.get((self._tenant, *[info.segment_id for info in row]))

    def keep_segments(self, row: Sequence[SegmentInfo], block: Block) -> Block:
        """Keep the samples of a segment, or of several in a row; from now on nobody can change them."""
        for column in (block.timestamp, block.value):
            if isinstance(column, np.ndarray):
                column.flags.writeable = False
        return self._segments.keep((self._tenant, *[info.segment_id for info in row]), block)
