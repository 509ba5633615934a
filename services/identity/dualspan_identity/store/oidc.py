"""Identity providers, whom they have proven, and signing in that has begun."""

from datetime import timedelta

from asyncpg import Record

from dualspan_identity.errors import provider_not_found
from dualspan_identity.model import OidcAttempt, OidcProvider
from dualspan_runtime.database import Connection

_PROVIDER = "tenant_id, provider_id, display_name, issuer, client_id, sealed_client_secret, email_domains, created_at"


async def insert_provider(connection: Connection, provider: OidcProvider) -> OidcProvider:
    """Adds a provider; its primary key refuses a second one of that id."""
    row = await connection.fetchrow(
        f"""INSERT INTO oidc_provider
            (tenant_id, provider_id, display_name, issuer, client_id, sealed_client_secret, email_domains)
        VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {_PROVIDER}""",
        provider.tenant_id,
        provider.provider_id,
        provider.display_name,
        provider.issuer,
        provider.client_id,
        provider.sealed_client_secret,
        list(provider.email_domains),
    )
    assert row is not None  # noqa: S101 - RETURNING gives one
    return _provider(row)


async def providers(connection: Connection, tenant_id: str, most: int) -> list[OidcProvider]:
    """Returns a tenant's providers in order of id."""
    rows = await connection.fetch(
        f"SELECT {_PROVIDER} FROM oidc_provider WHERE tenant_id = $1 ORDER BY provider_id LIMIT $2", tenant_id, most
    )
    return [_provider(row) for row in rows]


async def providers_of_domain(connection: Connection, domain: str, most: int) -> list[OidcProvider]:
    """Returns everybody's providers that let in a domain, in order. Wants a platform transaction."""
    rows = await connection.fetch(
        f"""SELECT {_PROVIDER} FROM oidc_provider WHERE $1 = ANY(email_domains)
        ORDER BY tenant_id, provider_id LIMIT $2""",
        domain,
        most,
    )
    return [_provider(row) for row in rows]


async def get_provider(connection: Connection, tenant_id: str, provider_id: str) -> OidcProvider:
    """Returns a provider.

    Raises:
        NotFound: There is none (`OIDC_PROVIDER_NOT_FOUND`).
    """
    row = await connection.fetchrow(
        f"SELECT {_PROVIDER} FROM oidc_provider WHERE tenant_id = $1 AND provider_id = $2", tenant_id, provider_id
    )
    if row is None:
        raise provider_not_found()
    return _provider(row)


async def delete_provider(connection: Connection, tenant_id: str, provider_id: str) -> bool:
    """Removes a provider; tells whether there was one."""
    found = await connection.fetchval(
        "DELETE FROM oidc_provider WHERE tenant_id = $1 AND provider_id = $2 RETURNING true", tenant_id, provider_id
    )
    return bool(found)


async def insert_attempt(
    connection: Connection, tenant_id: str, state_hash: bytes, attempt: OidcAttempt, lifetime: timedelta
) -> None:
    """Writes down that signing in has begun; clears away what the tenant has left undone."""
    await connection.execute("DELETE FROM oidc_attempt WHERE tenant_id = $1 AND expires_at < now()", tenant_id)
    await connection.execute(
        """INSERT INTO oidc_attempt
            (tenant_id, state_hash, provider_id, nonce, sealed_verifier, redirect_uri, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, now() + $7::interval)""",
        tenant_id,
        state_hash,
        attempt.provider_id,
        attempt.nonce,
        attempt.sealed_verifier,
        attempt.redirect_uri,
        lifetime,
    )


async def take_attempt(connection: Connection, tenant_id: str, state_hash: bytes) -> OidcAttempt | None:
    """Returns what was begun with a state, once; None if nothing was, or too long ago."""
    row = await connection.fetchrow(
        """DELETE FROM oidc_attempt WHERE tenant_id = $1 AND state_hash = $2
        RETURNING provider_id, nonce, sealed_verifier, redirect_uri, expires_at > now() AS counts""",
        tenant_id,
        state_hash,
    )
    if row is None or not row["counts"]:
        return None
    return OidcAttempt(row["provider_id"], row["nonce"], row["sealed_verifier"], row["redirect_uri"])


async def user_of_subject(connection: Connection, tenant_id: str, provider_id: str, subject: str) -> str | None:
    """Returns which of our people a provider's person is; None if that is not known."""
    return await connection.fetchval(
        "SELECT user_id FROM oidc_subject WHERE tenant_id = $1 AND provider_id = $2 AND subject = $3",
        tenant_id,
        provider_id,
        subject,
    )


async def link_subject(
    connection: Connection, tenant_id: str, provider_id: str, subject: str, email: str
) -> str | None:
    """Makes a provider's person ours with an e-mail address, unless that one is somebody else's; returns whom."""
    return await connection.fetchval(
        """INSERT INTO oidc_subject (tenant_id, provider_id, subject, user_id)
        SELECT tenant_id, $2, $3, user_id FROM account WHERE tenant_id = $1 AND lower(email) = lower($4)
        ON CONFLICT DO NOTHING RETURNING user_id""",
        tenant_id,
        provider_id,
        subject,
        email,
    )


def _provider(row: Record) -> OidcProvider:
    return OidcProvider(
        tenant_id=row["tenant_id"],
        provider_id=row["provider_id"],
        display_name=row["display_name"],
        issuer=row["issuer"],
        client_id=row["client_id"],
        sealed_client_secret=row["sealed_client_secret"],
        email_domains=tuple(row["email_domains"]),
        created_at=row["created_at"],
    )
