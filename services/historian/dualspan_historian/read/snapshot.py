"""One look at the database: frames and segments as they were at one moment, while sealing and merging go on."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import TypeVar, TypeVarTuple

import numpy as np
from numpy.typing import NDArray

from dualspan.frame.v1 import frame_pb2
from dualspan_frame import Block, DecodeLimits, decode_frame
from dualspan_historian.errors import busy, too_many_bytes, too_many_samples, unknown_tags
from dualspan_historian.model import Tag
from dualspan_historian.read.expectations import Expectations
from dualspan_historian.read.frames import FrameCache, IndexedFrame
from dualspan_historian.read.memory import Memory, SegmentCache
from dualspan_historian.read.room import Room, Share
from dualspan_historian.storage import frame_store, scope_store, segment_store, tag_store
from dualspan_historian.storage.columns import decode_segment, join_row
from dualspan_historian.storage.frame_store import FrameKey
from dualspan_historian.storage.scope_store import Scope
from dualspan_historian.storage.segment_store import SegmentColumns, SegmentInfo
from dualspan_runtime.context import hidden_tags
from dualspan_runtime.database import Connection, Database

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")
FEW_SAMPLES = 200_000
"""Less than a millisecond of work."""
_NO_LIMITS = DecodeLimits(max_samples=1 << 31, max_bytes=1 << 36)


@dataclass(frozen=True, slots=True)
class UnsealedFrame:
    """A frame that is not sealed, and what it spans."""

    key: FrameKey
    indexed: IndexedFrame


class Snapshots:
    """Opens snapshots, a few at a time.

    Args:
        database: What to look at.
        cache: Decoded frames.
        segments: Decoded segments.
        executor: Threads that decode; pcodec and NumPy let others run meanwhile.
        max_queries: Snapshots that may be open at the same time.
        wait_seconds: How long to wait for a turn.
        max_samples: Most samples that a query may cover.
        max_bytes: Most decoded bytes of unsealed frames that a query may cover, and that all which run hold together.
    """

    def __init__(
        self,
        database: Database,
        cache: FrameCache,
        segments: SegmentCache,
        executor: Executor,
        *,
        max_queries: int,
        wait_seconds: float,
        max_samples: int,
        max_bytes: int,
    ) -> None:
        self._database = database
        self._cache = cache
        self._segments = segments
        self._executor = executor
        self._turns = asyncio.Semaphore(max_queries)
        self._wait_seconds = wait_seconds
        self.max_samples = max_samples
        self._max_bytes = max_bytes
        self._room = Room(max_bytes, wait_seconds)
        self.expectations = Expectations()

    def memory(self, tenant: str) -> Memory:
        """Return what is decoded already."""
        return Memory(tenant, self._cache, self._segments)

    async def look(self, tenant: str, tag_ids: Sequence[int], start: int, end: int) -> Scope:
        """Return where the samples of some tags in [start, end) are now; the same as `Snapshot.scope`, sooner.

        Raises:
            NotFound: The tenant does not have one of them (`TAG_NOT_FOUND`).
            ResourceExhausted: Too many queries run (`TOO_MANY_QUERIES`).
        """
        await self._take_turn()
        try:
            found = await scope_store.look(self._database, tenant, tag_ids, start, end)
        finally:
            self._turns.release()
        _check_all_known(tag_ids, found.tags)
        return found

    @asynccontextmanager
    async def open(self, tenant: str) -> AsyncGenerator["Snapshot"]:
        """Open a snapshot of a tenant's data.

        Raises:
            ResourceExhausted: Too many queries run (`TOO_MANY_QUERIES`).
        """
        await self._take_turn()
        try:
            async with (
                self._room.share() as share,
                self._database.transaction(tenant, isolation="repeatable_read", readonly=True) as connection,
            ):
                yield Snapshot(
                    connection,
                    tenant,
                    self.memory(tenant),
                    share,
                    self._executor,
                    max_samples=self.max_samples,
                    max_bytes=self._max_bytes,
                )
        finally:
            self._turns.release()

    async def _take_turn(self) -> None:
        try:
            # A free one is taken without the timer that only waiting needs.
            async with asyncio.timeout(self._wait_seconds) if self._turns.locked() else nullcontext():
                await self._turns.acquire()
        except TimeoutError as err:
            raise busy() from err


class Snapshot:
    """The data of a tenant at one moment.

    Attributes:
        connection: In the snapshot's transaction, for stores.
        tenant: Whose data it is.
    """

    def __init__(
        self,
        connection: Connection,
        tenant: str,
        memory: Memory,
        share: Share,
        executor: Executor,
        *,
        max_samples: int,
        max_bytes: int,
    ) -> None:
        self.connection = connection
        self.tenant = tenant
        self._memory = memory
        self._share = share
        self._executor = executor
        self._max_samples = max_samples
        self._max_bytes = max_bytes

    async def tags(self, tag_ids: Sequence[int]) -> list[Tag]:
        """Return tags in order of id.

        Raises:
            NotFound: The tenant does not have one of them (`TAG_NOT_FOUND`).
        """
        tags = await tag_store.find(self.connection, self.tenant, tag_ids)
        _check_all_known(tag_ids, tags)
        return tags

    async def scope(self, tag_ids: Sequence[int], start: int, end: int) -> Scope:
        """Return where the samples of some tags in [start, end) are, and the segments nearest around.

        Raises:
            NotFound: The tenant does not have one of them (`TAG_NOT_FOUND`).
        """
        found = await scope_store.scope(self.connection, self.tenant, tag_ids, start, end)
        _check_all_known(tag_ids, found.tags)
        return found

    async def frame_keys(self, tags: Sequence[Tag]) -> list[FrameKey]:
        """Return the unsealed frames of the tags' gateways, in order of arrival."""
        gateways = sorted({tag.gateway_id for tag in tags})
        return await frame_store.keys(self.connection, self.tenant, gateways)

    async def frames(self, keys: Sequence[FrameKey]) -> list[UnsealedFrame]:
        """Return decoded frames, in the same order.

        Raises:
            ResourceExhausted: They hold too many samples or bytes (`TOO_MANY_SAMPLES`), or too many together with what
                other queries hold (`TOO_MANY_QUERIES`).
        """
        self.check(sum(key.sample_count for key in keys))
        size = sum(key.decoded_bytes for key in keys)
        if size > self._max_bytes:
            raise too_many_bytes(size, self._max_bytes)
        known = {key: self._memory.frame(key) for key in keys}
        missing = [key for key, indexed in known.items() if indexed is None]
        if missing:
            await self._share.take(sum(key.decoded_bytes for key in missing))
            payloads = await frame_store.payloads(self.connection, self.tenant, missing)
            for key in missing:
                payload = payloads[key.gateway_id, key.epoch, key.sequence]
                known[key] = await self.run(self._decode, key, payload)
        return [UnsealedFrame(key, indexed) for key, indexed in known.items() if indexed is not None]

    async def overlapping(self, tag_ids: Sequence[int], start: int, end: int) -> list[SegmentInfo]:
        """Return segments with anything in [start, end), in order of tag and time."""
        return await segment_store.overlapping(self.connection, self.tenant, tag_ids, start, end)

    async def reaching(self, tag_ids: Sequence[int], time: int) -> list[SegmentInfo]:
        """Return segments that the newest sample before a time may be in: around it, and the nearest before it."""
        return await segment_store.reaching(self.connection, self.tenant, tag_ids, time)

    async def columns(self, wanted: Sequence[SegmentInfo], *, values: bool = True) -> dict[int, SegmentColumns]:
        """Return segments' columns by id."""
        return await segment_store.columns(self.connection, self.tenant, wanted, values=values) if wanted else {}

    async def blocks(self, wanted: Sequence[SegmentInfo], *, values: bool = True) -> dict[int, Block]:
        """Return segments decoded, by id; they may be kept from an earlier read. Without `values` they are zeros."""
        known = {info.segment_id: self._memory.segments([info]) for info in wanted}
        missing = [info for info in wanted if known[info.segment_id] is None]
        fresh = await self.columns(missing, values=values)
        decoded = await self.run(_decode_segments, missing, fresh) if missing else {}
        if values:
            for info in missing:
                self._memory.keep_segments([info], decoded[info.segment_id])
        return {segment_id: block for segment_id, block in known.items() if block is not None} | decoded

    def known_row(self, row: Sequence[SegmentInfo]) -> Block | None:
        """Return the samples of segments in a row, if an earlier read kept them."""
        return self._memory.segments(row)

    async def keep_row(self, row: Sequence[SegmentInfo], blocks: dict[int, Block]) -> Block:
        """Join decoded segments that follow each other, and keep them for the reads that follow."""
        parts = [blocks[info.segment_id] for info in row]
        joined = await self.run_short(sum(map(len, parts)), join_row, parts)
        return self._memory.keep_segments(row, joined)

    async def latest(self, tag_ids: Sequence[int]) -> list[segment_store.LatestSample]:
        """Return the newest sealed samples."""
        return await segment_store.latest(self.connection, self.tenant, tag_ids)

    def check(self, samples: int) -> None:
        """Refuse to look at too many samples.

        Raises:
            ResourceExhausted: They are too many (`TOO_MANY_SAMPLES`).
        """
        if samples > self._max_samples:
            raise too_many_samples(samples, self._max_samples)

    async def run(self, work: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
        """Run CPU work in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)

    async def run_short(self, samples: int, work: Callable[[*Arguments], T], *arguments: *Arguments) -> T:
        """Run CPU work on so many samples: where it stands when that is sooner than handing it to a thread."""
        return work(*arguments) if samples <= FEW_SAMPLES else await self.run(work, *arguments)

    def _decode(self, key: FrameKey, payload: bytes) -> IndexedFrame:
        frame = decode_frame(frame_pb2.Frame.FromString(payload), _NO_LIMITS)
        return self._memory.keep_frame(key, frame)


def _check_all_known(tag_ids: Sequence[int], tags: Sequence[Tag]) -> None:
    # What an app was not granted is answered here, in the words and at the moment of what does not exist.
    missing = set(tag_ids).difference(tag.tag_id for tag in tags) | hidden_tags(tag_ids)
    if missing:
        raise unknown_tags(sorted(missing))


def _decode_segments(wanted: Sequence[SegmentInfo], columns: dict[int, SegmentColumns]) -> dict[int, Block]:
    lines: dict[bytes, NDArray[np.int64]] = {}
    return {info.segment_id: decode_segment(info, columns[info.segment_id], lines) for info in wanted}
