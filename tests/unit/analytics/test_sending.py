"""An attempt ends in time, whatever who is called does: the connection is closed, and no thread is left behind."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from email.message import EmailMessage

import pytest

from dualspan_analytics.service.sending import MailServer, Sending
from dualspan_analytics.turns import Turns
from dualspan_runtime.webhooks import NotNowError, RefusedError

pytestmark = pytest.mark.asyncio

DEADLINE = 0.5
NO_MAIL = MailServer("", 0, "none", "", "", "a@plant.example")
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Program:
    """A program that is called; that it is left is part of every test.

    Attributes:
        port: Where.
        heard: What it was sent.
        left: Is set when the caller has gone.
    """

    def __init__(self) -> None:
        self.port = 0
        self.heard = b""
        self.left = asyncio.Event()


@asynccontextmanager
async def program(talk: Serve) -> AsyncGenerator[Program]:
    found = Program()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talking = asyncio.ensure_future(talk(reader, writer))
        try:
            while data := await reader.read(4096):
                found.heard += data
        except ConnectionError:
            pass  # it was reset, which is an end as well
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)
            writer.transport.abort()
            await asyncio.gather(writer.wait_closed(), return_exceptions=True)
            found.left.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
        await server.wait_closed()
        async with asyncio.timeout(1):
            await found.left.wait()


async def silent(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def dripping(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Each byte is well within any limit for one of them."""
    for letter in b"HTTP/1.1 200 OK\r\nX: " + b"a" * 10_000:
        writer.write(bytes([letter]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"a" * 65536)
        await writer.drain()


def saying(answer: bytes) -> Serve:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    return talk


@contextmanager
def sending(mail: MailServer = NO_MAIL, *, private: bool = True) -> Generator[Sending]:
    """Attempts with half a second; when they are over, so are their threads."""
    with ThreadPoolExecutor(2, thread_name_prefix="attempts") as threads:
        yield Sending(mail, threads, Turns(2, 2), private_allowed=private, deadline=DEADLINE)
        began = time.monotonic()
    assert time.monotonic() - began < 0.2, "a thread went on"
    assert not [each for each in threading.enumerate() if each.name.startswith("attempts")]


@pytest.mark.parametrize("talk", [silent, dripping])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_who_answers_slowly_or_not_at_all_is_left(talk: Serve, scheme: str) -> None:
    async with program(talk) as called:
        with sending() as attempts:
            began = time.monotonic()
            with pytest.raises(NotNowError):
                await attempts.call("t", f"{scheme}://127.0.0.1:{called.port}/", b"{}", {})
            assert time.monotonic() - began < DEADLINE + 0.3


@pytest.mark.parametrize(
    ("talk", "error", "words"),
    [
        (endless, NotNowError, "cannot be called"),
        (saying(b"SSH-2.0-OpenSSH_9.2\r\n"), NotNowError, "no HTTP server"),
        (saying(b"HTTP/1.1 503 Busy\r\n\r\n"), NotNowError, "Answered 503"),
        (saying(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n\r\n"), RefusedError, "not followed"),
        (saying(b"HTTP/1.1 410 Gone\r\n\r\n"), RefusedError, "Answered 410"),
        (saying(b"HTTP/1.1 100 Continue\r\n\r\n" * 9), NotNowError, "again and again"),
    ],
)
async def test_what_is_no_answer_is_none(talk: Serve, error: type[Exception], words: str) -> None:
    async with program(talk) as called:
        with sending() as attempts, pytest.raises(error, match=words):
            await attempts.call("t", f"http://127.0.0.1:{called.port}/", b"{}", {})


async def test_a_call_is_whole_and_an_answer_is_heard() -> None:
    async with program(saying(b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")) as called:
        with sending() as attempts:
            url = f"http://localhost:{called.port}/hook/\u00fc?line=1&x=a%20b"
            answer = await attempts.call("t", url, b'{"a":1}', {"X-One": "1"})
    assert answer == "Answered 204."
    head, _, body = called.heard.partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /hook/%C3%BC?line=1&x=a%20b HTTP/1.1",
        f"Host: localhost:{called.port}".encode(),
        b"Connection: close",
        b"Content-Length: 7",
        b"X-One: 1",
    ]
    assert body == b'{"a":1}'


async def test_private_addresses_are_called_only_where_that_is_allowed() -> None:
    with sending(private=False) as attempts, pytest.raises(RefusedError, match="no address on the internet"):
        await attempts.call("t", "http://localhost:9/", b"{}", {})


async def test_a_name_server_that_does_not_answer_holds_no_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def slow(*_given: object, **_more: object) -> list[object]:
        answered.wait(5)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    turns = Turns(2, 1)
    with ThreadPoolExecutor(2) as threads:
        attempts = Sending(NO_MAIL, threads, turns, private_allowed=True, deadline=0.2)
        with pytest.raises(NotNowError, match="within"):
            await attempts.call("t", "http://slow.example/", b"{}", {})
        # Its thread goes on, and so does its turn: the tenant gets no second thread, others do.
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1), turns.taken("t"):
                pass
        async with asyncio.timeout(0.1), turns.taken("other"):
            pass
        answered.set()
    await asyncio.sleep(0)
    async with asyncio.timeout(1), turns.taken("t"):
        pass


@pytest.mark.parametrize("security", ["none", "tls"])
async def test_a_mail_server_that_drips_is_left(security: str) -> None:
    async def greeting(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for letter in b"220 " + b"a" * 10_000:
            writer.write(bytes([letter]))
            await writer.drain()
            await asyncio.sleep(0.05)

    message = EmailMessage()
    message["From"], message["To"] = "a@plant.example", "b@plant.example"
    async with program(greeting if security == "none" else silent) as called:
        mail = MailServer("127.0.0.1", called.port, security, "", "", "a@plant.example")
        with sending(mail) as attempts:
            began = time.monotonic()
            with pytest.raises(NotNowError):
                await attempts.write("t", message)
            assert time.monotonic() - began < DEADLINE + 0.3
