"""Use cases: tags for the results of apps."""

from collections.abc import Sequence

import grpc.aio

from dualspan_onboarding.clients import UNREACHABLE, Historian
from dualspan_onboarding.errors import upstream_failed
from dualspan_onboarding.results import Result, ResultTag, SubscriptionName, check_results
from dualspan_onboarding.store import results as store
from dualspan_runtime.database import Database

# RegisterTags and RetireTags take no more.
_AT_ONCE = 10_000


class Results:
    """Tags that apps write to.

    Args:
        database: Where they are.
        historian: Accepts what is written.
    """

    def __init__(self, database: Database, historian: Historian) -> None:
        self._database = database
        self._historian = historian

    async def set(self, name: SubscriptionName, results: Sequence[Result]) -> list[ResultTag]:
        """Make tags of exactly these results, in their order, and have the historian know; safe to repeat.

        Raises:
            InvalidArgument: One is no result (`MALFORMED_RESULT`).
            ResourceExhausted: They are too many (`TOO_MANY_RESULTS`).
            Unavailable: The historian does not answer (`SERVICE_UNAVAILABLE`): say it again.
        """
        check_results(results)
        async with self._database.transaction(name.tenant) as connection:
            await store.hold(connection, name)
            made = {each.result: each for each in await store.put(connection, name, results)}
            retired = await store.retire_others(connection, name, [each.tag_id for each in made.values()])
        tags = [made[each] for each in results]
        try:
            await self._tell(name, tags, retired)
        except grpc.aio.AioRpcError as err:
            if err.code() in UNREACHABLE:
                raise upstream_failed("historian") from err
            raise
        return tags

    async def _tell(self, name: SubscriptionName, tags: Sequence[ResultTag], retired: Sequence[int]) -> None:
        if tags:
            await self._historian.register_results(name, tags)
        for at in range(0, len(retired), _AT_ONCE):
            await self._historian.retire(name.tenant, retired[at : at + _AT_ONCE])

    async def page(self, tenant: str, after: int, limit: int) -> list[ResultTag]:
        """Tags that are written now, in order of id."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await store.page(connection, tenant, after, limit)
