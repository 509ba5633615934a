"""Attempts to sign in, sessions and API tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Record

from dualspan_identity.errors import token_not_found
from dualspan_identity.model import ApiToken, SignInOrigin, covered_roles
from dualspan_runtime.database import Connection

_API_TOKEN = "tenant_id, token_id, display_name, roles, created_at, expires_at, revoked_at"  # noqa: S105 - columns


@dataclass(frozen=True, slots=True)
class Attempts:
    """How often signing in failed in a row, and for how many more seconds it is blocked."""

    failures: int
    blocked_seconds: float


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom a refresh token or an API token speaks for, and the id of the session; "" without one."""

    actor: str
    roles: tuple[str, ...]
    session: str = ""


@dataclass(frozen=True, slots=True)
class SignedInAs:
    """A session of a person, or an API token, whose session is ""."""

    tenant: str
    actor: str
    session: str


async def lock_attempts(connection: Connection, email_hash: bytes) -> Attempts:
    """Returns the attempts with an address, locked until the transaction ends. Wants a platform transaction."""
    await connection.execute(
        "INSERT INTO sign_in_attempt (email_hash) VALUES ($1) ON CONFLICT (email_hash) DO NOTHING", email_hash
    )
    # By the clock, not by the transaction's beginning: attempts at the same time wait here for one another.
    row = await connection.fetchrow(
        # In seconds before they are subtracted: PostgreSQL 15 and 16 cannot subtract from an infinite timestamp.
        """SELECT failures, greatest(
            extract(epoch FROM blocked_until)::float8 - extract(epoch FROM clock_timestamp())::float8, 0) AS blocked
        FROM sign_in_attempt WHERE email_hash = $1 FOR UPDATE""",
        email_hash,
    )
    assert row is not None  # noqa: S101 - it was inserted or was there
    return Attempts(row["failures"], row["blocked"])


async def count_attempt(connection: Connection, email_hash: bytes, failures: int, block: timedelta) -> None:
    """Writes down an attempt that may fail. Wants a platform transaction."""
    await connection.execute(
        """UPDATE sign_in_attempt SET failures = $2, updated_at = now(),
            blocked_until = CASE WHEN $3 > interval '0' THEN clock_timestamp() + $3 ELSE '-infinity' END
        WHERE email_hash = $1""",
        email_hash,
        failures,
        block,
    )


async def touch_attempt(connection: Connection, email_hash: bytes) -> None:
    """Writes down when an attempt was last made. Wants a platform transaction."""
    await connection.execute("UPDATE sign_in_attempt SET updated_at = now() WHERE email_hash = $1", email_hash)


async def forget_attempts(connection: Connection, email_hash: bytes) -> None:
    """Forgets the attempts with an address, for signing in worked, and everybody's of more than a day ago."""
    await connection.execute(
        "DELETE FROM sign_in_attempt WHERE email_hash = $1 OR updated_at < now() - interval '1 day'", email_hash
    )


async def insert_session(
    connection: Connection,
    tenant_id: str,
    user_id: str,
    token_hash: bytes,
    lifetime: timedelta,
    origin: SignInOrigin,
) -> str:
    """Begins a session and returns its id; clears away the user's ended ones."""
    await connection.execute(
        "DELETE FROM session WHERE tenant_id = $1 AND user_id = $2 AND expires_at < now()", tenant_id, user_id
    )
    return await connection.fetchval(
        """INSERT INTO session (tenant_id, user_id, token_hash, expires_at, user_agent, address)
        VALUES ($1, $2, $3, now() + $4::interval, $5, $6) RETURNING session_id::text""",
        tenant_id,
        user_id,
        token_hash,
        lifetime,
        origin.user_agent,
        origin.address,
    )


async def use_session(connection: Connection, tenant_id: str, token_hash: bytes, idle: timedelta) -> Bearer | None:
    """Returns whom a session's token speaks for, or None if the session has ended or the user is disabled."""
    row = await connection.fetchrow(
        """UPDATE session SET used_at = now() FROM account
        WHERE session.tenant_id = $1 AND token_hash = $2 AND expires_at > now() AND used_at > now() - $3::interval
            AND account.tenant_id = session.tenant_id AND account.user_id = session.user_id AND disabled_at IS NULL
        RETURNING account.user_id, roles, session_id::text AS session""",
        tenant_id,
        token_hash,
        idle,
    )
    return None if row is None else Bearer(f"users/{row['user_id']}", tuple(row["roles"]), row["session"])


