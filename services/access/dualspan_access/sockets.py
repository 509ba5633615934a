"""WebSockets between a browser and an app: both ends are spoken with, so that neither sends the other more than a
message of bounded size.
"""

import asyncio
from http import HTTPStatus
from typing import TypeAlias

import aiohttp
from aiohttp import WSMsgType, web

from dualspan_access.forwarding import Errand, NoAnswerError, NotThereError
from dualspan_access.settings import AccessSettings

# Both ends are asked for a sign of life so often.
_HEARTBEAT_SECONDS = 30.0
_CLOSE_SECONDS = 5.0
# RFC 6455, 7.4: what may stand in a close frame that somebody sends.
_SENDABLE = {*range(1000, 1004), *range(1007, 1012), *range(3000, 5000)}
_GONE = 1001

_Socket: TypeAlias = "web.WebSocketResponse | aiohttp.ClientWebSocketResponse"


class Sockets:
    """Passes messages on.

    Args:
        settings: Limits.
        session: Asks apps, and hands out nothing but upgrades (`upgrades_only`).
    """

    def __init__(self, settings: AccessSettings, session: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._session = session

    async def relay(self, errand: Errand) -> web.WebSocketResponse:
        """Messages in both directions, until one end closes.

        Raises:
            NotThereError: Nobody listens.
            NoAnswerError: The app takes no WebSocket here.
        """
        offered = errand.request.headers.get("Sec-WebSocket-Protocol", "")
        protocols = [each.strip() for each in offered.split(",") if each.strip()]
        app = await self._connect(errand, protocols)
        try:
            browser = web.WebSocketResponse(
                protocols=[app.protocol] if app.protocol else (),
                heartbeat=_HEARTBEAT_SECONDS,
                max_msg_size=self._settings.message_bytes,
                compress=False,
                timeout=_CLOSE_SECONDS,
            )
            await browser.prepare(errand.request)
            await _both(browser, app)
            return browser
        finally:
            await app.close()

    async def _connect(self, errand: Errand, protocols: list[str]) -> aiohttp.ClientWebSocketResponse:
        told = errand.headers()
        for name in [each for each in told if each.lower().startswith("sec-websocket-")]:
            del told[name]
        try:
            async with asyncio.timeout(self._settings.answer_seconds):
                return await self._session.ws_connect(
                    errand.url,
                    headers=told,
                    protocols=protocols,
                    heartbeat=_HEARTBEAT_SECONDS,
                    max_msg_size=self._settings.message_bytes,
                    compress=0,
                )
        except aiohttp.ClientConnectorError as err:
            raise NotThereError from err
        except aiohttp.WSServerHandshakeError as err:
            raise NoAnswerError(f"it answers a WebSocket with {err.status}: {err.message}") from err
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as err:
            raise NoAnswerError(type(err).__name__) from err


async def upgrades_only(request: aiohttp.ClientRequest, ask: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Middleware of the session that opens WebSockets: an answer that opens none is refused where it arrives.

    aiohttp follows redirects of a handshake and cannot be told not to. An app would choose who gets the visitor's name
    and roles, and which address inside is asked.

    Raises:
        WSServerHandshakeError: Whatever is no upgrade, a redirect to wherever included.
    """
    answer = await ask(request)
    if answer.status == HTTPStatus.SWITCHING_PROTOCOLS:
        return answer
    answer.close()
    raise aiohttp.WSServerHandshakeError(
        answer.request_info, answer.history, status=answer.status, message="no upgrade", headers=answer.headers
    )


async def _both(browser: web.WebSocketResponse, app: aiohttp.ClientWebSocketResponse) -> None:
    ways = [asyncio.create_task(_pass_on(browser, app)), asyncio.create_task(_pass_on(app, browser))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in ways:
            each.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _pass_on(source: _Socket, target: _Socket) -> None:
    """Messages of one end to the other, then its close."""
    async for message in source:
        try:
            if message.type is WSMsgType.TEXT:
                await target.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await target.send_bytes(message.data)
        except (ConnectionError, aiohttp.ClientError):
            return
    code = source.close_code
    await target.close(code=code if code in _SENDABLE else _GONE)
