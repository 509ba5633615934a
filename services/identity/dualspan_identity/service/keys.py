"""The keys of access tokens: Ed25519, made on first start, replaced now and then."""

import asyncio
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dualspan_identity.model import SignedToken, SigningKey
from dualspan_identity.sealing import Sealer
from dualspan_identity.store import keys
from dualspan_identity.store.tokens import Bearer
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.tokens import ACCESS_TOKEN_SECONDS, AUDIENCE, CREDENTIAL_CLAIM, SESSION_CLAIM

# Another replica may have replaced the key: what retired still verifies for an hour.
_REFRESH_SECONDS = 60.0


class SigningKeys:
    """Signs access tokens.

    Args:
        database: Where the keys are.
        sealer: Opens them.
        lifetime: A key is replaced when it is older.
    """

    def __init__(self, database: Database, sealer: Sealer, lifetime: timedelta) -> None:
        self._database = database
        self._sealer = sealer
        self._lifetime = lifetime
        self._current: tuple[str, Ed25519PrivateKey] | None = None

    async def refresh(self) -> None:
        """Loads the current key; makes one if there is none or it is too old."""
        async with self._database.platform_transaction() as connection:
            key = await keys.current_signing_key(connection)
            if key is None or datetime.now(UTC) - key.created_at > self._lifetime:
                key = await self._replace(connection)
        self._load(key)

    async def keep_fresh(self) -> None:
        """Follows replacements, for ever."""
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            await self.refresh()

    async def public_keys(self) -> list[SigningKey]:
        """Returns the current key first, then those whose tokens may still be around."""
        async with self._database.platform_transaction(readonly=True) as connection:
            return await keys.signing_keys(connection)

    def sign(self, tenant: str, bearer: Bearer) -> SignedToken:
        """Returns an access token of a quarter of an hour."""
        session = {SESSION_CLAIM: bearer.session} if bearer.session else {}
        return self._sign(tenant, {"sub": bearer.actor, "roles": list(bearer.roles), **session})

    def sign_app(self, tenant: str, subscription: str, credential: int) -> SignedToken:
        """Returns an app's: it has no role, and names the credential that it was signed for."""
        return self._sign(tenant, {"sub": f"subscriptions/{subscription}", "roles": [], CREDENTIAL_CLAIM: credential})

    def _sign(self, tenant: str, whose: Mapping[str, object]) -> SignedToken:
        assert self._current is not None  # noqa: S101 - refresh() ran before the service listens
        key_id, key = self._current
        now = int(time.time())
        expires = now + ACCESS_TOKEN_SECONDS
        claims = {**whose, "tenant": tenant, "aud": AUDIENCE, "iat": now, "exp": expires}
        token = jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": key_id})
        return SignedToken(token, datetime.fromtimestamp(expires, UTC), tenant)

    async def _replace(self, connection: Connection) -> SigningKey:
        await keys.lock_keys(connection)
        key = await keys.current_signing_key(connection)
        if key is not None and datetime.now(UTC) - key.created_at <= self._lifetime:
            return key  # another replica was quicker
        key = self._make()
        await keys.replace_signing_key(connection, key)
        return key

    def _make(self) -> SigningKey:
        private = Ed25519PrivateKey.generate()
        key_id = uuid.uuid4().hex
        public_pem = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        sealed = self._sealer.seal(private.private_bytes_raw(), _purpose(key_id))
        return SigningKey(key_id, public_pem.decode(), sealed, datetime.now(UTC))

    def _load(self, key: SigningKey) -> None:
        if self._current is None or self._current[0] != key.key_id:
            raw = self._sealer.open(key.sealed_private_key, _purpose(key.key_id))
            self._current = (key.key_id, Ed25519PrivateKey.from_private_bytes(raw))


def _purpose(key_id: str) -> str:
    return f"signing key {key_id}"
