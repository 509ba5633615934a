"""Use case of the worker: processor time and memory of what runs."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from dualspan_marketplace.service.sweeping import on_its_own
from dualspan_marketplace.store import deployments
from dualspan_marketplace.store import usage as store
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.usage.counters import Observation, used
from dualspan_runtime.database import Database

_AT_ONCE = 2000
_ABREAST = 6
_FORGOTTEN = timedelta(days=2)


@runtime_checkable
class Consumption(Protocol):
    """Who knows what instances use: a provisioner that can tell."""

    @property
    def kind(self) -> str:
        """As a provisioner's."""
        ...

    async def consumption(self, name: SubscriptionName) -> Sequence[Observation]:
        """The counters of a subscription's instances; raises UnreachableError."""
        ...


class Consuming:
    """Looks at counters and keeps what they add.

    Args:
        database: Where it is kept.
        provisioners: Those that can tell; of what others run, nothing is counted.
    """

    def __init__(self, database: Database, provisioners: Sequence[object]) -> None:
        self._database = database
        self._tellers = {each.kind: each for each in provisioners if isinstance(each, Consumption)}

    async def sweep(self, now: datetime) -> None:
        """Look at all that runs."""
        async with self._database.platform_transaction() as connection:
            await store.forget_counters(connection, now - _FORGOTTEN)
            running = await deployments.running(connection, _AT_ONCE)
        gate = asyncio.Semaphore(_ABREAST)

        async def one(name: SubscriptionName, kind: str) -> None:
            async with gate:
                await self._safely(name, kind)

        await asyncio.gather(*(one(*each) for each in running))

    async def keep(self, name: SubscriptionName, seen: Observation) -> None:
        """Keep what was used since an instance was looked at last, and when that was, in one transaction."""
        async with self._database.transaction(name.tenant) as connection:
            before = await store.hold_counter(connection, name, seen.instance, min(seen.started, seen.time))
            after, events = used(before, seen)
            await store.add_up(connection, name, events)
            await store.put_counter(connection, name, seen.instance, after)

    async def _safely(self, name: SubscriptionName, kind: str) -> None:
        """A look whose failure is this subscription's alone: its counters go on rising, the next look adds it all."""
        teller = self._tellers.get(kind)
        if teller is None:
            return
        with on_its_own("a look at usage", name):
            for seen in await teller.consumption(name):
                await self.keep(name, seen)
