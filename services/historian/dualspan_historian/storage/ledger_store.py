"""SQL about gaps, quarantined frames and how much is stored."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from dualspan_historian.model import Gap, GapState, QuarantinedFrame, StorageTotals
from dualspan_historian.storage import frame_store
from dualspan_runtime.database import Connection


@dataclass(frozen=True, slots=True)
class Refusal:
    """A frame that is to be quarantined; `payload` as it came."""

    sequence: int
    reason: str
    detail: str
    payload: bytes


_INSERT_GAPS = """
INSERT INTO gap (tenant_id, gateway_id, tag_id, server_id, start_time, end_time, cause, lost_samples, detail, state,
                 resolve_time, resolution)
SELECT $1, $2, given.*, CASE WHEN given.begins IS NULL OR given.ends IS NULL THEN 3 ELSE 1 END,
       CASE WHEN given.begins IS NULL OR given.ends IS NULL THEN clock_timestamp() END,
       CASE WHEN given.begins IS NULL OR given.ends IS NULL
            THEN 'nobody knows from when to when samples are missing' ELSE '' END
FROM unnest($3::bigint[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::smallint[], $8::bigint[], $9::text[])
    AS given (tag_id, server_id, begins, ends, cause, lost, detail)
"""
_INSERT_QUARANTINED = """
INSERT INTO quarantined_frame (tenant_id, gateway_id, epoch, sequence, reason, detail, payload)
SELECT $1, $2, $3::bigint, * FROM unnest($4::bigint[], $5::text[], $6::text[], $7::bytea[])
"""
# The newest payloads stay. Each counts as a page at least, so that a flood of small ones is bounded too.
_TRIM_QUARANTINED = """
UPDATE quarantined_frame SET payload = ''
FROM (
    SELECT quarantine_id, sum(greatest(octet_length(payload), 4096)) OVER (ORDER BY quarantine_id DESC) AS kept
    FROM quarantined_frame WHERE tenant_id = $1 AND gateway_id = $2 AND octet_length(payload) > 0
) AS ranked
WHERE tenant_id = $1 AND quarantined_frame.quarantine_id = ranked.quarantine_id AND ranked.kept > $3
"""
_FIELDS = fields(Gap)
_STATE = [field.name for field in _FIELDS].index("state")
COLUMNS = """gap_id, gap.tag_id, gap.gateway_id, gap.server_id, start_time, end_time, cause, lost_samples,
    gap.detail, gap.state, create_time, resolve_time, repaired_samples, repaired_tags, unrepairable_tags, resolution,
    attempts"""
_GAPS = f"""
SELECT {COLUMNS} FROM gap WHERE tenant_id = $1 AND gap_id < $2 ORDER BY gap_id DESC LIMIT $3
"""
_GAPS_OF_GATEWAY = f"""
SELECT {COLUMNS} FROM gap WHERE tenant_id = $1 AND gap_id < $2 AND gateway_id = $4 ORDER BY gap_id DESC LIMIT $3
"""
# A gap of a server or a gateway is, for one tag, a gap of that tag: with the state of the tag's own repair.
_GAPS_OF_TAG = """
SELECT gap.gap_id, tag.tag_id, gap.gateway_id, tag.server_id, start_time, end_time, cause, lost_samples, gap.detail,
       coalesce(repair.state, gap.state) AS state, create_time, coalesce(repair.update_time, resolve_time),
       coalesce(repair.samples, 0), coalesce(repair.state IN (2, 4), false)::integer,
       (coalesce(repair.state, gap.state) IN (3, 4))::integer, coalesce(repair.detail, resolution), attempts
FROM tag
JOIN gap ON gap.tenant_id = tag.tenant_id AND gap.gateway_id = tag.gateway_id
    AND (gap.tag_id = tag.tag_id OR (gap.tag_id = 0 AND gap.server_id IN ('', tag.server_id)))
    AND (tag.started_us IS NULL OR gap.end_time IS NULL
         OR gap.end_time > to_timestamp(0) + tag.started_us * interval '1 microsecond')
LEFT JOIN gap_repair AS repair
    ON repair.tenant_id = tag.tenant_id AND repair.gap_id = gap.gap_id AND repair.tag_id = tag.tag_id
WHERE tag.tenant_id = $1 AND tag.tag_id = $4 AND gap.gap_id < $2 ORDER BY gap.gap_id DESC LIMIT $3
"""
_QUARANTINED = """
SELECT quarantine_id, gateway_id, epoch, sequence, reason, detail, octet_length(payload) AS size_bytes, create_time
FROM quarantined_frame WHERE tenant_id = $1 AND quarantine_id < $2 ORDER BY quarantine_id DESC LIMIT $3
"""
_TOTALS = """
SELECT committed.samples AS committed_samples, committed.frames - sealed.frames AS unsealed_frames,
       committed.samples - sealed.taken AS unsealed_samples, committed.quarantined AS quarantined_frames,
       sealed.taken - sealed.repeated - sealed.expired AS sealed_samples, sealed.repeated AS repeated_samples,
       sealed.segments AS segments, sealed.bytes AS sealed_bytes,
       (SELECT count(*) FROM gap WHERE tenant_id = $1 AND state = 1) AS open_gaps
FROM (
    SELECT coalesce(sum(committed_samples), 0)::bigint AS samples, coalesce(sum(committed_frames), 0)::bigint AS frames,
           coalesce(sum(quarantined_frames), 0)::bigint AS quarantined
    FROM buffer_position WHERE tenant_id = $1
) AS committed CROSS JOIN (
    SELECT coalesce(sum(taken_samples), 0)::bigint AS taken, coalesce(sum(sealed_frames), 0)::bigint AS frames,
           coalesce(sum(repeated_samples), 0)::bigint AS repeated, coalesce(sum(expired_samples), 0)::bigint AS expired,
           coalesce(sum(segments), 0)::bigint AS segments, coalesce(sum(segment_bytes), 0)::bigint AS bytes
    FROM sealing_total WHERE tenant_id = $1
) AS sealed
"""


async def insert_gaps(connection: Connection, tenant: str, gaps: Sequence[Gap]) -> None:
    """Write gaps of one gateway down."""
    if not gaps:
        return
    await connection.execute(
        _INSERT_GAPS,
        tenant,
        gaps[0].gateway_id,
        [gap.tag_id for gap in gaps],
        [gap.server_id for gap in gaps],
        [gap.start_time for gap in gaps],
        [gap.end_time for gap in gaps],
        [gap.cause for gap in gaps],
        [gap.lost_samples for gap in gaps],
        [gap.detail for gap in gaps],
    )


async def insert_quarantined(
    connection: Connection, tenant: str, gateway_id: str, epoch: int, refusals: Sequence[Refusal]
) -> None:
    """Keep frames that were not accepted."""
    if not refusals:
        return
    await connection.execute(
        _INSERT_QUARANTINED,
        tenant,
        gateway_id,
        epoch,
        [refusal.sequence for refusal in refusals],
        [refusal.reason for refusal in refusals],
        [refusal.detail for refusal in refusals],
        [refusal.payload for refusal in refusals],
    )


async def trim_quarantined(connection: Connection, tenant: str, gateway_id: str, most_bytes: int) -> None:
    """Drop a gateway's oldest quarantined payloads until no more than so many bytes are kept; their rows stay."""
    await connection.execute(_TRIM_QUARANTINED, tenant, gateway_id, most_bytes)


async def prune_quarantined(connection: Connection, tenant: str, before: datetime) -> None:
    """Delete quarantined frames that came before a time; the gap ledger still says why they were refused."""
    await connection.execute("DELETE FROM quarantined_frame WHERE tenant_id = $1 AND create_time < $2", tenant, before)


async def prune_gaps(connection: Connection, tenant: str, before: datetime) -> None:
    """Delete gaps that were resolved before a time; open ones stay."""
    await connection.execute(
        "DELETE FROM gap WHERE tenant_id = $1 AND state <> 1 AND resolve_time < $2", tenant, before
    )


async def gaps(
    connection: Connection, tenant: str, before: int, most: int, tag_id: int = 0, gateway: str = ""
) -> list[Gap]:
    """Return gaps with ids below `before`, newest first; of one tag if it is not 0, as gaps of that tag.

    Otherwise of one gateway, if its id is not empty.
    """
    if tag_id:
        rows = await connection.fetch(_GAPS_OF_TAG, tenant, before, most, tag_id)
    elif gateway:
        rows = await connection.fetch(_GAPS_OF_GATEWAY, tenant, before, most, gateway)
    else:
        rows = await connection.fetch(_GAPS, tenant, before, most)
    return [read_gap(row) for row in rows]


async def quarantined(connection: Connection, tenant: str, before: int, most: int) -> list[QuarantinedFrame]:
    """Return quarantined frames with ids below `before`, newest first."""
    return [QuarantinedFrame(*row) for row in await connection.fetch(_QUARANTINED, tenant, before, most)]


async def totals(connection: Connection, tenant: str) -> StorageTotals:
    """Return how much is stored; reads counters, no samples."""
    row = await connection.fetchrow(_TOTALS, tenant)
    positions = await frame_store.newest_positions(connection, tenant)
    return StorageTotals(**dict(row or {}), positions=tuple(positions))


def read_gap(row: Any) -> Gap:
    """Return the gap of a row that begins with `COLUMNS`."""
    values = list(row)[: len(_FIELDS)]
    values[_STATE] = GapState(values[_STATE])
    return Gap(*values)
