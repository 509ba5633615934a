"""Use case of the worker: everything about usage and statements that happens by itself."""

from datetime import UTC, datetime

from dualspan_marketplace.service.billing import Billing
from dualspan_marketplace.service.consuming import Consuming
from dualspan_marketplace.service.limiting import Limiting
from dualspan_marketplace.service.metering import Metering


class Accounting:
    """Counts, looks at limits, closes statements; in this order, since each builds on what is before it.

    Args:
        consuming: Processor time and memory.
        metering: Hours.
        limiting: Limits.
        billing: Statements.
    """

    def __init__(self, consuming: Consuming, metering: Metering, limiting: Limiting, billing: Billing) -> None:
        self._consuming = consuming
        self._metering = metering
        self._limiting = limiting
        self._billing = billing

    async def sweep(self) -> None:
        """Do what is due; safe to repeat, beside others that do the same, and after a crash at any point."""
        now = datetime.now(UTC)
        await self._consuming.sweep(now)
        await self._metering.sweep(now)
        await self._limiting.sweep(now)
        await self._billing.sweep(now)
