"""Use case of the worker: ways out that apps asked for and did not get."""

import asyncio
from collections.abc import Sequence

from dualspan_marketplace.deployments.provisioner import Guarding, Provisioner
from dualspan_marketplace.service.sweeping import on_its_own
from dualspan_marketplace.store import deployments
from dualspan_marketplace.store import refusals as store
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.database import Database

_AT_ONCE = 2000
_ABREAST = 6
_MOST = 100


class Watching:
    """Asks whoever refuses them, and keeps what it tells for those whose apps they are.

    Args:
        database: Where it is kept.
        provisioners: Those that can tell; of what others run, nothing is seen.
    """

    def __init__(self, database: Database, provisioners: Sequence[Provisioner]) -> None:
        self._database = database
        self._tellers = {each.kind: each for each in provisioners if isinstance(each, Guarding)}

    async def sweep(self) -> None:
        """Look at all that runs."""
        async with self._database.platform_transaction() as connection:
            running = await deployments.running(connection, _AT_ONCE)
        gate = asyncio.Semaphore(_ABREAST)

        async def one(name: SubscriptionName, teller: Guarding) -> None:
            async with gate:
                with on_its_own("a look at refusals", name):
                    await self._look(name, teller)

        await asyncio.gather(*(one(name, self._tellers[kind]) for name, kind in running if kind in self._tellers))

    async def _look(self, name: SubscriptionName, teller: Guarding) -> None:
        seen = await teller.refused(name)
        if not seen:
            return
        async with self._database.transaction(name.tenant) as connection:
            await store.keep(connection, name, seen, _MOST)
