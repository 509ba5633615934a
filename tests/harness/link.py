"""A TCP link between two processes that a test can cut, slow down and blind; or from one to several in turn."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_CHUNK = 64 * 1024


@dataclass(slots=True)
class Link:
    """Forwards every connection on `port` to `target`, as its switches say.

    Attributes:
        target: Host and port that connections go to.
        others: Where they go besides: to each in turn, as a load balancer has it, and to the next if one refuses.
        last: Where the newest connection went.
        port: Where it listens, on the loopback address.
        is_cut: Refuses new connections; `cut` also ends those that there are.
        swallow_answers: Takes what the target answers and passes nothing on, so that the target has done what
            its client never hears of.
        delay_s: How long each chunk waits, in each direction.
        bytes_per_s: How much passes at the most in each direction; None is no limit.
    """

    target: tuple[str, int]
    port: int = 0
    others: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    last: tuple[str, int] | None = None
    is_cut: bool = False
    swallow_answers: bool = False
    delay_s: float = 0.0
    bytes_per_s: float | None = None
    _server: asyncio.Server | None = None
    _connections: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _forsaking: bool = False
    _forsaken: list[asyncio.StreamWriter] = field(default_factory=list[asyncio.StreamWriter])

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self.cut()
        for each in self._forsaken:
            each.transport.abort()
        if self._server is not None:
            self._server.close()
            await asyncio.gather(*self._connections, return_exceptions=True)
            await self._server.wait_closed()

    def cut(self) -> None:
        """Ends every connection and lets none through until `mend`."""
        self.is_cut = True
        for connection in self._connections:
            connection.cancel()

    async def forsake(self) -> None:
        """Ends every connection for who opened it; its target hears nothing of that, as when a machine goes dark."""
        self._forsaking = True
        going = list(self._connections)
        for each in going:
            each.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        self._forsaking = False

    def mend(self) -> None:
        """Lets everything pass at full speed again."""
        self.is_cut = False
        self.swallow_answers = False
        self.delay_s = 0.0
        self.bytes_per_s = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.ensure_future(self._connect(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            if self.is_cut:
                return
            far_reader, far_writer = await self._reach()
            writers.append(far_writer)
            async with asyncio.TaskGroup() as directions:
                directions.create_task(self._pump(reader, far_writer, is_answer=False))
                directions.create_task(self._pump(far_reader, writer, is_answer=True))
        except* OSError:
            pass  # One side went away, which ends the connection for the other too.
        finally:
            if self._forsaking:
                self._forsaken += writers[1:]
                del writers[1:]
            for each in writers:
                each.transport.abort()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connects to whose turn it is, or to the first after it that lets us in."""
        targets = [self.target, *self.others]
        first = targets.index(self.last) + 1 if self.last in targets else 0
        for target in [*targets[first:], *targets[:first]]:
            with suppress(ConnectionRefusedError):
                streams = await asyncio.open_connection(*target)
                self.last = target
                return streams
        raise ConnectionRefusedError

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
        while chunk := await reader.read(_CHUNK):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if self.bytes_per_s:
                await asyncio.sleep(len(chunk) / self.bytes_per_s)
            if is_answer and self.swallow_answers:
                continue
            writer.write(chunk)
            await writer.drain()
        raise ConnectionAbortedError


@asynccontextmanager
async def link_to(host: str, port: int) -> AsyncGenerator[Link]:
    """A link that is open within the block."""
    link = Link((host, port))
    await link.open()
    try:
        yield link
    finally:
        with suppress(asyncio.CancelledError):
            await link.close()
