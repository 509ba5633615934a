"""The listener: bounded in connections, and patient for so long with those that say nothing."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from dualspan.marketplace.v1.access_pb2_grpc import AccessServiceStub
from dualspan_access.accesses import Accesses
from dualspan_access.front import Front
from dualspan_access.settings import AccessSettings
from dualspan_access.sockets import Sockets, upgrades_only
from dualspan_runtime.channels import open_channel
from dualspan_runtime.supervision import supervised

_KEEP_ALIVE_SECONDS = 75.0
_LONGEST_LINE = 16 * 1024
_MOST_HEADERS = 100
_CONNECT_SECONDS = 5.0
_STOP_SECONDS = 2.0
_log = structlog.stdlib.get_logger()


class BoundedServer(web.Server):
    """A server with so many connections at the most, each of which has to say something soon.

    Args:
        handler: Answers.
        connections: At the same time.
        header_seconds: The first request must be there by then.
    """

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        connections: int,
        header_seconds: float,
    ) -> None:
        super().__init__(
            self._answer,
            # A browser that goes away ends what was done for it.
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=_KEEP_ALIVE_SECONDS,
            max_line_size=_LONGEST_LINE,
            max_field_size=_LONGEST_LINE,
            max_headers=_MOST_HEADERS,
            # Bodies pass as they are.
            auto_decompress=False,
        )
        self._answer_to = handler
        self._most = connections
        self._header_seconds = header_seconds
        self._patience: dict[RequestHandler, asyncio.TimerHandle] = {}

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """One more browser; one too many is let go."""
        super().connection_made(handler, transport)
        if len(self._connections) > self._most:
            transport.abort()
            return
        loop = asyncio.get_running_loop()
        self._patience[handler] = loop.call_later(self._header_seconds, transport.abort)

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        """A browser has gone."""
        self._heard(handler)
        super().connection_lost(handler, exc)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self._heard(request.protocol)
        return await self._answer_to(request)

    def _heard(self, handler: RequestHandler) -> None:
        waiting = self._patience.pop(handler, None)
        if waiting is not None:
            waiting.cancel()


@asynccontextmanager
async def serving(settings: AccessSettings) -> AsyncGenerator[int]:
    """Serves while the context lasts; gives the port."""
    platform = settings.platform
    host, port = settings.address
    async with (
        open_channel(platform.marketplace_address, service="access", secret=platform.service_secret) as channel,
        asking_apps() as session,
        asking_apps(upgrades_only) as opening,
    ):
        accesses = Accesses(AccessServiceStub(channel), settings.check_seconds)
        front = Front(settings, accesses, session, Sockets(settings, opening))
        server = BoundedServer(front.handle, connections=settings.connections, header_seconds=settings.header_seconds)
        runner = web.ServerRunner(server, shutdown_timeout=_STOP_SECONDS)
        await runner.setup()
        try:
            async with supervised([accesses.run]):
                await web.TCPSite(runner, host, port).start()
                _log.info("apps are reached", listen=settings.listen, under=platform.apps_url)
                yield int(runner.addresses[0][1])
        finally:
            await runner.cleanup()


@asynccontextmanager
async def asking_apps(*middlewares: aiohttp.ClientMiddlewareType) -> AsyncGenerator[aiohttp.ClientSession]:
    """A client that keeps nothing from one request to the next: neither cookies nor connections.

    Args:
        middlewares: See each answer first.
    """
    async with aiohttp.ClientSession(
        # An app that is started anew elsewhere leaves its port to another one: no connection is used twice.
        connector=aiohttp.TCPConnector(limit=0, force_close=True, use_dns_cache=False),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        max_line_size=_LONGEST_LINE,
        max_field_size=_LONGEST_LINE,
        max_headers=_MOST_HEADERS,
        trust_env=False,
        middlewares=middlewares,
    ) as session:
        yield session
