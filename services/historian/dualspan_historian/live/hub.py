"""Fans frames out to the watchers of this process; listens only for tenants that have any."""

import asyncio
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import structlog
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from dualspan.frame.v1 import frame_pb2
from dualspan_frame import Frame, FrameError, decode_frame
from dualspan_historian.live.channel import channel_of, check_cancelled, tenant_of, unpack
from dualspan_historian.read.frames import weigh_block
from dualspan_historian.storage.order import sort_samples
from dualspan_historian.storage.segments import newest_of_each_tag

_log = structlog.stdlib.get_logger()
_WIDEST_TABLE = 1 << 22
_READY_SECONDS = 5.0
_MOST_BYTES = 64 << 20
# Frames that wait until they are merged, for who wants the newest only.
_FEW_WAITING = 8


@dataclass(frozen=True, slots=True)
class Delivery:
    """A frame for a watcher, and how many it was not given just before."""

    frame: Frame
    skipped: int


class Watcher:
    """One subscriber's tags and what waits for it.

    Args:
        tag_ids: The tags that it wants.
        most_waiting: Frames that it may lag behind; then the oldest are skipped.
        max_bytes: What these may weigh decoded, unless it is a single one.
        only_newest: What waits is kept as the newest sample of each tag, so that nothing is skipped.
    """

    def __init__(
        self,
        tag_ids: NDArray[np.int64],
        most_waiting: int,
        max_bytes: int = _MOST_BYTES,
        *,
        only_newest: bool = False,
    ) -> None:
        self._low, self._high = int(tag_ids.min()), int(tag_ids.max())
        self._tags = tag_ids
        width = self._high - self._low + 1
        self._table = np.zeros(width, np.bool_) if width <= _WIDEST_TABLE else None
        if self._table is not None:
            self._table[tag_ids - self._low] = True
        self._most_waiting = most_waiting
        self._max_bytes = max_bytes
        self._only_newest = only_newest
        self._waiting: deque[tuple[Frame, int]] = deque()
        self._weight = 0
        self._skipped = 0
        self._filled = asyncio.Event()

    def offer(self, frame: Frame) -> None:
        """Take what is wanted of a frame; when too much waits, the oldest goes."""
        wanted = self._select(frame)
        if not wanted.sample_count:
            return
        if self._only_newest and len(self._waiting) >= _FEW_WAITING:
            wanted = self._merged(wanted)
        weight = sum(map(weigh_block, wanted.blocks))
        while self._waiting and (len(self._waiting) >= self._most_waiting or self._weight + weight > self._max_bytes):
            self._take()
            self._skipped += 1
        self._waiting.append((wanted, weight))
        self._weight += weight
        self._filled.set()

    def skip(self, count: int = 1) -> None:
        """Count frames that could not be had; whether they held anything of its tags is not known."""
        self._skipped += count

    async def deliveries(self) -> AsyncIterator[Delivery]:
        """Yield what was offered, for ever."""
        while True:
            while not self._waiting:
                self._filled.clear()
                await self._filled.wait()
            skipped, self._skipped = self._skipped, 0
            yield Delivery(self._take(), skipped)

    async def newest(self, every: float) -> AsyncIterator[Delivery]:
        """Yield the newest sample of each tag that has a new one, not more often than every so many seconds."""
        while True:
            while not self._waiting:
                self._filled.clear()
                await self._filled.wait()
            skipped, self._skipped = self._skipped, 0
            yield Delivery(self._merged(), skipped)
            await asyncio.sleep(every)

    def _merged(self, *more: Frame) -> Frame:
        """Take all that waits, and some more, as the newest sample of each tag."""
        taken = [self._take() for _ in range(len(self._waiting))]
        blocks = Frame.concat([*taken, *more]).blocks
        return Frame(tuple(newest_of_each_tag(sort_samples(block)) for block in blocks if len(block)))

    def _take(self) -> Frame:
        frame, weight = self._waiting.popleft()
        self._weight -= weight
        return frame

    def _select(self, frame: Frame) -> Frame:
        masks = [self._wants(block.tag) for block in frame.blocks]
        parts = (
            block if bool(mask.all()) else block.take(mask) for block, mask in zip(frame.blocks, masks, strict=True)
        )
        return Frame(tuple(part for part in parts if len(part)))

    def _wants(self, tag: NDArray[np.int64]) -> NDArray[np.bool_]:
        if self._table is None:
            return np.isin(tag, self._tags)
        inside = (tag >= self._low) & (tag <= self._high)
        return inside & self._table[np.where(inside, tag - self._low, 0)]


