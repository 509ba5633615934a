"""Tenants and users."""

from asyncpg import Record

from dualspan_identity.errors import tenant_not_found, user_not_found
from dualspan_identity.model import Account, AccountChange, NewAccount, Tenant
from dualspan_runtime.database import Connection

_TENANT = "tenant_id, display_name, created_at"
_ACCOUNT = "tenant_id, user_id, email, display_name, roles, disabled_at, created_at"


async def insert_tenant(connection: Connection, tenant_id: str, display_name: str) -> Tenant:
    """Makes a tenant; its primary key refuses a second one of that id."""
    row = await connection.fetchrow(
        f"INSERT INTO tenant (tenant_id, display_name) VALUES ($1, $2) RETURNING {_TENANT}", tenant_id, display_name
    )
    return _tenant(_one(row))


async def get_tenant(connection: Connection, tenant_id: str) -> Tenant:
    """Returns a tenant.

    Raises:
        NotFound: There is none (`TENANT_NOT_FOUND`).
    """
    row = await connection.fetchrow(f"SELECT {_TENANT} FROM tenant WHERE tenant_id = $1", tenant_id)
    if row is None:
        raise tenant_not_found(tenant_id)
    return _tenant(row)


async def tenant_exists(connection: Connection, tenant_id: str) -> bool:
    """Tells whether there is a tenant of this id."""
    return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM tenant WHERE tenant_id = $1)", tenant_id))


async def page_of_tenants(connection: Connection, after: str, size: int) -> list[Tenant]:
    """Returns the tenants that the transaction sees, in order of id, beginning after one."""
    rows = await connection.fetch(
        f"SELECT {_TENANT} FROM tenant WHERE tenant_id > $1 ORDER BY tenant_id LIMIT $2", after, size
    )
    return [_tenant(row) for row in rows]


async def lock_bootstrap(connection: Connection) -> bool:
    """Waits for the bootstrap's lock and tells whether there is no user at all yet."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('identity bootstrap', 0))")
    return not await connection.fetchval("SELECT EXISTS (SELECT FROM account)")


async def insert_account(connection: Connection, new: NewAccount, password_hash: str) -> Account:
    """Makes a user; unique constraints refuse a taken id or address."""
    row = await connection.fetchrow(
        f"""INSERT INTO account (tenant_id, user_id, email, display_name, roles, password_hash)
        VALUES ($1, $2, $3, $4, $5, $6) RETURNING {_ACCOUNT}""",
        new.tenant_id,
        new.user_id,
        new.email,
        new.display_name,
        list(new.roles),
        password_hash,
    )
    return _account(_one(row))


async def get_account(connection: Connection, tenant_id: str, user_id: str) -> Account:
    """Returns a user, locked until the transaction ends.

    Raises:
        NotFound: There is none (`USER_NOT_FOUND`).
    """
    row = await connection.fetchrow(
        f"SELECT {_ACCOUNT} FROM account WHERE tenant_id = $1 AND user_id = $2 FOR UPDATE", tenant_id, user_id
    )
    if row is None:
        raise user_not_found(user_id)
    return _account(row)


async def find_by_email(connection: Connection, email: str) -> tuple[Account, str] | None:
    """Returns the user with an e-mail address and their password's hash, or None. Wants a platform transaction."""
    row = await connection.fetchrow(
        f"SELECT {_ACCOUNT}, password_hash FROM account WHERE lower(email) = lower($1)", email
    )
    return None if row is None else (_account(row), row["password_hash"])


async def get_password_hash(connection: Connection, tenant_id: str, user_id: str) -> str:
    """Returns the hash of a user's password.

    Raises:
        NotFound: There is no such user (`USER_NOT_FOUND`).
    """
    stored = await connection.fetchval(
        "SELECT password_hash FROM account WHERE tenant_id = $1 AND user_id = $2", tenant_id, user_id
    )
    if stored is None:
        raise user_not_found(user_id)
    return stored


async def set_password_hash(connection: Connection, tenant_id: str, user_id: str, password_hash: str) -> None:
    """Stores the hash of a user's new password."""
    await connection.execute(
        "UPDATE account SET password_hash = $3 WHERE tenant_id = $1 AND user_id = $2", tenant_id, user_id, password_hash
    )


async def page_of_accounts(connection: Connection, tenant_id: str, after: str, size: int) -> list[Account]:
    """Returns a tenant's users in order of id, beginning after one."""
    rows = await connection.fetch(
        f"""SELECT {_ACCOUNT} FROM account
        WHERE tenant_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3""",
        tenant_id,
        after,
        size,
    )
    return [_account(row) for row in rows]


async def update_account(connection: Connection, tenant_id: str, user_id: str, change: AccountChange) -> Account:
    """Changes a user that exists."""
    row = await connection.fetchrow(
        f"""UPDATE account SET
            display_name = coalesce($3, display_name),
            roles = coalesce($4, roles),
            disabled_at = CASE WHEN $5 THEN coalesce(disabled_at, now()) WHEN NOT $5 THEN NULL ELSE disabled_at END
        WHERE tenant_id = $1 AND user_id = $2 RETURNING {_ACCOUNT}""",
        tenant_id,
        user_id,
        change.display_name,
        None if change.roles is None else list(change.roles),
        change.disabled,
    )
    return _account(_one(row))


async def disabled_actors(connection: Connection, seconds: float) -> list[str]:
    """Returns the users disabled within the last seconds, and their API tokens. Wants a platform transaction."""
    rows = await connection.fetch(
        """SELECT 'tenants/' || tenant_id || '/users/' || user_id AS actor
            FROM account WHERE disabled_at > now() - make_interval(secs => $1)
        UNION ALL
        SELECT 'tenants/' || token.tenant_id || '/apiTokens/' || token.token_id
            FROM api_token token JOIN account ON account.tenant_id = token.tenant_id AND user_id = created_by
            WHERE disabled_at > now() - make_interval(secs => $1)""",
        seconds,
    )
    return [row["actor"] for row in rows]


def _one(row: Record | None) -> Record:
    assert row is not None  # noqa: S101 - INSERT and UPDATE … RETURNING of a row that exists
    return row


def _tenant(row: Record) -> Tenant:
    return Tenant(row["tenant_id"], row["display_name"], row["created_at"])


def _account(row: Record) -> Account:
    return Account(
        tenant_id=row["tenant_id"],
        user_id=row["user_id"],
        email=row["email"],
        display_name=row["display_name"],
        roles=tuple(row["roles"]),
        disabled=row["disabled_at"] is not None,
        created_at=row["created_at"],
    )
