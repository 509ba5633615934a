"""Whom to trust: identity's keys, its gateway CA and what it has revoked."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

import grpc
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from dualspan.identity.v1 import service_pb2 as identity
from dualspan.identity.v1.service_pb2_grpc import IdentityServiceStub
from dualspan_runtime.channels import open_channel
from dualspan_runtime.errors import DomainError, Unavailable
from dualspan_runtime.settings import PlatformSettings

if TYPE_CHECKING:
    from dualspan.identity.v1.service_pb2_grpc import IdentityServiceAsyncStub

_KEYS_LIVE_SECONDS = 300.0
_KEYS_RETRY_SECONDS = 2.0
_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Revocations:
    """What no longer counts although it has not expired.

    Attributes:
        serials: Serial numbers of certificates, lower-case hex.
        actors: `tenants/{tenant}/users/{user}` and the like, whose access tokens no longer count.
    """

    serials: frozenset[str] = frozenset()
    actors: frozenset[str] = frozenset()


class Trust(Protocol):
    """Where a server learns whom to trust."""

    async def signing_keys(self) -> Mapping[str, str]:
        """Returns the public keys of access tokens: PEM by key id."""
        ...

    async def revocations(self) -> Revocations:
        """Returns what was revoked and has not expired."""
        ...

    async def gateway_ca(self) -> str:
        """Returns the certificate of the gateway CA, PEM."""
        ...

    async def sign_server_certificate(self, csr_pem: str, hosts: list[str]) -> str:
        """Returns the chain of a new server certificate, PEM, leaf first."""
        ...


class IdentityTrust:
    """Asks the identity service. Use `IdentityTrust.open`."""

    def __init__(self, stub: "IdentityServiceAsyncStub") -> None:
        self._stub = stub

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: PlatformSettings, *, service: str) -> AsyncGenerator[Self]:
        """Opens a channel to identity in the name of a service."""
        async with open_channel(settings.identity_address, service=service, secret=settings.service_secret) as channel:
            yield cls(IdentityServiceStub(channel))

    async def signing_keys(self) -> Mapping[str, str]:
        """See `Trust`."""
        response = await self._stub.ListSigningKeys(identity.ListSigningKeysRequest())
        return {key.key_id: key.public_key_pem for key in response.keys}

    async def revocations(self) -> Revocations:
        """See `Trust`."""
        response = await self._stub.ListRevokedCertificates(identity.ListRevokedCertificatesRequest())
        return Revocations(frozenset(response.serials), frozenset(response.disabled_actors))

    async def gateway_ca(self) -> str:
        """See `Trust`."""
        response = await self._stub.GetGatewayCa(identity.GetGatewayCaRequest())
        return response.certificate_pem

    async def sign_server_certificate(self, csr_pem: str, hosts: list[str]) -> str:
        """See `Trust`."""
        request = identity.SignServerCertificateRequest(csr_pem=csr_pem, hosts=hosts)
        response = await self._stub.SignServerCertificate(request)
        return response.chain_pem


class KeyRing:
    """The public keys of access tokens, fetched when an unknown one is named and now and then.

    Args:
        trust: Where they come from.
    """

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._fetched_at = float("-inf")
        self._lock = asyncio.Lock()

    async def find(self, key_id: str) -> Ed25519PublicKey | None:
        """Returns the key with this id, or None if identity does not know it.

        Raises:
            Unavailable: Identity does not answer and the key is not known yet (`IDENTITY_UNAVAILABLE`).
        """
        fresh = time.monotonic() - self._fetched_at < _KEYS_LIVE_SECONDS
        if key_id in self._keys and fresh:
            return self._keys[key_id]
        async with self._lock:
            # Unknown ids come from strangers too: they must not turn into a call each.
            if time.monotonic() - self._fetched_at >= _KEYS_RETRY_SECONDS:
                await self._fetch(must=key_id not in self._keys)
        return self._keys.get(key_id)

    async def _fetch(self, *, must: bool) -> None:
        try:
            pems = await self._trust.signing_keys()
        except (grpc.aio.AioRpcError, DomainError) as error:
            if must:
                raise Unavailable(
                    "IDENTITY_UNAVAILABLE", "The identity service does not answer. Try again shortly."
                ) from error
            _log.warning("signing keys not refreshed", error=str(error))
            return
        loaded = {key_id: load_pem_public_key(pem.encode()) for key_id, pem in pems.items()}
        self._keys = {key_id: key for key_id, key in loaded.items() if isinstance(key, Ed25519PublicKey)}
        self._fetched_at = time.monotonic()


class RevocationWatch:
    """Asks for revocations every few seconds and remembers the last answer.

    Args:
        trust: Where they come from.
        interval: Seconds between two questions.
    """

    def __init__(self, trust: Trust, interval: float = 10.0) -> None:
        self._trust = trust
        self._interval = interval
        self.current = Revocations()
        self.is_known = False

    async def refresh(self) -> None:
        """Asks now. When identity does not answer, what is known stays in force."""
        try:
            self.current = await self._trust.revocations()
        except (grpc.aio.AioRpcError, DomainError) as error:
            _log.warning("revocations not refreshed", error=str(error))
        else:
            self.is_known = True

    async def refresh_patiently(self) -> None:
        """Asks until there is an answer: before that, a revoked certificate would look like a good one."""
        await self.refresh()
        while not self.is_known:
            await asyncio.sleep(_KEYS_RETRY_SECONDS)
            await self.refresh()

    async def run(self) -> None:
        """Asks for ever."""
        while True:
            await self.refresh()
            await asyncio.sleep(self._interval)