class Hub:
    """The watchers of this process.

    Args:
        redis: Where frames are published.
        most_waiting: Frames that a watcher may lag behind.
    """

    def __init__(self, redis: Redis, most_waiting: int) -> None:
        self._redis = redis
        self._most_waiting = most_waiting
        self._watchers: defaultdict[str, set[Watcher]] = defaultdict(set)
        self._listening: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._changed = asyncio.Event()

    @contextmanager
    def watch(self, tenant: str, tag_ids: NDArray[np.int64], *, only_newest: bool = False) -> Generator[Watcher]:
        """Register a watcher while the context lasts."""
        watcher = Watcher(tag_ids, self._most_waiting, only_newest=only_newest)
        self._watchers[tenant].add(watcher)
        self._changed.set()
        try:
            yield watcher
        finally:
            self._watchers[tenant].discard(watcher)
            if not self._watchers[tenant]:
                del self._watchers[tenant]
            self._changed.set()

    async def ready(self, tenant: str) -> bool:
        """Wait until frames that are committed from now on will come; False if Redis does not answer."""
        try:
            async with asyncio.timeout(_READY_SECONDS):
                await self._listening[tenant].wait()
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Listen for ever. Each time the connection is lost, watchers are told that they missed something."""
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=False) as pubsub:
                    await self._listen(pubsub)
            except (RedisError, OSError) as error:
                _log.warning("live frames lost: Redis does not answer", error=str(error))
            finally:
                self._listening.clear()
            for watcher in [watcher for watchers in self._watchers.values() for watcher in watchers]:
                watcher.skip()
            check_cancelled()
            await asyncio.sleep(0.5)

    async def _listen(self, pubsub: PubSub) -> None:
        subscribed: set[str] = set()
        while True:
            self._changed.clear()
            await self._follow(pubsub, subscribed)
            if not subscribed:
                await self._changed.wait()
                continue
            message = await pubsub.get_message(timeout=0.05)
            check_cancelled()
            if message is not None:
                self._hear(message["type"], message["channel"], message["data"])

    async def _follow(self, pubsub: PubSub, subscribed: set[str]) -> None:
        """Subscribe to the channels of tenants that have watchers now, and to no others."""
        wanted = set(self._watchers)
        if fresh := wanted - subscribed:
            await pubsub.subscribe(*map(channel_of, fresh))
        if gone := subscribed - wanted:
            # Before anything is awaited: who begins to watch meanwhile must wait for a subscription of its own.
            for tenant in gone:
                self._listening.pop(tenant, None)
            await pubsub.unsubscribe(*map(channel_of, gone))
        subscribed.clear()
        subscribed.update(wanted)

    def _hear(self, kind: object, channel: object, data: object) -> None:
        if not isinstance(channel, bytes):
            return
        tenant = tenant_of(channel)
        if kind == "subscribe":
            self._listening[tenant].set()
        watchers = self._watchers.get(tenant)
        if kind != "message" or not isinstance(data, bytes) or not watchers:
            return
        try:
            left_out, payload = unpack(data)
            frame = decode_frame(frame_pb2.Frame.FromString(payload))
        except (FrameError, DecodeError, ValueError) as error:
            _log.warning("a published frame cannot be decoded", tenant=tenant, error=str(error))
            left_out, frame = 1, None
        for watcher in watchers:
            watcher.skip(left_out)
            if frame is not None:
                watcher.offer(frame)
