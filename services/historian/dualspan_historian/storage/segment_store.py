"""SQL about segments, timelines and the latest values."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dualspan_frame import ValueKind
from dualspan_historian.storage.segments import LatestSample, Sealed, Segment
from dualspan_runtime.database import Connection

_BATCH_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """A segment without its columns."""

    tag_id: int
    segment_id: int
    arrival: int
    kind: ValueKind
    t_min: int
    t_max: int
    sample_count: int
    good_count: int
    v_min: float | None
    v_max: float | None
    v_sum: float | None
    decoded_bytes: int


@dataclass(frozen=True, slots=True)
class SegmentColumns:
    """A segment's columns; `ts` is the shared timeline's where there is one."""

    segment_id: int
    ts: bytes
    status: bytes | None
    value: bytes | None


INFO = (
    "tag_id, segment_id, arrival, kind, t_min, t_max, sample_count, good_count, v_min, v_max, v_sum,"
    " greatest(decoded_bytes, byte_count) AS decoded_bytes"
)

_INSERT = """
INSERT INTO segment (tenant_id, gateway_id, arrival, tag_id, kind, t_min, t_max, sample_count, good_count, byte_count,
                     v_min, v_max, v_sum, timeline_id, ts, status, value, decoded_bytes)
SELECT $1, $2, $3::bigint, * FROM unnest(
    $4::bigint[], $5::smallint[], $6::bigint[], $7::bigint[], $8::integer[], $9::integer[], $10::integer[],
    $11::float8[], $12::float8[], $13::float8[], $14::bigint[], $15::bytea[], $16::bytea[], $17::bytea[],
    $18::bigint[])
"""
_TIMELINE_IDS = """
SELECT nextval(pg_get_serial_sequence('timeline', 'timeline_id')) FROM generate_series(1, $1)
"""
_INSERT_TIMELINES = """
INSERT INTO timeline (tenant_id, timeline_id, ts) OVERRIDING SYSTEM VALUE
SELECT $1, * FROM unnest($2::bigint[], $3::bytea[])
"""
_UPSERT_LATEST = """
INSERT INTO latest (tenant_id, tag_id, t, status, value)
SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[]) AS given (tag_id)
ORDER BY given.tag_id
ON CONFLICT (tenant_id, tag_id) DO UPDATE SET t = excluded.t, status = excluded.status, value = excluded.value
WHERE latest.t <= excluded.t
"""
_WITHIN = f"""
SELECT {INFO} FROM segment WHERE tenant_id = $1 AND tag_id = ANY($2::bigint[]) AND t_max >= $3 AND t_min < $4
"""
_OVERLAPPING = f"{_WITHIN} ORDER BY tag_id, t_min, arrival, segment_id"
# With the same time as $3 and $4.
_REACHING = f"""{_WITHIN} UNION
SELECT found.* FROM unnest($2::bigint[]) AS wanted (id) CROSS JOIN LATERAL (
    SELECT {INFO} FROM segment
    WHERE tenant_id = $1 AND tag_id = wanted.id AND t_max < $3 ORDER BY t_max DESC LIMIT 1
) AS found
"""
_OPEN_REGION = f"""
SELECT region.* FROM (
    SELECT tag_id AS id, min(t_min) AS first FROM segment
    WHERE tenant_id = $1 AND tag_id = ANY($2::bigint[]) AND sample_count < 32768 AND decoded_bytes < 8388608
    GROUP BY tag_id
) AS opened CROSS JOIN LATERAL (
    SELECT {INFO} FROM segment WHERE tenant_id = $1 AND tag_id = opened.id AND t_max >= opened.first
) AS region
ORDER BY tag_id, t_min, arrival, segment_id
"""
_COLUMNS = """
SELECT segment.segment_id, coalesce(segment.ts, timeline.ts), segment.status, {value}
FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) AS wanted (tag_id, t_max, t_min, segment_id)
JOIN segment ON segment.tenant_id = $1 AND segment.tag_id = wanted.tag_id AND segment.t_max = wanted.t_max
    AND segment.t_min = wanted.t_min AND segment.segment_id = wanted.segment_id
LEFT JOIN timeline ON timeline.tenant_id = $1 AND timeline.timeline_id = segment.timeline_id
"""
_DELETE = """
DELETE FROM segment USING unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
    AS gone (tag_id, t_max, t_min, segment_id)
WHERE tenant_id = $1 AND segment.tag_id = gone.tag_id AND segment.t_max = gone.t_max AND segment.t_min = gone.t_min
    AND segment.segment_id = gone.segment_id
