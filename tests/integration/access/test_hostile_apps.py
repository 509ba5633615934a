"""Apps that mean harm, and browsers that smuggle: each is shown to get nowhere."""

import asyncio
import time
from collections.abc import AsyncGenerator

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from harness.apps_access import Door, Opened, running_door

HTML = "text/html"


@pytest_asyncio.fixture
async def door() -> AsyncGenerator[Door]:
    limits = {
        "answer_seconds": 0.4,
        "silence_seconds": 0.4,
        "transfer_seconds": 1.5,
        "header_seconds": 0.5,
        "requests_per_app": 4,
        "requests_per_person": 3,
        "request_bytes": 100_000,
        "response_bytes": 200_000,
        "message_bytes": 2048,
    }
    async with running_door(**limits) as door:
        yield door


async def fine(request: web.BaseRequest) -> web.StreamResponse:
    return web.Response(text="fine")


def writes(answer: bytes) -> "Raw":
    return Raw(answer)


class Raw:
    """An app that answers every request with these bytes."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.requests = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.requests += 1
        writer.write(self.answer)
        await writer.drain()


async def test_cookies_are_of_the_apps_own_host_and_never_ours(door: Door) -> None:
    app = await door.raw(
        writes(
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
            b"Set-Cookie: a=1; Domain=apps.test; Path=/\r\n"
            b"Set-Cookie: dualspan-access=planted; Path=/\r\n"
            b"Set-Cookie: __Host-dualspan-access=planted; Path=/; Secure\r\n"
            b"Set-Cookie: dualspan-session=planted; Domain=test\r\n"
            b'Clear-Site-Data: "cookies"\r\nStrict-Transport-Security: max-age=1; includeSubDomains\r\n\r\n'
        )
    )
    answer = await app.ask()
    assert answer.headers.getall("Set-Cookie") == ["a=1; Path=/"]
    assert "Clear-Site-Data" not in answer.headers
    assert "Strict-Transport-Security" not in answer.headers


@pytest.mark.parametrize("to", ["https://evil.test/", "//evil.test", "/\\evil.test", "javascript:alert(1)"])
async def test_an_app_sends_nobody_elsewhere(door: Door, to: str) -> None:
    app = await door.raw(writes(f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode()))
    answer = await app.ask(Accept=HTML)
    assert (answer.status, "Location" in answer.headers) == (502, False)
    assert "leads out of the app" in answer.body.decode()


async def test_an_app_sends_to_itself(door: Door) -> None:
    app = await door.raw(
        writes(b"HTTP/1.1 302 Found\r\nLocation: http://oee--acme.apps.test/x\r\nContent-Length: 0\r\n\r\n")
    )
    answer = await app.ask()
    assert (answer.status, answer.headers["Location"]) == (302, "/x")


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 20_000 + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: a\r\n" % number for number in range(500)) + b"\r\n",
        b"HTTP/1.1 200 " + b"a" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\nX-\x00: a\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"\x16\x03\x01\x02\x00",
        b"",
    ],
)
async def test_what_is_no_answer_becomes_a_page_of_ours(door: Door, answer: bytes) -> None:
    app, other = await door.raw(writes(answer)), await door.app(fine, "other")
    got = await app.ask(Accept=HTML)
    assert got.status == 502, got
    assert "does not answer" in got.body.decode()
    assert (await other.ask()).body == b"fine"


async def test_a_second_answer_is_nobodys(door: Door) -> None:
    poison = b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned"
    app = await door.raw(writes(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood" + poison))
    for _ in range(3):
        assert (await app.ask()).body == b"good"


async def test_no_connection_to_an_app_is_used_twice(door: Door) -> None:
    connections = 0

    async def keeps(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")

    app = await door.raw(keeps)
    for _ in range(3):
        assert (await app.ask()).body == b"good"
    assert connections == 3


async def test_a_header_is_not_split(door: Door) -> None:
    app = await door.raw(
        writes(b"HTTP/1.1 200 OK\r\nX-A: 1\nSet-Cookie: dualspan-access=x\r\nContent-Length: 2\r\n\r\nok")
    )
    answer = await app.ask()
    assert "dualspan-access" not in str(answer.headers)


async def test_more_than_was_announced_or_less(door: Door) -> None:
    more = await door.raw(writes(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and then some"))
    assert b"then some" not in (await more.ask()).body
    less = await door.raw(writes(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nok"), "less")
    with pytest.raises(aiohttp.ClientError):
        await less.ask()


async def test_an_endless_answer_ends(door: Door) -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 10_000)
            await writer.drain()

    app = await door.raw(endless)
    with pytest.raises(aiohttp.ClientError):
        await app.ask()


async def test_a_silent_app_gets_its_seconds_and_a_dripping_one_its_own(door: Door) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.1)

    async def header_drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nX-")
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.05)

    answers = [await (await door.raw(app, name)).ask(Accept=HTML) for name, app in (("a", silent), ("b", header_drips))]
    assert [each.status for each in answers] == [504, 504]
    dripping = await door.raw(drips, "c")
    began = time.monotonic()
    with pytest.raises(aiohttp.ClientError):
        await dripping.ask()
    assert 1.0 < time.monotonic() - began < 5


async def test_a_hanging_app_harms_nobody_else(door: Door) -> None:
    let_go = asyncio.Event()

    async def hangs(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b": \n\n")
        await let_go.wait()
        return response

    app, other = await door.app(hangs), await door.app(fine, "other")
    url = f"http://127.0.0.1:{door.port}/"
    held = [await door.client.get(url, headers=app.headers()) for _ in range(3)]
    busy = await app.ask(Accept=HTML)
    assert (busy.status, "is busy" in busy.body.decode()) == (503, True)
    answers = await asyncio.gather(*(other.ask() for _ in range(3)))
    assert [each.body for each in answers] == [b"fine"] * 3
    for each in held:
        each.close()
    async with asyncio.timeout(5):
        while (again := await door.client.get(url, headers=app.headers())).status != 200:
            again.close()
    again.close()
    let_go.set()


async def test_bodies_are_bounded_announced_or_not(door: Door) -> None:
    app = await door.app(fine)

    async def unannounced() -> AsyncGenerator[bytes]:
        for _ in range(20):
            yield b"x" * 10_000

    assert (await app.ask("/", "POST", b"x" * 150_000)).status == 413

    async def reads(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=str(len(await request.read())))

    reading = await door.app(reads, "reading")
    assert (await reading.ask("/", "POST", unannounced())).status == 413
    assert (await reading.ask("/", "POST", b"x" * 90_000)).body == b"90000"


async def test_a_browser_that_says_nothing_is_let_go(door: Door) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(b"GET / HT")
    async with asyncio.timeout(5):
        with pytest.raises((ConnectionError, AssertionError)):
            assert await reader.read()
    writer.close()


async def test_a_message_that_is_too_large_ends_the_socket(door: Door) -> None:
    async def floods(request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_bytes(b"x" * 10_000)
        await socket.receive()
        return socket

    app = await door.app(floods)
    url = f"http://127.0.0.1:{door.port}/"
    async with asyncio.timeout(10), door.client.ws_connect(url, headers=app.headers(Origin=app.origin)) as socket:
        assert (await socket.receive()).type is not aiohttp.WSMsgType.BINARY


async def test_an_app_that_takes_no_websocket(door: Door) -> None:
    assert await refused_socket(await door.app(fine)) == 502


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_socket_is_not_led_to_another_app(door: Door, status: int) -> None:
    reached: list[str] = []

    async def victim(request: web.BaseRequest) -> web.StreamResponse:
        reached.append(request.headers.get("Remote-User", ""))
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("of another app")
        return socket

    other = await door.app(victim, "other")

    async def leads_away(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": f"http://{other.state.address}/"})

    assert await refused_socket(await door.app(leads_away)) == 502
    assert reached == []


@pytest.mark.parametrize("hops", [1, 2])
async def test_a_socket_is_not_led_to_a_server_beside_the_platform(door: Door, hops: int) -> None:
    beside = writes(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
    inside = await door.raw(beside, "inside")
    asked = 0

    async def leads_away(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        to = f"http://{inside.state.address}/latest/meta-data" if asked == hops else "/again"
        return web.Response(status=302, headers={"Location": to})

    assert await refused_socket(await door.app(leads_away)) == 502
    assert (asked, beside.requests) == (1, 0)


async def refused_socket(app: Opened) -> int:
    """What a browser is answered that asks for a WebSocket."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
        await app.door.client.ws_connect(f"http://127.0.0.1:{app.door.port}/", headers=app.headers(Origin=app.origin))
    return raised.value.status


