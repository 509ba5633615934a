"""Alarm rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from dualspan_runtime.database import Connection

_COLUMNS = "rule_id, revision, definition, troubles, updated_at, updater"
CHANNEL = "dualspan_analytics_alarms"
"""Replicas are told here which tenant's rules changed."""


@dataclass(frozen=True, slots=True)
class StoredRule:
    """A rule as it is stored: `definition` is a `dualspan.analytics.v1.AlarmRule`."""

    rule_id: str
    revision: int
    definition: bytes
    troubles: tuple[str, ...]
    updated_at: datetime
    updater: str


def _rule(row: Record) -> StoredRule:
    return StoredRule(
        row["rule_id"],
        row["revision"],
        row["definition"],
        tuple(row["troubles"]),
        row["updated_at"],
        row["updater"],
    )


async def insert(connection: Connection, tenant: str, rule_id: str, definition: bytes, updater: str) -> bool:
    """Add a rule; False if there is one of this id."""
    row = await connection.fetchrow(
        "INSERT INTO alarm_rule (tenant_id, rule_id, revision, definition, updater) VALUES ($1, $2, 1, $3, $4)"
        " ON CONFLICT DO NOTHING RETURNING rule_id",
        tenant,
        rule_id,
        definition,
        updater,
    )
    return row is not None


async def update(connection: Connection, tenant: str, rule_id: str, definition: bytes, updater: str) -> None:
    """Change a rule."""
    await connection.execute(
        "UPDATE alarm_rule SET revision = revision + 1, definition = $3, updater = $4, updated_at = now()"
        " WHERE tenant_id = $1 AND rule_id = $2",
        tenant,
        rule_id,
        definition,
        updater,
    )


async def delete(connection: Connection, tenant: str, rule_id: str) -> bool:
    """Remove a rule; False if there is none."""
    row = await connection.fetchrow(
        "DELETE FROM alarm_rule WHERE tenant_id = $1 AND rule_id = $2 RETURNING rule_id", tenant, rule_id
    )
    return row is not None


async def find(connection: Connection, tenant: str, rule_id: str, *, lock: bool = False) -> StoredRule | None:
    """One rule, on request locked until the transaction ends."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM alarm_rule WHERE tenant_id = $1 AND rule_id = $2{' FOR UPDATE' if lock else ''}",
        tenant,
        rule_id,
    )
    return None if row is None else _rule(row)


async def page(connection: Connection, tenant: str, after: str, limit: int) -> Sequence[StoredRule]:
    """Rules after an id, in order of id."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM alarm_rule WHERE tenant_id = $1 AND rule_id > $2 ORDER BY rule_id LIMIT $3",
        tenant,
        after,
        limit,
    )
    return [_rule(row) for row in rows]


async def every(connection: Connection, tenant: str) -> Sequence[StoredRule]:
    """All rules of a tenant."""
    rows = await connection.fetch(f"SELECT {_COLUMNS} FROM alarm_rule WHERE tenant_id = $1 ORDER BY rule_id", tenant)
    return [_rule(row) for row in rows]


async def revisions(connection: Connection, tenant: str) -> Mapping[str, int]:
    """The rules of a tenant by id, with their revisions."""
    rows = await connection.fetch("SELECT rule_id, revision FROM alarm_rule WHERE tenant_id = $1", tenant)
    return {row["rule_id"]: row["revision"] for row in rows}


async def hold(connection: Connection, tenant: str, rule_ids: Sequence[str]) -> frozenset[tuple[str, int]]:
    """Keep rules from being changed until the transaction ends; those that are there, with their revisions."""
    rows = await connection.fetch(
        "SELECT rule_id, revision FROM alarm_rule WHERE tenant_id = $1 AND rule_id = ANY($2::text[])"
        " ORDER BY rule_id FOR SHARE",
        tenant,
        list(rule_ids),
    )
    return frozenset((row["rule_id"], row["revision"]) for row in rows)


async def set_troubles(connection: Connection, tenant: str, troubles: Mapping[str, Sequence[str]]) -> None:
    """Note what is wrong with each rule; nothing with those that are not named."""
    await connection.executemany(
        "UPDATE alarm_rule SET troubles = $3 WHERE tenant_id = $1 AND rule_id = $2 AND troubles <> $3",
        [(tenant, rule_id, list(found)) for rule_id, found in troubles.items()],
    )


async def tenants(connection: Connection) -> Sequence[str]:
    """Tenants that have rules, or an evaluation that has to learn that they have none any more."""
    rows = await connection.fetch(
        "SELECT tenant_id FROM alarm_rule UNION SELECT tenant_id FROM alarm_evaluation ORDER BY 1"
    )
    return [row["tenant_id"] for row in rows]


async def notify(connection: Connection, tenant: str) -> None:
    """Tell the replicas that a tenant's rules changed, when the transaction has committed."""
    await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, tenant)
