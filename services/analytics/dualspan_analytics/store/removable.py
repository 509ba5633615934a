"""SQL about what people take away and bring back: marked for some time, then forgotten."""

from collections.abc import Sequence

from dualspan_analytics.removal import KEPT_DAYS
from dualspan_runtime.database import Connection


class Removable:
    """A table whose rows have a tenant, an id within it and a time at which they were taken away.

    Args:
        table: Its name.
        key: The column of the id.
    """

    def __init__(self, table: str, key: str) -> None:
        old = f"delete_time < now() - interval '{KEPT_DAYS} days'"
        self._count = f"SELECT count(*) FROM {table} WHERE tenant_id = $1"
        self._mark = f"""
            UPDATE {table} SET delete_time = CASE WHEN $3 THEN now() END
            WHERE tenant_id = $1 AND {key} = $2 AND (delete_time IS NULL) = $3
              AND (delete_time IS NULL OR delete_time > now() - interval '{KEPT_DAYS} days')
            RETURNING true
        """
        self._forget = f"DELETE FROM {table} WHERE tenant_id = $1 AND {old}"
        self._to_forget = f"SELECT DISTINCT tenant_id FROM {table} WHERE {old}"

    async def count(self, connection: Connection, tenant: str) -> int:
        """How many there are, those that were taken away among them."""
        return await connection.fetchval(self._count, tenant)

    async def mark(self, connection: Connection, tenant: str, key: str, *, deleted: bool) -> bool:
        """Take one away, or bring it back; False if there is none of which that can be done."""
        return await connection.fetchval(self._mark, tenant, key, deleted) is not None

    async def tenants_to_forget(self, connection: Connection) -> Sequence[str]:
        """Tenants who took something away so long ago that it is forgotten."""
        return [row["tenant_id"] for row in await connection.fetch(self._to_forget)]

    async def forget(self, connection: Connection, tenant: str) -> None:
        """Delete what was taken away long ago."""
        await connection.execute(self._forget, tenant)
