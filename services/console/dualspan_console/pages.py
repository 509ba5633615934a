"""The pages: sign-in, plants, tags, one tag."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import grpc
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan_console.catalogue import LANGUAGES
from dualspan_console.sessions import Session
from dualspan_console.web import Web
from dualspan_sdk import DualSpanError, Tag

_TAGS_PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class GatewayView:
    """A gateway as the plants page shows it."""

    gateway: resources.Gateway
    state: str
    servers: Sequence[ServerView]

    @property
    def id(self) -> str:
        """The last part of its name."""
        return self.gateway.name.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class ServerView:
    """An OPC UA server as the plants page shows it."""

    server: resources.OpcUaServer
    state: str
    security: str

    @property
    def id(self) -> str:
        """The last part of its name."""
        return self.server.name.rpartition("/")[2]


class Pages:
    """Handlers of the pages."""

    def __init__(self, web: Web) -> None:
        self._web = web

    async def home(self, request: Request) -> Response:
        """The first page of whoever comes."""
        return RedirectResponse("/plants" if self._web.cookies.session(request) else "/sign-in", 303)

    async def show_sign_in(self, request: Request) -> Response:
        """The sign-in form."""
        return self._web.page(request, "sign_in.html", email="", problem="")

    async def sign_in(self, request: Request) -> Response:
        """Checks e-mail address and password."""
        form = await request.form()
        email = str(form.get("email", ""))
        if not self._web.cookies.is_own_form(request, str(form.get("form_token", ""))):
            return self._web.page(request, "sign_in.html", 400, email=email, problem="form_expired")
        try:
            answer = await self._web.sessions.sign_in(email, str(form.get("password", "")))
        except grpc.aio.AioRpcError as err:
            problem = {
                grpc.StatusCode.UNAUTHENTICATED: "sign_in_failed",
                grpc.StatusCode.INVALID_ARGUMENT: "sign_in_failed",
                grpc.StatusCode.RESOURCE_EXHAUSTED: "too_many_tries",
            }.get(err.code())
            if problem is None:
                return self._web.failure(request, DualSpanError.from_rpc(err))
            return self._web.page(request, "sign_in.html", 401, email=email, problem=problem)
        response = RedirectResponse("/plants", 303)
        self._web.cookies.begin_session(response, answer.refresh_token)
        return response

    async def sign_out(self, request: Request) -> Response:
        """Ends the session."""
        form = await request.form()
        response = RedirectResponse("/sign-in", 303)
        secret = self._web.cookies.session(request)
        if secret and self._web.cookies.is_own_form(request, str(form.get("form_token", ""))):
            await self._web.sessions.sign_out(secret)
            self._web.cookies.end_session(response)
        return response

    async def choose_language(self, request: Request) -> Response:
        """Remembers a language and goes back."""
        form = await request.form()
        back = str(form.get("back", "/"))
        response = RedirectResponse(back if back.startswith("/") and not back.startswith("//") else "/", 303)
        language = str(form.get("language", ""))
        if language in LANGUAGES and self._web.cookies.is_own_form(request, str(form.get("form_token", ""))):
            self._web.cookies.remember_language(response, language)
        return response

    async def plants(self, request: Request, session: Session) -> Response:
        """Sites with their gateways and servers, and the figures of the whole."""
        gateways, servers, statistics = (
            await session.gateways(),
            await session.servers(),
            await session.statistics(),
        )
        first_tags = await session.tags("", "", 1)
        views = gateway_views(gateways, servers)
        sites: defaultdict[str, list[GatewayView]] = defaultdict(list)
        for view in views:
            sites[view.gateway.site].append(view)
        return self._web.page(
            request,
            "plants.html",
            sites=sorted(sites.items()),
            gateway_count=len(gateways),
            gateways_online=sum(view.state == "online" for view in views),
            server_count=len(servers),
            servers_connected=sum(server.state == "connected" for view in views for server in view.servers),
            tag_count=first_tags.total_size,
            statistics=statistics,
            bytes_per_sample=statistics.sealed_bytes / statistics.sealed_samples if statistics.sealed_samples else None,
        )

    async def tags(self, request: Request, session: Session) -> Response:
        """The tags that match, page by page, with live values."""
        query = request.query_params.get("q", "")
        answer = await session.tags(query, request.query_params.get("page", ""), _TAGS_PER_PAGE)
        return self._web.page(
            request,
            "tags.html",
            query=query,
            tags=[Tag.from_message(tag) for tag in answer.tags],
            total=answer.total_size,
            next_page=answer.next_page_token,
            is_first_page="page" not in request.query_params,
        )

    async def tag(self, request: Request, session: Session) -> Response:
        """One tag's live chart."""
        return self._web.page(request, "tag.html", tag=await session.tag(int(request.path_params["tag_id"])))

    async def not_found(self, request: Request, error: Exception) -> Response:
        """An address that does not exist."""
        del error
        return self._web.page(request, "error.html", 404, message=self._web.words(request)["not_found"])


def gateway_views(gateways: Sequence[resources.Gateway], servers: Sequence[resources.OpcUaServer]) -> list[GatewayView]:
    """Gateways with their servers, in order of name."""
    by_gateway: defaultdict[str, list[ServerView]] = defaultdict(list)
    for server in sorted(servers, key=lambda server: server.name):
        state = _word(resources.ConnectionState.Name(server.status.state), "CONNECTION_STATE_")
        mode = _word(resources.SecurityMode.Name(server.security_mode), "SECURITY_MODE_")
        security = "sign_and_encrypt" if mode == "unspecified" else mode
        by_gateway[server.name.partition("/servers/")[0]].append(ServerView(server, state, security))
    return [
        GatewayView(
            gateway, _word(resources.GatewayState.Name(gateway.state), "GATEWAY_STATE_"), by_gateway[gateway.name]
        )
        for gateway in sorted(gateways, key=lambda gateway: gateway.name)
    ]


def _word(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower()
