"""Out to an identity provider and back, with the browser that began."""

from typing import Any

import grpc
import grpc.aio
from starlette.requests import Request

from dualspan.identity.v1.oidc_service_pb2 import BeginOidcSignInResponse, CompleteOidcSignInRequest
from dualspan.identity.v1.service_pb2 import SignInResponse
from dualspan_console.oidc_api import OidcApi
from dualspan_console.security import Cookies

COOKIES = Cookies(https=False, key=b"k" * 32)


class Identity:
    """Answers as identity does; keeps what it was asked."""

    def __init__(self, error: grpc.aio.AioRpcError | None = None) -> None:
        self.asked: list[Any] = []
        self._error = error

    async def BeginOidcSignIn(self, request: Any) -> BeginOidcSignInResponse:  # noqa: N802 - the contract's name
        self.asked.append(request)
        return BeginOidcSignInResponse(authorization_uri="https://idp.example/authorize?x=1", state="acme.s")

    async def CompleteOidcSignIn(  # noqa: N802 - the contract's name
        self, request: CompleteOidcSignInRequest
    ) -> SignInResponse:
        self.asked.append(request)
        if self._error:
            raise self._error
        return SignInResponse(refresh_token="dsr1.acme.secret")


def request(path: str, query: str = "", cookie: str = "", method: str = "GET", **parameters: str) -> Request:
    headers = [(b"host", b"console.example"), (b"user-agent", b"Firefox")]
    if cookie:
        headers.append((b"cookie", f"dualspan-oidc={cookie}".encode()))
    return Request(
        {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query.encode(),
            "headers": headers,
            "client": ("203.0.113.7", 1),
            "path_params": parameters,
        }
    )


def api(identity: Identity) -> OidcApi:
    return OidcApi(identity, COOKIES, "https://console.example")


async def test_a_browser_is_led_out_with_what_it_must_bring_back() -> None:
    identity = Identity()
    answer = await api(identity).begin(request("/v1/session/oidc/acme/works", tenant="acme", provider="works"))
    assert (answer.status_code, answer.headers["location"]) == (303, "https://idp.example/authorize?x=1")
    assert "dualspan-oidc=acme.s" in answer.headers["set-cookie"]
    assert "HttpOnly" in answer.headers["set-cookie"]
    (asked,) = identity.asked
    assert asked.name == "tenants/acme/oidcProviders/works"
    assert asked.redirect_uri == "https://console.example/v1/session/oidc/callback"


async def test_who_comes_back_is_signed_in() -> None:
    identity = Identity()
    answer = await api(identity).complete(request("/callback", "state=acme.s&code=c&iss=x", cookie="acme.s"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookies = answer.headers.getlist("set-cookie")
    assert any(each.startswith("dualspan-session=dsr1.acme.secret") for each in cookies)
    assert any(each.startswith('dualspan-oidc="";') for each in cookies)
    (asked,) = identity.asked
    assert (asked.state, asked.code, asked.user_agent, asked.address) == ("acme.s", "c", "Firefox", "203.0.113.7")


async def test_another_browsers_sign_in_does_not_become_this_ones() -> None:
    for cookie in ("", "acme.other"):
        identity = Identity()
        answer = await api(identity).complete(request("/callback", "state=acme.s&code=c", cookie=cookie))
        assert answer.headers["location"] == "/sign-in?problem=OIDC_SIGN_IN_EXPIRED"
        assert not identity.asked
        assert "dualspan-session" not in str(answer.headers)


async def test_who_is_refused_is_told_why_where_people_sign_in() -> None:
    denied = await api(Identity()).complete(request("/callback", "state=s&error=access_denied", cookie="s"))
    assert denied.headers["location"] == "/sign-in?problem=OIDC_REFUSED"
    none = grpc.aio.Metadata()
    away = grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, none, none, details="down")
    failed = await api(Identity(away)).complete(request("/callback", "state=s&code=c", cookie="s"))
    assert failed.headers["location"] == "/sign-in?problem=UNAVAILABLE"


async def test_nothing_else_is_done_there() -> None:
    answer = await api(Identity()).begin(request("/x", method="POST", tenant="acme", provider="works"))
    assert answer.status_code == 405
    unknown = await api(Identity()).begin(request("/x", "next=//evil", tenant="acme", provider="works"))
    assert unknown.status_code == 400
    malformed = await api(Identity()).begin(request("/x", tenant="acme", provider="WORKS!"))
    assert malformed.status_code == 400
