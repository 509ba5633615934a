"""Notification channels, and the outbox of deliveries."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Record

from dualspan_runtime.database import Connection

PENDING, DELIVERED, FAILED = 1, 2, 3
_DELIVERY = """
    delivery_id, channel_id, alarm_id, sequence, state, attempts, detail, created_at, next_at, ended_at
"""


@dataclass(frozen=True, slots=True)
class StoredChannel:
    """A channel; `definition` is a `dualspan.analytics.v1.NotificationChannel`, `secret` sealed."""

    channel_id: str
    definition: bytes
    secret: bytes | None


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A message about one transition to one channel."""

    channel_id: str
    alarm_id: str
    sequence: int
    body: bytes


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A message that is to be sent now."""

    tenant: str
    delivery_id: uuid.UUID
    channel: StoredChannel
    body: bytes
    attempts: int


@dataclass(frozen=True, slots=True)
class Shares:
    """How many messages of one tenant, and of one of its channels, are sent at the same time."""

    tenant: int
    channel: int


@dataclass(frozen=True, slots=True)
class StoredDelivery:
    """A message and what came of it."""

    delivery_id: uuid.UUID
    channel_id: str
    alarm_id: str
    sequence: int
    state: int
    attempts: int
    detail: str
    created_at: datetime
    next_at: datetime
    ended_at: datetime | None


def _channel(row: Record) -> StoredChannel:
    return StoredChannel(row["channel_id"], row["definition"], row["secret"])


async def insert_channel(connection: Connection, tenant: str, channel: StoredChannel) -> bool:
    """Add a channel; False if there is one of this id."""
    row = await connection.fetchrow(
        "INSERT INTO notification_channel (tenant_id, channel_id, definition, secret) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING RETURNING channel_id",
        tenant,
        channel.channel_id,
        channel.definition,
        channel.secret,
    )
    return row is not None


async def delete_channel(connection: Connection, tenant: str, channel_id: str) -> bool:
    """Remove a channel and its deliveries; False if there is none."""
    row = await connection.fetchrow(
        "DELETE FROM notification_channel WHERE tenant_id = $1 AND channel_id = $2 RETURNING channel_id",
        tenant,
        channel_id,
    )
    return row is not None


async def channels(connection: Connection, tenant: str, after: str, limit: int) -> Sequence[StoredChannel]:
    """Channels after an id, in order of id."""
    rows = await connection.fetch(
        "SELECT channel_id, definition, secret FROM notification_channel WHERE tenant_id = $1 AND channel_id > $2"
        " ORDER BY channel_id LIMIT $3",
        tenant,
        after,
        limit,
    )
    return [_channel(row) for row in rows]


async def add_deliveries(connection: Connection, tenant: str, deliveries: Sequence[NewDelivery]) -> None:
    """Put messages into the outbox, in the transaction of the transitions that they tell of."""
    await connection.executemany(
        "INSERT INTO notification_delivery (tenant_id, channel_id, alarm_id, sequence, body)"
        " VALUES ($1, $2, $3, $4, $5)",
        [(tenant, each.channel_id, each.alarm_id, each.sequence, each.body) for each in deliveries],
    )


_LEASE_DUE = """
WITH busy AS (
    SELECT tenant_id, channel_id, count(*) AS count FROM notification_delivery
    WHERE state = 1 AND leased_until > now() GROUP BY tenant_id, channel_id
), due AS (
    SELECT c.tenant_id, d.delivery_id, d.next_at,
        row_number() OVER (PARTITION BY c.tenant_id ORDER BY d.next_at, d.delivery_id)
            + coalesce((SELECT sum(count) FROM busy WHERE busy.tenant_id = c.tenant_id), 0) AS place
    FROM notification_channel AS c LEFT JOIN busy USING (tenant_id, channel_id) CROSS JOIN LATERAL (
        SELECT delivery_id, next_at FROM notification_delivery AS w
        WHERE (w.tenant_id, w.channel_id) = (c.tenant_id, c.channel_id) AND w.state = 1 AND w.next_at <= now()
        ORDER BY next_at, delivery_id LIMIT greatest($4 - coalesce(busy.count, 0), 0)
    ) AS d WHERE c.tenant_id <> ALL ($5)
), taken AS (
    SELECT tenant_id, delivery_id FROM notification_delivery
    WHERE (tenant_id, delivery_id) IN (
        SELECT tenant_id, delivery_id FROM due WHERE place <= $3 ORDER BY next_at LIMIT $2
    ) AND state = 1 AND next_at <= now() FOR UPDATE SKIP LOCKED
)
UPDATE notification_delivery AS d
SET attempts = attempts + 1, next_at = now() + $1::interval, leased_until = now() + $1::interval
FROM notification_channel AS c, taken WHERE (taken.tenant_id, taken.delivery_id) = (d.tenant_id, d.delivery_id)
    AND (c.tenant_id, c.channel_id) = (d.tenant_id, d.channel_id)
RETURNING d.tenant_id, d.delivery_id, d.body, d.attempts, c.channel_id, c.definition, c.secret
"""


async def lease_due(
    connection: Connection, lease: timedelta, limit: int, shares: Shares, but: Sequence[str]
) -> Sequence[DueDelivery]:
    """Take messages that are due; nobody else takes them for the time of the lease.

    Each counts as an attempt from now on, so that one that kills its worker is not tried for ever.

    Args:
        connection: Of a platform transaction.
        lease: Longer than an attempt takes.
        limit: At most so many.
        shares: At most so many of each, with what is leased already.
        but: Not of these tenants.
    """
    rows = await connection.fetch(_LEASE_DUE, lease, limit, shares.tenant, shares.channel, but)
    return [
        DueDelivery(row["tenant_id"], row["delivery_id"], _channel(row), row["body"], row["attempts"]) for row in rows
    ]


async def end(connection: Connection, tenant: str, delivery_id: uuid.UUID, *, state: int, detail: str) -> None:
    """A message was taken, or is given up."""
    await connection.execute(
        "UPDATE notification_delivery SET state = $3, detail = $4, ended_at = now(), leased_until = NULL"
        " WHERE tenant_id = $1 AND delivery_id = $2 AND state = 1",
        tenant,
        delivery_id,
        state,
        detail,
    )


async def try_later(
    connection: Connection, tenant: str, delivery_id: uuid.UUID, *, after: timedelta, detail: str
) -> None:
    """A message could not be delivered and is tried again."""
    await connection.execute(
        "UPDATE notification_delivery SET next_at = now() + $3::interval, detail = $4, leased_until = NULL"
        " WHERE tenant_id = $1 AND delivery_id = $2 AND state = 1",
        tenant,
        delivery_id,
        after,
        detail,
    )


async def forget_ended(connection: Connection, age: timedelta) -> None:
    """Remove messages of every tenant that ended so long ago."""
    await connection.execute("DELETE FROM notification_delivery WHERE ended_at < now() - $1::interval", age)


async def deliveries(
    connection: Connection, tenant: str, before: tuple[datetime, uuid.UUID] | None, limit: int
) -> Sequence[StoredDelivery]:
    """Messages of a tenant, newest first."""
    rows = await connection.fetch(
        f"SELECT {_DELIVERY} FROM notification_delivery WHERE tenant_id = $1"
        " AND ($2::timestamptz IS NULL OR (created_at, delivery_id) < ($2, $3))"
        " ORDER BY created_at DESC, delivery_id DESC LIMIT $4",
        tenant,
        before[0] if before else None,
        before[1] if before else None,
        limit,
    )
    return [StoredDelivery(**row) for row in rows]
