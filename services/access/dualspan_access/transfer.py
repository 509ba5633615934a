"""Bodies in both directions, piece by piece: bounded in size, in silence and in time."""

import asyncio
from collections.abc import AsyncIterator

from aiohttp import StreamReader

_PIECE = 64 * 1024


class TooLargeError(Exception):
    """A body is larger than it may be."""


class SilentError(Exception):
    """Whoever sends a body says nothing for too long, or takes too long altogether."""


class Patience:
    """How long one waits for an app to begin its answer: from the last piece of the request that it was sent.

    Args:
        limit: Of the task that waits.
        seconds: For so long.
    """

    def __init__(self, limit: asyncio.Timeout, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds

    def renew(self) -> None:
        """Something has moved."""
        self._limit.reschedule(asyncio.get_running_loop().time() + self._seconds)


async def pieces(
    content: StreamReader, *, most: int, silence: float, until: float = float("inf")
) -> AsyncIterator[bytes]:
    """A body, as it comes.

    Args:
        content: What it is read from.
        most: Bytes; more raise TooLargeError.
        silence: Seconds; a longer pause raises SilentError.
        until: Time of the event loop; a body that goes on raises SilentError.
    """
    loop = asyncio.get_running_loop()
    taken = 0
    while True:
        try:
            async with asyncio.timeout_at(min(loop.time() + silence, until)):
                piece = await content.read(_PIECE)
        except TimeoutError:
            raise SilentError from None
        if not piece:
            return
        taken += len(piece)
        if taken > most:
            raise TooLargeError
        yield piece
