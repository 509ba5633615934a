"""The memory that queries which run at the same time share."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from dualspan_historian.errors import busy


class Room:
    """So many bytes, which queries take for what they decode and give back when they end.

    Args:
        limit: Bytes. A query that is alone gets more, if it asks for more.
        wait_seconds: How long a query waits for others to end.
    """

    def __init__(self, limit: int, wait_seconds: float) -> None:
        self._limit = limit
        self._wait_seconds = wait_seconds
        self._taken = 0
        self._waiting = 0
        self._changed = asyncio.Condition()

    @property
    def taken(self) -> int:
        """Bytes that queries hold now."""
        return self._taken

    @asynccontextmanager
    async def share(self) -> AsyncGenerator["Share"]:
        """A query's part, given back when the context ends."""
        share = Share(self)
        try:
            yield share
        finally:
            self._taken -= share.taken
            if self._waiting:
                async with self._changed:
                    self._changed.notify_all()

    async def take(self, share: "Share", size: int) -> None:
        """Take bytes for a share; see `Share.take`."""
        if not self._fits(share, size):
            self._waiting += 1
            try:
                async with asyncio.timeout(self._wait_seconds), self._changed:
                    await self._changed.wait_for(lambda: self._fits(share, size))
            except TimeoutError as err:
                raise busy() from err
            finally:
                self._waiting -= 1
        # Nothing was awaited since it was found to fit.
        self._taken += size
        share.taken += size

    def _fits(self, share: "Share", size: int) -> bool:
        return self._taken + size <= self._limit or self._taken == share.taken


class Share:
    """What one query holds.

    Attributes:
        taken: Bytes.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self.taken = 0

    async def take(self, size: int) -> None:
        """Take bytes; waits until there are as many, or nobody else holds any.

        Raises:
            ResourceExhausted: Others hold too many for too long (`TOO_MANY_QUERIES`).
        """
        if size:
            await self._room.take(self, size)
