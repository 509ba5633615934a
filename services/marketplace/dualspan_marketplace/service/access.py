"""Use cases: opening apps, and knowing who has them open."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from dualspan_marketplace.access import errors, origin
from dualspan_marketplace.access.model import OPEN_APPS, AccessState, Holder, Redeemed, Target, Verdict
from dualspan_marketplace.access.pages import pages_of
from dualspan_marketplace.access.secrets import AccessKey, key_of, new_secret
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.sign_ins import SignIns
from dualspan_marketplace.store import access as store
from dualspan_marketplace.subscriptions.errors import subscription_not_found
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.audit import Audit
from dualspan_runtime.database import Database
from dualspan_runtime.principal import Principal, PrincipalKind
from dualspan_runtime.roles import ROLE_PERMISSIONS

_TICKET_LIFE = timedelta(minutes=1)
# Of one person and one subscription: in so many browsers at once, and tickets that nobody has handed in.
_MOST = 50
_ENDED = AccessState(Verdict.ENDED)


class Access:
    """Tickets, accesses and what becomes of them.

    Args:
        database: Where they are.
        audit: Keeps who opened what.
        sign_ins: Knows who is still signed in.
        apps_url: Scheme, host and port that all apps are under.
        life: An access ends after that, whatever becomes of its session.
    """

    def __init__(self, database: Database, audit: Audit, sign_ins: SignIns, apps_url: str, life: timedelta) -> None:
        self._database = database
        self._audit = audit
        self._sign_ins = sign_ins
        self._apps_url = apps_url
        self._life = life

    async def page(self, tenant: str, after: str, limit: int) -> list[Target]:
        """A tenant's subscriptions that are not over, in order of id, beginning after one."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await store.page(connection, tenant, after, limit)

    async def open(self, name: SubscriptionName, caller: Principal) -> tuple[str, datetime]:
        """An address that opens an app once, and when it ends.

        Raises:
            NotFound: There is no such subscription.
            PermissionDenied: The caller is no person and no API token of one (`NOT_A_PERSON`).
            FailedPrecondition: The app has no pages, or its subscription is over.
        """
        holder = _holder(caller)
        secret, key = new_secret(name.tenant)
        end = datetime.now(UTC) + _TICKET_LIFE
        async with self._database.transaction(name.tenant) as connection:
            target = (await store.targets(connection, [name])).get(name)
            if target is None:
                raise subscription_not_found(name.subscription_id)
            if target.state.is_over:
                raise errors.over(name.subscription_id)
            if not pages_of(target.manifest).path:
                raise errors.no_pages(target.app_id)
            await store.issue(connection, name, holder, key.digest, end)
            await store.prune(connection, name, holder.actor, _MOST)
        return origin.opening(name, self._apps_url, secret), end

    async def redeem(self, ticket: str, host: str) -> Redeemed:
        """Buy an access for a ticket.

        Raises:
            NotFound: It is spent, too old, of another app, or its person is signed out or may not any more
                (`TICKET_SPENT`).
            Unavailable: Identity does not answer.
        """
        key = key_of(ticket)
        if key is None:
            raise errors.ticket_spent()
        async with self._database.transaction(key.tenant, readonly=True) as connection:
            found = await store.ticket(connection, key)
            if found is None or origin.host(found[0], self._apps_url) != host:
                raise errors.ticket_spent()
            name, holder = found
            target = (await store.targets(connection, [name])).get(name)
        state = _state(target, holder, (await self._sign_ins.roles([holder]))[0])
        if state.verdict is not Verdict.OPEN:
            raise errors.ticket_spent()
        secret, bought = new_secret(key.tenant)
        async with self._database.transaction(key.tenant) as connection:
            end = await store.spend(connection, key, bought.digest, self._life)
            if end is None:
                raise errors.ticket_spent()
            resource = SUBSCRIPTION.format(tenant=name.tenant, subscription=name.subscription_id)
            await self._audit.write(connection, name.tenant, "app.open", resource, holder.actor)
        return Redeemed(secret, end, state)

    async def check(self, keys: Sequence[AccessKey]) -> list[AccessState]:
        """What became of accesses, in the order of the keys.

        Raises:
            Unavailable: Identity does not answer.
        """
        async with self._database.platform_transaction(readonly=True) as connection:
            held = await store.held(connection, keys)
            targets = await store.targets(connection, {name for name, _ in held.values()})
        holders = sorted({holder for _, holder in held.values()}, key=lambda each: (each.tenant, each.actor))
        roles = dict(zip(holders, await self._sign_ins.roles(holders), strict=True)) if holders else {}
        return [
            _state(targets.get(found[0]), found[1], roles[found[1]]) if (found := held.get(key)) else _ENDED
            for key in keys
        ]

    async def end(self, key: AccessKey) -> None:
        """End an access; does nothing when it has ended."""
        async with self._database.transaction(key.tenant) as connection:
            await store.end(connection, key)

    def host(self, name: SubscriptionName) -> str:
        """The host of a subscription's origin."""
        return origin.host(name, self._apps_url)


def _holder(caller: Principal) -> Holder:
    if caller.kind not in {PrincipalKind.USER, PrincipalKind.API_TOKEN}:
        raise errors.nobody_signed_in()
    if caller.kind is PrincipalKind.USER and not caller.session:
        raise errors.session_unknown()
    return Holder(caller.tenant, caller.actor, caller.session)


def _state(target: Target | None, holder: Holder, roles: frozenset[str] | None) -> AccessState:
    if target is None or target.state.is_over or roles is None:
        return _ENDED
    if not any(OPEN_APPS in ROLE_PERMISSIONS.get(role, ()) for role in roles):
        return AccessState(Verdict.FORBIDDEN)
    return AccessState(Verdict.OPEN, holder, roles, target)
