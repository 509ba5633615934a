"""What leaves with time: samples when their class says so, and old rows of the ledgers."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import structlog

from dualspan_historian.model import RetentionRule
from dualspan_historian.storage import frame_store, ledger_store, segment_store, tag_store
from dualspan_historian.storage.segment_store import Change
from dualspan_runtime.database import Database

_log = structlog.stdlib.get_logger()
_DAY_US = 86_400_000_000
_AT_ONCE = 500


class Retention:
    """Deletes what has expired.

    A segment goes when all of it is too old. Frames are younger than any retention.

    Args:
        database: Where they are.
        rules: By retention class; the class "" is for tags without one and for unknown classes.
        quarantine: Quarantined frames are kept so long.
        ledger: Resolved gaps, and positions of buffers that were replaced, are kept so long.
    """

    def __init__(
        self,
        database: Database,
        rules: Mapping[str, RetentionRule],
        quarantine: timedelta = timedelta(days=30),
        ledger: timedelta = timedelta(days=800),
    ) -> None:
        self._database = database
        self._rules = rules
        self._quarantine = quarantine
        self._ledger = ledger

    async def expire_all(self) -> int:
        """Delete what has expired, of every tenant; returns how many segments.

        A gateway or tenant that fails is left for the next time, and does not keep the others waiting.
        """
        async with self._database.platform_transaction(readonly=True) as connection:
            scopes = await tag_store.retention_scopes(connection)
        now = time.time_ns() // 1000
        total = 0
        for tenant, gateway_id, name in scopes:
            rule = self._rules.get(name) or self._rules[""]
            if not rule.raw_days:
                continue
            try:
                total += await self.expire(tenant, gateway_id, name, now - rule.raw_days * _DAY_US)
            except Exception:  # noqa: BLE001 - supervised: the others go on
                _log.exception("not expired", tenant=tenant, gateway=gateway_id, retention_class=name)
        for tenant in sorted({tenant for tenant, _, _ in scopes}):
            try:
                await self.prune(tenant)
            except Exception:  # noqa: BLE001 - supervised: the others go on
                _log.exception("ledgers not pruned", tenant=tenant)
        return total

    async def prune(self, tenant: str) -> None:
        """Delete a tenant's old quarantined frames, resolved gaps, and positions of buffers that were replaced."""
        now = datetime.now(UTC)
        async with self._database.transaction(tenant) as connection:
            await ledger_store.prune_quarantined(connection, tenant, now - self._quarantine)
            await ledger_store.prune_gaps(connection, tenant, now - self._ledger)
            await frame_store.prune_positions(connection, tenant, now - self._ledger)

    async def expire(self, tenant: str, gateway_id: str, retention_class: str, before: int) -> int:
        """Delete a gateway's segments of one class that end before a time in microseconds."""
        total = 0
        while deleted := await self._expire_some(tenant, gateway_id, retention_class, before):
            total += deleted
        if total:
            _log.info("expired", tenant=tenant, gateway=gateway_id, retention_class=retention_class, segments=total)
        return total

    async def _expire_some(self, tenant: str, gateway_id: str, retention_class: str, before: int) -> int:
        async with self._database.transaction(tenant) as connection:
            if not await segment_store.try_lock_upkeep(connection, tenant, gateway_id):
                return 0
            gone = await segment_store.expired(connection, tenant, gateway_id, retention_class, before, _AT_ONCE)
            if gone:
                removed = await segment_store.delete(connection, tenant, gone)
                change = Change(segments=removed.segments, bytes=removed.bytes, expired=removed.expired)
                await segment_store.add_totals(connection, tenant, gateway_id, change)
            return len(gone)
