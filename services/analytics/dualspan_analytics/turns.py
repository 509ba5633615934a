"""Turns: so many at a time, and of each tenant fewer, so that nobody who asks much keeps the others waiting."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Turns:
    """Gives turns. The next one goes to the tenant that has the fewest, among these to who had none for longest.

    Args:
        total: Turns that are taken at the same time.
        each: Of these by one tenant.
    """

    def __init__(self, total: int, each: int) -> None:
        self._total = total
        self._each = each
        self._taken: Counter[str] = Counter()
        # In the order in which tenants are served: who was, goes to the end.
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def taken(self, tenant: str) -> AsyncGenerator[None]:
        """Wait for a turn, and have it while the context lasts."""
        await self.take(tenant)
        try:
            yield
        finally:
            self.give_back(tenant)

    async def take(self, tenant: str) -> None:
        """Wait for a turn; whoever has one gives it back, whatever happens."""
        if tenant not in self._waiting and self._has_room(tenant):
            self._taken[tenant] += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(tenant)
            else:
                self._forget(tenant, turn)
            raise

    def _has_room(self, tenant: str) -> bool:
        return self._taken.total() < self._total and self._taken[tenant] < self._each

    def _forget(self, tenant: str, turn: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(tenant, deque())
        if turn in waiting:
            waiting.remove(turn)
        if not waiting:
            self._waiting.pop(tenant, None)

    def give_back(self, tenant: str) -> None:
        """End a turn of a tenant; whoever waits may have it."""
        self._taken[tenant] -= 1
        if not self._taken[tenant]:
            del self._taken[tenant]
        while able := [each for each in self._waiting if self._has_room(each)]:
            self._serve(min(able, key=self._taken.__getitem__))

    def _serve(self, tenant: str) -> None:
        waiting = self._waiting.pop(tenant)
        turn = waiting.popleft()
        if waiting:
            self._waiting[tenant] = waiting
        if not turn.cancelled():
            turn.set_result(None)
            self._taken[tenant] += 1
