"""What the worker does: seal, merge, expire, and sweep up what a crash left behind."""

import time
from datetime import UTC, datetime, timedelta

import structlog

from dualspan_historian.storage import frame_store
from dualspan_historian.storage.merging import Merger
from dualspan_historian.storage.sealing import Sealer
from dualspan_runtime.database import Database

_log = structlog.stdlib.get_logger()


class Upkeep:
    """Keeps what is stored in good shape.

    Args:
        database: Where it is.
        sealer: Frames to segments.
        merger: Small segments to large ones.
        seal_after: The sweep leaves younger frames alone.
    """

    def __init__(self, database: Database, sealer: Sealer, merger: Merger, seal_after: timedelta) -> None:
        self._database = database
        self._sealer = sealer
        self._merger = merger
        self._seal_after = seal_after

    async def seal(self, tenant: str, gateway_id: str) -> None:
        """Seal a gateway's frames, then merge what that made; safe to run twice, also at the same time."""
        started = time.monotonic()
        samples = await self._sealer.seal_all(tenant, gateway_id)
        if not samples:
            return
        replaced = await self._merger.merge_all(tenant, gateway_id)
        _log.info(
            "gateway sealed",
            tenant=tenant,
            gateway=gateway_id,
            samples=samples,
            merged_segments=replaced,
            seconds=round(time.monotonic() - started, 3),
        )

    async def sweep(self) -> None:
        """Seal every gateway that has frames older than the limit; one that fails does not keep the others waiting."""
        async with self._database.platform_transaction(readonly=True) as connection:
            backlogs = await frame_store.backlogs(connection)
        due = datetime.now(UTC) - self._seal_after
        for backlog in backlogs:
            if backlog.oldest <= due:
                await self._supervised(backlog.tenant, backlog.gateway_id)

    async def _supervised(self, tenant: str, gateway_id: str) -> None:
        try:
            await self.seal(tenant, gateway_id)
        except Exception:  # noqa: BLE001 - supervised: the others go on
            _log.exception("gateway not sealed; the next sweep tries again", tenant=tenant, gateway=gateway_id)
