"""SQL about frames that are not sealed yet, and about how far each buffer is committed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dualspan_historian.model import Position
from dualspan_runtime.database import Connection


@dataclass(frozen=True, slots=True)
class NewFrame:
    """A frame that is to be committed; `payload` is a serialised `dualspan.frame.v1.Frame`."""

    sequence: int
    t_min: int
    t_max: int
    sample_count: int
    decoded_bytes: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class FrameKey:
    """Which frame, what it spans (microseconds) and its place in the order of commits."""

    gateway_id: str
    epoch: int
    sequence: int
    arrival: int
    t_min: int
    t_max: int
    sample_count: int
    decoded_bytes: int


@dataclass(frozen=True, slots=True)
class Reached:
    """How far an epoch is committed.

    Attributes:
        sequence: 0: nothing is.
        lineage: Up to there; 0: not told.
        commit_time: Since when.
        complete_time: Up to when all servers' samples are stored or in the ledger; None: not told.
    """

    sequence: int
    lineage: int
    commit_time: datetime | None
    complete_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for sealing."""

    tenant: str
    gateway_id: str
    frames: int
    samples: int
    oldest: datetime


_OPEN_POSITION = """
INSERT INTO buffer_position (tenant_id, gateway_id, epoch) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, gateway_id, epoch) DO NOTHING
"""
_LOCK_POSITION = """
SELECT committed_sequence, lineage, commit_time
FROM buffer_position WHERE tenant_id = $1 AND gateway_id = $2 AND epoch = $3 FOR UPDATE
"""
_ADVANCE = """
UPDATE buffer_position
SET committed_sequence = $4, commit_time = clock_timestamp(), committed_frames = committed_frames + $5,
    committed_samples = committed_samples + $6, quarantined_frames = quarantined_frames + $7, lineage = $8
WHERE tenant_id = $1 AND gateway_id = $2 AND epoch = $3
"""
_INSERT = """
INSERT INTO frame
    (tenant_id, gateway_id, epoch, sequence, t_min, t_max, sample_count, decoded_bytes, payload, traceparent)
SELECT $1, $2, $3::bigint, *
FROM unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::integer[], $8::bigint[], $9::bytea[], $10::text[])
    AS given (sequence)
ORDER BY given.sequence
"""
KEY = "gateway_id, epoch, sequence, arrival, t_min, t_max, sample_count, decoded_bytes"
_KEYS = f"""
SELECT {KEY} FROM frame WHERE tenant_id = $1 AND gateway_id = ANY($2) ORDER BY arrival
"""
_PAYLOADS = """
SELECT frame.gateway_id, frame.epoch, frame.sequence, frame.payload
FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS wanted (gateway_id, epoch, sequence)
JOIN frame ON frame.tenant_id = $1 AND frame.gateway_id = wanted.gateway_id AND frame.epoch = wanted.epoch
    AND frame.sequence = wanted.sequence
"""
_TRACEPARENTS = """
SELECT frame.traceparent
FROM unnest($2::text[], $3::bigint[], $4::bigint[]) AS wanted (gateway_id, epoch, sequence)
JOIN frame ON frame.tenant_id = $1 AND frame.gateway_id = wanted.gateway_id AND frame.epoch = wanted.epoch
    AND frame.sequence = wanted.sequence
WHERE frame.traceparent IS NOT NULL ORDER BY frame.arrival
"""
_OLDEST = f"""
SELECT {KEY} FROM frame
WHERE tenant_id = $1 AND gateway_id = $2 ORDER BY arrival LIMIT $3 FOR UPDATE SKIP LOCKED
"""
_DELETE = """
DELETE FROM frame USING unnest($3::bigint[], $4::bigint[]) AS gone (epoch, sequence)
WHERE tenant_id = $1 AND gateway_id = $2 AND frame.epoch = gone.epoch AND frame.sequence = gone.sequence
"""
_BACKLOGS = """
SELECT tenant_id, gateway_id, count(*) AS frames, sum(sample_count) AS samples, min(committed_at) AS oldest
FROM frame GROUP BY tenant_id, gateway_id ORDER BY samples DESC
"""
_NEWEST_POSITIONS = """
SELECT gateway_id, epoch, committed_sequence, commit_time
FROM (
    SELECT *, row_number() OVER (PARTITION BY gateway_id ORDER BY commit_time DESC, epoch DESC) AS place
    FROM buffer_position WHERE tenant_id = $1
) AS ranked
WHERE place <= $2 ORDER BY gateway_id, epoch
"""
_PRUNE_POSITIONS = """
WITH newest AS (
    SELECT DISTINCT ON (gateway_id) gateway_id, epoch FROM buffer_position
    WHERE tenant_id = $1 ORDER BY gateway_id, commit_time DESC, epoch DESC
), gone AS (
    DELETE FROM buffer_position AS old USING newest
    WHERE old.tenant_id = $1 AND old.gateway_id = newest.gateway_id AND old.epoch <> newest.epoch
        AND old.commit_time < $2
    RETURNING old.gateway_id, old.committed_frames, old.committed_samples, old.quarantined_frames
), counted AS (
    SELECT gateway_id, sum(committed_frames) AS frames, sum(committed_samples) AS samples,
           sum(quarantined_frames) AS quarantined
    FROM gone GROUP BY gateway_id
)
UPDATE buffer_position AS kept
SET committed_frames = kept.committed_frames + counted.frames,
    committed_samples = kept.committed_samples + counted.samples,
    quarantined_frames = kept.quarantined_frames + counted.quarantined
FROM newest JOIN counted USING (gateway_id)
WHERE kept.tenant_id = $1 AND kept.gateway_id = newest.gateway_id AND kept.epoch = newest.epoch
"""