RETURNING timeline_id, byte_count, sample_count
"""
# No segment starts to use a timeline later than in the transaction that made it, so this cannot race.
_DELETE_TIMELINES = """
DELETE FROM timeline
WHERE tenant_id = $1 AND timeline_id = ANY($2::bigint[]) AND NOT EXISTS (
    SELECT FROM segment WHERE segment.tenant_id = $1 AND segment.timeline_id = timeline.timeline_id)
RETURNING octet_length(ts) AS byte_count
"""
_EXPIRED = f"""
SELECT old.* FROM tag CROSS JOIN LATERAL (
    SELECT {INFO} FROM segment
    WHERE segment.tenant_id = $1 AND segment.tag_id = tag.tag_id AND t_max < $4
) AS old
WHERE tag.tenant_id = $1 AND tag.gateway_id = $2 AND tag.retention_class = $3 LIMIT $5
"""
_ADD_TOTALS = """
INSERT INTO sealing_total AS total (tenant_id, gateway_id, sealed_frames, taken_samples, repeated_samples,
                                    expired_samples, segments, segment_bytes)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant_id, gateway_id) DO UPDATE
SET sealed_frames = total.sealed_frames + $3, taken_samples = total.taken_samples + $4,
    repeated_samples = total.repeated_samples + $5, expired_samples = total.expired_samples + $6,
    segments = total.segments + $7, segment_bytes = total.segment_bytes + $8
"""


@dataclass(frozen=True, slots=True)
class Change:
    """What a transaction changes in the totals; numbers may be negative."""

    frames: int = 0
    taken: int = 0
    repeated: int = 0
    expired: int = 0
    segments: int = 0
    bytes: int = 0


async def insert(connection: Connection, tenant: str, gateway_id: str, arrival: int, sealed: Sealed) -> None:
    """Store segments and their timelines."""
    ids = await _insert_timelines(connection, tenant, sealed.timelines)
    for part in _batches(sealed.segments):
        await connection.execute(
            _INSERT,
            tenant,
            gateway_id,
            arrival,
            [segment.tag_id for segment in part],
            [segment.kind for segment in part],
            [segment.t_min for segment in part],
            [segment.t_max for segment in part],
            [segment.sample_count for segment in part],
            [segment.good_count for segment in part],
            [segment.byte_count for segment in part],
            [segment.v_min for segment in part],
            [segment.v_max for segment in part],
            [segment.v_sum for segment in part],
            [None if segment.timeline is None else ids[segment.timeline] for segment in part],
            [segment.ts for segment in part],
            [segment.status for segment in part],
            [segment.value for segment in part],
            [segment.decoded_bytes for segment in part],
        )


async def upsert_latest(connection: Connection, tenant: str, samples: Sequence[LatestSample]) -> None:
    """Keep the newest samples."""
    await connection.execute(
        _UPSERT_LATEST,
        tenant,
        [sample.tag_id for sample in samples],
        [sample.t for sample in samples],
        [sample.status for sample in samples],
        [sample.value for sample in samples],
    )


async def latest(connection: Connection, tenant: str, tag_ids: Sequence[int]) -> list[LatestSample]:
    """Return the newest sealed sample of each of the tags that has one."""
    rows = await connection.fetch(
        "SELECT tag_id, t, status, value FROM latest WHERE tenant_id = $1 AND tag_id = ANY($2::bigint[])",
        tenant,
        tag_ids,
    )
    return [LatestSample(*row) for row in rows]


async def overlapping(
    connection: Connection, tenant: str, tag_ids: Sequence[int], start: int, end: int
) -> list[SegmentInfo]:
    """Return the segments with anything in [start, end), in order of tag and time."""
    return read_infos(await connection.fetch(_OVERLAPPING, tenant, tag_ids, start, end))


async def reaching(connection: Connection, tenant: str, tag_ids: Sequence[int], time: int) -> list[SegmentInfo]:
    """Return the segments of tags that a time lies in, and the nearest ones that end before it."""
    return read_infos(await connection.fetch(_REACHING, tenant, tag_ids, time, time))


async def open_region(connection: Connection, tenant: str, tag_ids: Sequence[int]) -> list[SegmentInfo]:
    """Return each tag's segments that end at its first open one or later, in order of tag and time.

    With the finished segment before, if late data overlaps that.
    """
    return read_infos(await connection.fetch(_OPEN_REGION, tenant, tag_ids))


async def columns(
    connection: Connection, tenant: str, wanted: Sequence[SegmentInfo], *, values: bool = True
) -> dict[int, SegmentColumns]:
    """Return the columns of segments by id; without their values if nobody needs them."""
    rows = await connection.fetch(
        _COLUMNS.format(value="segment.value" if values else "NULL::bytea"), tenant, *_keys(wanted)
    )
    return {row[0]: SegmentColumns(*row) for row in rows}


async def delete(connection: Connection, tenant: str, gone: Sequence[SegmentInfo]) -> Change:
    """Delete segments, and timelines that nobody uses any more; returns what that changes."""
    rows = await connection.fetch(_DELETE, tenant, *_keys(gone))
    lines = sorted({row["timeline_id"] for row in rows if row["timeline_id"] is not None})
    freed = await connection.fetch(_DELETE_TIMELINES, tenant, lines) if lines else []
    size = sum(row["byte_count"] for row in rows) + sum(row["byte_count"] for row in freed)
    return Change(segments=-len(rows), bytes=-size, expired=sum(row["sample_count"] for row in rows))


async def add_totals(connection: Connection, tenant: str, gateway_id: str, change: Change) -> None:
    """Change the totals of a gateway; the last thing a transaction does, because it makes others wait."""
    await connection.execute(
        _ADD_TOTALS,
        tenant,
        gateway_id,
        change.frames,
        change.taken,
        change.repeated,
        change.expired,
        change.segments,
        change.bytes,
    )


async def try_lock_upkeep(connection: Connection, tenant: str, gateway_id: str) -> bool:
    """Take the right to merge and expire a gateway's segments until the transaction ends, if nobody has it."""
    return await connection.fetchval(
        "SELECT pg_try_advisory_xact_lock(hashtextextended('dualspan upkeep ' || $1 || '/' || $2, 0))",
        tenant,
        gateway_id,
    )


