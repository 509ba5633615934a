"""Small segments to large ones, in transactions of bounded size."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
import structlog
from numpy.typing import NDArray

from dualspan_frame import Block, Frame, ValueKind
from dualspan_historian.storage import segment_store
from dualspan_historian.storage.columns import decode_segment, join
from dualspan_historian.storage.merge_plan import plan
from dualspan_historian.storage.segment_store import Change, SegmentColumns, SegmentInfo
from dualspan_historian.storage.segments import Sealed, seal
from dualspan_runtime.database import Connection, Database

_log = structlog.stdlib.get_logger()
# A tag with fewer open segments cannot have a group worth merging, but for one that late data overlaps.
_FEWEST_OPEN = 2

Group = list[SegmentInfo]


class Merger:
    """Merges gateways' segments.

    Args:
        database: Where they are.
        at_most: Most samples of one transaction, unless a single group has more.
        at_most_bytes: Most decoded bytes of one transaction, unless a single group has more.
    """

    def __init__(self, database: Database, at_most: int, at_most_bytes: int = 128 << 20) -> None:
        self._database = database
        self._at_most = at_most
        self._at_most_bytes = at_most_bytes

    async def merge_all(self, tenant: str, gateway_id: str) -> int:
        """Merge until there is nothing to merge; returns how many segments were replaced."""
        total = 0
        after = 0
        while True:
            replaced, after = await self._merge_some(tenant, gateway_id, after)
            total += replaced
            if after < 0:
                return total

    async def _merge_some(self, tenant: str, gateway_id: str, after: int) -> tuple[int, int]:
        """Merge groups of the next tags; returns segments replaced, and the tag to go on after (-1: done)."""
        async with self._database.transaction(tenant) as connection:
            if not await segment_store.try_lock_upkeep(connection, tenant, gateway_id):
                return 0, -1
            tags = await segment_store.tags_to_merge(connection, tenant, gateway_id, _FEWEST_OPEN, after)
            if not tags:
                return 0, -1
            groups, last = self._choose(await segment_store.open_region(connection, tenant, tags))
            for kind, of_kind in groups.items():
                await self._replace(connection, tenant, gateway_id, kind, of_kind)
        replaced = sum(len(group) for of_kind in groups.values() for group in of_kind)
        return replaced, max(tags) if last is None else last

    def _choose(self, segments: Sequence[SegmentInfo]) -> tuple[dict[ValueKind, list[Group]], int | None]:
        """Choose groups up to the limit; returns them by kind, and the tag to begin after next time (None: all done).

        A tag whose segments were merged is looked at again at once: its group may complete a tier.
        """
        chosen: defaultdict[ValueKind, list[Group]] = defaultdict(list)
        samples = size = 0
        for tag_id, found in groupby(segments, key=lambda segment: segment.tag_id):
            for group in plan(list(found)):
                chosen[group[0].kind].append(group)
                samples += sum(segment.sample_count for segment in group)
                size += sum(segment.decoded_bytes for segment in group)
                if size >= self._at_most_bytes:
                    return chosen, tag_id  # its other groups come next time
            if samples >= self._at_most:
                return chosen, tag_id
        return chosen, None

    @staticmethod
    async def _replace(
        connection: Connection, tenant: str, gateway_id: str, kind: ValueKind, groups: Sequence[Group]
    ) -> None:
        gone = [segment for group in groups for segment in group]
        columns = await segment_store.columns(connection, tenant, gone)
        merged = await asyncio.to_thread(_merge, kind, groups, columns)
        removed = await segment_store.delete(connection, tenant, gone)
        for arrival, sealed in merged:
            await segment_store.insert(connection, tenant, gateway_id, arrival, sealed)
        change = Change(
            repeated=sum(sealed.repeated_samples for _, sealed in merged),
            segments=removed.segments + sum(len(sealed.segments) for _, sealed in merged),
            bytes=removed.bytes + sum(sealed.byte_count for _, sealed in merged),
        )
        await segment_store.add_totals(connection, tenant, gateway_id, change)
        _log.debug("merged", tenant=tenant, gateway=gateway_id, segments=len(gone), into=change.segments + len(gone))


def _merge(kind: ValueKind, groups: Sequence[Group], columns: dict[int, SegmentColumns]) -> list[tuple[int, Sealed]]:
    """Return new segments by the arrival that they take over.

    Groups of different tags that have the same arrivals are made together, so that they can share timelines; groups
    of one tag are made apart, because they are apart in time.
    """
    lines: dict[bytes, NDArray[np.int64]] = {}
    return [
        (arrival, seal([Frame((_block(kind, batch, columns, lines),))], merging=True))
        for arrival, batch in _batches(groups)
    ]


def _batches(groups: Sequence[Group]) -> Iterator[tuple[int, list[Group]]]:
    by_arrival: defaultdict[tuple[int, int], list[Group]] = defaultdict(list)
    turns: defaultdict[int, int] = defaultdict(int)
    for group in groups:
        turn = turns[group[0].tag_id]
        turns[group[0].tag_id] += 1
        by_arrival[turn, min(segment.arrival for segment in group)].append(group)
    for (_, arrival), batch in by_arrival.items():
        yield arrival, batch


def _block(
    kind: ValueKind,
    batch: Sequence[Group],
    columns: dict[int, SegmentColumns],
    lines: dict[bytes, NDArray[np.int64]],
) -> Block:
    """Decode the segments of a batch in order of arrival, which is the order that ties keep."""
    ordered = sorted(
        (segment for group in batch for segment in group), key=lambda one: (one.tag_id, one.arrival, one.t_min)
    )
    return join(kind, [decode_segment(segment, columns[segment.segment_id], lines) for segment in ordered])
