"""Browsers and apps on both sides of the front: what passes, what the platform says instead, and how it ends."""

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from dualspan.marketplace.v1 import access_pb2 as contract
from dualspan.marketplace.v1 import subscriptions_pb2
from harness.apps_access import CONSOLE, Door, Opened, running_door

HTML = "text/html,*/*;q=0.8"


@pytest_asyncio.fixture
async def door() -> AsyncGenerator[Door]:
    async with running_door() as door:
        yield door


async def echo(request: web.BaseRequest) -> web.StreamResponse:
    body = await request.read()
    told = {
        "method": request.method,
        "target": request.raw_path,
        "headers": [[*map(str, each)] for each in request.headers.items()],
    }
    return web.json_response(told | {"body": body.decode("latin-1")})


async def test_a_request_arrives_as_it_was_sent_with_who_is_there(door: Door) -> None:
    app = await door.app(echo)
    answer = await app.ask("/a/../b%2Fc//d?q=%20&q=1", "POST", b"\x00\xff", Cookie="own=1", X_Mine="y")
    told = json.loads(answer.body)
    assert (told["method"], told["target"], told["body"]) == ("POST", "/a/../b%2Fc//d?q=%20&q=1", "\x00\xff")
    headers = {name.lower(): value for name, value in told["headers"]}
    assert headers["remote-user"] == "users/ada"
    assert headers["remote-groups"] == "operator"
    assert headers["host"] == headers["x-forwarded-host"] == f"{app.state.host}:{door.port}"
    assert (headers["cookie"], headers["x-mine"], headers["content-length"]) == ("own=1", "y", "2")
    assert app.secret not in json.dumps(told)


async def test_what_is_packed_stays_so(door: Door) -> None:
    packed = gzip.compress(b"x" * 1000)
    told = json.loads((await (await door.app(echo)).ask("/", "POST", packed, Content_Encoding="gzip")).body)
    assert told["body"].encode("latin-1") == packed


async def test_a_cookie_and_a_token_of_the_platform_never_arrive(door: Door) -> None:
    app = await door.app(echo)
    answer = await app.ask(Authorization="Bearer of-the-platform", Cookie="dualspan-session=of-the-console")
    assert b"of-the-platform" not in answer.body
    assert b"of-the-console" not in answer.body
    assert app.secret.encode() not in answer.body


@pytest.mark.parametrize(
    ("method", "status", "headers", "body"),
    [
        ("HEAD", 200, {"Content-Length": "12345", "ETag": '"a"'}, b""),
        ("GET", 304, {"ETag": '"a"'}, b""),
        ("GET", 204, {}, b""),
        ("GET", 206, {"Content-Range": "bytes 0-2/9"}, b"abc"),
        ("GET", 200, {"Content-Encoding": "gzip"}, b"not even packed"),
        ("GET", 418, {"X-Own": "é"}, b"x"),
    ],
)
async def test_an_answer_arrives_as_it_was_given(
    door: Door, method: str, status: int, headers: dict[str, str], body: bytes
) -> None:
    async def answers(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, headers=headers, body=body)

    app = await door.app(answers)
    answer = await app.ask("/", method)
    assert (answer.status, answer.body) == (status, body)
    assert {name: answer.headers[name] for name in headers} == headers


async def test_a_page_may_reach_itself_and_what_is_declared(door: Door) -> None:
    app = await door.app(echo, egress=["api.test:443"])
    answer = await app.ask()
    policy = answer.headers["Content-Security-Policy"]
    assert f"frame-ancestors 'self' {CONSOLE}" in policy
    assert "https://api.test:443" in policy
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Server"] == "DualSpan"


async def test_nothing_without_a_cookie(door: Door) -> None:
    app = await door.app(echo)
    for cookie in ["", "dualspan-access=acme.guess", "dualspan-access=x", f"dualspan-session={app.secret}"]:
        headers = {"Host": f"{app.state.host}:1", "Cookie": cookie, "Accept": HTML}
        async with door.client.get(f"http://127.0.0.1:{door.port}/", headers=headers) as response:
            assert response.status == 401
            assert "Signed out" in await response.text()


async def test_a_cookie_is_of_its_own_host_only(door: Door) -> None:
    app, other = await door.app(echo), await door.app(echo, "other")
    headers = app.headers() | {"Host": other.state.host}
    async with door.client.get(f"http://127.0.0.1:{door.port}/", headers=headers) as response:
        assert response.status == 401


