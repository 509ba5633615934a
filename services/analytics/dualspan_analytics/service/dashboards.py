"""Use cases: dashboards are made, changed, taken away and brought back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from dualspan_analytics.dashboards.errors import (
    MOST_BYTES,
    MOST_KEPT,
    bad_dashboard,
    dashboard_changed,
    dashboard_exists,
    dashboard_not_found,
    too_many_dashboards,
)
from dualspan_analytics.dashboards.model import Dashboard, check
from dualspan_analytics.service.removing import Kind, Removing
from dualspan_analytics.store import dashboards as store
from dualspan_analytics.store.dashboards import StoredDashboard
from dualspan_runtime.audit import Audit
from dualspan_runtime.context import current_principal
from dualspan_runtime.database import Connection, Database

_DOCUMENT = TypeAdapter(Dashboard)


@dataclass(frozen=True, slots=True)
class KeptDashboard:
    """A dashboard, and what is known of it."""

    dashboard: Dashboard
    stored: StoredDashboard

    @property
    def etag(self) -> str:
        """Of this state."""
        return f"{self.stored.version:x}"


def dashboard_name(tenant: str, dashboard: str) -> str:
    """`tenants/{tenant}/dashboards/{dashboard}`."""
    return f"tenants/{tenant}/dashboards/{dashboard}"


def _written(given: Dashboard) -> str:
    document = _DOCUMENT.dump_json(given)
    if len(document) > MOST_BYTES:
        raise bad_dashboard("panels", f"all of them together must take {MOST_BYTES // 1024} KiB at the most")
    return document.decode()


def _kept(stored: StoredDashboard) -> KeptDashboard:
    return KeptDashboard(_DOCUMENT.validate_json(stored.document), stored)


async def _find(connection: Connection, tenant: str, dashboard: str, /, *, lock: bool = False) -> KeptDashboard | None:
    found = await store.find(connection, tenant, dashboard, lock=lock)
    return None if found is None else _kept(found)


_KIND = Kind("dashboard", store.ROWS, _find, dashboard_name, dashboard_not_found, dashboard_changed)


class Dashboards(Removing[KeptDashboard]):
    """What people put together.

    Args:
        database: The service's schema.
        audit: Writes down who did what.
    """

    def __init__(self, database: Database, audit: Audit) -> None:
        super().__init__(_KIND, database, audit)

    async def create(self, tenant: str, given: Dashboard) -> KeptDashboard:
        """Make one.

        Raises:
            InvalidArgument: It cannot be shown (`BAD_DASHBOARD`).
            AlreadyExists: There is one of its id.
            ResourceExhausted: There are too many.
        """
        check(given)
        async with self._database.transaction(tenant) as connection:
            await store.ROWS.forget(connection, tenant)
            if await store.ROWS.count(connection, tenant) >= MOST_KEPT:
                raise too_many_dashboards()
            made = await store.insert(connection, tenant, given.id, _written(given), current_principal().actor)
            if made is None:
                raise dashboard_exists(given.id)
            await self._audit.write(connection, tenant, "dashboard.create", dashboard_name(tenant, given.id))
        return _kept(made)

    async def get(self, tenant: str, dashboard: str) -> KeptDashboard:
        """One of them.

        Raises:
            NotFound: There is none.
        """
        async with self._database.transaction(tenant, readonly=True) as connection:
            found = await _find(connection, tenant, dashboard)
        if found is None:
            raise dashboard_not_found(dashboard)
        return found

    async def page(self, tenant: str, after: str, most: int, *, deleted: bool = False) -> Sequence[KeptDashboard]:
        """Those behind an id, in order of id; on request those that were taken away."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return [_kept(each) for each in await store.page(connection, tenant, after, most, deleted=deleted)]

    async def change(
        self, tenant: str, dashboard: str, etag: str, changed: Callable[[Dashboard], Dashboard]
    ) -> KeptDashboard:
        """Change one.

        Raises:
            InvalidArgument: It cannot be shown (`BAD_DASHBOARD`).
            NotFound: There is none.
            Aborted: The etag is of an earlier state (`ETAG_MISMATCH`).
        """
        async with self._database.transaction(tenant) as connection:
            before = await _KIND.locked(connection, tenant, dashboard, etag)
            given = changed(before.dashboard)
            check(given)
            stored = await store.replace(connection, tenant, dashboard, _written(given), current_principal().actor)
            await self._audit.write(connection, tenant, "dashboard.update", dashboard_name(tenant, dashboard))
        return _kept(stored) if stored else before
