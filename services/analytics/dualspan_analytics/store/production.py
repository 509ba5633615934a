"""SQL about calendars, machine profiles, custom KPIs, stop notes and roll-ups."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dualspan_runtime.database import Connection

Kind = Literal["calendar", "profile", "kpi"]

_PUT = """
INSERT INTO production_definition (tenant_id, kind, definition_id, document) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, kind, definition_id) DO UPDATE SET document = excluded.document, update_time = now()
"""
_LIST = """
SELECT document FROM production_definition
WHERE tenant_id = $1 AND kind = $2 AND definition_id > $3 ORDER BY definition_id LIMIT $4
"""
_NOTE = "note_id, asset_id, start_us, end_us, reason, comment, author, create_time"
_INSERT_NOTE = f"""
INSERT INTO stop_note (tenant_id, asset_id, start_us, end_us, reason, comment, author)
VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING {_NOTE}
"""
_NOTES = f"""
SELECT {_NOTE} FROM stop_note
WHERE tenant_id = $1 AND ($2::text[] IS NULL OR asset_id = ANY($2)) AND end_us > $3 AND start_us < $4
ORDER BY start_us, note_id LIMIT $5
"""
# One row for all machines: thousands of rows would take longer to fetch than to add up. Nothing is sorted here: rows so
# wide would be sorted on the disk. And nothing is joined: the plan of a join is made once, when the table may be empty
# still. Each record says whose it is.
_ROLLUPS = """
SELECT string_agg(record, ''::bytea), string_agg(int4send(octet_length(record)), ''::bytea)
FROM rollup WHERE tenant_id = $1 AND asset_id = ANY($2) AND start_us >= $3 AND end_us <= $4
"""
_STORE = """
INSERT INTO rollup (tenant_id, asset_id, start_us, end_us, record)
SELECT $1, asset, start_us, end_us, record
FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bytea[]) AS given (asset, start_us, end_us, record)
ORDER BY asset, start_us
ON CONFLICT (tenant_id, asset_id, start_us, end_us) DO UPDATE SET record = excluded.record
"""
# A value in PostgreSQL has a gigabyte at the most.
_MACHINES_AT_ONCE = 100
_TENANTS = "SELECT DISTINCT tenant_id FROM production_definition WHERE kind = 'profile' ORDER BY tenant_id"


@dataclass(frozen=True, slots=True)
class Note:
    """What a person said about a stop: [start_us, end_us), µs."""

    note_id: int
    asset: str
    start_us: int
    end_us: int
    reason: str
    comment: str
    author: str
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Rollup:
    """Sums of one slot, packed."""

    asset: str
    start_us: int
    end_us: int
    record: bytes


@dataclass(frozen=True, slots=True)
class StoredRollups:
    """The roll-ups of machines, n of them in no order.

    Attributes:
        words: int64: all records, one after the other.
        offsets: int64[n], where in `words` each begins.
        sizes: int64[n], how many words each has.
    """

    words: NDArray[np.int64]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets)

    @classmethod
    def of(cls, records: bytes, sizes: NDArray[np.int64]) -> "StoredRollups":
        """From records and their sizes in bytes."""
        words = sizes // 8
        return cls(np.frombuffer(records, np.int64), np.cumsum(words) - words, words)


async def put(connection: Connection, tenant: str, kind: Kind, definition_id: str, document: str) -> None:
    """Store a definition, given as JSON."""
    await connection.execute(_PUT, tenant, kind, definition_id, document)


async def others(connection: Connection, tenant: str, kind: Kind, definition_id: str) -> int:
    """Return how many definitions of a kind there are besides one, and let nobody else add any meanwhile."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"definitions {tenant} {kind}")
    query = "SELECT count(*) FROM production_definition WHERE tenant_id = $1 AND kind = $2 AND definition_id <> $3"
    return await connection.fetchval(query, tenant, kind, definition_id) or 0


async def get(connection: Connection, tenant: str, kind: Kind, definition_id: str) -> str | None:
    """Return a definition as JSON."""
    query = "SELECT document FROM production_definition WHERE tenant_id = $1 AND kind = $2 AND definition_id = $3"
    return await connection.fetchval(query, tenant, kind, definition_id)


async def page(connection: Connection, tenant: str, kind: Kind, after: str, most: int) -> list[str]:
    """Return definitions with ids behind `after`, in order of id."""
    return [row[0] for row in await connection.fetch(_LIST, tenant, kind, after, most)]


async def delete(connection: Connection, tenant: str, kind: Kind, definition_id: str) -> bool:
    """Delete a definition; returns whether there was one."""
    query = "DELETE FROM production_definition WHERE tenant_id = $1 AND kind = $2 AND definition_id = $3 RETURNING 1"
    return await connection.fetchval(query, tenant, kind, definition_id) is not None


async def tenants(connection: Connection) -> list[str]:
    """Return the tenants that have machine profiles; in a platform transaction."""
    return [row[0] for row in await connection.fetch(_TENANTS)]


async def add_note(connection: Connection, tenant: str, note: Note) -> Note:
    """Store a note; returns it with its id and time."""
    row = await connection.fetchrow(
        _INSERT_NOTE, tenant, note.asset, note.start_us, note.end_us, note.reason, note.comment, note.author
    )
    return Note(*(row or ()))


async def notes(
    connection: Connection, tenant: str, assets: Sequence[str] | None, start_us: int, end_us: int, most: int
) -> list[Note]:
    """Return notes that reach into [start_us, end_us), of some machines or of all, in order of start."""
    return [Note(*row) for row in await connection.fetch(_NOTES, tenant, assets, start_us, end_us, most)]


async def delete_note(connection: Connection, tenant: str, note_id: int) -> bool:
    """Delete a note; returns whether there was one."""
    query = "DELETE FROM stop_note WHERE tenant_id = $1 AND note_id = $2 RETURNING 1"
    return await connection.fetchval(query, tenant, note_id) is not None


async def rollups(
    connection: Connection, tenant: str, assets: Sequence[str], start_us: int, end_us: int
) -> StoredRollups:
    """Return what was rolled up of machines, of slots within [start_us, end_us)."""
    records: list[bytes] = []
    sizes = [np.empty(0, np.int64)]
    for first in range(0, len(assets), _MACHINES_AT_ONCE):
        part = assets[first : first + _MACHINES_AT_ONCE]
        row = await connection.fetchrow(_ROLLUPS, tenant, part, start_us, end_us)
        if row is not None and row[0] is not None:
            records.append(row[0])
            sizes.append(np.frombuffer(row[1], ">i4").astype(np.int64))
    return StoredRollups.of(records[0] if len(records) == 1 else b"".join(records), np.concatenate(sizes))


async def store(connection: Connection, tenant: str, given: Sequence[Rollup]) -> None:
    """Store roll-ups in place of older ones of the same slots."""
    await connection.execute(
        _STORE,
        tenant,
        [each.asset for each in given],
        [each.start_us for each in given],
        [each.end_us for each in given],
        [each.record for each in given],
    )