async def test_a_planted_cookie_beside_the_right_one_shuts_nobody_out(door: Door) -> None:
    app = await door.app(echo)
    headers = app.headers() | {"Cookie": f"dualspan-access=acme.planted; dualspan-access={app.secret}"}
    async with door.client.get(f"http://127.0.0.1:{door.port}/", headers=headers) as response:
        assert response.status == 200


async def test_a_ticket_buys_a_cookie_once_and_at_its_own_host(door: Door) -> None:
    app = await door.app(echo)
    door.knowing.tickets["t1", app.state.host] = ("acme.fresh", app.state)
    url = f"http://127.0.0.1:{door.port}/.dualspan/open?ticket=t1"

    async def hand_in(host: str, **headers: str) -> tuple[int, str, str]:
        async with door.client.get(url, headers={"Host": host, **headers}, allow_redirects=False) as response:
            return response.status, response.headers.get("Set-Cookie", ""), response.headers.get("Location", "")

    assert (await hand_in("other--acme.apps.test"))[0] == 410
    assert (await hand_in(app.state.host, **{"Sec-Purpose": "prefetch;prerender"}))[0] == 403
    async with door.client.head(url, headers={"Host": app.state.host}) as response:
        assert response.status == 404
    status, cookie, leads = await hand_in(app.state.host)
    assert (status, leads) == (303, "/")
    assert cookie.startswith("dualspan-access=acme.fresh; Path=/; Max-Age=3")
    assert cookie.endswith("; HttpOnly; SameSite=Lax")
    assert (await hand_in(app.state.host))[0] == 410
    fresh = Opened(door, app.state, "acme.fresh")
    assert (await fresh.ask()).status == 200


async def test_closing_ends_the_access(door: Door) -> None:
    app = await door.app(echo)
    assert (await app.ask("/.dualspan/close", "POST", Origin="http://evil.test")).status == 403
    assert (await app.ask()).status == 200
    closed = await app.ask("/.dualspan/close", "POST", Origin=app.origin)
    assert closed.status == 200
    assert "Max-Age=0" in closed.headers["Set-Cookie"]
    assert (await app.ask()).status == 401


async def test_what_is_no_apps_address(door: Door) -> None:
    for host, path, status in [("apps.test", "/", 404), ("evil.test", "/", 404), ("127.0.0.1", "/healthz", 200)]:
        async with door.client.get(f"http://127.0.0.1:{door.port}{path}", headers={"Host": host}) as response:
            assert response.status == status, host


@pytest.mark.parametrize(
    ("state", "more", "english", "chinese"),
    [
        ("ACTIVE", {}, "is starting", "正在启动"),
        ("PROVISIONING", {}, "is starting", "正在启动"),
        ("SUSPENDED", {"cause": "trial-over"}, "a plan that is paid is needed", "需要选择付费方案"),
        ("SUSPENDED", {"cause": "asked"}, "suspended by hand", "人工暂停"),
        ("FAILED", {"reason": "It ended: no <such> machine"}, "It ended: no &lt;such&gt; machine", "应用无法启动"),
        ("PENDING", {}, "has not been accepted", "尚未确认"),
    ],
)
async def test_why_there_is_no_app_to_be_seen(
    door: Door, state: str, more: dict[str, str], english: str, chinese: str
) -> None:
    number = subscriptions_pb2.SubscriptionState.Value(f"SUBSCRIPTION_STATE_{state}")
    app = door.opened("oee", 0, state=number, **more)
    for language, words in [("en", english), ("zh-CN,en;q=0.5", chinese)]:
        answer = await app.ask(Accept=HTML, Accept_Language=language)
        assert answer.status == 503
        assert words in answer.body.decode()
        assert ("Refresh" in answer.headers) is (state in {"ACTIVE", "PROVISIONING"})
    problem = json.loads((await app.ask()).body)
    assert problem["status"] == 503


async def test_nobody_listens_where_an_app_should_be(door: Door) -> None:
    app = door.opened("oee", 1)
    asked = door.knowing.asked
    answer = await app.ask(Accept=HTML)
    assert answer.status == 503
    assert "is starting" in answer.body.decode()
    assert door.knowing.asked >= asked + 2, "it was asked at once where the app is now"


