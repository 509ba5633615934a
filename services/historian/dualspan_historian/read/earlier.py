"""The newest sample of each tag before a time: the bounding value at the start of a span (Part 11, 6.4.3.2)."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dualspan_frame import Block, Frame
from dualspan_historian.model import Tag
from dualspan_historian.read.frames import cut
from dualspan_historian.read.latest import newest_in
from dualspan_historian.read.raw import merge
from dualspan_historian.read.snapshot import Snapshot, Snapshots, UnsealedFrame
from dualspan_historian.storage.columns import decode_segment
from dualspan_historian.storage.segment_store import SegmentColumns, SegmentInfo

# Tags whose segments are decoded in one go: one or two each, of 64k samples at the most.
_TAGS_AT_ONCE = 32


async def read_before(snapshots: Snapshots, tenant: str, tag_ids: Sequence[int], before: int) -> Frame:
    """Return the newest sample before a time for each of the tags that has one.

    Args:
        snapshots: Reads.
        tenant: Whose tags.
        tag_ids: Which.
        before: The time in microseconds; a sample of exactly that time is not before it.

    Raises:
        NotFound: The tenant does not have one of the tags.
        ResourceExhausted: Too many queries run, or too much is unsealed.
    """
    async with snapshots.open(tenant) as snapshot:
        tags = await snapshot.tags(tag_ids)
        keys = await snapshot.frame_keys(tags)
        newest = await newest_in(snapshot, tags, keys)
        # Most tags have not changed since, or the time is now: then the newest of all is the answer.
        done = [block.take(block.timestamp < before) for block in newest.blocks]
        later = {tag for block in newest.blocks for tag in block.tag[block.timestamp >= before].tolist()}
        waiting = [tag for tag in tags if tag.tag_id in later]
        frames = await snapshot.frames([key for key in keys if key.t_min < before]) if waiting else []
        some = [waiting[i : i + _TAGS_AT_ONCE] for i in range(0, len(waiting), _TAGS_AT_ONCE)]
        found = [await _of_some(snapshot, tags_of_one, frames, before) for tags_of_one in some]
        return Frame.concat([Frame(tuple(block for block in done if len(block))), *found])


async def _of_some(snapshot: Snapshot, tags: Sequence[Tag], frames: Sequence[UnsealedFrame], before: int) -> Frame:
    infos = await snapshot.reaching([tag.tag_id for tag in tags], before)
    columns = await snapshot.columns(infos)
    return await snapshot.run(_last_of_each, tags, infos, columns, frames, before)


def _last_of_each(
    tags: Sequence[Tag],
    infos: Sequence[SegmentInfo],
    columns: dict[int, SegmentColumns],
    frames: Sequence[UnsealedFrame],
    before: int,
) -> Frame:
    by_tag: defaultdict[int, list[SegmentInfo]] = defaultdict(list)
    for info in infos:
        by_tag[info.tag_id].append(info)
    lines: dict[bytes, NDArray[np.int64]] = {}
    lasts: list[Frame] = []
    for tag in tags:
        parts = [
            (frame.key.arrival, part.take(part.timestamp < before))
            for frame in frames
            if (part := frame.indexed.part(tag.kind, tag.tag_id)) is not None
        ]
        # The segment that ends last goes first: what ends before the newest sample so far need not be decoded.
        for info in sorted(by_tag[tag.tag_id], key=lambda info: -info.t_max):
            best = max((int(part.timestamp.max()) for _, part in parts if len(part)), default=None)
            if best is None or info.t_max >= best:
                block = decode_segment(info, columns[info.segment_id], lines)
                parts.append((info.arrival, block.take(block.timestamp < before)))
        last = _last([part for _, part in sorted(parts, key=lambda part: part[0])], tag)
        lasts.append(Frame((last,) if len(last) else ()))
    return Frame.concat(lasts)


def _last(parts: Sequence[Block], tag: Tag) -> Block:
    merged = merge(parts, tag)
    return cut(merged, len(merged) - 1, len(merged)) if len(merged) else merged
