"""How far the evaluation of each tenant is, and who does it."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from dualspan_runtime.database import Connection


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where an evaluation goes on; None where it begins."""

    conditions: bytes | None
    standing: bytes | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the evaluation of a tenant is."""

    evaluated_us: int
    late_samples: int


async def lease(connection: Connection, tenant: str, owner: uuid.UUID, duration: timedelta) -> Checkpoint | None:
    """Take or renew the lease on a tenant; None while somebody else has it."""
    row = await connection.fetchrow(
        "INSERT INTO alarm_evaluation AS e (tenant_id, owner, leased_until)"
        " VALUES ($1, $2, clock_timestamp() + $3::interval)"
        " ON CONFLICT (tenant_id) DO UPDATE SET owner = excluded.owner, leased_until = excluded.leased_until"
        " WHERE e.owner = excluded.owner OR e.leased_until IS NULL OR e.leased_until < clock_timestamp()"
        " RETURNING conditions, standing",
        tenant,
        owner,
        duration,
    )
    return None if row is None else Checkpoint(row["conditions"], row["standing"])


async def release(connection: Connection, tenant: str, owner: uuid.UUID) -> None:
    """Give the lease back, if it is still held."""
    await connection.execute(
        "UPDATE alarm_evaluation SET owner = NULL, leased_until = NULL WHERE tenant_id = $1 AND owner = $2",
        tenant,
        owner,
    )


async def holds(connection: Connection, tenant: str, owner: uuid.UUID) -> bool:
    """Whether the lease is held, locked until the transaction ends: nobody takes it meanwhile."""
    row = await connection.fetchrow(
        "SELECT 1 FROM alarm_evaluation WHERE tenant_id = $1 AND owner = $2 FOR UPDATE", tenant, owner
    )
    return row is not None


async def keep(
    connection: Connection,
    tenant: str,
    *,
    conditions: bytes | None,
    standing: bytes,
    evaluated_us: int,
    late_samples: int,
) -> None:
    """Keep a checkpoint; the conditions only where they changed."""
    await connection.execute(
        "UPDATE alarm_evaluation SET conditions = COALESCE($2, conditions), standing = $3, evaluated_us = $4,"
        " late_samples = $5 WHERE tenant_id = $1",
        tenant,
        conditions,
        standing,
        evaluated_us,
        late_samples,
    )


async def forget(connection: Connection, tenant: str, owner: uuid.UUID) -> None:
    """Remove the evaluation of a tenant that has no rules any more."""
    await connection.execute("DELETE FROM alarm_evaluation WHERE tenant_id = $1 AND owner = $2", tenant, owner)


async def progress(connection: Connection, tenant: str) -> Progress:
    """How far the evaluation of a tenant is; zeros where there is none."""
    row = await connection.fetchrow(
        "SELECT evaluated_us, late_samples FROM alarm_evaluation WHERE tenant_id = $1", tenant
    )
    return Progress(0, 0) if row is None else Progress(row["evaluated_us"], row["late_samples"])
