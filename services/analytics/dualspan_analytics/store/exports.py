"""SQL about exports: what they say, who runs them, and the partitions that are written."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Record

from dualspan_analytics.exports.model import Place
from dualspan_analytics.exports.parquet import Content
from dualspan_analytics.exports.planning import Written
from dualspan_runtime.database import Connection

_COLUMNS = """
export_id, definition, secret, operation, attempts, due, done, again, kept, rows, bytes, next_at, success_at, trouble
"""
_PUT = """
INSERT INTO export (tenant_id, export_id, definition, secret, next_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, export_id) DO UPDATE
SET definition = excluded.definition, secret = excluded.secret, next_at = excluded.next_at
"""
_BEGIN = """
UPDATE export
SET operation = $3, owner = NULL, leased_until = NULL, attempts = 0, retry_at = now(), due = 0, done = 0, again = 0,
    kept = 0, rows = 0, bytes = 0, next_at = now() + $4::interval
WHERE tenant_id = $1 AND export_id = $2
"""
_CLAIM = f"""
UPDATE export SET owner = $3, leased_until = now() + $4::interval, attempts = attempts + 1
WHERE tenant_id = $1 AND export_id = $2 AND operation IS NOT NULL AND retry_at <= now()
  AND (leased_until IS NULL OR leased_until < now())
RETURNING {_COLUMNS}
"""
_KEEP = """
UPDATE export SET leased_until = now() + $4::interval
WHERE tenant_id = $1 AND export_id = $2 AND owner = $3 AND operation IS NOT NULL RETURNING true
"""
_STEP = """
UPDATE export
SET leased_until = now() + $4::interval, attempts = 1, done = done + 1, again = again + $5, rows = rows + $6,
    bytes = bytes + $7
WHERE tenant_id = $1 AND export_id = $2 AND owner = $3 AND operation IS NOT NULL
RETURNING due, done, rows, bytes
"""
_STEP_OVER = """
UPDATE export SET leased_until = now() + $4::interval, attempts = 1, due = due - 1, kept = kept + 1
WHERE tenant_id = $1 AND export_id = $2 AND owner = $3 AND operation IS NOT NULL
RETURNING due, done, rows, bytes
"""
_PARTITION = """
INSERT INTO export_partition (tenant_id, export_id, asset_id, day, digest, versions, rows, bytes, sha256)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (tenant_id, export_id, asset_id, day) DO UPDATE
SET digest = excluded.digest, versions = excluded.versions, rows = excluded.rows, bytes = excluded.bytes,
    sha256 = excluded.sha256,
    written_at = CASE WHEN export_partition.sha256 = excluded.sha256 THEN export_partition.written_at ELSE now() END
"""
_WRITTEN = """
SELECT asset_id, day, digest, versions, rows, bytes, sha256 FROM export_partition
WHERE tenant_id = $1 AND export_id = $2 AND day >= $3 AND day < $4 ORDER BY asset_id, day
"""
_PAGE = """
SELECT asset_id, day, rows, bytes, sha256, written_at FROM export_partition
WHERE tenant_id = $1 AND export_id = $2 AND (asset_id, day) > ($3, $4) ORDER BY asset_id, day LIMIT $5
"""
_SCHEDULED = """
SELECT tenant_id, export_id FROM export WHERE next_at <= now() AND operation IS NULL ORDER BY next_at LIMIT 100
"""
_WAITING = """
SELECT tenant_id, export_id FROM export
WHERE operation IS NOT NULL AND retry_at <= now() AND (leased_until IS NULL OR leased_until < now())
ORDER BY retry_at LIMIT 100
"""


@dataclass(frozen=True, slots=True)
class StoredExport:
    """A row; `definition` is JSON, `secret` sealed. The counts are of the run that is on, or was last."""

    export_id: str
    definition: str
    secret: bytes | None
    operation: str | None
    attempts: int
    due: int
    done: int
    again: int
    kept: int
    rows: int
    size: int
    next_at: datetime | None
    success_at: datetime | None
    trouble: str


@dataclass(frozen=True, slots=True)
class StoredPartition:
    """A partition that was written, for people."""

    place: Place
    content: Content
    written_at: datetime


@dataclass(frozen=True, slots=True)
class SoFar:
    """How far a run is: partitions to write and written, rows and bytes of these."""

    due: int
    done: int
    rows: int
    size: int


@dataclass(frozen=True, slots=True)
class Totals:
    """All partitions of an export."""

    partitions: int
    rows: int
    size: int


def _export(row: Record) -> StoredExport:
    return StoredExport(*row.values())


async def put(
    connection: Connection, tenant: str, export_id: str, definition: str, secret: bytes | None, next_at: datetime | None
) -> None:
    """Make an export or replace what it says."""
    await connection.execute(_PUT, tenant, export_id, definition, secret, next_at)


async def get(connection: Connection, tenant: str, export_id: str, *, lock: bool = False) -> StoredExport | None:
    """One export; with `lock` nobody else changes it before the transaction ends."""
    query = f"SELECT {_COLUMNS} FROM export WHERE tenant_id = $1 AND export_id = $2 {'FOR UPDATE' if lock else ''}"
    row = await connection.fetchrow(query, tenant, export_id)
    return None if row is None else _export(row)


async def page(connection: Connection, tenant: str, after: str, most: int) -> list[StoredExport]:
    """Exports behind an id, in order of id."""
    query = f"SELECT {_COLUMNS} FROM export WHERE tenant_id = $1 AND export_id > $2 ORDER BY export_id LIMIT $3"
    return [_export(row) for row in await connection.fetch(query, tenant, after, most)]


async def delete(connection: Connection, tenant: str, export_id: str) -> None:
    """Forget an export and its partitions."""
    await connection.execute("DELETE FROM export WHERE tenant_id = $1 AND export_id = $2", tenant, export_id)


async def totals(connection: Connection, tenant: str, export_ids: Sequence[str]) -> dict[str, Totals]:
    """What is written of exports; those without a partition are left out."""
    query = """
    SELECT export_id, count(*) FILTER (WHERE rows > 0), sum(rows)::bigint, sum(bytes)::bigint FROM export_partition
    WHERE tenant_id = $1 AND export_id = ANY($2) GROUP BY export_id
    """
    return {row[0]: Totals(row[1], row[2], row[3]) for row in await connection.fetch(query, tenant, export_ids)}


async def begin(
    connection: Connection, tenant: str, export_id: str, operation: str, interval: timedelta | None
) -> None:
    """A run is to be done; the next comes by itself after `interval`."""
    await connection.execute(_BEGIN, tenant, export_id, operation, interval)


async def claim(
    connection: Connection, tenant: str, export_id: str, owner: uuid.UUID, lease: timedelta
) -> StoredExport | None:
    """Take a run that is to be done and that nobody does; None if there is none."""
    row = await connection.fetchrow(_CLAIM, tenant, export_id, owner, lease)
    return None if row is None else _export(row)


async def keep(connection: Connection, tenant: str, export_id: str, owner: uuid.UUID, lease: timedelta) -> bool:
    """Go on having a run; False if it is another's."""
    return bool(await connection.fetchval(_KEEP, tenant, export_id, owner, lease))


