"""The audit log: written and read, never changed."""

import json
from collections.abc import Mapping
from typing import cast

from asyncpg import Record

from dualspan_identity.model import AuditEvent, AuditFilter
from dualspan_runtime.database import Connection

_EVENT = "tenant_id, event_id, event_time, actor, action, resource, details, request_id"


async def insert_event(connection: Connection, event: AuditEvent) -> AuditEvent:
    """Writes an event down."""
    row = await connection.fetchrow(
        f"""INSERT INTO audit_event (tenant_id, actor, action, resource, details, request_id)
        VALUES ($1, $2, $3, $4, $5, $6) RETURNING {_EVENT}""",
        event.tenant_id,
        event.actor,
        event.action,
        event.resource,
        json.dumps(dict(event.details)),
        event.request_id,
    )
    assert row is not None  # noqa: S101 - RETURNING gives one
    return _event(row)


async def page_of_events(
    connection: Connection, tenant_id: str, wanted: AuditFilter, before: int | None, size: int
) -> list[AuditEvent]:
    """Returns a tenant's events that are wanted, newest first, beginning after one."""
    rows = await connection.fetch(
        f"""SELECT {_EVENT} FROM audit_event
        WHERE tenant_id = $1 AND ($2::bigint IS NULL OR event_id < $2) AND ($4 = '' OR actor = $4)
            AND ($5 = '' OR action = $5 OR starts_with(action, $5 || '.'))
            AND ($6 = '' OR resource = $6 OR starts_with(resource, $6 || '/'))
            AND ($7::timestamptz IS NULL OR event_time >= $7) AND ($8::timestamptz IS NULL OR event_time < $8)
        ORDER BY event_id DESC LIMIT $3""",
        tenant_id,
        before,
        size,
        wanted.actor,
        wanted.action,
        wanted.resource,
        wanted.start,
        wanted.end,
    )
    return [_event(row) for row in rows]


def _event(row: Record) -> AuditEvent:
    return AuditEvent(
        tenant_id=row["tenant_id"],
        actor=row["actor"],
        action=row["action"],
        resource=row["resource"],
        details=cast("Mapping[str, str]", json.loads(row["details"])),
        request_id=row["request_id"],
        event_id=row["event_id"],
        event_time=row["event_time"],
    )
