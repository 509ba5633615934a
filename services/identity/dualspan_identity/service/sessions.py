"""Signing in, and exchanging long-lived secrets for access tokens.

A refresh token is not replaced when it is used: the contract's answer carries an access token only, so that a program
may exchange its token from several places at once. In return a session has two ends, one by age and one by idleness,
is stored as a hash, and ends at once by signing out, by a new password and when the user is disabled.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from dualspan_identity.errors import bad_credentials, session_ended
from dualspan_identity.model import MAXIMUM_PASSWORD, Account, SignedToken, SignInOrigin
from dualspan_identity.passwords import PasswordHasher
from dualspan_identity.service.audit import note
from dualspan_identity.service.keys import SigningKeys
from dualspan_identity.service.throttle import Throttle
from dualspan_identity.store import accounts, tokens
from dualspan_identity.store.tokens import Bearer, SignedInAs
from dualspan_runtime.database import Database
from dualspan_runtime.errors import Unauthenticated
from dualspan_runtime.names import SLUG, USER

REFRESH_PREFIX = "dsr1"
API_PREFIX = "dsa1"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session."""

    access: SignedToken
    refresh_token: str
    account: Account


def new_secret(prefix: str, tenant: str) -> tuple[str, bytes]:
    """Returns a secret of 256 random bits that says what it is and whose, and the hash to store."""
    secret = f"{prefix}.{tenant}.{secrets.token_urlsafe(32)}"
    return secret, _hash(secret)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


class Sessions:
    """Who is signed in.

    Args:
        database: Where sessions are.
        keys: Signs access tokens.
        passwords: Verifies passwords.
        throttle: Limits how often they are guessed.
        lifetime: A session ends after that.
        idle: A session ends when it was not used for so long.
    """

    def __init__(
        self,
        database: Database,
        keys: SigningKeys,
        passwords: PasswordHasher,
        throttle: Throttle,
        *,
        lifetime: timedelta,
        idle: timedelta,
    ) -> None:
        self._database = database
        self._keys = keys
        self._passwords = passwords
        self._throttle = throttle
        self._lifetime = lifetime
        self._idle = idle

    async def sign_in(self, email: str, password: str, origin: SignInOrigin = SignInOrigin()) -> SignedIn:  # noqa: B008
        """Begins a session.

        Whether the address exists shows neither in the answer nor in the time that it takes.

        Raises:
            Unauthenticated: The address or the password is wrong, or the user is disabled (`BAD_CREDENTIALS`).
            ResourceExhausted: It failed too often with this address (`TOO_MANY_ATTEMPTS`).
        """
        email = email.strip()
        await self._throttle.count(email)
        async with self._database.platform_transaction(readonly=True) as connection:
            found = await accounts.find_by_email(connection, email)
        account, stored = found or (None, None)
        matches = await self._passwords.verify(stored, password[: MAXIMUM_PASSWORD + 1])  # a longer one is wrong anyway
        if account is None or stored is None or not matches or account.disabled:
            await self._note_failure(email, account)
            raise bad_credentials()
        if self._passwords.needs_rehash(stored):
            await self._rehash(account, password)
        await self._throttle.forget(email)
        return await self.begin(account, origin)

    async def exchange(self, token: str) -> SignedToken:
        """Returns a new access token for a refresh token or an API token's secret.

        Raises:
            Unauthenticated: The token does not count (`TOKEN_INVALID`).
        """
        prefix, tenant = _read(token)
        async with self._database.transaction(tenant) as connection:
            bearer: Bearer | None = None
            if prefix == REFRESH_PREFIX:
                bearer = await tokens.use_session(connection, tenant, _hash(token), self._idle)
            elif prefix == API_PREFIX:
                bearer = await tokens.find_api_token(connection, tenant, _hash(token))
        if bearer is None or not bearer.roles:
            raise session_ended()
        return self._keys.sign(tenant, bearer)

    async def roles_now(self, asked: Sequence[SignedInAs]) -> list[tuple[str, ...]]:
        """Returns the roles that each of some sessions and API tokens is good for; none if it counts no longer."""
        people = [each for each in asked if each.session]
        programs = [each for each in asked if not each.session]
        async with self._database.platform_transaction(readonly=True) as connection:
            found = await tokens.roles_in_sessions(connection, people, self._idle)
            found |= await tokens.roles_of_api_tokens(connection, programs)
        return [found.get(each, ()) for each in asked]

    async def sign_out(self, refresh_token: str) -> None:
        """Ends a session; does nothing when it has ended."""
        try:
            _prefix, tenant = _read(refresh_token)
        except Unauthenticated:
            return
        async with self._database.transaction(tenant) as connection:
            user = await tokens.delete_session(connection, tenant, _hash(refresh_token))
            if user is not None:
                await note(connection, tenant, "user.sign_out", USER.format(tenant=tenant, user=user))

    async def _note_failure(self, email: str, account: Account | None) -> None:
        if account is None:
            await self._throttle.note_failure(email)
            return
        async with self._database.transaction(account.tenant_id) as connection:
            await note(connection, account.tenant_id, "user.sign_in_failed", account.name)

    async def _rehash(self, account: Account, password: str) -> None:
        password_hash = await self._passwords.hash(password)
        async with self._database.transaction(account.tenant_id) as connection:
            await accounts.set_password_hash(connection, account.tenant_id, account.user_id, password_hash)

    async def begin(self, account: Account, origin: SignInOrigin) -> SignedIn:
        """Begins a session of somebody who has proven who they are."""
        tenant = account.tenant_id
        refresh_token, token_hash = new_secret(REFRESH_PREFIX, tenant)
        async with self._database.transaction(tenant) as connection:
            session = await tokens.insert_session(
                connection, tenant, account.user_id, token_hash, self._lifetime, origin
            )
            await note(connection, tenant, "user.sign_in", account.name)
        access = self._keys.sign(tenant, Bearer(f"users/{account.user_id}", account.roles, session))
        return SignedIn(access, refresh_token, account)


def _read(token: str) -> tuple[str, str]:
    prefix, _, rest = token.partition(".")
    tenant, _, secret = rest.partition(".")
    if not secret or SLUG.fullmatch(tenant) is None:
        raise session_ended()
    return prefix, tenant
