"""The console as an ASGI application."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dualspan_console.client_files import Client
from dualspan_console.oidc_api import OidcApi
from dualspan_console.openapi.comments import Comments
from dualspan_console.openapi.document import make_document
from dualspan_console.openapi.serving import Document
from dualspan_console.security import Cookies, SecurityHeaders
from dualspan_console.session_api import SessionApi
from dualspan_console.settings import ConsoleSettings
from dualspan_console.tracing import TracedRequests
from dualspan_console.transcoding.callers import AccessTokens, Callers
from dualspan_console.transcoding.endpoint import Asked, Endpoint, Under
from dualspan_console.transcoding.upstream import Upstream
from dualspan_runtime.channels import open_channel


@asynccontextmanager
async def build(settings: ConsoleSettings) -> AsyncGenerator[Starlette]:
    """Opens channels to the services and makes the application; closes them with the block."""
    platform = settings.platform
    async with AsyncExitStack() as resources:
        key = hashlib.sha256(b"console forms:" + platform.service_secret.get_secret_value().encode()).digest()
        cookies = Cookies(settings.https, key)
        upstream = await resources.enter_async_context(Upstream.open(platform))
        callers = Callers(cookies, AccessTokens.over(upstream.channels["identity"]))
        session = SessionApi.over(upstream.channels["identity"], cookies, callers, platform.apps_url)
        contracts = Endpoint(upstream, callers)
        document = Document(make_document(contracts.routes, Comments.load()))
        own = open_channel(platform.identity_address, service="console", secret=platform.service_secret)
        oidc = OidcApi.over(await resources.enter_async_context(own), cookies, platform.console_url)
        yield application(session, oidc, document, contracts, Client())


def application(
    session: SessionApi, oidc: OidcApi, document: Document, contracts: Endpoint, client: Client
) -> Starlette:
    """The routes.

    Args:
        session: Who is signed in.
        oidc: Signing in with identity providers.
        document: What there is under `/v1`.
        contracts: All methods of all contracts, under `/v1`.
        client: What runs in browsers; every address that is nobody else's is one of its pages.
    """
    return Starlette(
        routes=[
            Route("/healthz", _healthy),
            Route("/v1/session", Asked(session.session)),
            Route("/v1/session/language", Asked(session.language)),
            Route("/v1/session/oidc/callback", Asked(oidc.complete)),
            Route("/v1/session/oidc/{tenant}/{provider}", Asked(oidc.begin)),
            Route("/v1/openapi.json", Asked(document.document)),
            Under("/v1/", contracts),
            Route("/assets/{digest}/{path:path}", client.file),
            Route("/{path:path}", client.page),
        ],
        middleware=[Middleware(TracedRequests), Middleware(SecurityHeaders)],
    )


async def _healthy(request: Request) -> Response:
    del request
    return PlainTextResponse("ok\n")
