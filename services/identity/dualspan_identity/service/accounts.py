"""Tenants, users and API tokens."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime

from dualspan_identity.errors import (
    bad_credentials,
    malformed,
    no_person,
    not_your_password,
    own_account,
    tenant_exists,
)
from dualspan_identity.model import (
    LONGEST_API_TOKEN,
    Account,
    AccountChange,
    ApiToken,
    NewAccount,
    Tenant,
    check_email,
    check_grant,
    check_may_change,
    check_password,
    check_roles,
    check_text,
    check_token_roles,
    user_id_from_email,
)
from dualspan_identity.passwords import PasswordHasher
from dualspan_identity.service.audit import note
from dualspan_identity.service.sessions import API_PREFIX, new_secret
from dualspan_identity.service.throttle import Throttle
from dualspan_identity.store import accounts, tokens
from dualspan_runtime.context import current_principal
from dualspan_runtime.database import Database
from dualspan_runtime.names import TENANT, TRIALS, check_slug
from dualspan_runtime.principal import Principal, PrincipalKind
from dualspan_runtime.roles import PLATFORM_ADMIN

_MANAGE_USERS = "identity.users.manage"


class Tenants:
    """Enterprises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, tenant_id: str, display_name: str) -> Tenant:
        """Makes a tenant.

        Raises:
            AlreadyExists: The id is taken (`TENANT_EXISTS`).
        """
        check_slug(tenant_id, "tenant_id")
        check_text(display_name, "display_name")
        if tenant_id == TRIALS:
            raise tenant_exists()
        async with self._database.transaction(tenant_id) as connection:
            tenant = await accounts.insert_tenant(connection, tenant_id, display_name)
            await note(connection, tenant_id, "tenant.create", TENANT.format(tenant=tenant_id))
            return tenant

    async def get(self, tenant_id: str) -> Tenant:
        """Returns a tenant.

        Raises:
            NotFound: There is none (`TENANT_NOT_FOUND`).
        """
        async with self._database.transaction(tenant_id, readonly=True) as connection:
            return await accounts.get_tenant(connection, tenant_id)

    async def page(self, after: str, size: int) -> list[Tenant]:
        """Returns the tenants that the caller may see, in order of id: their own, or all for the platform's admins."""
        principal = current_principal()
        sees_all = principal.kind is PrincipalKind.SERVICE or PLATFORM_ADMIN in principal.roles
        scope = (
            self._database.platform_transaction(readonly=True)
            if sees_all
            else self._database.transaction(principal.tenant, readonly=True)
        )
        async with scope as connection:
            return await accounts.page_of_tenants(connection, after, size)


