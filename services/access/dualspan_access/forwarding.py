"""One request to an app and its answer."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from dualspan.marketplace.v1 import access_pb2 as contract
from dualspan_access import headers as rules
from dualspan_access.headers import Headers, Visitor
from dualspan_access.locations import location
from dualspan_access.settings import AccessSettings
from dualspan_access.transfer import Patience, SilentError, TooLargeError, pieces

_REDIRECTS = range(300, 400)
_EVENTS = "text/event-stream"


class NoAnswerError(Exception):
    """The app is there and does not answer as HTTP would have it."""


class NotThereError(Exception):
    """Nobody listens where the app should be."""


@dataclass(frozen=True, slots=True)
class Errand:
    """A request that may be sent.

    Attributes:
        request: Of the browser.
        state: What it opens.
        visitor: Whose it is.
        target: Path and query, as the browser sent them.
    """

    request: web.BaseRequest
    state: contract.AccessState
    visitor: Visitor
    target: str

    @property
    def url(self) -> URL:
        """Where it goes, to the letter."""
        return URL(f"http://{self.state.address}{self.target}", encoded=True)

    def headers(self) -> CIMultiDict[str]:
        """What goes with it."""
        received = decoded(self.request.raw_headers)
        return CIMultiDict(rules.to_app(received, self.visitor))


class Forwarding:
    """Sends requests to apps.

    Args:
        settings: Limits.
        session: Asks apps: no cookies, no redirects, no connection used twice.
        console: Origin of the console.
    """

    def __init__(self, settings: AccessSettings, session: aiohttp.ClientSession, console: str) -> None:
        self._settings = settings
        self._session = session
        self._console = console

    async def send(self, errand: Errand) -> web.StreamResponse:
        """The app's answer, which was sent to the browser by then.

        Raises:
            NotThereError: Nobody listens.
            NoAnswerError: What comes is no answer.
            TooLargeError: The request is.
            SilentError: The browser does not send the rest of its request.
            ForeignLocationError: It leads elsewhere.
        """
        until = asyncio.get_running_loop().time() + self._settings.transfer_seconds
        answer = await self._ask(errand, until)
        try:
            return await self._answer(errand, answer, until)
        finally:
            answer.close()

    async def _ask(self, errand: Errand, until: float) -> aiohttp.ClientResponse:
        settings, request = self._settings, errand.request
        told = errand.headers()
        length = request.headers.get("Content-Length")
        if length is not None and int(length) > settings.request_bytes:
            raise TooLargeError
        body = None
        try:
            async with asyncio.timeout(settings.answer_seconds) as limit:
                if request.body_exists:
                    if length is not None:
                        told["Content-Length"] = length
                    body = _Upload(request, settings, Patience(limit, settings.answer_seconds), until)
                return await self._session.request(
                    request.method, errand.url, headers=told, data=body and body.pieces(), allow_redirects=False
                )
        except TimeoutError:
            raise NoAnswerError("it says nothing") from None
        except aiohttp.ClientConnectorError as err:
            raise NotThereError from err
        except (aiohttp.ClientError, ValueError, OSError) as err:
            if body and body.problem:
                raise body.problem from err
            raise NoAnswerError(type(err).__name__) from err

    async def _answer(self, errand: Errand, answer: aiohttp.ClientResponse, until: float) -> web.StreamResponse:
        settings, request = self._settings, errand.request
        told = rules.to_browser(decoded(answer.raw_headers), https=settings.https)
        told += rules.confinement(self._console, errand.state.egress)
        if answer.status in _REDIRECTS and "Location" in answer.headers:
            leads = location(answer.headers["Location"], errand.visitor.host, errand.state.address, errand.state.egress)
            told.append(("Location", leads))
        response = web.StreamResponse(status=answer.status, headers=_filled(told))
        response.headers["Server"] = "DualSpan"
        await response.prepare(request)
        is_stream = answer.content_type == _EVENTS
        body = pieces(
            answer.content,
            most=1 << 62 if is_stream else settings.response_bytes,
            silence=settings.stream_silence_seconds if is_stream else settings.silence_seconds,
            until=float("inf") if is_stream else until,
        )
        try:
            async for piece in body:
                async with asyncio.timeout(settings.silence_seconds):
                    await response.write(piece)
            await response.write_eof()
        except (TooLargeError, SilentError, TimeoutError, aiohttp.ClientError):
            # What has begun cannot be taken back: the browser sees that it is not whole.
            abort(request)
        return response


class _Upload:
    """A request's body on its way to an app, and what has stopped it."""

    def __init__(self, request: web.BaseRequest, settings: AccessSettings, patience: Patience, until: float) -> None:
        self._request = request
        self._settings = settings
        self._patience = patience
        self._until = until
        self.problem: TooLargeError | SilentError | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        """Piece by piece; each gives the app time again."""
        settings = self._settings
        body = pieces(
            self._request.content, most=settings.request_bytes, silence=settings.silence_seconds, until=self._until
        )
        try:
            async for piece in body:
                self._patience.renew()
                yield piece
        except (TooLargeError, SilentError) as err:
            self.problem = err
            raise


def abort(request: web.BaseRequest) -> None:
    """End the connection of a browser at once."""
    if request.transport is not None:
        request.transport.abort()


def decoded(raw: tuple[tuple[bytes, bytes], ...]) -> Headers:
    """Headers as text; bytes that are none stay, as surrogates."""
    return [(name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape")) for name, value in raw]


def _filled(told: Headers) -> CIMultiDict[str]:
    filled = CIMultiDict(told)
    for name, value in rules.defaults():
        filled.setdefault(name, value)
    return filled