SMUGGLED = b"GET /secret HTTP/1.1\r\nHost: oee--acme.apps.test\r\n\r\n"


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n",
        b"Content-Length: 4\r\nContent-Length: 5\r\n",
        b"Content-Length: +4\r\n",
        b"Content-Length: 4, 4\r\n",
        b"Content-Length: 0x4\r\n",
        b"X: y\r\n Transfer-Encoding: chunked\r\n",
    ],
)
async def test_a_request_with_two_ends_never_becomes_two(door: Door, framing: bytes) -> None:
    seen: list[str] = []

    async def notes(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.raw_path)
        await request.read()
        return web.Response(text="ok")

    app = await door.app(notes)
    head = f"POST / HTTP/1.1\r\nHost: {app.state.host}\r\nCookie: dualspan-access={app.secret}\r\n".encode()
    answer = await app.send_raw(head + framing + b"Connection: close\r\n\r\n" + b"0\r\n\r\n" + SMUGGLED)
    assert b"/secret" not in answer
    assert "/secret" not in seen
    assert answer.split(b"\r\n")[0].split()[1] in {b"400", b"200"}, answer[:200]
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400")) or b"chunked" not in framing, answer[:200]


@pytest.mark.parametrize(
    ("line", "host"),
    [
        (b"GET http://other--acme.apps.test/ HTTP/1.1", b"oee--acme.apps.test"),
        (b"CONNECT 127.0.0.1:22 HTTP/1.1", b"oee--acme.apps.test"),
        (b"TRACE / HTTP/1.1", b"oee--acme.apps.test"),
        (b"OPTIONS * HTTP/1.1", b"oee--acme.apps.test"),
        (b"GET / HTTP/1.1", b"oee--acme.apps.test\r\nHost: other--acme.apps.test"),
        (b"GET / HTTP/1.1", b"oee--acme.apps.test, other--acme.apps.test"),
        (b"GET / HTTP/1.1", b"evil.test#.apps.test"),
    ],
)
async def test_a_request_is_to_one_host_by_path(door: Door, line: bytes, host: bytes) -> None:
    seen: list[str] = []

    async def notes(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.raw_path)
        return web.Response(text="reached")

    app = await door.app(notes)
    head = line + b"\r\nHost: " + host + f"\r\nCookie: dualspan-access={app.secret}\r\n".encode()
    answer = await app.send_raw(head + b"Connection: close\r\n\r\n")
    assert b"reached" not in answer
    assert seen == []
