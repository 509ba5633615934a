"""One gateway's stream: uploads come in, are verified in order, and are committed in groups."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from dualspan.historian.v1 import service_pb2
from dualspan_historian.errors import not_rising, open_first, superseded
from dualspan_historian.ingest.service import Committed, IngestService
from dualspan_historian.ingest.verification import Verified
from dualspan_historian.model import Stream
from dualspan_historian.repair.model import Notes

Upload = tuple[service_pb2.IngestRequest.Upload, Notes]


class Inbox:
    """Verified uploads that wait for the next commit, bounded by what they weigh and by how many they are.

    Args:
        max_bytes: What those that wait may weigh, unless it is a single one.
        max_in_flight: Uploads that may be here without being acknowledged, those that are being committed included.
    """

    def __init__(self, max_bytes: int, max_in_flight: int) -> None:
        self._max_bytes = max_bytes
        self._max_in_flight = max_in_flight
        self._in_flight = 0
        self._superseded = False
        self._waiting: list[Verified] = []
        self._weight = 0
        self._changed = asyncio.Condition()
        self._closed = False

    async def put(self, upload: Verified) -> None:
        """Add an upload; waits while too much is waiting, which gRPC's flow control carries to the gateway."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._has_room(upload.weight))
            self._waiting.append(upload)
            self._in_flight += 1
            self._weight += upload.weight
            self._changed.notify_all()

    async def acknowledged(self, count: int) -> None:
        """Make room for as many uploads as were acknowledged."""
        async with self._changed:
            self._in_flight -= count
            self._changed.notify_all()

    async def supersede(self) -> None:
        """Say that another stream took this one's place: what waits is not committed, the gateway sends it there."""
        async with self._changed:
            self._superseded = True
            self._changed.notify_all()

    async def close(self) -> None:
        """Say that nothing more comes."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def take(self) -> list[Verified]:
        """Take everything that waits, at least one upload; empty when closed and all taken.

        Raises:
            Aborted: Another stream took this one's place (`STREAM_SUPERSEDED`).
        """
        async with self._changed:
            await self._changed.wait_for(lambda: bool(self._waiting) or self._closed or self._superseded)
            if self._superseded:
                raise superseded()
            taken, self._waiting, self._weight = self._waiting, [], 0
            self._changed.notify_all()
            return taken

    def _has_room(self, weight: int) -> bool:
        return self._in_flight < self._max_in_flight and (self._weight == 0 or self._weight + weight <= self._max_bytes)


class Sessions:
    """The stream of each gateway in this process. A gateway has one: a new one ends the one that it left behind."""

    def __init__(self) -> None:
        self._inboxes: dict[tuple[str, str], Inbox] = {}

    @asynccontextmanager
    async def hold(self, stream: Stream, inbox: Inbox) -> AsyncGenerator[None]:
        """Be the gateway's stream until another one comes."""
        key = (stream.tenant, stream.gateway_id)
        older = self._inboxes.get(key)
        self._inboxes[key] = inbox
        try:
            if older is not None:
                await older.supersede()
            yield
        finally:
            if self._inboxes.get(key) is inbox:
                del self._inboxes[key]


async def run_session(
    service: IngestService, stream: Stream, uploads: AsyncGenerator[Upload], inbox: Inbox
) -> AsyncGenerator[Committed]:
    """Verify and commit uploads until they end; yields after each commit.

    The next uploads are received and verified while a commit waits for the disk.

    Raises:
        DomainError: The gateway breaks the protocol or opened another stream, or the database does not answer.
    """
    receiving = asyncio.create_task(_receive(service, stream, uploads, inbox))
    try:
        while group := await inbox.take():
            committed = await service.commit(stream, group)
            await inbox.acknowledged(len(group))
            yield committed
        await receiving
    finally:
        receiving.cancel()
        await asyncio.gather(receiving, return_exceptions=True)


async def _receive(service: IngestService, stream: Stream, uploads: AsyncGenerator[Upload], inbox: Inbox) -> None:
    last = 0
    try:
        async with aclosing(uploads):
            async for upload, notes in uploads:
                if upload.sequence <= last:
                    raise not_rising(upload.sequence, last)
                last = upload.sequence
                await inbox.put(await service.verify(stream, upload, notes))
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
