"""A person's own account: who they are, and where they are signed in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from dualspan_identity.errors import no_account, not_your_sessions, session_not_found
from dualspan_identity.model import Account, Session, Tenant
from dualspan_identity.service.audit import note
from dualspan_identity.store import accounts, sessions
from dualspan_runtime.context import current_principal
from dualspan_runtime.database import Database
from dualspan_runtime.principal import Principal, PrincipalKind

_MANAGE_USERS = "identity.users.manage"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls; without an account if it is a program."""

    principal: Principal
    tenant: Tenant
    account: Account | None


class OwnAccount:
    """What people ask of themselves.

    Args:
        database: Where accounts are.
        idle: A session ends when it was not used for so long.
    """

    def __init__(self, database: Database, idle: timedelta) -> None:
        self._database = database
        self._idle = idle

    async def get(self) -> Caller:
        """Returns who calls.

        Raises:
            PermissionDenied: It is a service (`NO_ACCOUNT`).
        """
        principal = current_principal()
        if principal.kind not in {PrincipalKind.USER, PrincipalKind.API_TOKEN}:
            raise no_account()
        async with self._database.transaction(principal.tenant) as connection:
            tenant = await accounts.get_tenant(connection, principal.tenant)
            if principal.kind is not PrincipalKind.USER:
                return Caller(principal, tenant, None)
            return Caller(principal, tenant, await accounts.get_account(connection, principal.tenant, principal.id))

    async def page(self, tenant: str, user: str, before: tuple[datetime, str] | None, size: int) -> list[Session]:
        """Returns the sessions of a person that have not ended, the newest first, beginning after one.

        Raises:
            PermissionDenied: They are another's (`PERMISSION_MISSING`).
        """
        _check_may(tenant, user)
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await sessions.page_of_sessions(connection, tenant, user, self._idle, before, size)

    async def end(self, tenant: str, user: str, session: str) -> None:
        """Ends a session.

        Raises:
            PermissionDenied: It is another's (`PERMISSION_MISSING`).
            NotFound: There is none (`SESSION_NOT_FOUND`).
        """
        _check_may(tenant, user)
        async with self._database.transaction(tenant) as connection:
            if not await sessions.end_session(connection, tenant, user, session):
                raise session_not_found()
            await note(connection, tenant, "user.end_session", f"tenants/{tenant}/users/{user}")

    async def end_others(self, tenant: str, user: str) -> int:
        """Ends the sessions of a person but the one of this call; returns how many.

        Raises:
            PermissionDenied: They are another's (`PERMISSION_MISSING`).
        """
        _check_may(tenant, user)
        kept = current_principal().session
        async with self._database.transaction(tenant) as connection:
            ended = await sessions.end_other_sessions(connection, tenant, user, kept)
            if ended:
                await note(
                    connection, tenant, "user.end_other_sessions", f"tenants/{tenant}/users/{user}", ended=str(ended)
                )
            return ended


def _check_may(tenant: str, user: str) -> None:
    caller = current_principal()
    is_own = caller.kind is PrincipalKind.USER and caller.tenant == tenant and caller.id == user
    if not is_own and caller.kind is not PrincipalKind.SERVICE and not caller.may(_MANAGE_USERS):
        raise not_your_sessions()