async def open_position(connection: Connection, tenant: str, gateway_id: str, epoch: int) -> Reached:
    """Return how far an epoch is committed, and make its row if there is none."""
    await connection.execute(_OPEN_POSITION, tenant, gateway_id, epoch)
    row = await connection.fetchrow(_LOCK_POSITION, tenant, gateway_id, epoch)
    return Reached(0, 0, None) if row is None else Reached(*row)


async def lock_position(connection: Connection, tenant: str, gateway_id: str, epoch: int) -> int:
    """Return how far an epoch is committed; nobody else moves it until the transaction ends.

    A row that was pruned while its stream stood still is made again.
    """
    position = await connection.fetchval(_LOCK_POSITION, tenant, gateway_id, epoch)
    return (await open_position(connection, tenant, gateway_id, epoch)).sequence if position is None else position


async def advance_position(
    connection: Connection,
    tenant: str,
    gateway_id: str,
    epoch: int,
    *,
    sequence: int,
    lineage: int,
    added: tuple[int, int, int],
) -> None:
    """Move an epoch's position and count the frames, samples and quarantined frames that were `added`."""
    await connection.execute(_ADVANCE, tenant, gateway_id, epoch, sequence, *added, lineage)


async def insert(
    connection: Connection,
    tenant: str,
    gateway_id: str,
    epoch: int,
    frames: Sequence[NewFrame],
    traceparents: Sequence[str | None] = (),
) -> None:
    """Store frames, which lie in rising order of sequence, and the traces of those that have one."""
    await connection.execute(
        _INSERT,
        tenant,
        gateway_id,
        epoch,
        [frame.sequence for frame in frames],
        [frame.t_min for frame in frames],
        [frame.t_max for frame in frames],
        [frame.sample_count for frame in frames],
        [frame.decoded_bytes for frame in frames],
        [frame.payload for frame in frames],
        traceparents,
    )


async def keys(connection: Connection, tenant: str, gateway_ids: Sequence[str]) -> list[FrameKey]:
    """Return all frames of some gateways that are not sealed, in order of arrival."""
    return [FrameKey(*row) for row in await connection.fetch(_KEYS, tenant, gateway_ids)]


async def payloads(
    connection: Connection, tenant: str, wanted: Sequence[FrameKey]
) -> dict[tuple[str, int, int], bytes]:
    """Return payloads by (gateway, epoch, sequence)."""
    rows = await connection.fetch(
        _PAYLOADS,
        tenant,
        [key.gateway_id for key in wanted],
        [key.epoch for key in wanted],
        [key.sequence for key in wanted],
    )
    return {(row[0], row[1], row[2]): row[3] for row in rows}


async def lock_oldest(connection: Connection, tenant: str, gateway_id: str, most: int) -> list[FrameKey]:
    """Return and lock a gateway's oldest frames, in order of arrival; leaves out what another sealer has."""
    return [FrameKey(*row) for row in await connection.fetch(_OLDEST, tenant, gateway_id, most)]


async def traceparents(connection: Connection, tenant: str, keys: Sequence[FrameKey]) -> list[str]:
    """Return the traces of those frames that are traced."""
    rows = await connection.fetch(
        _TRACEPARENTS,
        tenant,
        [key.gateway_id for key in keys],
        [key.epoch for key in keys],
        [key.sequence for key in keys],
    )
    return [row[0] for row in rows]


async def delete(connection: Connection, tenant: str, gateway_id: str, gone: Sequence[FrameKey]) -> None:
    """Delete frames."""
    await connection.execute(_DELETE, tenant, gateway_id, [key.epoch for key in gone], [key.sequence for key in gone])


async def backlogs(connection: Connection) -> list[Backlog]:
    """Return what waits for sealing, by gateway; of every tenant in a platform transaction."""
    return [Backlog(*row) for row in await connection.fetch(_BACKLOGS)]


async def newest_positions(connection: Connection, tenant: str, most: int = 10) -> list[Position]:
    """Return how far each gateway's buffers are committed, `most` of them that moved last, by gateway and epoch."""
    return [Position(*row) for row in await connection.fetch(_NEWEST_POSITIONS, tenant, most)]


async def prune_positions(connection: Connection, tenant: str, before: datetime) -> None:
    """Delete positions that did not move since a time, but for each gateway's newest, which takes their counts over."""
    await connection.execute(_PRUNE_POSITIONS, tenant, before)
