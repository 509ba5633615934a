"""The pages of apps in process, with apps and accesses that a test makes up."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import grpc
import grpc.aio
from aiohttp import web
from yarl import URL

from dualspan.marketplace.v1 import access_pb2 as contract
from dualspan.marketplace.v1 import access_pb2_grpc, apps_pb2
from dualspan.marketplace.v1.subscriptions_pb2 import SUBSCRIPTION_STATE_ACTIVE
from dualspan_access.server import serving
from dualspan_access.settings import AccessSettings
from harness.historian import SECRET

App = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
RawApp = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
CONSOLE = "http://console.test:8080"
DOMAIN = "apps.test"


@dataclass
class Knowing(access_pb2_grpc.AccessServiceServicer):
    """What the marketplace would say; a test says it in its place."""

    states: dict[bytes, contract.AccessState] = field(default_factory=dict[bytes, contract.AccessState])
    tickets: dict[tuple[str, str], tuple[str, contract.AccessState]] = field(
        default_factory=dict[tuple[str, str], tuple[str, contract.AccessState]]
    )
    asked: int = 0
    silent: bool = False

    async def CheckAccesses(  # noqa: N802 - the contract's name
        self, request: contract.CheckAccessesRequest, context: Any
    ) -> contract.CheckAccessesResponse:
        self.asked += 1
        if self.silent:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "gone")
        ended = contract.AccessState(verdict=contract.AccessState.VERDICT_ENDED)
        return contract.CheckAccessesResponse(states=[self.states.get(each.digest, ended) for each in request.keys])

    async def RedeemTicket(  # noqa: N802 - the contract's name
        self, request: contract.RedeemTicketRequest, context: Any
    ) -> contract.RedeemTicketResponse:
        found = self.tickets.pop((request.ticket, request.host), None)
        if found is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "spent")
            raise AssertionError
        secret, state = found
        self.give(secret, state)
        response = contract.RedeemTicketResponse(secret=secret, state=state)
        response.expire_time.GetCurrentTime()
        response.expire_time.seconds += 3600
        return response

    async def EndAccess(self, request: contract.EndAccessRequest, context: Any) -> Any:  # noqa: N802
        from google.protobuf.empty_pb2 import Empty

        self.states.pop(request.key.digest, None)
        return Empty()

    async def ListOpenableApps(self, request: Any, context: Any) -> Any:  # noqa: N802
        raise AssertionError("browsers ask for no list")

    async def OpenApp(self, request: Any, context: Any) -> Any:  # noqa: N802
        raise AssertionError("browsers make no ticket")

    def give(self, secret: str, state: contract.AccessState) -> None:
        self.states[hashlib.sha256(secret.encode()).digest()] = state

    def take(self, secret: str) -> None:
        del self.states[hashlib.sha256(secret.encode()).digest()]


@dataclass
class Door:
    """A running front, and how tests come to it."""

    port: int
    knowing: Knowing
    client: aiohttp.ClientSession
    stack: AsyncExitStack

    async def app(self, app: App, name: str = "oee", **more: Any) -> Opened:
        """An app that answers so, opened by somebody."""
        runner = web.ServerRunner(web.Server(app, access_log=None, auto_decompress=False), shutdown_timeout=0.1)
        await runner.setup()
        self.stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return self.opened(name, int(runner.addresses[0][1]), **more)

    async def raw(self, app: RawApp, name: str = "oee", **more: Any) -> Opened:
        """An app that writes what it likes."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await app(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError):
                return
            finally:
                writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        self.stack.callback(server.close)
        return self.opened(name, server.sockets[0].getsockname()[1], **more)

    def opened(self, name: str, port: int, **more: Any) -> Opened:
        state = contract.AccessState(
            verdict=contract.AccessState.VERDICT_OPEN,
            subscription=f"tenants/acme/subscriptions/{name}",
            host=f"{name}--acme.{DOMAIN}",
            actor="users/ada",
            roles=["operator"],
            state=SUBSCRIPTION_STATE_ACTIVE,
            address=f"127.0.0.1:{port}" if port else "",
            path="/",
            display_name=apps_pb2.MarketText(en="OEE board", zh="OEE 看板"),
        )
        state.MergeFrom(contract.AccessState(**more))
        secret = f"acme.secret-of-{name}"
        self.knowing.give(secret, state)
        return Opened(self, state, secret)


@dataclass
class Opened:
    """An app that somebody has open."""

    door: Door
    state: contract.AccessState
    secret: str

    @property
    def origin(self) -> str:
        return f"http://{self.state.host}:{self.door.port}"

    def headers(self, **more: str) -> dict[str, str]:
        """As the browser of whoever has it open sends them."""
        named = {name.replace("_", "-"): value for name, value in more.items()}
        cookie = f"dualspan-access={self.secret}"
        if "Cookie" in named:
            cookie += f"; {named.pop('Cookie')}"
        return {"Host": f"{self.state.host}:{self.door.port}", "Cookie": cookie, **named}

    async def ask(self, path: str = "/", method: str = "GET", data: Any = None, **headers: str) -> Answer:
        async with self.door.client.request(
            method,
            URL(f"http://127.0.0.1:{self.door.port}{path}", encoded=True),
            headers=self.headers(**headers),
            data=data,
            allow_redirects=False,
        ) as response:
            return Answer(response.status, response.headers.copy(), await response.read())

    async def send_raw(self, text: bytes) -> bytes:
        """What comes back for bytes that no library would send."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.door.port)
        writer.write(text)
        async with asyncio.timeout(10):
            answer = await reader.read(1 << 20)
        writer.close()
        return answer


@dataclass
class Answer:
    """An answer, read to its end."""

    status: int
    headers: Any
    body: bytes


@asynccontextmanager
async def running_door(**changes: Any) -> AsyncGenerator[Door]:
    """The pages of apps beside a marketplace that a test speaks for."""
    knowing = Knowing()
    server = grpc.aio.server()
    access_pb2_grpc.add_AccessServiceServicer_to_server(knowing, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    settings = AccessSettings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "check_seconds": 0.2,
            "platform": {
                "service_secret": SECRET,
                "marketplace_address": f"127.0.0.1:{port}",
                "apps_url": f"http://{DOMAIN}:80",
                "console_url": CONSOLE,
            },
            **changes,
        }
    )
    async with (
        AsyncExitStack() as stack,
        serving(settings) as own,
        # As a browser: what comes is not unpacked, and nothing is remembered.
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False) as client,
    ):
        yield Door(own, knowing, client, stack)
    await server.stop(None)
