"""Publishes what was committed. Watchers are not owed anything: when Redis is slow or away, frames are left out."""

import asyncio
from collections.abc import Sequence

import structlog
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from dualspan_historian.ingest.service import Stream
from dualspan_historian.ingest.verification import Verified
from dualspan_historian.live.channel import channel_of, check_cancelled

_log = structlog.stdlib.get_logger()
_LEFT_OUT = Counter("dualspan_historian_unpublished_frames", "Frames that watchers were not told of")
_AT_ONCE = 64


class Publisher:
    """Hears of commits and publishes them in the background.

    Args:
        redis: Where to.
        most_waiting: Frames that may wait; more are left out.
    """

    def __init__(self, redis: Redis, most_waiting: int = 1024) -> None:
        self._redis = redis
        self._waiting: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(most_waiting)

    def committed(self, stream: Stream, uploads: Sequence[Verified]) -> None:
        """Take frames to publish; never waits."""
        for upload in uploads:
            if upload.stored is None:
                continue
            try:
                self._waiting.put_nowait((channel_of(stream.tenant), upload.stored.payload))
            except asyncio.QueueFull:
                _LEFT_OUT.inc()

    async def run(self) -> None:
        """Publish for ever."""
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < _AT_ONCE and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            try:
                async with self._redis.pipeline(transaction=False) as pipeline:
                    for channel, payload in batch:
                        pipeline.publish(channel, payload)
                    await pipeline.execute()
            except (RedisError, OSError) as error:
                _LEFT_OUT.inc(len(batch))
                _log.warning("frames not published", frames=len(batch), error=str(error))
                await asyncio.sleep(0.5)
            check_cancelled()
