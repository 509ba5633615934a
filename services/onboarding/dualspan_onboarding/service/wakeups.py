"""Who is to look again: streams and the reconciler, woken by PostgreSQL's notifications from whichever replica."""

import asyncio
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta

from dualspan_onboarding.names import GatewayName
from dualspan_onboarding.store.outbox import CHANNEL, WORK
from dualspan_runtime.database import Database


class Wakeups:
    """Events of this process by name, set by notifications.

    Args:
        database: Whose notifications.
        poll: Everybody is woken so often, because a notification can be lost with its connection.
    """

    def __init__(self, database: Database, poll: timedelta) -> None:
        self._database = database
        self._poll = poll
        self._events: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    async def run(self) -> None:
        """Listen for ever. The connection is renewed with each poll, so a dead one is noticed no later."""
        while True:
            async with self._database.listen(CHANNEL, self._wake):
                self._wake_all()
                await asyncio.sleep(self._poll.total_seconds())

    @contextmanager
    def gateway(self, name: GatewayName) -> Generator[asyncio.Event]:
        """An event that is set when something about a gateway has changed."""
        with self._event(str(name)) as event:
            yield event

    @contextmanager
    def work(self) -> Generator[asyncio.Event]:
        """An event that is set when there is work for the reconciler."""
        with self._event(WORK) as event:
            yield event

    @contextmanager
    def _event(self, name: str) -> Generator[asyncio.Event]:
        event = asyncio.Event()
        self._events[name].add(event)
        try:
            yield event
        finally:
            self._events[name].discard(event)
            if not self._events[name]:
                del self._events[name]

    def _wake(self, payload: str) -> None:
        for event in self._events.get(payload, ()):
            event.set()

    def _wake_all(self) -> None:
        for events in self._events.values():
            for event in events:
                event.set()
