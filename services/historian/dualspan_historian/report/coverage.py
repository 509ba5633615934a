"""The use case: up to when everything of a gateway's servers is stored or in the gap ledger."""

from dualspan_historian.storage import coverage_store
from dualspan_runtime.database import Database


class GatewayCoverage:
    """Tells how far gateways are complete.

    Args:
        database: Where it is written.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, tenant: str, gateway_id: str) -> dict[str, int]:
        """Return microseconds since 1970 by server; servers of which nothing was ever told are not in it."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await coverage_store.complete(connection, tenant, gateway_id)