async def planned(connection: Connection, tenant: str, export_id: str, owner: uuid.UUID, due: int, kept: int) -> None:
    """Write down how much there is to do, in all of the run, once it is known."""
    await connection.execute(
        "UPDATE export SET due = done + $4, kept = $5 - done WHERE tenant_id = $1 AND export_id = $2 AND owner = $3",
        tenant,
        export_id,
        owner,
        due,
        kept,
    )


async def step(
    connection: Connection, tenant: str, export_id: str, owner: uuid.UUID, lease: timedelta, *, again: bool, of: Content
) -> SoFar | None:
    """A partition was written: the run so far; None if it is another's."""
    row = await connection.fetchrow(_STEP, tenant, export_id, owner, lease, int(again), of.rows, of.size)
    return None if row is None else SoFar(*row.values())


async def step_over(
    connection: Connection, tenant: str, export_id: str, owner: uuid.UUID, lease: timedelta
) -> SoFar | None:
    """A partition that was due is what it was: the run so far; None if it is another's."""
    row = await connection.fetchrow(_STEP_OVER, tenant, export_id, owner, lease)
    return None if row is None else SoFar(*row.values())


async def put_partition(
    connection: Connection,
    tenant: str,
    export_id: str,
    place: Place,
    digest: bytes,
    versions: Sequence[int],
    content: Content,
) -> None:
    """Write down what a partition is now."""
    what = (digest, versions, content.rows, content.size, content.sha256)
    await connection.execute(_PARTITION, tenant, export_id, place.asset, place.day, *what)


async def written(
    connection: Connection, tenant: str, export_id: str, first_day: int, end_day: int
) -> dict[Place, tuple[Written, Content]]:
    """All partitions of some days, in order of asset and day."""
    rows = await connection.fetch(_WRITTEN, tenant, export_id, first_day, end_day)
    return {
        Place(row["asset_id"], row["day"]): (
            Written(row["digest"], tuple(row["versions"]), row["rows"], row["bytes"]),
            Content(row["rows"], row["bytes"], row["sha256"]),
        )
        for row in rows
    }


async def partitions(
    connection: Connection, tenant: str, export_id: str, after: Place | None, most: int
) -> list[StoredPartition]:
    """Partitions behind one, in order of asset and day."""
    begin = ("", -(2**31)) if after is None else (after.asset, after.day)
    rows = await connection.fetch(_PAGE, tenant, export_id, *begin, most)
    return [
        StoredPartition(
            Place(row["asset_id"], row["day"]), Content(row["rows"], row["bytes"], row["sha256"]), row["written_at"]
        )
        for row in rows
    ]


async def let_go(
    connection: Connection, tenant: str, export_id: str, owner: uuid.UUID, after: timedelta, trouble: str
) -> None:
    """Leave a run to whoever takes it next, not before a while."""
    await connection.execute(
        "UPDATE export SET owner = NULL, leased_until = NULL, retry_at = now() + $4::interval, trouble = $5,"
        " attempts = CASE WHEN $5 = '' THEN 0 ELSE attempts END"
        " WHERE tenant_id = $1 AND export_id = $2 AND owner = $3",
        tenant,
        export_id,
        owner,
        after,
        trouble,
    )


async def finish(connection: Connection, tenant: str, export_id: str, owner: uuid.UUID, trouble: str) -> bool:
    """A run came to its end, well if there is no trouble; False if it is another's."""
    query = """
    UPDATE export SET operation = NULL, owner = NULL, leased_until = NULL, attempts = 0, trouble = $4,
           success_at = CASE WHEN $4 = '' THEN now() ELSE success_at END
    WHERE tenant_id = $1 AND export_id = $2 AND owner = $3 AND operation IS NOT NULL RETURNING true
    """
    return bool(await connection.fetchval(query, tenant, export_id, owner, trouble))


async def scheduled(connection: Connection) -> list[tuple[str, str]]:
    """Tenant and id of exports that should begin to run by themselves now."""
    return [(row[0], row[1]) for row in await connection.fetch(_SCHEDULED)]


async def waiting(connection: Connection) -> list[tuple[str, str]]:
    """Tenant and id of exports whose run nobody does."""
    return [(row[0], row[1]) for row in await connection.fetch(_WAITING)]
