"""One gateway's stream: uploads come in, are verified in order, and are committed in groups."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from dualspan.historian.v1 import service_pb2
from dualspan_historian.errors import not_rising, open_first
from dualspan_historian.ingest.service import Committed, IngestService, Stream
from dualspan_historian.ingest.verification import Verified
from dualspan_historian.model import Gap

Upload = tuple[service_pb2.IngestRequest.Upload, tuple[Gap, ...]]


class Inbox:
    """Verified uploads that wait for the next commit, bounded by what they weigh."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._waiting: list[Verified] = []
        self._weight = 0
        self._changed = asyncio.Condition()
        self._closed = False

    async def put(self, upload: Verified) -> None:
        """Add an upload; waits while too much is waiting, which gRPC's flow control carries to the gateway."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._weight == 0 or self._weight + upload.weight <= self._max_bytes)
            self._waiting.append(upload)
            self._weight += upload.weight
            self._changed.notify_all()

    async def close(self) -> None:
        """Say that nothing more comes."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def take(self) -> list[Verified]:
        """Take everything that waits, at least one upload; empty when closed and all taken."""
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._waiting) or self._closed)
            taken, self._waiting, self._weight = self._waiting, [], 0
            self._changed.notify_all()
            return taken


async def run_session(
    service: IngestService, stream: Stream, uploads: AsyncGenerator[Upload], max_waiting_bytes: int
) -> AsyncGenerator[Committed]:
    """Verify and commit uploads until they end; yields after each commit.

    The next uploads are received and verified while a commit waits for the disk.

    Raises:
        DomainError: The gateway breaks the protocol, or the database does not answer.
    """
    inbox = Inbox(max_waiting_bytes)
    receiving = asyncio.create_task(_receive(service, stream, uploads, inbox))
    try:
        while group := await inbox.take():
            yield await service.commit(stream, group)
        await receiving
    finally:
        receiving.cancel()
        await asyncio.gather(receiving, return_exceptions=True)


async def _receive(service: IngestService, stream: Stream, uploads: AsyncGenerator[Upload], inbox: Inbox) -> None:
    last = 0
    try:
        async with aclosing(uploads):
            async for upload, gaps in uploads:
                if upload.sequence <= last:
                    raise not_rising(upload.sequence, last)
                last = upload.sequence
                await inbox.put(await service.verify(stream, upload, gaps))
    finally:
        await inbox.close()


async def opening(requests: AsyncIterator[service_pb2.IngestRequest]) -> service_pb2.IngestRequest.Open:
    """Return the first message of a stream.

    Raises:
        FailedPrecondition: It is not `open`.
    """
    async for request in requests:
        if request.WhichOneof("message") == "open":
            return request.open
        break
    raise open_first()
