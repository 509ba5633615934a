"""Access tokens: made from an API token or a session, renewed before they end."""

import asyncio
import base64
import binascii
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from dualspan.identity.v1 import service_pb2
from dualspan_sdk._errors import DualSpanError, plain_errors
from dualspan_sdk._tracing import trace_metadata

if TYPE_CHECKING:
    from dualspan.identity.v1.service_pb2_grpc import IdentityServiceAsyncStub  # exists in the stub file only

# A token with less left than this is renewed before it is used.
_RENEW_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What goes with every call.

    Attributes:
        secret: The token.
        tenant: `tenants/{tenant}` that it speaks for.
        expires_at: Seconds since the epoch.
    """

    secret: str
    tenant: str
    expires_at: float

    @classmethod
    def from_jwt(cls, secret: str) -> Self:
        """Read the claims of a ready token. Its signature is the services' to verify, not ours."""
        try:
            payload = secret.split(".")[1]
            claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            tenant = str(claims["tenant"]).removeprefix("tenants/")
            return cls(secret, f"tenants/{tenant}", float(claims["exp"]))
        except (IndexError, KeyError, TypeError, ValueError, binascii.Error) as err:
            raise DualSpanError(
                "UNAUTHENTICATED", "MALFORMED_TOKEN", "This is not an access token. Pass an API token as token=."
            ) from err

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The call metadata that carries it, and the trace of an app that has one."""
        return (("authorization", f"Bearer {self.secret}"), *trace_metadata())


class Credentials(Protocol):
    """Where access tokens come from."""

    async def current(self) -> AccessToken:
        """A token that is good for the next call."""
        ...

    async def renewed(self, refused: AccessToken) -> AccessToken | None:
        """Another token than the one that a service refused; None where there is no other."""
        ...


class FixedCredentials:
    """One ready access token, until it ends."""

    def __init__(self, token: AccessToken) -> None:
        self._token = token

    async def current(self) -> AccessToken:
        """The token, ended or not: the service says so better."""
        return self._token

    async def renewed(self, refused: AccessToken) -> AccessToken | None:
        """There is no other."""
        del refused


class FileCredentials:
    """An access token in a file that the platform writes anew before it ends.

    Args:
        path: The file: the token alone.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def current(self) -> AccessToken:
        """The token that is in the file now; raises `DualSpanError` `TOKEN_FILE_UNREADABLE`."""
        try:
            text = await asyncio.to_thread(self._path.read_text, "ascii")
        except (OSError, UnicodeDecodeError) as err:
            raise DualSpanError(
                "UNAUTHENTICATED", "TOKEN_FILE_UNREADABLE", f"The access token cannot be read from {self._path}: {err}."
            ) from err
        return AccessToken.from_jwt(text.strip())

    async def renewed(self, refused: AccessToken) -> AccessToken | None:
        """The token that is in the file now, if it is another."""
        token = await self.current()
        return None if token.secret == refused.secret else token


class ExchangedCredentials:
    """Access tokens made from an API token or a refresh token."""

    def __init__(self, identity: "IdentityServiceAsyncStub", secret: str) -> None:
        self._identity = identity
        self._secret = secret
        self._token: AccessToken | None = None
        self._lock = asyncio.Lock()

    async def current(self) -> AccessToken:
        """The token at hand, or a new one when that has less than a minute left."""
        async with self._lock:
            if self._token is None or self._token.expires_at - time.time() < _RENEW_SECONDS:
                self._token = await self._exchange()
            return self._token

    async def renewed(self, refused: AccessToken) -> AccessToken | None:
        """A new token, unless another call has made one already."""
        async with self._lock:
            if self._token is None or self._token.secret == refused.secret:
                self._token = await self._exchange()
            return self._token

    async def _exchange(self) -> AccessToken:
        async with plain_errors():
            answer = await self._identity.ExchangeToken(
                service_pb2.ExchangeTokenRequest(token=self._secret), timeout=30
            )
        return AccessToken(answer.access_token, answer.tenant, answer.expire_time.ToNanoseconds() / 1e9)
