"""SQL about audit events on their way to identity."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from dualspan_runtime.database import Connection


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Who did what, as the audit log wants it."""

    tenant: str
    event_id: uuid.UUID
    actor: str
    action: str
    resource: str
    request_id: str


async def add(connection: Connection, event: AuditEvent) -> None:
    """Keep an event until identity has it."""
    await connection.execute(
        "INSERT INTO audit_outbox (tenant_id, event_id, actor, action, resource, request_id)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        event.tenant,
        event.event_id,
        event.actor,
        event.action,
        event.resource,
        event.request_id,
    )


async def lease(connection: Connection, length: timedelta, most: int) -> Sequence[AuditEvent]:
    """Take the oldest events of every tenant, so that no other replica delivers them meanwhile; in a platform
    transaction.
    """
    rows = await connection.fetch(
        "UPDATE audit_outbox SET leased_until = now() + $1::interval WHERE (tenant_id, event_id) IN ("
        " SELECT tenant_id, event_id FROM audit_outbox WHERE leased_until IS NULL OR leased_until < now()"
        " ORDER BY create_time LIMIT $2 FOR UPDATE SKIP LOCKED)"
        " RETURNING tenant_id, event_id, actor, action, resource, request_id, create_time",
        length,
        most,
    )
    return [AuditEvent(*tuple(row)[:6]) for row in sorted(rows, key=lambda row: row["create_time"])]


async def remove(connection: Connection, event: AuditEvent) -> None:
    """Identity has the event."""
    await connection.execute(
        "DELETE FROM audit_outbox WHERE tenant_id = $1 AND event_id = $2", event.tenant, event.event_id
    )
