"""Sends what the outbox holds: signed HTTP calls and e-mails, again with growing pauses until they are taken."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog
from cryptography.exceptions import InvalidTag
from google.protobuf.message import DecodeError

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan_analytics.alarms.notifications import email
from dualspan_analytics.sealing import Seal
from dualspan_analytics.service.notification_channels import channel_name
from dualspan_analytics.service.sending import Sending
from dualspan_analytics.store import notifications
from dualspan_analytics.store.notifications import DELIVERED, FAILED, DueDelivery, Shares
from dualspan_runtime.database import Database
from dualspan_runtime.webhooks import (
    MOST_ATTEMPTS,
    NotNowError,
    RefusedError,
    pause_after,
    signed_headers,
)

_log = structlog.stdlib.get_logger()
# A lease is so much longer than an attempt: nobody else begins the same one while what came of it is written down.
_LEASE_MORE = timedelta(seconds=50)
_AT_ONCE = 20
# In all workers together: who does not answer takes no place of others, nor of his own other channels.
_SHARES = Shares(tenant=4, channel=2)
_SLOW = 2.0
_LOOK = 0.5
_LONGEST_SWEEP = 60.0
_KEEP = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """One that runs."""

    tenant: str
    began: float


class NotificationDelivery:
    """Sweeps the outbox. Several workers may do so at the same time.

    A call whose answer was lost is sent again under the same delivery id, by which the receiver knows it.

    Args:
        database: Where the outbox is.
        seal: For the secrets of webhooks.
        sending: Makes the attempts.
    """

    def __init__(self, database: Database, seal: Seal, sending: Sending) -> None:
        self._database = database
        self._seal = seal
        self._sending = sending

    async def sweep(self) -> None:
        """Send everything that is due; forget what ended long ago.

        While some receivers are slow it goes on for the others; who was slow is served again in the next sweep.
        """
        running: dict[asyncio.Task[None], _Attempt] = {}
        slow: set[str] = set()
        end = time.monotonic() + _LONGEST_SWEEP
        try:
            while True:
                now = time.monotonic()
                slow |= {attempt.tenant for attempt in running.values() if now - attempt.began > _SLOW}
                for due in await self._due(_AT_ONCE - len(running), sorted(slow)) if now < end else []:
                    running[asyncio.create_task(self._send(due))] = _Attempt(due.tenant, now)
                if not running:
                    break
                done, _ = await asyncio.wait(running, timeout=_LOOK, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    del running[task]
                    task.result()
        finally:
            for task in running:
                task.cancel()
        async with self._database.platform_transaction() as connection:
            await notifications.forget_ended(connection, _KEEP)

    async def _due(self, room: int, slow: Sequence[str]) -> Sequence[DueDelivery]:
        if not room:
            return []
        lease = timedelta(seconds=self._sending.deadline) + _LEASE_MORE
        async with self._database.platform_transaction() as connection:
            return await notifications.lease_due(connection, lease, room, _SHARES, slow)

    async def _send(self, due: DueDelivery) -> None:
        try:
            detail = await self._attempt(due)
        except RefusedError as error:
            await self._end(due, FAILED, str(error))
        except NotNowError as error:
            if due.attempts >= MOST_ATTEMPTS:
                await self._end(due, FAILED, f"Given up after {due.attempts} attempts: {error}")
            else:
                await self._again(due, str(error))
        else:
            await self._end(due, DELIVERED, detail)

    async def _end(self, due: DueDelivery, state: int, detail: str) -> None:
        if state == FAILED:
            _log.warning("notification failed", tenant=due.tenant, delivery=str(due.delivery_id), detail=detail)
        async with self._database.transaction(due.tenant) as connection:
            await notifications.end(connection, due.tenant, due.delivery_id, state=state, detail=detail[:500])

    async def _again(self, due: DueDelivery, detail: str) -> None:
        async with self._database.transaction(due.tenant) as connection:
            await notifications.try_later(
                connection, due.tenant, due.delivery_id, after=pause_after(due.attempts), detail=detail[:500]
            )

    async def _attempt(self, due: DueDelivery) -> str:
        """One attempt; what came of it.

        Raises:
            RefusedError: It will never be taken.
            NotNowError: It may be taken later.
        """
        delivery = str(due.delivery_id)
        try:
            channel = contract.NotificationChannel.FromString(due.channel.definition)
        except DecodeError as err:
            raise RefusedError("The channel is damaged: remove it and make it anew.") from err
        if channel.HasField("email"):
            message = email(delivery, due.body, self._sending.sender, list(channel.email.addresses))
            return await self._sending.write(due.tenant, message)
        try:
            secret = self._seal.open(due.channel.secret or b"", channel_name(due.tenant, due.channel.channel_id))
        except (InvalidTag, ValueError) as err:
            raise RefusedError("The channel's secret cannot be opened: remove the channel and make it anew.") from err
        headers = signed_headers(secret, delivery, due.body)
        return await self._sending.call(due.tenant, channel.webhook.url, due.body, headers)
