"""Use case of the worker: what happened to alarms is not kept for ever."""

from dualspan_analytics.store import alarms
from dualspan_runtime.database import Database

_AT_ONCE = 10_000


class AlarmRetention:
    """Removes old transitions; alarms that stand, their times and who acted on them stay.

    Args:
        database: Where they are.
        keep_us: For so long they are kept.
    """

    def __init__(self, database: Database, keep_us: int) -> None:
        self._database = database
        self._keep_us = keep_us

    async def sweep(self, now_us: int) -> None:
        """Remove what is too old, of every tenant, in transactions short enough to delay nobody."""
        async with self._database.platform_transaction(readonly=True) as connection:
            tenants = await alarms.tenants_with_transitions(connection)
        for tenant in tenants:
            while await self._forget(tenant, now_us - self._keep_us):
                continue

    async def _forget(self, tenant: str, before_us: int) -> bool:
        async with self._database.transaction(tenant) as connection:
            return await alarms.forget_transitions(connection, tenant, before_us, _AT_ONCE)