class Users:
    """People."""

    def __init__(self, database: Database, passwords: PasswordHasher, throttle: Throttle) -> None:
        self._database = database
        self._passwords = passwords
        self._throttle = throttle

    async def create(self, new: NewAccount, password: str) -> Account:
        """Makes a user.

        Raises:
            AlreadyExists: The id or the address is taken (`USER_EXISTS`, `EMAIL_TAKEN`).
            PermissionDenied: The caller may not grant one of the roles (`ROLE_NOT_GRANTABLE`).
        """
        email = check_email(new.email)
        roles = check_roles(new.roles)
        check_grant(current_principal(), roles)
        check_text(new.display_name, "display_name", required=False)
        user_id = check_slug(new.user_id or user_id_from_email(email), "user_id")
        checked = replace(new, email=email, roles=roles, user_id=user_id, display_name=new.display_name or email)
        password_hash = await self._passwords.hash(check_password(password))
        async with self._database.transaction(new.tenant_id) as connection:
            account = await accounts.insert_account(connection, checked, password_hash)
            await note(connection, new.tenant_id, "user.create", account.name, roles=",".join(roles))
            return account

    async def page(self, tenant: str, after: str, size: int) -> list[Account]:
        """Returns users in order of id, beginning after one."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await accounts.page_of_accounts(connection, tenant, after, size)

    async def update(self, tenant: str, user_id: str, change: AccountChange) -> Account:
        """Changes a user; one who is disabled is signed out everywhere.

        Raises:
            NotFound: There is none (`USER_NOT_FOUND`).
            PermissionDenied: The caller may not (`ROLE_NOT_GRANTABLE`, `PLATFORM_ADMIN_PROTECTED`).
        """
        caller = current_principal()
        change = _checked(caller, change)
        async with self._database.transaction(tenant) as connection:
            before = await accounts.get_account(connection, tenant, user_id)
            check_may_change(caller, before)
            if change.disabled and _is_self(caller, before):
                raise own_account()
            account = await accounts.update_account(connection, tenant, user_id, change)
            if account.disabled:
                await tokens.delete_sessions_of(connection, tenant, user_id)
            changed = {key: str(value) for key, value in _differences(before, account).items()}
            await note(connection, tenant, "user.update", account.name, **changed)
            return account

    async def set_password(self, tenant: str, user_id: str, current: str, new: str) -> None:
        """Changes a password and ends the user's sessions.

        Raises:
            Unauthenticated: The caller's own, and the one in force is not it (`BAD_CREDENTIALS`).
            ResourceExhausted: That was so too often (`TOO_MANY_ATTEMPTS`).
            PermissionDenied: Another's, without the permission for that (`PERMISSION_MISSING`).
        """
        caller = current_principal()
        check_password(new)
        async with self._database.transaction(tenant) as connection:
            account = await accounts.get_account(connection, tenant, user_id)
            stored = await accounts.get_password_hash(connection, tenant, user_id)
        if _is_self(caller, account):
            await self._throttle.count(account.email)
            if not await self._passwords.verify(stored, current):
                raise bad_credentials()
            await self._throttle.forget(account.email)
        elif caller.kind is not PrincipalKind.SERVICE and not caller.may(_MANAGE_USERS):
            raise not_your_password()
        else:
            check_may_change(caller, account)
        password_hash = await self._passwords.hash(new)
        async with self._database.transaction(tenant) as connection:
            await accounts.set_password_hash(connection, tenant, user_id, password_hash)
            await tokens.delete_sessions_of(connection, tenant, user_id)
            await note(connection, tenant, "user.set_password", account.name)


class ApiTokens:
    """Secrets for programs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(
        self, tenant: str, display_name: str, roles: tuple[str, ...], expires_at: datetime
    ) -> tuple[ApiToken, str]:
        """Makes an API token and returns it with its secret.

        Raises:
            PermissionDenied: It would get more than its maker has (`ROLE_NOT_GRANTABLE`), or that is no person
                (`MAKER_NOT_A_PERSON`).
        """
        caller = current_principal()
        if caller.kind is not PrincipalKind.USER or caller.tenant != tenant:
            raise no_person()
        roles = check_roles(roles)
        check_token_roles(caller, roles)
        check_text(display_name, "display_name")
        now = datetime.now(UTC)
        if not now < expires_at <= now + LONGEST_API_TOKEN:
            raise malformed("expire_time", f"must lie within the next {LONGEST_API_TOKEN.days} days")
        secret, secret_hash = new_secret(API_PREFIX, tenant)
        token = ApiToken(tenant, uuid.uuid4().hex, display_name, roles, now, expires_at, None)
        async with self._database.transaction(tenant) as connection:
            stored = await tokens.insert_api_token(connection, token, secret_hash, caller.id)
            await note(connection, tenant, "api_token.create", stored.name, roles=",".join(roles))
        return stored, secret

    async def page(self, tenant: str, before: tuple[datetime, str] | None, size: int) -> list[ApiToken]:
        """Returns API tokens, newest first, beginning after one."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await tokens.page_of_api_tokens(connection, tenant, before, size)

    async def revoke(self, tenant: str, token_id: str) -> ApiToken:
        """Revokes an API token.

        Raises:
            NotFound: There is none (`API_TOKEN_NOT_FOUND`).
        """
        async with self._database.transaction(tenant) as connection:
            token = await tokens.revoke_api_token(connection, tenant, token_id)
            await note(connection, tenant, "api_token.revoke", token.name)
            return token


def _checked(caller: Principal, change: AccountChange) -> AccountChange:
    if change.display_name is not None:
        check_text(change.display_name, "display_name")
    if change.roles is None:
        return change
    roles = check_roles(change.roles)
    check_grant(caller, roles)
    return replace(change, roles=roles)


def _is_self(caller: Principal, account: Account) -> bool:
    return caller.kind is PrincipalKind.USER and caller.tenant == account.tenant_id and caller.id == account.user_id


def _differences(before: Account, after: Account) -> dict[str, object]:
    fields = ("display_name", "roles", "disabled")
    return {name: getattr(after, name) for name in fields if getattr(after, name) != getattr(before, name)}