async def tags_to_merge(connection: Connection, tenant: str, gateway_id: str, fewest: int, after: int) -> list[int]:
    """Return tags above `after` that have at least `fewest` open segments, in order."""
    rows = await connection.fetch(
        "SELECT tag_id FROM segment WHERE tenant_id = $1 AND gateway_id = $2 AND sample_count < 32768"
        " AND decoded_bytes < 8388608 AND tag_id > $4 GROUP BY tag_id HAVING count(*) >= $3 ORDER BY tag_id LIMIT 1000",
        tenant,
        gateway_id,
        fewest,
        after,
    )
    return [row["tag_id"] for row in rows]


async def expired(
    connection: Connection, tenant: str, gateway_id: str, retention_class: str, before: int, most: int
) -> list[SegmentInfo]:
    """Return segments of a gateway's tags of a retention class that end before a time."""
    rows = await connection.fetch(
        _EXPIRED,
        tenant,
        gateway_id,
        retention_class,
        before,
        most,
    )
    return read_infos(rows)


async def _insert_timelines(connection: Connection, tenant: str, lines: Sequence[bytes]) -> list[int]:
    if not lines:
        return []
    ids = [row[0] for row in await connection.fetch(_TIMELINE_IDS, len(lines))]
    await connection.execute(_INSERT_TIMELINES, tenant, ids, lines)
    return ids


def _batches(segments: Sequence[Segment]) -> Iterator[Sequence[Segment]]:
    """Cut into parts that are not too large for one statement."""
    start = size = 0
    for i, segment in enumerate(segments):
        size += segment.byte_count + 200
        if size > _BATCH_BYTES:
            yield segments[start : i + 1]
            start, size = i + 1, 0
    if start < len(segments):
        yield segments[start:]


def _keys(infos: Sequence[SegmentInfo]) -> tuple[list[int], list[int], list[int], list[int]]:
    return (
        [info.tag_id for info in infos],
        [info.t_max for info in infos],
        [info.t_min for info in infos],
        [info.segment_id for info in infos],
    )


def read_infos(rows: Iterable[object]) -> list[SegmentInfo]:
    """Return the segments of rows of `INFO`."""
    return [_info(*row) for row in rows]  # pyright: ignore[reportGeneralTypeIssues] - a record is a sequence


def _info(tag_id: int, segment_id: int, arrival: int, kind: int, *rest: object) -> SegmentInfo:
    return SegmentInfo(tag_id, segment_id, arrival, ValueKind(kind), *rest)  # pyright: ignore[reportArgumentType]
