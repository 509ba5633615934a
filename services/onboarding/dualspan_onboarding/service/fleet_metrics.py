"""How the gateways of all tenants are, as gauges."""

import math
from datetime import timedelta

from prometheus_client import Gauge

from dualspan_onboarding.store import gateways
from dualspan_runtime.database import Database

_GATEWAYS = Gauge("dualspan_gateways", "Gateways that have enrolled and are not revoked", ["state"])
_FULL = Gauge("dualspan_gateways_buffer_full", "Gateways online whose buffer is full")
_OLDEST = Gauge("dualspan_gateways_oldest_buffered_seconds", "Age of the oldest frame in a buffer of a gateway online")
_OFFSET = Gauge("dualspan_gateways_clock_offset_seconds", "How far a gateway's clock is off, of the one that is most")
_EXPIRY = Gauge(
    "dualspan_gateways_certificate_expiry_timestamp_seconds", "When the first certificate of a gateway online ends"
)


class FleetMetrics:
    """Counts them.

    Args:
        database: Where they are.
        offline_after: Without a word for so long, a gateway is offline.
    """

    def __init__(self, database: Database, offline_after: timedelta) -> None:
        self._database = database
        self._offline_after = offline_after

    async def read(self) -> None:
        """Count once."""
        async with self._database.platform_transaction(readonly=True) as connection:
            fleet = await gateways.summary(connection, self._offline_after)
        _GATEWAYS.labels("online").set(fleet.online)
        _GATEWAYS.labels("offline").set(fleet.enrolled - fleet.online)
        _FULL.set(fleet.full)
        _OLDEST.set(fleet.oldest_buffered_us / 1e6)
        _OFFSET.set(fleet.clock_offset_us / 1e6)
        _EXPIRY.set(math.nan if fleet.first_expiry is None else fleet.first_expiry.timestamp())
