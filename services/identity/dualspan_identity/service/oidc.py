"""Signing in with an enterprise's own identity provider."""

import hashlib
from dataclasses import replace
from datetime import timedelta

from dualspan_identity.errors import not_linked, sign_in_expired
from dualspan_identity.issuer import Challenge, Issuers, ProvenPerson, authorization_uri, check_address
from dualspan_identity.model import (
    Account,
    OidcAttempt,
    OidcProvider,
    SignInOrigin,
    check_domains,
    check_text,
    may_be_linked,
)
from dualspan_identity.sealing import Sealer
from dualspan_identity.service.audit import note
from dualspan_identity.service.sessions import Sessions, SignedIn
from dualspan_identity.store import accounts, oidc
from dualspan_runtime.database import Database
from dualspan_runtime.names import SLUG, check_slug

MOST_PROVIDERS = 20
_LIFETIME = timedelta(minutes=10)
_SECRET, _VERIFIER = "oidc client secret", "oidc code verifier"


class OidcSignIn:
    """Providers, and signing in with one.

    Args:
        database: Where providers are.
        sealer: Seals secrets.
        issuers: Asks providers.
        sessions: Begins sessions.
        insecure: Providers without TLS may be added: for tests.
    """

    def __init__(
        self, database: Database, sealer: Sealer, issuers: Issuers, sessions: Sessions, *, insecure: bool
    ) -> None:
        self._database = database
        self._sealer = sealer
        self._issuers = issuers
        self._sessions = sessions
        self._insecure = insecure

    async def create(self, provider: OidcProvider, client_secret: str) -> OidcProvider:
        """Adds a provider.

        Raises:
            AlreadyExists: The id is taken (`OIDC_PROVIDER_EXISTS`).
            InvalidArgument: Something of it is wrong, or the provider is another one (`OIDC_PROVIDER_WRONG`).
            Unavailable: It does not answer (`OIDC_PROVIDER_UNREACHABLE`).
        """
        check_slug(provider.provider_id, "oidc_provider_id")
        check_text(provider.display_name, "display_name")
        check_text(provider.client_id, "client_id")
        check_text(client_secret, "client_secret", required=False, longest=1000)
        check_address(provider.issuer, insecure=self._insecure)
        checked = replace(
            provider,
            email_domains=check_domains(provider.email_domains),
            sealed_client_secret=self._sealer.seal(client_secret.encode(), _SECRET),
        )
        await self._issuers.discover(provider.issuer)
        async with self._database.transaction(provider.tenant_id) as connection:
            added = await oidc.insert_provider(connection, checked)
            await note(connection, provider.tenant_id, "oidc_provider.create", added.name, issuer=added.issuer)
            return added

    async def providers(self, tenant: str) -> list[OidcProvider]:
        """Returns a tenant's providers in order of id."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await oidc.providers(connection, tenant, MOST_PROVIDERS)

    async def find(self, email: str) -> list[OidcProvider]:
        """Returns the providers that let in people with an address like this one."""
        domain = email.rpartition("@")[2].strip().lower()
        async with self._database.platform_transaction(readonly=True) as connection:
            return await oidc.providers_of_domain(connection, domain, MOST_PROVIDERS)

    async def delete(self, tenant: str, provider_id: str) -> None:
        """Removes a provider.

        Raises:
            NotFound: There is none (`OIDC_PROVIDER_NOT_FOUND`).
        """
        async with self._database.transaction(tenant) as connection:
            provider = await oidc.get_provider(connection, tenant, provider_id)
            await oidc.delete_provider(connection, tenant, provider_id)
            await note(connection, tenant, "oidc_provider.delete", provider.name)

    async def begin(self, tenant: str, provider_id: str, redirect_uri: str) -> tuple[str, str]:
        """Begins to sign in; returns where to send the browser, and the state.

        Raises:
            NotFound: There is no such provider.
            Unavailable: It does not answer.
        """
        async with self._database.transaction(tenant, readonly=True) as connection:
            provider = await oidc.get_provider(connection, tenant, provider_id)
        endpoints = await self._issuers.discover(provider.issuer)
        challenge = Challenge.fresh(tenant)
        sealed = self._sealer.seal(challenge.verifier.encode(), _VERIFIER)
        attempt = OidcAttempt(provider_id, challenge.nonce, sealed, redirect_uri)
        async with self._database.transaction(tenant) as connection:
            await oidc.insert_attempt(connection, tenant, _hash(challenge.state), attempt, _LIFETIME)
        return authorization_uri(endpoints, provider.client_id, challenge, redirect_uri), challenge.state

    async def complete(self, state: str, code: str, origin: SignInOrigin) -> SignedIn:
        """Ends signing in: begins a session of whom the provider has proven.

        Raises:
            Unauthenticated: The state is of no sign-in that goes on (`OIDC_SIGN_IN_EXPIRED`), the provider does not
                stand by it (`OIDC_REFUSED`), or the person is none of ours (`OIDC_NOT_LINKED`).
            Unavailable: The provider does not answer.
        """
        tenant = state.partition(".")[0]
        if SLUG.fullmatch(tenant) is None:
            raise sign_in_expired()
        async with self._database.transaction(tenant) as connection:
            attempt = await oidc.take_attempt(connection, tenant, _hash(state))
            provider = None if attempt is None else await oidc.get_provider(connection, tenant, attempt.provider_id)
        if attempt is None or provider is None:
            raise sign_in_expired()
        verifier = self._sealer.open(attempt.sealed_verifier, _VERIFIER).decode()
        secret = self._sealer.open(provider.sealed_client_secret, _SECRET).decode()
        person = await self._issuers.redeem(
            await self._issuers.discover(provider.issuer),
            (provider.client_id, secret),
            code,
            Challenge(state, attempt.nonce, verifier),
            attempt.redirect_uri,
        )
        return await self._sessions.begin(await self._account_of(provider, person), origin)

    async def _account_of(self, provider: OidcProvider, person: ProvenPerson) -> Account:
        tenant = provider.tenant_id
        async with self._database.transaction(tenant) as connection:
            user = await oidc.user_of_subject(connection, tenant, provider.provider_id, person.subject)
            if user is None and may_be_linked(provider, person.verified_email):
                user = await oidc.link_subject(
                    connection, tenant, provider.provider_id, person.subject, person.verified_email
                )
                if user is not None:
                    account = f"tenants/{tenant}/users/{user}"
                    await note(connection, tenant, "user.link", account, provider=provider.name)
            account = None if user is None else await accounts.get_account(connection, tenant, user)
        if account is None or account.disabled:
            raise not_linked()
        return account


def _hash(state: str) -> bytes:
    return hashlib.sha256(state.encode()).digest()
