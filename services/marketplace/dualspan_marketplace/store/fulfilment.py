"""SQL about what a payment side asks for and is told."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Record

from dualspan_marketplace.fulfilment.model import Action, Answer, Operation
from dualspan_marketplace.subscriptions.life import State
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.database import Connection

_ANSWER = "operation_id, action, digest, reason, message, state, receive_time"


async def enter(connection: Connection, asked: Operation) -> Answer | None:
    """Take an operation; or what came of it, where it was taken before. Waits for whoever takes it at the same time."""
    status = await connection.execute(
        """INSERT INTO fulfilment_operation (tenant_id, operation_id, digest, subscription_id, action)
        VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING""",
        asked.name.tenant,
        asked.operation_id,
        asked.digest,
        asked.name.subscription_id,
        asked.action.value,
    )
    return None if status == "INSERT 0 1" else await _answer(connection, asked)


async def conclude(connection: Connection, asked: Operation, reason: str, message: str, state: State) -> Answer:
    """Put down what came of it."""
    await connection.execute(
        """UPDATE fulfilment_operation SET succeeded = $3 = '', reason = $3, message = $4, state = $5
        WHERE tenant_id = $1 AND operation_id = $2""",
        asked.name.tenant,
        asked.operation_id,
        reason,
        message,
        state.value,
    )
    return await _answer(connection, asked)


async def page(
    connection: Connection, name: SubscriptionName, before: tuple[datetime, str] | None, limit: int
) -> list[Answer]:
    """What came of the operations of a subscription, the latest first.

    Args:
        connection: In a transaction of the tenant.
        name: Of the subscription.
        before: Time and id of the one that the page goes on after; None for the first page.
        limit: At the most.
    """
    time, operation_id = before or (None, "")
    rows = await connection.fetch(
        f"""SELECT {_ANSWER} FROM fulfilment_operation WHERE tenant_id = $1 AND subscription_id = $2
            AND ($3::timestamptz IS NULL OR (receive_time, operation_id) < ($3, $4))
        ORDER BY receive_time DESC, operation_id DESC LIMIT $5""",
        name.tenant,
        name.subscription_id,
        time,
        operation_id,
        limit,
    )
    return [_read(row) for row in rows]


async def _answer(connection: Connection, asked: Operation) -> Answer:
    row = await connection.fetchrow(
        f"SELECT {_ANSWER} FROM fulfilment_operation WHERE tenant_id = $1 AND operation_id = $2",
        asked.name.tenant,
        asked.operation_id,
    )
    assert row is not None  # noqa: S101 - the row was there a statement ago, and none is ever deleted
    return _read(row)


def _read(row: Record) -> Answer:
    return Answer(
        operation_id=row["operation_id"],
        action=Action(row["action"]),
        digest=row["digest"],
        reason=row["reason"],
        message=row["message"],
        state=State(row["state"]),
        receive_time=row["receive_time"],
    )


@dataclass(frozen=True, slots=True)
class DueEvent:
    """Something to tell; `attempts` counts the one that begins."""

    tenant: str
    event_id: uuid.UUID
    body: str
    attempts: int


async def lease_due(connection: Connection, lease: timedelta, limit: int) -> list[DueEvent]:
    """What is due, the oldest first; nobody else is given it for a while; in a platform transaction."""
    rows = await connection.fetch(
        """UPDATE fulfilment_event AS e SET due_time = now() + $1::interval, attempts = e.attempts + 1
        FROM (SELECT tenant_id, event_id FROM fulfilment_event WHERE state = 'waiting' AND due_time <= now()
              ORDER BY number LIMIT $2 FOR UPDATE SKIP LOCKED) AS due
        WHERE (e.tenant_id, e.event_id) = (due.tenant_id, due.event_id)
        RETURNING e.tenant_id, e.event_id, e.body, e.attempts, e.number""",
        lease,
        limit,
    )
    return [_due(row) for row in sorted(rows, key=lambda row: row["number"])]


async def end(connection: Connection, event: DueEvent, *, delivered: bool, detail: str) -> None:
    """It was taken, or never will be."""
    await connection.execute(
        "UPDATE fulfilment_event SET state = $3, detail = $4 WHERE tenant_id = $1 AND event_id = $2",
        event.tenant,
        event.event_id,
        "delivered" if delivered else "failed",
        detail,
    )


async def try_later(connection: Connection, event: DueEvent, after: timedelta, detail: str) -> None:
    """It was not taken now."""
    await connection.execute(
        "UPDATE fulfilment_event SET due_time = now() + $3::interval, detail = $4"
        " WHERE tenant_id = $1 AND event_id = $2",
        event.tenant,
        event.event_id,
        after,
        detail,
    )


async def forget(connection: Connection, keep: timedelta, *, everything: bool) -> None:
    """Delete what ended long ago; everything where nobody is told; in a platform transaction."""
    await connection.execute(
        """DELETE FROM fulfilment_event
        WHERE $2 OR (state <> 'waiting' AND create_time < now() - $1::interval)""",
        keep,
        everything,
    )


def _due(row: Record) -> DueEvent:
    return DueEvent(row["tenant_id"], row["event_id"], row["body"], row["attempts"])
