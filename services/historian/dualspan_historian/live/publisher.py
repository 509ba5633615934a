"""Publishes what was committed.

Watchers are owed a count only: when Redis is slow or away, frames are left out, and the next one says how many.
"""

import asyncio
from collections import Counter as Tally
from collections.abc import Sequence

import structlog
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from dualspan_historian.ingest.verification import Verified
from dualspan_historian.live.channel import channel_of, check_cancelled, pack
from dualspan_historian.model import Stream

_log = structlog.stdlib.get_logger()
_LEFT_OUT = Counter("dualspan_historian_unpublished_frames", "Frames that watchers were not told of")
_AT_ONCE = 64


class Publisher:
    """Hears of commits and publishes them in the background.

    Args:
        redis: Where to.
        most_waiting: Frames that may wait; more are left out.
        max_bytes: What their payloads may weigh.
    """

    def __init__(self, redis: Redis, most_waiting: int = 1024, max_bytes: int = 128 << 20) -> None:
        self._redis = redis
        self._max_bytes = max_bytes
        self._bytes = 0
        self._waiting: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(most_waiting)
        self._left_out: Tally[str] = Tally()

    def committed(self, stream: Stream, uploads: Sequence[Verified]) -> None:
        """Take frames to publish; never waits."""
        for upload in uploads:
            if upload.stored is None:
                continue
            channel, payload = channel_of(stream.tenant), upload.stored.payload
            if self._waiting.full() or self._bytes + len(payload) > self._max_bytes:
                self._leave_out(channel)
                continue
            self._waiting.put_nowait((channel, payload))
            self._bytes += len(payload)

    async def run(self) -> None:
        """Publish for ever."""
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < _AT_ONCE and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            self._bytes -= sum(len(payload) for _, payload in batch)
            try:
                await self._publish(batch)
            except (RedisError, OSError) as error:
                for channel, _ in batch:
                    self._leave_out(channel)
                _log.warning("frames not published", frames=len(batch), error=str(error))
                await asyncio.sleep(0.5)
            check_cancelled()

    async def _publish(self, batch: Sequence[tuple[str, bytes]]) -> None:
        """Publish frames; the first of each channel tells what was left out, and again until it could be told."""
        told: Tally[str] = Tally()
        async with self._redis.pipeline(transaction=False) as pipeline:
            for channel, payload in batch:
                untold = self._left_out[channel] - told[channel]
                told[channel] += untold
                pipeline.publish(channel, pack(untold, payload))
            await pipeline.execute()
        self._left_out -= told

    def _leave_out(self, channel: str) -> None:
        self._left_out[channel] += 1
        _LEFT_OUT.inc()
