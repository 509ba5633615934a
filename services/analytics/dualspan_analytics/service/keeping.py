"""Use case of the worker: what people took away can be brought back for a while, and is then forgotten."""

from dualspan_analytics.store import annotations, dashboards
from dualspan_runtime.database import Database

_REMOVABLE = (annotations.ROWS, dashboards.ROWS)


class Keeping:
    """Forgets annotations and dashboards that were taken away long ago.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sweep(self) -> None:
        """Forget them, of every tenant."""
        async with self._database.platform_transaction(readonly=True) as connection:
            tenants = {tenant for rows in _REMOVABLE for tenant in await rows.tenants_to_forget(connection)}
        for tenant in sorted(tenants):
            async with self._database.transaction(tenant) as connection:
                for rows in _REMOVABLE:
                    await rows.forget(connection, tenant)
