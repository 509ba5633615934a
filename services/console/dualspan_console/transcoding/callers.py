"""Who calls: a session's cookie or a bearer token, as the access token that services ask for."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import grpc.aio
from starlette.requests import Request

from dualspan.identity.v1.service_pb2 import ExchangeTokenRequest, ExchangeTokenResponse
from dualspan.identity.v1.service_pb2_grpc import IdentityServiceStub
from dualspan_console.security import Cookies, is_same_origin
from dualspan_console.transcoding.problems import Problem

CSRF_HEADER: Final = "x-csrf-token"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# Exchanged anew so often, a session that was ended elsewhere is over here within that time.
_TRUST_SECONDS = 30.0
_RENEW_SECONDS = 60.0
_MOST_KEPT = 10_000
# What identity makes and exchanges; anything else is an access token already.
_EXCHANGED = ("dsa1.", "dsr1.")


@dataclass(frozen=True, slots=True)
class Access:
    """What a caller may show to the services.

    Attributes:
        token: An access token, or "" for nobody.
        tenant: `tenants/{tenant}` that it speaks for, where that is known.
    """

    token: str
    tenant: str = ""

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """As gRPC sends it."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()


NOBODY: Final = Access("")


@dataclass(frozen=True, slots=True)
class _Kept:
    access: Access
    ask_again: float


class AccessTokens:
    """Access tokens of sessions and API tokens, kept for half a minute.

    Args:
        exchange: Identity's `ExchangeToken`.
    """

    def __init__(self, exchange: grpc.aio.UnaryUnaryMultiCallable[ExchangeTokenRequest, ExchangeTokenResponse]) -> None:
        self._exchange = exchange
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Access]] = {}

    @classmethod
    def over(cls, channel: grpc.aio.Channel) -> AccessTokens:
        """Access tokens that identity makes, through a channel."""
        return cls(IdentityServiceStub(channel).ExchangeToken)

    async def of(self, secret: str) -> Access:
        """The access token of a secret.

        Raises:
            grpc.aio.AioRpcError: The secret counts no longer, or identity does not answer.
        """
        key = _key(secret)
        kept = self._kept.get(key)
        if kept is not None and time.monotonic() < kept.ask_again:
            self._kept.move_to_end(key)
            return kept.access
        task = self._asking.get(key)
        if task is None:
            task = asyncio.create_task(self._ask(key, secret))
            self._asking[key] = task
            task.add_done_callback(lambda _: self._asking.pop(key, None))
        # One caller that goes away takes the answer from nobody else.
        return await asyncio.shield(task)

    def forget(self, secret: str) -> None:
        """Asks anew the next time: the session has ended."""
        self._kept.pop(_key(secret), None)

    async def _ask(self, key: bytes, secret: str) -> Access:
        self._kept.pop(key, None)
        answer = await self._exchange(ExchangeTokenRequest(token=secret))
        lasts = answer.expire_time.ToNanoseconds() / 1e9 - time.time() - _RENEW_SECONDS
        access = Access(answer.access_token, answer.tenant)
        self._kept[key] = _Kept(access, time.monotonic() + min(_TRUST_SECONDS, lasts))
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return access


@dataclass(frozen=True, slots=True)
class Callers:
    """Finds out who calls.

    Attributes:
        cookies: Where sessions are.
        tokens: What they are good for.
    """

    cookies: Cookies
    tokens: AccessTokens

    async def of(self, request: Request) -> Access:
        """Who sends a request; `NOBODY` if it does not say.

        Raises:
            Problem: It came from another page than ours (`CROSS_SITE`, `CSRF_TOKEN_MISSING`), or its `Authorization`
                cannot be read (`TOKEN_INVALID`).
            grpc.aio.AioRpcError: The session has ended.
        """
        return await self.tokens.of(secret) if (secret := self.secret(request)) else _bearer(request.headers)

    def secret(self, request: Request) -> str:
        """The secret of the session or the API token that a request shows; "" without one.

        Raises:
            Problem: As `of`.
        """
        token = _bearer(request.headers).token
        if token:
            return token if token.startswith(_EXCHANGED) else ""
        secret = self.cookies.session(request)
        if secret and request.method not in SAFE:
            self.check_own_page(request, secret)
        return secret

    def check_own_page(self, request: Request, secret: str) -> None:
        """Checks that a request that changes something was sent by a page of ours.

        Raises:
            Problem: It was not, or does not prove it.
        """
        check_same_origin(request)
        if not self.cookies.is_own_call(secret, request.headers.get(CSRF_HEADER, "")):
            raise Problem(
                403,
                "CSRF_TOKEN_MISSING",
                f"With a session, a request that changes something needs the header {CSRF_HEADER} with the value of "
                "csrf in GET /v1/session.",
            )


def check_same_origin(request: Request) -> None:
    """Checks that no other site had a browser send this.

    Raises:
        Problem: One had (`CROSS_SITE`).
    """
    if not is_same_origin(request):
        raise Problem(403, "CROSS_SITE", "Another site had your browser send this. It was not done.")


def _bearer(headers: Mapping[str, str]) -> Access:
    word = headers.get("authorization", "")
    if not word:
        return NOBODY
    scheme, _, token = word.partition(" ")
    if scheme.lower() != "bearer" or not token or not token.isascii() or not token.isprintable():
        raise Problem(401, "TOKEN_INVALID", "The Authorization header must be `Bearer <token>`.")
    return Access(token)


def _key(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
