"""The newest sample of each tag: what sealing wrote down, and what is not sealed yet."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from dualspan_frame import BinaryColumn, Block, Frame, ValueKind, Values, value_dtype
from dualspan_historian.model import Tag
from dualspan_historian.read.snapshot import Snapshot, Snapshots, UnsealedFrame
from dualspan_historian.storage.frame_store import FrameKey
from dualspan_historian.storage.order import sort_samples
from dualspan_historian.storage.segments import LatestSample, newest_of_each_tag


async def read_latest(snapshots: Snapshots, tenant: str, tag_ids: Sequence[int]) -> Frame:
    """Return one sample for each of the tags that has any.

    Raises:
        NotFound: The tenant does not have one of the tags.
        ResourceExhausted: Too many queries run, or too much is unsealed.
    """
    async with snapshots.open(tenant) as snapshot:
        tags = await snapshot.tags(tag_ids)
        return await newest_in(snapshot, tags, await snapshot.frame_keys(tags))


async def newest_in(snapshot: Snapshot, tags: Sequence[Tag], keys: Sequence[FrameKey]) -> Frame:
    """Return the newest samples of tags, given the unsealed frames of their gateways."""
    frames = await snapshot.frames(keys)
    sealed = await snapshot.latest([tag.tag_id for tag in tags])
    return await snapshot.run(_newest, tags, sealed, frames)


def _newest(tags: Sequence[Tag], sealed: Sequence[LatestSample], frames: Sequence[UnsealedFrame]) -> Frame:
    by_kind: defaultdict[ValueKind, list[int]] = defaultdict(list)
    for tag in tags:
        by_kind[tag.kind].append(tag.tag_id)
    parts: defaultdict[ValueKind, list[Block]] = defaultdict(list)
    for kind, ids in by_kind.items():
        wanted = set(ids)
        parts[kind].append(_block(kind, [sample for sample in sealed if sample.tag_id in wanted]))
    for frame in frames:
        for block in frame.indexed.newest():
            if block.kind in by_kind:
                parts[block.kind].append(block.take(np.isin(block.tag, by_kind[block.kind])))
    joined = (Block.concat(blocks) for blocks in parts.values())
    return Frame(tuple(newest_of_each_tag(sort_samples(block)) for block in joined if len(block)))


def _block(kind: ValueKind, samples: Sequence[LatestSample]) -> Block:
    return Block(
        kind,
        np.array([sample.tag_id for sample in samples], np.int64),
        np.array([sample.t for sample in samples], np.int64),
        np.array([sample.status for sample in samples], np.uint32),
        _values(kind, [sample.value for sample in samples]),
    )


def _values(kind: ValueKind, contents: Sequence[bytes]) -> Values:
    dtype = value_dtype(kind)
    if dtype is None:
        return BinaryColumn.from_list(contents)
    return np.frombuffer(b"".join(contents), dtype)