async def test_a_role_that_is_gone_shuts_the_app_within_seconds(door: Door) -> None:
    app = await door.app(echo)
    assert (await app.ask()).status == 200
    door.knowing.give(app.secret, contract.AccessState(verdict=contract.AccessState.VERDICT_FORBIDDEN))
    await asyncio.sleep(1)
    assert "Not yours" in (await app.ask(Accept=HTML)).body.decode()


async def test_a_stream_arrives_as_it_is_sent_and_ends_with_the_access(door: Door) -> None:
    ended = asyncio.Event()

    async def events(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            for number in range(10_000):
                await response.write(f"data: {number}\n\n".encode())
                await asyncio.sleep(0.02)
        finally:
            ended.set()
        return response

    app = await door.app(events)
    url = f"http://127.0.0.1:{door.port}/"
    async with asyncio.timeout(10), door.client.get(url, headers=app.headers()) as response:
        assert response.content_type == "text/event-stream"
        assert await response.content.readuntil(b"\n\n") == b"data: 0\n\n"
        assert await response.content.readuntil(b"\n\n") == b"data: 1\n\n"
        door.knowing.take(app.secret)
        with pytest.raises(aiohttp.ClientError):
            await response.read()
        await ended.wait()


async def test_an_upload_arrives_as_it_is_sent(door: Door) -> None:
    got: asyncio.Queue[bytes] = asyncio.Queue()

    async def takes(request: web.BaseRequest) -> web.StreamResponse:
        async for piece, _ in request.content.iter_chunks():
            await got.put(piece)
        return web.Response(text="all")

    app = await door.app(takes)
    first = asyncio.Event()

    async def sends() -> AsyncGenerator[bytes]:
        yield b"one"
        await first.wait()
        yield b"two"

    asking = asyncio.create_task(app.ask("/", "POST", sends()))
    async with asyncio.timeout(10):
        assert await got.get() == b"one"
        first.set()
        assert await got.get() == b"two"
        assert (await asking).body == b"all"


async def test_a_browser_that_goes_away_ends_what_was_done_for_it(door: Door) -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        began.set()
        await reader.read()
        ended.set()

    app = await door.raw(slow)
    asking = asyncio.create_task(app.ask())
    async with asyncio.timeout(10):
        await began.wait()
        asking.cancel()
        await ended.wait()


async def test_messages_pass_in_both_directions(door: Door) -> None:
    async def talks(request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse(protocols=["v2.plant"])
        await socket.prepare(request)
        await socket.send_str(f"{request.headers['Remote-User']} {request.headers.get('Cookie', '-')}")
        async for message in socket:
            if message.data == "end":
                await socket.close(code=4001)
            elif message.type is aiohttp.WSMsgType.TEXT:
                await socket.send_str(message.data[::-1])
            else:
                await socket.send_bytes(message.data[::-1])
        return socket

    app = await door.app(talks)
    headers = app.headers(Origin=app.origin)
    async with (
        asyncio.timeout(10),
        door.client.ws_connect(
            f"http://127.0.0.1:{door.port}/live", headers=headers, protocols=["v1.plant", "v2.plant"]
        ) as socket,
    ):
        assert socket.protocol == "v2.plant"
        assert await socket.receive_str() == "users/ada -"
        await socket.send_str("abc")
        assert await socket.receive_str() == "cba"
        await socket.send_bytes(b"\x00\x01")
        assert await socket.receive_bytes() == b"\x01\x00"
        await socket.send_str("end")
        closed = await socket.receive()
        assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, 4001)


async def test_a_websocket_ends_with_the_access_and_opens_for_no_neighbour(door: Door) -> None:
    async def waits(request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        return socket

    app = await door.app(waits)
    url = f"http://127.0.0.1:{door.port}/"
    with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
        await door.client.ws_connect(url, headers=app.headers(Origin="http://other--acme.apps.test"))
    assert raised.value.status == 403
    async with asyncio.timeout(10), door.client.ws_connect(url, headers=app.headers(Origin=app.origin)) as socket:
        door.knowing.take(app.secret)
        assert (await socket.receive()).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}


async def test_when_the_marketplace_is_silent_what_is_known_holds_for_a_while(door: Door) -> None:
    app, unknown = await door.app(echo), await door.app(echo, "other")
    assert (await app.ask()).status == 200
    door.knowing.silent = True
    await asyncio.sleep(0.5)
    assert (await app.ask()).status == 200
    answer = await unknown.ask(Accept=HTML)
    assert answer.status == 503
    assert "One moment" in answer.body.decode()
