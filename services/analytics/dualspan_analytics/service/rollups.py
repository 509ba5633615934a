"""Use case: sums are kept up to date before anybody asks."""

import structlog

from dualspan_analytics.service.clock import now_us
from dualspan_analytics.service.production import Production
from dualspan_analytics.store import production
from dualspan_runtime.database import Database
from dualspan_runtime.errors import DomainError, ResourceExhausted

_log = structlog.stdlib.get_logger()
_DAY_US = 86_400_000_000
_BACK_US = 35 * _DAY_US
"""What is asked for most; what is older is rolled up when somebody asks."""
_LEAST_US = 3 * _DAY_US
"""Less is not tried: hardly a whole slot would be left to be kept."""


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
        computed, held = await self._span(tenant, end - _BACK_US, end)
        _log.info("rolled up", tenant=tenant, computed=computed, held=held)
        return computed

    async def _span(self, tenant: str, start_us: int, end_us: int) -> tuple[int, int]:
        """Slots that were computed and that held; what is too much at once is done half by half."""
        try:
            asked = await self._production.asked(tenant, [], start_us, end_us)
            summed = await self._production.sums(tenant, asked, start_us, end_us)
        except ResourceExhausted as err:
            if end_us - start_us > _LEAST_US:
                middle = (start_us + end_us) // 2
                # A slot across the middle is whole in the second half.
                spans = (start_us, middle), (middle - _DAY_US, end_us)
                halves = [await self._span(tenant, *each) for each in spans]
                return sum(each[0] for each in halves), sum(each[1] for each in halves)
            _log.warning("not rolled up", tenant=tenant, reason=err.reason, error=err.message)
        except DomainError as err:
            _log.warning("not rolled up", tenant=tenant, reason=err.reason, error=err.message)
        else:
            return summed.computed, summed.rolled_up
        return 0, 0
