"""Use cases beside ingest and reads: registrations, the ledgers, how much is stored."""

from collections.abc import Sequence

from dualspan_historian.errors import foreign_tag, invalid_registration, kind_is_fixed, source_busy
from dualspan_historian.ingest.registry import TagRegistry
from dualspan_historian.model import Gap, QuarantinedFrame, StorageTotals, Tag
from dualspan_historian.storage import ledger_store, repair_store, segment_store, source_store, tag_store
from dualspan_runtime.database import Database

_MOST_TAGS = 10_000
_SEGMENTS_AT_ONCE = 1000


class HistorianService:
    """See the contract.

    Args:
        database: Where it all is.
        registry: This process's tag tables, which registrations outdate.
    """

    def __init__(self, database: Database, registry: TagRegistry) -> None:
        self._database = database
        self._registry = registry

    async def register(self, tenant: str, tags: Sequence[Tag]) -> None:
        """Register tags; safe to repeat.

        Raises:
            InvalidArgument: Too many, or the same tag twice (`INVALID_REGISTRATION`).
            AlreadyExists: Another tenant has one of the ids (`TAG_TAKEN`).
            FailedPrecondition: A tag exists with another kind or gateway (`TAG_FIXED`).
        """
        ids = [tag.tag_id for tag in tags]
        if len(ids) > _MOST_TAGS or len(set(ids)) != len(ids):
            raise invalid_registration(f"Register at most {_MOST_TAGS} tags at once, each once.")
        async with self._database.platform_transaction() as connection:
            foreign = await tag_store.find_foreign(connection, tenant, ids)
            if foreign is not None:
                raise foreign_tag(foreign)
            done = await tag_store.register(connection, tenant, tags)
            refused = [tag_id for tag_id in ids if tag_id not in done]
            if refused:
                raise kind_is_fixed(refused[0])
        self._registry.forget(tenant)

    async def retire(self, tenant: str, tag_ids: Sequence[int]) -> None:
        """Stop accepting samples of tags.

        Raises:
            InvalidArgument: Too many (`INVALID_REGISTRATION`).
        """
        if len(tag_ids) > _MOST_TAGS:
            raise invalid_registration(f"Retire at most {_MOST_TAGS} tags at once.")
        async with self._database.transaction(tenant) as connection:
            await tag_store.retire(connection, tenant, tag_ids)
        self._registry.forget(tenant)

    async def forget(self, tenant: str, source: str) -> None:
        """Delete everything of an app's; safe to repeat, and after a crash at any point.

        Args:
            tenant: Whose.
            source: `subscriptions/{subscription}`; samples of a gateway are never deleted so.

        Raises:
            Aborted: Its segments are being merged (`SOURCE_BUSY`): asked again, it goes on.
        """
        async with self._database.transaction(tenant) as connection:
            await source_store.retire(connection, tenant, source)
        self._registry.forget(tenant)
        while await self._forget_some(tenant, source):
            pass
        self._registry.forget(tenant)

    async def _forget_some(self, tenant: str, source: str) -> bool:
        """Delete some of it; returns whether there may be more."""
        async with self._database.transaction(tenant) as connection:
            if not await segment_store.try_lock_upkeep(connection, tenant, source):
                raise source_busy(source)
            await source_store.delete_frames(connection, tenant, source)
            gone = await source_store.segments(connection, tenant, source, _SEGMENTS_AT_ONCE)
            if gone:
                await segment_store.delete(connection, tenant, gone)
            else:
                await source_store.delete_rest(connection, tenant, source)
            return bool(gone)

    async def gaps(self, tenant: str, before: int, most: int, tag_id: int = 0, gateway: str = "") -> list[Gap]:
        """Return gaps with ids below `before`, newest first; of one tag if it is not 0, as gaps of that tag.

        Otherwise of one gateway, if its id is not empty.
        """
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await ledger_store.gaps(connection, tenant, before, most, tag_id, gateway)

    async def retry_gaps(self, tenant: str, gap_ids: Sequence[int]) -> int:
        """Open gaps that could not be repaired, or only in part, and return how many."""
        async with self._database.transaction(tenant) as connection:
            return await repair_store.retry(connection, tenant, gap_ids)

    async def quarantined(self, tenant: str, before: int, most: int) -> list[QuarantinedFrame]:
        """Return quarantined frames with ids below `before`, newest first."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await ledger_store.quarantined(connection, tenant, before, most)

    async def totals(self, tenant: str) -> StorageTotals:
        """Return how much is stored."""
        async with self._database.transaction(tenant, isolation="repeatable_read", readonly=True) as connection:
            return await ledger_store.totals(connection, tenant)
