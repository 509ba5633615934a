"""Audit events on their way to identity, and notifications between the replicas of this service."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from dualspan_onboarding.model import AuditEvent
from dualspan_onboarding.names import GatewayName
from dualspan_runtime.database import Connection

# What a replica listens to. The payload is a gateway's name, or WORK for the reconciler.
CHANNEL = "dualspan_onboarding"
WORK = "work"


async def add_event(connection: Connection, event: AuditEvent) -> None:
    """Keep an event until identity has it."""
    await connection.execute(
        "INSERT INTO audit_outbox"
        " (tenant_id, event_id, actor, action, resource, detail_keys, detail_values, request_id)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        event.tenant,
        event.event_id,
        event.actor,
        event.action,
        event.resource,
        list(event.details),
        list(event.details.values()),
        event.request_id,
    )


async def lease_events(connection: Connection, lease: timedelta, limit: int) -> Sequence[AuditEvent]:
    """Take the oldest events of every tenant, so that no other replica delivers them meanwhile."""
    rows = await connection.fetch(
        "UPDATE audit_outbox SET leased_until = now() + $1::interval WHERE (tenant_id, event_id) IN ("
        " SELECT tenant_id, event_id FROM audit_outbox WHERE leased_until IS NULL OR leased_until < now()"
        " ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)"
        " RETURNING tenant_id, event_id, created_at, actor, action, resource, detail_keys, detail_values, request_id",
        lease,
        limit,
    )
    return [
        AuditEvent(
            event_id=row["event_id"],
            tenant=row["tenant_id"],
            actor=row["actor"],
            action=row["action"],
            resource=row["resource"],
            details=dict(zip(row["detail_keys"], row["detail_values"], strict=True)),
            request_id=row["request_id"],
        )
        for row in sorted(rows, key=lambda row: row["created_at"])
    ]


async def remove_event(connection: Connection, tenant: str, event: uuid.UUID) -> None:
    """Identity has the event."""
    await connection.execute("DELETE FROM audit_outbox WHERE tenant_id = $1 AND event_id = $2", tenant, event)


async def notify_gateway(connection: Connection, gateway: GatewayName) -> None:
    """Wake the stream of a gateway, in whichever replica it is, when the transaction has committed."""
    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, str(gateway))


async def notify_work(connection: Connection) -> None:
    """Wake the reconcilers when the transaction has committed."""
    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, WORK)
