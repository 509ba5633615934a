"""Cookies, cross-site request forgery and the headers that tell a browser what not to do."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SESSION_COOKIE = "dualspan-session"
OIDC_COOKIE = "dualspan-oidc"
LANGUAGE_COOKIE = "dualspan-language"
_SESSION_SECONDS = 14 * 24 * 3600
_OIDC_SECONDS = 600
_YEAR_SECONDS = 365 * 24 * 3600

# Scripts and styles come from this host alone, and nothing is inline: injected markup cannot run.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class SecurityHeaders:
    """Adds the security headers to every response; nothing is cached that does not say so itself.

    Args:
        app: What is wrapped.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes on, with headers added."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    # A file has a stricter policy of its own.
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def is_same_origin(request: Request) -> bool:
    """Whether no other site had a browser send this, as far as the browser says (Fetch Metadata, RFC 6454)."""
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("origin")
    # The scheme may be another one where a proxy ends TLS; host and port are what the browser was at.
    return origin is None or origin.partition("://")[2] == request.headers.get("host", "")


@dataclass(frozen=True, slots=True)
class Cookies:
    """How cookies are written.

    Through TLS their names say `__Host-`: a page of an app, whose host may have a parent in common with this one,
    cannot put a cookie of its own in the place of one of these (RFC 6265bis, 4.1.3.2).

    Attributes:
        https: They are sent over https only.
        key: Signs what proves that a call came from one of our pages.
    """

    https: bool
    key: bytes

    def begin_session(self, response: Response, secret: str) -> None:
        """Remembers who has signed in."""
        self._write(response, self._named(SESSION_COOKIE), secret, _SESSION_SECONDS)

    def session(self, request: Request) -> str:
        """The secret of who has signed in; "" if nobody has."""
        return request.cookies.get(self._named(SESSION_COOKIE), "")

    def end_session(self, response: Response) -> None:
        """Forgets who had signed in."""
        response.delete_cookie(self._named(SESSION_COOKIE), path="/", secure=self.https, httponly=True, samesite="lax")

    def begin_oidc(self, response: Response, state: str) -> None:
        """Remembers that this browser has begun to sign in with an identity provider."""
        self._write(response, self._named(OIDC_COOKIE), state, _OIDC_SECONDS)

    def oidc(self, request: Request) -> str:
        """The state that this browser has begun with; "" without one."""
        return request.cookies.get(self._named(OIDC_COOKIE), "")

    def end_oidc(self, response: Response) -> None:
        """Forgets that it has begun."""
        response.delete_cookie(self._named(OIDC_COOKIE), path="/", secure=self.https, httponly=True, samesite="lax")

    def remember_language(self, response: Response, language: str) -> None:
        """Remembers the language that was chosen."""
        self._write(response, LANGUAGE_COOKIE, language, _YEAR_SECONDS)

    def call_token(self, secret: str) -> str:
        """What a script of our page must send with what changes something; another one for each session."""
        return hmac.new(self.key, f"call:{secret}".encode(), hashlib.sha256).hexdigest()

    def is_own_call(self, secret: str, token: str) -> bool:
        """Whether a script shows the token of its session."""
        return hmac.compare_digest(self.call_token(secret).encode(), token.encode())

    def _named(self, name: str) -> str:
        return f"__Host-{name}" if self.https else name

    def _write(self, response: Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(name, value, max_age=seconds, path="/", secure=self.https, httponly=True, samesite="lax")
