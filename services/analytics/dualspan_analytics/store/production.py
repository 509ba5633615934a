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
# One row for each machine: thousands of rows would take longer to fetch than to add up, and thousands of lists, which
# Python's collector of garbage follows, longer still.
_ROLLUPS = """
SELECT asset_id, string_agg(int8send(start_us), ''::bytea ORDER BY start_us),
       string_agg(int8send(end_us), ''::bytea ORDER BY start_us),
       string_agg(int8send(depends_us), ''::bytea ORDER BY start_us),
       string_agg(int8send(octet_length(cells)::bigint), ''::bytea ORDER BY start_us),
       string_agg(array_to_string(versions, ','), ',' ORDER BY start_us),
       string_agg(cells, ''::bytea ORDER BY start_us),
       CASE WHEN min(labels COLLATE "C") = max(labels COLLATE "C") THEN ARRAY[min(labels COLLATE "C")]
            ELSE array_agg(labels ORDER BY start_us) END,
       CASE WHEN min(notes COLLATE "C") = max(notes COLLATE "C") THEN ARRAY[min(notes COLLATE "C")]
            ELSE array_agg(notes ORDER BY start_us) END
FROM rollup JOIN unnest($2::text[], $3::bytea[]) AS wanted (asset, plan_now) ON asset_id = asset AND plan = plan_now
WHERE tenant_id = $1 AND start_us >= $4 AND end_us <= $5
GROUP BY asset_id
"""
_STORE = """
INSERT INTO rollup (tenant_id, asset_id, start_us, end_us, plan, notes, depends_us, versions, labels, cells)
SELECT $1, asset, start_us, end_us, plan, notes, depends_us, string_to_array(versions, ',')::bigint[], labels, cells
FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bytea[], $6::text[], $7::bigint[], $8::text[], $9::text[],
            $10::bytea[])
    AS given (asset, start_us, end_us, plan, notes, depends_us, versions, labels, cells)
ORDER BY asset, start_us
ON CONFLICT (tenant_id, asset_id, start_us, end_us) DO UPDATE
SET plan = excluded.plan, notes = excluded.notes, depends_us = excluded.depends_us, versions = excluded.versions,
    labels = excluded.labels, cells = excluded.cells
"""
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
    """Sums of one slot; see the table."""

    asset: str
    start_us: int
    end_us: int
    plan: bytes
    notes: str
    depends_us: int
    versions: tuple[int, ...]
    labels: str
    cells: bytes


@dataclass(frozen=True, slots=True)
class StoredRollups:
    """The roll-ups of one machine in columns, ascending in time.

    Attributes:
        start_us: int64 of each.
        end_us: Likewise.
        depends_us: Likewise.
        sizes: Bytes of each in `cells`, int64.
        versions: Of all, one after the other, with commas between.
        cells: Of all, one after the other.
        labels: Of each; a single one if all have the same.
        notes: Likewise.
    """

    asset: str
    start_us: NDArray[np.int64]
    end_us: NDArray[np.int64]
    depends_us: NDArray[np.int64]
    sizes: NDArray[np.int64]
    versions: str
    cells: bytes
    labels: list[str]
    notes: list[str]

    def __len__(self) -> int:
        return len(self.start_us)


async def put(connection: Connection, tenant: str, kind: Kind, definition_id: str, document: str) -> None:
    """Store a definition, given as JSON."""
    await connection.execute(_PUT, tenant, kind, definition_id, document)


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
    connection: Connection, tenant: str, assets: Sequence[str], plans: Sequence[bytes], start_us: int, end_us: int
) -> list[StoredRollups]:
    """Return what was rolled up with the plans of now, of slots within [start_us, end_us)."""
    rows = await connection.fetch(_ROLLUPS, tenant, assets, plans, start_us, end_us)
    return [
        StoredRollups(
            row[0],
            _numbers(row[1]),
            _numbers(row[2]),
            _numbers(row[3]),
            _numbers(row[4]),
            row[5],
            row[6],
            row[7],
            row[8],
        )
        for row in rows
    ]


async def store(connection: Connection, tenant: str, given: Sequence[Rollup]) -> None:
    """Store roll-ups in place of older ones of the same slots."""
    await connection.execute(
        _STORE,
        tenant,
        [each.asset for each in given],
        [each.start_us for each in given],
        [each.end_us for each in given],
        [each.plan for each in given],
        [each.notes for each in given],
        [each.depends_us for each in given],
        [",".join(map(str, each.versions)) for each in given],
        [each.labels for each in given],
        [each.cells for each in given],
    )


def _numbers(sent: bytes) -> NDArray[np.int64]:
    """What int8send made."""
    return np.frombuffer(sent, ">i8").astype(np.int64)
