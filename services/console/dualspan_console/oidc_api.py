"""Signing in with an enterprise's own identity provider: out to it, and back."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import grpc
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dualspan.identity.v1.oidc_service_pb2 import BeginOidcSignInRequest, CompleteOidcSignInRequest
from dualspan.identity.v1.oidc_service_pb2_grpc import OidcServiceStub
from dualspan_console.security import Cookies
from dualspan_console.transcoding.endpoint import guarded, refuse_method
from dualspan_console.transcoding.intake import read_query
from dualspan_console.transcoding.problems import Problem
from dualspan_console.transcoding.requests import check_no_query
from dualspan_console.transcoding.upstream import problem_of
from dualspan_runtime.names import ResourceName

_PROVIDER = ResourceName("tenants/{tenant}/oidcProviders/{provider}")
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class OidcApi:
    """Handlers of `/v1/session/oidc`.

    Attributes:
        oidc: Identity's, asked in the console's own name: nobody is signed in yet.
        cookies: Where a browser keeps what it has begun, and its session.
        console_url: Scheme, host and port of the console, which the provider knows.
    """

    oidc: Any
    cookies: Cookies
    console_url: str

    @classmethod
    def over(cls, channel: grpc.aio.Channel, cookies: Cookies, console_url: str) -> OidcApi:
        """Handlers that ask identity through a channel."""
        return cls(OidcServiceStub(channel), cookies, console_url.rstrip("/"))

    @property
    def redirect_uri(self) -> str:
        """Where providers send browsers back to."""
        return f"{self.console_url}/v1/session/oidc/callback"

    async def begin(self, request: Request) -> Response:
        """`/v1/session/oidc/{tenant}/{provider}`: leads to the provider."""
        return await guarded(request, self._begin)

    async def complete(self, request: Request) -> Response:
        """`/v1/session/oidc/callback`: leads into the console, or to its sign-in page with a reason."""
        return await guarded(request, self._complete)

    async def _begin(self, request: Request) -> Response:
        if request.method != "GET":
            return refuse_method(request, ("GET",))
        check_no_query(request)
        name = _PROVIDER.format(tenant=request.path_params["tenant"], provider=request.path_params["provider"])
        answer = await self.oidc.BeginOidcSignIn(BeginOidcSignInRequest(name=name, redirect_uri=self.redirect_uri))
        response = RedirectResponse(answer.authorization_uri, 303, {"referrer-policy": "no-referrer"})
        self.cookies.begin_oidc(response, answer.state)
        return response

    async def _complete(self, request: Request) -> Response:
        if request.method != "GET":
            return refuse_method(request, ("GET",))
        told = {name: word[:_LONGEST] for name, word in read_query(request)}
        begun = self.cookies.oidc(request)
        try:
            _check_told(told, begun)
            response = await self._signed_in(request, told)
        except grpc.aio.AioRpcError as error:
            response = _back(problem_of(error))
        except Problem as problem:
            response = _back(problem)
        self.cookies.end_oidc(response)
        return response

    async def _signed_in(self, request: Request, told: dict[str, str]) -> Response:
        signed_in = await self.oidc.CompleteOidcSignIn(
            CompleteOidcSignInRequest(
                state=told["state"],
                code=told["code"],
                user_agent=request.headers.get("user-agent", ""),
                address=request.client.host if request.client else "",
            )
        )
        response = RedirectResponse("/", 303)
        self.cookies.begin_session(response, signed_in.refresh_token)
        return response


def _check_told(told: dict[str, str], begun: str) -> None:
    if not begun or not hmac.compare_digest(begun.encode(), told.get("state", "").encode()):
        # Somebody else's sign-in must not become this browser's.
        raise Problem(401, "OIDC_SIGN_IN_EXPIRED", "This browser has not begun to sign in.")
    if "error" in told or not told.get("code"):
        raise Problem(401, "OIDC_REFUSED", "The identity provider let nobody in.")


def _back(problem: Problem) -> Response:
    return RedirectResponse(f"/sign-in?{urlencode({'problem': problem.reason})}", 303)
