"""The link that tests cut: it must cut, slow and swallow as it says, or the tests that use it prove nothing."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import pytest
import pytest_asyncio

from harness.link import Link, link_to


@pytest_asyncio.fixture
async def echo() -> AsyncGenerator[tuple[Link, list[bytes]]]:
    """A link to a server that answers what it gets, and what that server got."""
    got: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(1000):
                got.append(chunk)
                writer.write(chunk)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, link_to("127.0.0.1", server.sockets[0].getsockname()[1]) as link:
        yield link, got


class Peer:
    """A connection through the link."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, text: bytes) -> bytes | None:
        """The answer; None if the connection is gone."""
        try:
            self.writer.write(text)
            return await asyncio.wait_for(self.reader.read(1000), 2) or None
        except ConnectionError:
            return None


@asynccontextmanager
async def connected(link: Link) -> AsyncGenerator[Peer]:
    reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_passes_on(echo: tuple[Link, list[bytes]]) -> None:
    async with connected(echo[0]) as peer:
        assert await peer.ask(b"hello") == b"hello"


async def test_cut_ends_connections_and_refuses_new_ones_until_mended(echo: tuple[Link, list[bytes]]) -> None:
    link, got = echo
    async with connected(link) as peer:
        assert await peer.ask(b"one") == b"one"
        link.cut()
        assert await peer.ask(b"two") is None
    async with connected(link) as peer:
        assert await peer.ask(b"three") is None
    link.mend()
    async with connected(link) as peer:
        assert await peer.ask(b"four") == b"four"
    assert got == [b"one", b"four"]


async def test_swallowed_answers_never_come_though_the_target_got_the_question(
    echo: tuple[Link, list[bytes]],
) -> None:
    link, got = echo
    async with connected(link) as peer:
        link.swallow_answers = True
        peer.writer.write(b"question")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(peer.reader.read(1000), 0.3)
    assert got == [b"question"]


async def test_slow(echo: tuple[Link, list[bytes]]) -> None:
    link, _ = echo
    link.delay_s = 0.1
    link.bytes_per_s = 1000
    async with connected(link) as peer:
        began = time.monotonic()
        assert await peer.ask(b"x" * 100) == b"x" * 100
        assert time.monotonic() - began >= 0.4
