"""Notices: one unresolved row per kind and resource."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from asyncpg import Record

from dualspan_onboarding.names import GatewayName, NoticeName
from dualspan_onboarding.notices import GatewayNotice, Notice, NoticeCursor, NoticeQuery, Severity
from dualspan_runtime.database import Connection

_COLUMNS = """
    tenant_id, notice_id, kind, severity, resource, body, remedy, detail_keys, detail_values, raised_by, created_at,
    updated_at, acknowledged_at, acknowledged_by, acknowledge_note, resolved_at
"""
# What is acknowledged stays so for as long as the notice says the same.
_RAISE = """
    INSERT INTO notice AS n
        (tenant_id, kind, resource, severity, body, remedy, detail_keys, detail_values, raised_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (tenant_id, kind, resource) WHERE resolved_at IS NULL DO UPDATE SET
        severity = excluded.severity, body = excluded.body, remedy = excluded.remedy,
        detail_keys = excluded.detail_keys, detail_values = excluded.detail_values, raised_by = excluded.raised_by,
        updated_at = clock_timestamp(),
        acknowledged_at = CASE WHEN (n.body, n.severity) = (excluded.body, excluded.severity)
            THEN n.acknowledged_at END,
        acknowledged_by = CASE WHEN (n.body, n.severity) = (excluded.body, excluded.severity)
            THEN n.acknowledged_by ELSE '' END,
        acknowledge_note = CASE WHEN (n.body, n.severity) = (excluded.body, excluded.severity)
            THEN n.acknowledge_note ELSE '' END
"""


def _notice(row: Record) -> Notice:
    return Notice(
        name=NoticeName(row["tenant_id"], row["notice_id"]),
        kind=row["kind"],
        severity=Severity(row["severity"]),
        resource=row["resource"],
        text=row["body"],
        remedy=row["remedy"],
        details=dict(zip(row["detail_keys"], row["detail_values"], strict=True)),
        raised_by=row["raised_by"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        acknowledged_at=row["acknowledged_at"],
        acknowledged_by=row["acknowledged_by"],
        acknowledge_note=row["acknowledge_note"],
        resolved_at=row["resolved_at"],
    )


async def raise_notice(
    connection: Connection,
    tenant: str,
    kind: str,
    severity: Severity,
    resource: object,
    text: str,
    remedy: str,
    *,
    details: Mapping[str, str] | None = None,
) -> None:
    """Raise a notice, or bring the unresolved one of this kind and resource up to date. Safe to repeat.

    Args:
        connection: Of the transaction in which its reason was found.
        tenant: Whose.
        kind: UPPER_SNAKE, stable, for programs.
        severity: How much it matters.
        resource: Full name of what it is about.
        text: What is wrong. Another text than the last one opens an acknowledged notice again, so it should not
            count seconds.
        remedy: What to do.
        details: Facts for programs, such as fingerprints.
    """
    facts = details or {}
    await connection.execute(
        _RAISE, tenant, kind, str(resource), severity, text, remedy, list(facts), list(facts.values()), ""
    )


async def resolve_notice(connection: Connection, tenant: str, kind: str, resource: object) -> None:
    """The reason of a notice is gone. Safe to repeat."""
    await connection.execute(
        "UPDATE notice SET resolved_at = clock_timestamp()"
        " WHERE tenant_id = $1 AND kind = $2 AND resource = $3 AND resolved_at IS NULL",
        tenant,
        kind,
        str(resource),
    )


async def resolve_all_of(connection: Connection, tenant: str, resource: object) -> None:
    """A resource is gone, and with it every notice about it or about what belongs to it."""
    await connection.execute(
        "UPDATE notice SET resolved_at = clock_timestamp()"
        " WHERE tenant_id = $1 AND resolved_at IS NULL AND (resource = $2 OR starts_with(resource, $2 || '/'))",
        tenant,
        str(resource),
    )


async def resolve_others(connection: Connection, kinds: Sequence[str], keep: Sequence[tuple[str, str, str]]) -> None:
    """Resolve every tenant's notices of some kinds but those of (tenant, kind, resource) whose reason holds."""
    await connection.execute(
        "UPDATE notice AS n SET resolved_at = clock_timestamp() WHERE kind = ANY($1::text[]) AND raised_by = ''"
        " AND resolved_at IS NULL AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::text[], $4::text[])"
        " AS k (tenant_id, kind, resource)"
        " WHERE (k.tenant_id, k.kind, k.resource) = (n.tenant_id, n.kind, n.resource))",
        kinds,
        [tenant for tenant, _, _ in keep],
        [kind for _, kind, _ in keep],
        [resource for _, _, resource in keep],
    )


async def replace_of_gateway(connection: Connection, gateway: GatewayName, raised: Sequence[GatewayNotice]) -> None:
    """Keep what a gateway says holds now, and resolve what it said before and says no more.

    A notice of the platform itself is never a gateway's to change.
    """
    raised_by = f"gateways/{gateway.gateway}"
    await connection.execute(
        "UPDATE notice AS n SET resolved_at = clock_timestamp() WHERE tenant_id = $1 AND raised_by = $2"
        " AND resolved_at IS NULL AND NOT EXISTS (SELECT FROM unnest($3::text[], $4::text[]) AS r (kind, resource)"
        " WHERE r.kind = n.kind AND r.resource = n.resource)",
        gateway.tenant,
        raised_by,
        [notice.kind for notice in raised],
        [notice.resource(gateway) for notice in raised],
    )
    for notice in raised:
        await connection.execute(
            f"{_RAISE} WHERE n.raised_by = excluded.raised_by",
            gateway.tenant,
            notice.kind,
            notice.resource(gateway),
            notice.severity,
            notice.text,
            notice.remedy,
            list(notice.details),
            list(notice.details.values()),
            raised_by,
        )


async def find(connection: Connection, name: NoticeName) -> Notice | None:
    """One notice."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM notice WHERE tenant_id = $1 AND notice_id = $2", name.tenant, name.uid
    )
    return None if row is None else _notice(row)


async def page(
    connection: Connection, tenant: str, query: NoticeQuery, after: NoticeCursor | None, limit: int
) -> Sequence[Notice]:
    """Notices after a cursor, newest first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM notice WHERE tenant_id = $1 AND ($2 OR resolved_at IS NULL) AND severity >= $3"
        " AND ($4 = '' OR resource = $4 OR starts_with(resource, $4 || '/'))"
        " AND ($5::timestamptz IS NULL OR (created_at, notice_id) < ($5, $6))"
        " ORDER BY created_at DESC, notice_id DESC LIMIT $7",
        tenant,
        query.show_resolved,
        query.minimum_severity,
        query.resource,
        after.created_at if after else None,
        after.notice_id if after else None,
        limit,
    )
    return [_notice(row) for row in rows]


async def acknowledge(connection: Connection, name: NoticeName, actor: str, note: str) -> bool:
    """Note who takes care of an unresolved notice; False if there is none."""
    row = await connection.fetchrow(
        "UPDATE notice SET acknowledged_at = clock_timestamp(), acknowledged_by = $3, acknowledge_note = $4"
        " WHERE tenant_id = $1 AND notice_id = $2 AND resolved_at IS NULL RETURNING notice_id",
        name.tenant,
        name.uid,
        actor,
        note,
    )
    return row is not None


async def forget_resolved(connection: Connection, age: timedelta) -> None:
    """Remove notices of every tenant whose reason was gone so long ago."""
    await connection.execute("DELETE FROM notice WHERE resolved_at < now() - $1::interval", age)
