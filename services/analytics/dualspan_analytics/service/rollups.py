"""Use case: sums are kept up to date before anybody asks."""

import structlog

from dualspan_analytics.service.clock import now_us
from dualspan_analytics.service.production import Production
from dualspan_analytics.store import production
from dualspan_runtime.database import Database
from dualspan_runtime.errors import DomainError

_log = structlog.stdlib.get_logger()
_BACK_US = 35 * 86_400_000_000
"""What is asked for most; what is older is rolled up when somebody asks."""


class Rollups:
    """Rolls up what ended or changed.

    Args:
        database: The service's schema.
        production_: Computes sums.
    """

    def __init__(self, database: Database, production_: Production) -> None:
        self._database = database
        self._production = production_

    async def tenants(self) -> list[str]:
        """The tenants with machines that somebody described."""
        async with self._database.platform_transaction() as connection:
            return await production.tenants(connection)

    async def roll_up(self, tenant: str) -> int:
        """Compute the slots of the last weeks that are missing or stale; returns how many that were.

        What keeps a tenant's machines from being computed is told to whoever asks; here it is only written down.
        """
        end = now_us()
        try:
            asked = await self._production.asked(tenant, [], end - _BACK_US, end)
            summed = await self._production.sums(tenant, asked, end - _BACK_US, end)
        except DomainError as err:
            _log.warning("not rolled up", tenant=tenant, reason=err.reason, error=err.message)
            return 0
        _log.info("rolled up", tenant=tenant, computed=summed.computed, held=summed.rolled_up)
        return summed.computed
