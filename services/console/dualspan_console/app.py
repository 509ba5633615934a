"""The console as an ASGI application."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from dualspan_console import api
from dualspan_console.app_pages import AppPages
from dualspan_console.catalogue import load_catalogues
from dualspan_console.client_files import Client
from dualspan_console.pages import Pages
from dualspan_console.security import Cookies, SecurityHeaders
from dualspan_console.session_api import SessionApi
from dualspan_console.sessions import Sessions, Stubs
from dualspan_console.settings import ConsoleSettings
from dualspan_console.transcoding.callers import AccessTokens, Callers
from dualspan_console.transcoding.endpoint import Asked, Endpoint
from dualspan_console.transcoding.upstream import Upstream
from dualspan_console.web import STATIC, Web, make_templates


@asynccontextmanager
async def build(settings: ConsoleSettings) -> AsyncGenerator[Starlette]:
    """Opens channels to the services and makes the application; closes them with the block."""
    platform = settings.platform
    async with AsyncExitStack() as resources:
        stubs = await Stubs.open(resources, platform)
        sessions = Sessions(stubs, platform, settings.open_sessions)
        resources.push_async_callback(sessions.close)
        key = hashlib.sha256(b"console forms:" + platform.service_secret.get_secret_value().encode()).digest()
        cookies = Cookies(settings.https, key)
        web = Web(sessions, cookies, load_catalogues(), make_templates())
        upstream = await resources.enter_async_context(Upstream.open(platform))
        callers = Callers(cookies, AccessTokens.over(upstream.channels["identity"]))
        session = SessionApi.over(upstream.channels["identity"], cookies, callers, platform.apps_url)
        yield application(web, platform.apps_url, session, Endpoint(upstream, callers))


def application(web: Web, apps_url: str, session: SessionApi, contracts: Endpoint) -> Starlette:
    """The routes.

    Args:
        web: What handlers are given.
        apps_url: Scheme, host and port that all apps are under.
        session: Who is signed in.
        contracts: All methods of all contracts, under `/v1`.
    """
    pages, apps, client = Pages(web), AppPages(web), Client()
    return Starlette(
        routes=[
            Route("/", pages.home),
            Route("/healthz", _healthy),
            Route("/sign-in", pages.show_sign_in),
            Route("/sign-in", pages.sign_in, methods=["POST"]),
            Route("/sign-out", pages.sign_out, methods=["POST"]),
            Route("/language", pages.choose_language, methods=["POST"]),
            Route("/plants", web.for_people(pages.plants)),
            Route("/tags", web.for_people(pages.tags)),
            Route("/tags/{tag_id:int}", web.for_people(pages.tag)),
            Route("/apps", web.for_people(apps.apps)),
            Route("/apps/{subscription}/open", web.for_people(apps.open), methods=["POST"]),
            Route("/v1/session", Asked(session.session)),
            Route("/v1/session/language", Asked(session.language)),
            Route("/v1/{path:path}", contracts),
            Route("/api/history", web.for_scripts(api.history)),
            Route("/api/live", web.for_scripts(api.live)),
            Mount("/static", StaticFiles(directory=STATIC)),
            Route("/assets/{digest}/{path:path}", client.file),
            Route("/{path:path}", client.page),
        ],
        middleware=[Middleware(SecurityHeaders, apps=apps_url)],
        exception_handlers={404: pages.not_found},
    )


async def _healthy(request: Request) -> Response:
    del request
    return PlainTextResponse("ok\n")
