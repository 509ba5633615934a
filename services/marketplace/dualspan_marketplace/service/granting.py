"""Use case: telling other services what apps may read, at once."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from dualspan_marketplace.store import subscriptions as store
from dualspan_marketplace.store.subscriptions import InForce
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.database import Database
from dualspan_runtime.grants import RUNTIME_SCOPE

# A connection that was lost says nothing: after so long one looks anyway, and says that one is there.
_LOOK_SECONDS = 5.0
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class GrantOfApp:
    """What one app may do, which credential of it counts, and why it may not read nevertheless; "" as a rule."""

    name: SubscriptionName
    tag_ids: frozenset[int]
    scopes: frozenset[str]
    credential: int
    exhausted: str = ""


@dataclass(frozen=True, slots=True)
class GrantChanges:
    """What is granted anew or otherwise, and what no more; `complete` when all up to now was told."""

    granted: Sequence[GrantOfApp]
    revoked: Sequence[SubscriptionName]
    complete: bool


class Granting:
    """Follows the grants of all tenants.

    Args:
        database: Where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def follow(self) -> AsyncGenerator[GrantChanges]:
        """All grants first, then every change as it is committed; for ever."""
        told: dict[SubscriptionName, int] = {}
        while True:
            woken = asyncio.Event()
            # Listened to anew each time: a connection that was lost would be silent for ever.
            async with self._database.listen(store.GRANTS, lambda _payload, woken=woken: woken.set()):
                for _ in range(12):
                    woken.clear()
                    async for changes in self._changes(told):
                        yield changes
                    await _woken(woken)

    async def _changes(self, told: dict[SubscriptionName, int]) -> AsyncGenerator[GrantChanges]:
        async with self._database.platform_transaction() as connection:
            now = {each.name: each for each in await store.in_force(connection)}
        revoked = [name for name in told if name not in now]
        for name in revoked:
            del told[name]
        # What is revoked is told before what takes time to look up.
        if revoked:
            yield GrantChanges((), revoked, complete=False)
        changed = [each for name, each in now.items() if told.get(name) != each.revision]
        for at in range(0, len(changed), _AT_ONCE):
            part = changed[at : at + _AT_ONCE]
            yield await self._read(part)
            told.update((each.name, each.revision) for each in part)
        yield GrantChanges((), (), complete=True)

    async def _read(self, part: Sequence[InForce]) -> GrantChanges:
        granted: list[GrantOfApp] = []
        revoked: list[SubscriptionName] = []
        async with self._database.platform_transaction() as connection:
            for each in part:
                found = await store.what_is_granted(connection, each.name)
                if found is None:
                    revoked.append(each.name)
                else:
                    scopes = found.scopes | {RUNTIME_SCOPE}
                    granted.append(GrantOfApp(each.name, found.tag_ids, scopes, found.credential, found.exhausted))
        return GrantChanges(granted, revoked, complete=False)


async def _woken(event: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            await event.wait()
    except TimeoutError:
        return
