"""From what an app answers to a server that runs."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dualspan_sdk import App, AppSettings, DualSpanError, Health, forever, open_app

Answer: TypeAlias = Callable[[Mapping[str, str]], Awaitable[Any]]
"""From the query of a request to what becomes JSON."""

_STATUS = {"INVALID_ARGUMENT": 400, "NOT_FOUND": 404, "FAILED_PRECONDITION": 409, "RESOURCE_EXHAUSTED": 429}
_UNAVAILABLE = 503
# Everything comes from the app itself; nothing is asked of anybody else.
_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'self'; object-src 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


@dataclass(frozen=True, slots=True)
class WebApp:
    """An app.

    Attributes:
        package: Name of the package whose folder `static` has `index.html` and what that loads from `static/`.
        answers: What pages ask for, by path.
        work: What the app does again and again; its errors are the app's health.
        every_seconds: Pause between two pieces of work.
    """

    package: str
    answers: Mapping[str, Answer]
    work: Callable[[], Awaitable[object]]
    every_seconds: float = 10.0


Build: TypeAlias = Callable[[App], WebApp]


def serve(build: Build) -> None:
    """Run an app as the platform or the local harness starts it, until it is told to stop.

    Exits with 2 and one line of words when the environment or the access token cannot be read.
    """
    try:
        asyncio.run(_serve(build, AppSettings.from_environment()))
    except DualSpanError as err:
        sys.stderr.write(f"{err.reason}: {err.message}\n")
        sys.exit(2)


def application(app: WebApp, health: Health) -> Starlette:
    """The ASGI application: pages, answers, `/healthz`; the work runs while it does."""

    @asynccontextmanager
    async def working(_: Starlette) -> AsyncGenerator[None]:
        task = asyncio.create_task(forever(app.work, health, app.every_seconds))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    static = Path(str(resources.files(app.package))) / "static"

    async def index(_: Request) -> Response:
        return FileResponse(static / "index.html")

    routes = [
        Route("/", index),
        Route("/healthz", health),
        *(Route(path, _endpoint(answer)) for path, answer in app.answers.items()),
        Mount("/kit", StaticFiles(directory=Path(__file__).parent / "static")),
        Mount("/static", StaticFiles(directory=static)),
    ]
    starlette = Starlette(routes=routes, lifespan=working)
    starlette.add_middleware(_Guard)
    return starlette


async def _serve(build: Build, settings: AppSettings) -> None:
    async with open_app(settings) as app:
        web = application(build(app), app.health)
        # What the reverse proxy adds is not for apps to believe.
        config = uvicorn.Config(
            web, host=settings.host, port=settings.port, log_level="warning", proxy_headers=False, server_header=False
        )
        await uvicorn.Server(config).serve()


def _endpoint(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await answer(request.query_params))
        except DualSpanError as err:
            body = {"error": {"reason": err.reason, "message": err.message}}
            return JSONResponse(body, _STATUS.get(err.code, _UNAVAILABLE))

    return endpoint


class _Guard:
    """Adds the headers that keep a page to itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, guarded)
