"""Use case of the worker: telling the payment side what became of subscriptions, until it has taken it."""

import asyncio
import socket
from collections.abc import Sequence
from datetime import timedelta

import structlog

from dualspan_marketplace.store import fulfilment as store
from dualspan_marketplace.store.fulfilment import DueEvent
from dualspan_runtime.database import Database
from dualspan_runtime.webhooks import (
    MOST_ATTEMPTS,
    Caller,
    Found,
    NotNowError,
    RefusedError,
    pause_after,
    signed_headers,
)

_AT_ONCE = 10
_LEASE_MORE = timedelta(seconds=50)
_KEEP = timedelta(days=30)
_log = structlog.stdlib.get_logger()


async def look_up(_tenant: str, host: str, port: int) -> Sequence[Found]:
    """The addresses of a host."""
    return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)


class Telling:
    """Sends what the outbox holds. Several workers may do so at the same time.

    A call whose answer was lost is sent again under the same delivery id, by which the receiver knows it.

    Args:
        database: Where the outbox is.
        caller: Makes the calls.
        url: Of the payment side; "": nobody is told.
        secret: That calls are signed with.
        deadline: Seconds that a call takes at most.
    """

    def __init__(self, database: Database, caller: Caller, url: str, secret: str, deadline: float) -> None:
        self._database = database
        self._caller = caller
        self._url = url
        self._secret = secret
        self._lease = timedelta(seconds=deadline) + _LEASE_MORE

    async def sweep(self) -> None:
        """Send what is due; forget what ended long ago, or everything where nobody is told."""
        while self._url:
            async with self._database.platform_transaction() as connection:
                due = await store.lease_due(connection, self._lease, _AT_ONCE)
            await asyncio.gather(*(self._send(each) for each in due))
            if len(due) < _AT_ONCE:
                break
        async with self._database.platform_transaction() as connection:
            await store.forget(connection, _KEEP, everything=not self._url)

    async def _send(self, event: DueEvent) -> None:
        body = event.body.encode()
        headers = signed_headers(self._secret, str(event.event_id), body)
        try:
            detail = await self._caller.call(event.tenant, self._url, body, headers)
        except RefusedError as err:
            await self._end(event, delivered=False, detail=str(err))
        except NotNowError as err:
            if event.attempts >= MOST_ATTEMPTS:
                await self._end(event, delivered=False, detail=f"Given up after {event.attempts} attempts: {err}")
                return
            async with self._database.transaction(event.tenant) as connection:
                await store.try_later(connection, event, pause_after(event.attempts), str(err)[:500])
        else:
            await self._end(event, delivered=True, detail=detail)

    async def _end(self, event: DueEvent, *, delivered: bool, detail: str) -> None:
        if not delivered:
            words = "the payment side was not told"
            _log.warning(words, tenant=event.tenant, delivery=str(event.event_id), detail=detail)
        async with self._database.transaction(event.tenant) as connection:
            await store.end(connection, event, delivered=delivered, detail=detail[:500])
