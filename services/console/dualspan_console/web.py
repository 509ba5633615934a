"""What every page and every API answer has in common: the session, the language, errors, templates."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import jinja2
import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from dualspan_console.catalogue import choose_language
from dualspan_console.security import Cookies
from dualspan_console.sessions import Session, Sessions
from dualspan_sdk import DualSpanError

log = structlog.get_logger()
HERE = Path(__file__).parent
STATIC = HERE / "static"

Handler = Callable[[Request, Session], Awaitable[Response]]

_HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "FAILED_PRECONDITION": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


@dataclass(frozen=True, slots=True)
class Web:
    """What handlers are given.

    Attributes:
        sessions: Who has signed in.
        cookies: How cookies are written.
        catalogues: The words of each language.
        templates: The pages.
    """

    sessions: Sessions
    cookies: Cookies
    catalogues: Mapping[str, Mapping[str, str]]
    templates: jinja2.Environment

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> Response:
        """Renders a page in the visitor's language."""
        language = choose_language(request)
        visitor = self.cookies.visitor(request)
        words = self.catalogues[language]
        text = self.templates.get_template(template).render(
            t=words,
            language=language,
            path=request.url.path,
            form_token=self.cookies.form_token(visitor),
            signed_in=bool(self.cookies.session(request)),
            **values,
        )
        response = HTMLResponse(text, status)
        self.cookies.remember_visitor(response, visitor)
        return response

    def for_people(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """A page that needs a session; without one, the sign-in page comes first."""

        async def handle(request: Request) -> Response:
            try:
                return await handler(request, await self._session(request))
            except (DualSpanError, grpc.aio.AioRpcError) as err:
                error = _plain(err)
                if error.code == "UNAUTHENTICATED":
                    response = RedirectResponse("/sign-in", 303)
                    self.cookies.end_session(response)
                    return response
                return self.failure(request, error)

        return handle

    def failure(self, request: Request, error: DualSpanError) -> Response:
        """Says what went wrong; of a service that could not even say so, in the visitor's language."""
        _log(request, error)
        message = self.words(request)["service_down"] if error.reason == error.code else error.message
        return self.page(request, "error.html", _HTTP_STATUS.get(error.code, 500), message=message)

    def words(self, request: Request) -> Mapping[str, str]:
        """The words of the visitor's language."""
        return self.catalogues[choose_language(request)]

    def for_scripts(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """An answer for the pages' own scripts; errors are JSON."""

        async def handle(request: Request) -> Response:
            try:
                return await handler(request, await self._session(request))
            except (DualSpanError, grpc.aio.AioRpcError) as err:
                error = _plain(err)
                _log(request, error)
                body = {"error": {"reason": error.reason, "message": error.message}}
                return JSONResponse(body, _HTTP_STATUS.get(error.code, 500))

        return handle

    async def _session(self, request: Request) -> Session:
        secret = self.cookies.session(request)
        if not secret:
            raise DualSpanError("UNAUTHENTICATED", "NOT_SIGNED_IN", "Sign in first.")
        return await self.sessions.get(secret)


def make_templates() -> jinja2.Environment:
    """The templates, which escape everything by default."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["static"] = _static_addresses().__getitem__
    environment.filters["count"] = lambda number: f"{number:,}".replace(",", "\u202f")
    return environment


def _static_addresses() -> Mapping[str, str]:
    """Addresses that change with the content, so that browsers may keep the files for ever."""
    addresses: dict[str, str] = {}
    for path in STATIC.rglob("*"):
        if path.is_file():
            name = path.relative_to(STATIC).as_posix()
            addresses[name] = f"/static/{name}?v={hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
    return addresses


def _plain(error: DualSpanError | grpc.aio.AioRpcError) -> DualSpanError:
    return DualSpanError.from_rpc(error) if isinstance(error, grpc.aio.AioRpcError) else error


def _log(request: Request, error: DualSpanError) -> None:
    log.info("request refused", path=request.url.path, code=error.code, reason=error.reason)
