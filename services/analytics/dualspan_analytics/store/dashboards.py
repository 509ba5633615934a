"""SQL about dashboards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from dualspan_analytics.removal import KEPT_DAYS
from dualspan_analytics.store.removable import Removable
from dualspan_runtime.database import Connection

ROWS = Removable("dashboard", "dashboard_id")
_COLUMNS = "dashboard_id, document, version, editor, create_time, update_time, delete_time"
_INSERT = f"""
INSERT INTO dashboard (tenant_id, dashboard_id, document, editor) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
"""
_REPLACE = f"""
UPDATE dashboard SET document = $3, editor = $4, version = version + 1, update_time = now()
WHERE tenant_id = $1 AND dashboard_id = $2 AND delete_time IS NULL RETURNING {_COLUMNS}
"""
_PAGE = f"""
SELECT {_COLUMNS} FROM dashboard
WHERE tenant_id = $1 AND dashboard_id > $2 AND (delete_time IS NOT NULL) = $4
  AND (delete_time IS NULL OR delete_time > now() - interval '{KEPT_DAYS} days')
ORDER BY dashboard_id LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class StoredDashboard:
    """A dashboard's document, and which of its states it is."""

    id: str
    document: str
    version: int
    editor: str
    create_time: datetime
    update_time: datetime
    delete_time: datetime | None


async def insert(
    connection: Connection, tenant: str, dashboard: str, document: str, editor: str
) -> StoredDashboard | None:
    """Add one; None if there is one of its id."""
    row = await connection.fetchrow(_INSERT, tenant, dashboard, document, editor)
    return None if row is None else _stored(row)


async def replace(
    connection: Connection, tenant: str, dashboard: str, document: str, editor: str
) -> StoredDashboard | None:
    """Change one; None if there is none."""
    row = await connection.fetchrow(_REPLACE, tenant, dashboard, document, editor)
    return None if row is None else _stored(row)


async def find(connection: Connection, tenant: str, dashboard: str, *, lock: bool = False) -> StoredDashboard | None:
    """One of them, on request locked until the transaction ends."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM dashboard WHERE tenant_id = $1 AND dashboard_id = $2 AND delete_time IS NULL"
        f"{' FOR UPDATE' if lock else ''}",
        tenant,
        dashboard,
    )
    return None if row is None else _stored(row)


async def page(
    connection: Connection, tenant: str, after: str, most: int, *, deleted: bool
) -> Sequence[StoredDashboard]:
    """Those with ids behind `after`, in order of id: those that are there, or those that can be brought back."""
    return [_stored(row) for row in await connection.fetch(_PAGE, tenant, after, most, deleted)]


def _stored(row: Record) -> StoredDashboard:
    return StoredDashboard(*row)