async def roles_in_sessions(
    connection: Connection, asked: Sequence[SignedInAs], idle: timedelta
) -> dict[SignedInAs, tuple[str, ...]]:
    """Returns the roles of those sessions of people that have not ended. Wants a platform transaction."""
    rows = await connection.fetch(
        """SELECT session.tenant_id, account.user_id, session_id::text AS session, roles FROM session
        JOIN account ON account.tenant_id = session.tenant_id AND account.user_id = session.user_id
        WHERE (session.tenant_id, session_id) IN (SELECT * FROM unnest($1::text[], $2::uuid[]))
            AND expires_at > now() AND used_at > now() - $3::interval AND disabled_at IS NULL""",
        [each.tenant for each in asked],
        [each.session for each in asked],
        idle,
    )
    return {SignedInAs(row[0], f"users/{row[1]}", row[2]): tuple(row["roles"]) for row in rows}


async def roles_of_api_tokens(connection: Connection, asked: Sequence[SignedInAs]) -> dict[SignedInAs, tuple[str, ...]]:
    """Returns the roles of those API tokens that still count. Wants a platform transaction."""
    rows = await connection.fetch(
        """SELECT token.tenant_id, token_id, token.roles, account.roles AS held FROM api_token token
        JOIN account ON account.tenant_id = token.tenant_id AND user_id = created_by
        WHERE (token.tenant_id, token_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            AND expires_at > now() AND revoked_at IS NULL AND disabled_at IS NULL""",
        [each.tenant for each in asked],
        [each.actor.rpartition("/")[2] for each in asked],
    )
    return {SignedInAs(row[0], f"apiTokens/{row[1]}", ""): covered_roles(row["roles"], row["held"]) for row in rows}


async def delete_session(connection: Connection, tenant_id: str, token_hash: bytes) -> str | None:
    """Ends a session and returns whose it was, or None if there is none."""
    return await connection.fetchval(
        "DELETE FROM session WHERE tenant_id = $1 AND token_hash = $2 RETURNING user_id", tenant_id, token_hash
    )


async def delete_sessions_of(connection: Connection, tenant_id: str, user_id: str) -> None:
    """Ends all sessions of a user."""
    await connection.execute("DELETE FROM session WHERE tenant_id = $1 AND user_id = $2", tenant_id, user_id)


async def insert_api_token(connection: Connection, token: ApiToken, secret_hash: bytes, created_by: str) -> ApiToken:
    """Makes an API token."""
    row = await connection.fetchrow(
        f"""INSERT INTO api_token
            (tenant_id, token_id, display_name, roles, secret_hash, created_by, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING {_API_TOKEN}""",
        token.tenant_id,
        token.token_id,
        token.display_name,
        list(token.roles),
        secret_hash,
        created_by,
        token.created_at,
        token.expires_at,
    )
    assert row is not None  # noqa: S101 - RETURNING gives one
    return _api_token(row)


async def find_api_token(connection: Connection, tenant_id: str, secret_hash: bytes) -> Bearer | None:
    """Returns whom an API token's secret speaks for, or None if it counts no longer or its maker is disabled.

    Its roles are those that its maker could still give it.
    """
    row = await connection.fetchrow(
        """SELECT token_id, token.roles, account.roles AS held FROM api_token token
        JOIN account ON account.tenant_id = token.tenant_id AND user_id = created_by
        WHERE token.tenant_id = $1 AND secret_hash = $2 AND expires_at > now() AND revoked_at IS NULL
            AND disabled_at IS NULL""",
        tenant_id,
        secret_hash,
    )
    return None if row is None else Bearer(f"apiTokens/{row['token_id']}", covered_roles(row["roles"], row["held"]))


async def page_of_api_tokens(
    connection: Connection, tenant_id: str, before: tuple[datetime, str] | None, size: int
) -> list[ApiToken]:
    """Returns a tenant's API tokens, newest first, beginning after one."""
    created_at, token_id = before or (None, "")
    rows = await connection.fetch(
        f"""SELECT {_API_TOKEN} FROM api_token
        WHERE tenant_id = $1 AND ($2::timestamptz IS NULL OR (created_at, token_id) < ($2, $3))
        ORDER BY created_at DESC, token_id DESC LIMIT $4""",
        tenant_id,
        created_at,
        token_id,
        size,
    )
    return [_api_token(row) for row in rows]


async def revoke_api_token(connection: Connection, tenant_id: str, token_id: str) -> ApiToken:
    """Revokes an API token; the first time counts.

    Raises:
        NotFound: There is none (`API_TOKEN_NOT_FOUND`).
    """
    row = await connection.fetchrow(
        f"""UPDATE api_token SET revoked_at = coalesce(revoked_at, now())
        WHERE tenant_id = $1 AND token_id = $2 RETURNING {_API_TOKEN}""",
        tenant_id,
        token_id,
    )
    if row is None:
        raise token_not_found(token_id)
    return _api_token(row)


def _api_token(row: Record) -> ApiToken:
    return ApiToken(
        tenant_id=row["tenant_id"],
        token_id=row["token_id"],
        display_name=row["display_name"],
        roles=tuple(row["roles"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
    )
