"""Which samples of a repair are new: a sample that came live and is in history too is stored and counted once."""

from collections.abc import Sequence

import numpy as np
import structlog
from numpy.typing import NDArray

from dualspan_frame import Block, Frame
from dualspan_historian.read.raw import RawQuery, read_raw
from dualspan_historian.read.snapshot import Snapshots
from dualspan_historian.repair.model import EVERY_TAG, Repair, RepairedSpan
from dualspan_historian.storage.order import new_rows
from dualspan_runtime.errors import DomainError

_log = structlog.stdlib.get_logger()
_MOST_KNOWN = 1_000_000
_MOST_TAGS = 1000


class KnownSamples:
    """Finds out what of a frame is stored already.

    Args:
        snapshots: Reads.
    """

    def __init__(self, snapshots: Snapshots) -> None:
        self._snapshots = snapshots

    async def without(self, tenant: str, frame: Frame) -> Frame:
        """Return a frame without the samples that are stored.

        If that cannot be found out now, all of it: sealing drops repeats too, and only their count is then too high.
        """
        span = frame.time_range()
        if span is None:
            return frame
        tag_ids = np.unique(np.concatenate([block.tag for block in frame.blocks]))
        if len(tag_ids) > _MOST_TAGS:
            return frame
        query = RawQuery(tuple(tag_ids.tolist()), span[0], span[1] + 1, _MOST_KNOWN)
        try:
            stored = (await read_raw(self._snapshots, tenant, query, None)).frame
        except DomainError as error:
            _log.warning("repair not compared with what is stored", tenant=tenant, reason=error.reason)
            return frame
        return Frame(tuple(_fresh(block, stored.block(block.kind)) for block in frame.blocks))


def _fresh(block: Block, stored: Block | None) -> Block:
    return block.take(new_rows(stored, block))


def spans_of(frame: Frame, repairs: Sequence[Repair]) -> list[RepairedSpan]:
    """Return which samples of a frame each repair brought; a frame holds samples of one gap per tag."""
    gaps = {repair.tag_id: repair.gap_id for repair in repairs if repair.tag_id != EVERY_TAG}
    spans: list[RepairedSpan] = []
    for block in frame.blocks:
        order = np.lexsort((block.timestamp, block.tag))
        tags, times = block.tag[order], block.timestamp[order]
        edges: NDArray[np.int64] = np.flatnonzero(np.diff(tags)) + 1
        for part_tags, part_times in zip(np.split(tags, edges), np.split(times, edges), strict=True):
            gap_id = gaps.get(int(part_tags[0])) if len(part_tags) else None
            if gap_id is not None:
                spans.append(RepairedSpan(gap_id, int(part_tags[0]), part_times))
    return spans
