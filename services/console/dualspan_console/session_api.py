"""Who is signed in, for the pages' scripts: `/v1/session`. What is a browser's own; the rest are contracts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import grpc
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dualspan.identity.v1 import account_service_pb2 as contract
from dualspan.identity.v1.account_service_pb2_grpc import AccountServiceStub
from dualspan.identity.v1.service_pb2 import SignInRequest, SignOutRequest
from dualspan.identity.v1.service_pb2_grpc import IdentityServiceStub
from dualspan_console.languages import LANGUAGES, choose_language
from dualspan_console.security import Cookies
from dualspan_console.transcoding.callers import Access, Callers, check_same_origin
from dualspan_console.transcoding.endpoint import guarded, refuse_method
from dualspan_console.transcoding.intake import read_body
from dualspan_console.transcoding.problems import FieldProblem, Problem
from dualspan_console.transcoding.requests import check_known, check_no_query, decode_object
from dualspan_runtime.roles import role_name

_NOT_SIGNED_IN = {"signedIn": False, "csrf": ""}


@dataclass(frozen=True, slots=True)
class SessionApi:
    """Handlers of `/v1/session`.

    Attributes:
        identity: Where sessions begin and end; its methods take everybody's own token.
        accounts: Tells who people are.
        cookies: Where a browser keeps its session.
        callers: Finds out who calls.
        apps_url: Scheme, host and port that all apps are under.
    """

    identity: Any
    accounts: Any
    cookies: Cookies
    callers: Callers
    apps_url: str

    @classmethod
    def over(cls, channel: grpc.aio.Channel, cookies: Cookies, callers: Callers, apps_url: str) -> SessionApi:
        """Handlers that ask identity through a channel."""
        return cls(IdentityServiceStub(channel), AccountServiceStub(channel), cookies, callers, apps_url)

    async def session(self, request: Request) -> Response:
        """`/v1/session`."""
        return await guarded(request, self._session)

    async def language(self, request: Request) -> Response:
        """`/v1/session/language`."""
        return await guarded(request, self._choose_language)

    async def _session(self, request: Request) -> Response:
        check_no_query(request)
        if request.method in {"GET", "HEAD"}:
            return JSONResponse(await self._told(request))
        if request.method == "POST":
            return await self._sign_in(request)
        if request.method == "DELETE":
            return await self._sign_out(request)
        return refuse_method(request, ("GET", "POST", "DELETE"))

    async def _told(self, request: Request) -> dict[str, Any]:
        """Who is signed in; a session that has ended is none."""
        common = {"language": choose_language(request), "appsUrl": self.apps_url}
        try:
            secret = self.callers.secret(request)
            account = await self._account(await self.callers.of(request))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAUTHENTICATED:
                raise
            account, secret = None, ""
        if account is None:
            return _NOT_SIGNED_IN | common
        return session_document(account) | {"csrf": self.cookies.call_token(secret)} | common

    async def _account(self, access: Access) -> contract.Account | None:
        if not access.token:
            return None
        return await self.accounts.GetAccount(contract.GetAccountRequest(), metadata=access.metadata)

    async def _sign_in(self, request: Request) -> Response:
        """Begins a session; one that the browser had ends, so that nobody is left in another's."""
        check_same_origin(request)
        document = decode_object(await read_body(request))
        email, password = (_text(document, name) for name in ("email", "password"))
        check_known(document, ("email", "password"))
        signed_in = await self.identity.SignIn(
            SignInRequest(
                email=email,
                password=password,
                user_agent=request.headers.get("user-agent", ""),
                address=request.client.host if request.client else "",
            )
        )
        await self._end(self.cookies.session(request))
        account = cast("contract.Account", await self._account(Access(signed_in.access_token)))
        common = {"language": choose_language(request), "appsUrl": self.apps_url}
        csrf = self.cookies.call_token(signed_in.refresh_token)
        response = JSONResponse(session_document(account) | {"csrf": csrf} | common, 201)
        self.cookies.begin_session(response, signed_in.refresh_token)
        return response

    async def _sign_out(self, request: Request) -> Response:
        secret = self.cookies.session(request)
        if secret:
            self.callers.check_own_page(request, secret)
            await self._end(secret)
        response = Response(status_code=204)
        self.cookies.end_session(response)
        return response

    async def _end(self, secret: str) -> None:
        if secret:
            self.callers.tokens.forget(secret)
            await self.identity.SignOut(SignOutRequest(refresh_token=secret))

    async def _choose_language(self, request: Request) -> Response:
        if request.method != "PUT":
            return refuse_method(request, ("PUT",))
        check_no_query(request)
        check_same_origin(request)
        document = decode_object(await read_body(request))
        language = _text(document, "language")
        check_known(document, ("language",))
        if language not in LANGUAGES:
            raise _wrong("language", f"must be one of {', '.join(LANGUAGES)}")
        response = Response(status_code=204)
        self.cookies.remember_language(response, language)
        return response


def session_document(account: contract.Account) -> dict[str, Any]:
    """Who is signed in, as JSON has it."""
    return {
        "signedIn": True,
        "tenant": account.tenant,
        "tenantDisplayName": account.tenant_display_name,
        "actor": account.actor,
        "email": account.user.email,
        "displayName": account.user.display_name,
        "roles": [role_name(role) for role in account.user.roles],
        "permissions": list(account.permissions),
        "session": account.session,
    }


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise _wrong(name, "must be a text")
    return value


def _wrong(name: str, rule: str) -> Problem:
    return Problem(400, "MALFORMED_FIELD", f"{name} {rule}.", fields=[FieldProblem(name, rule)])
