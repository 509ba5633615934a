"""SQL about gaps that a server's history fills."""

from collections.abc import Sequence

from dualspan_historian.model import Gap
from dualspan_historian.repair.model import (
    EVERY_TAG,
    PendingTag,
    Repair,
    RepairableGap,
    RepairedSpan,
    RepairQuery,
)
from dualspan_historian.storage import ledger_store
from dualspan_historian.storage.timestamps import encode_timestamps
from dualspan_runtime.database import Connection

_LEVEL = 4
_LONGEST_DETAIL = 500

# A tag that began to be recorded after a gap misses nothing of it; one that is retired takes no samples any more.
_PENDING = """
FROM tag LEFT JOIN gap_repair AS repair
    ON repair.tenant_id = tag.tenant_id AND repair.tag_id = tag.tag_id AND repair.gap_id = gap.gap_id
WHERE tag.tenant_id = gap.tenant_id AND tag.gateway_id = gap.gateway_id AND tag.retired_at IS NULL
    AND tag.server_id <> '' AND (gap.tag_id = 0 OR tag.tag_id = gap.tag_id)
    AND (gap.server_id = '' OR tag.server_id = gap.server_id)
    AND (tag.registered_at IS NULL OR tag.started_us < (extract(epoch FROM gap.end_time) * 1000000)::bigint)
    AND coalesce(repair.state, 1) = 1
"""
_REPAIRABLE = f"""
SELECT {ledger_store.COLUMNS} FROM gap
WHERE gap.tenant_id = $1 AND gap.gateway_id = $2 AND gap.state = 1 AND gap.server_id IN ('', $3)
    AND gap.start_time < now() AND EXISTS (SELECT {_PENDING} AND tag.server_id = $3 AND tag.tag_id <> ALL($5))
ORDER BY start_time, gap_id LIMIT $4
"""
_PENDING_TAGS = f"""
SELECT pending.tag_id, coalesce(pending.until_us, (extract(epoch FROM gap.start_time) * 1000000)::bigint)
FROM gap CROSS JOIN LATERAL (
    SELECT tag.tag_id, repair.until_us {_PENDING} AND tag.server_id = $3 AND tag.tag_id <> ALL($5)
    ORDER BY tag.tag_id LIMIT $4
) AS pending
WHERE gap.tenant_id = $1 AND gap.gap_id = $2 ORDER BY pending.tag_id
"""
_LOCK = """
SELECT gap_id FROM gap WHERE tenant_id = $1 AND gateway_id = $2 AND gap_id = ANY($3) AND state = 1
ORDER BY gap_id FOR UPDATE
"""
_APPLY = """
INSERT INTO gap_repair (tenant_id, gap_id, tag_id, until_us, samples, state, detail)
SELECT $1, told.gap_id, told.tag_id, told.until_us, told.samples, told.state, told.detail
FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::smallint[], $8::text[])
    AS told (gap_id, tag_id, until_us, samples, state, detail)
JOIN tag ON tag.tenant_id = $1 AND tag.tag_id = told.tag_id AND tag.gateway_id = $2
ON CONFLICT (tenant_id, gap_id, tag_id) DO UPDATE
SET until_us = greatest(gap_repair.until_us, excluded.until_us), samples = gap_repair.samples + excluded.samples,
    state = excluded.state, update_time = clock_timestamp(),
    detail = CASE WHEN gap_repair.detail = '' THEN excluded.detail ELSE gap_repair.detail END
"""
_GIVE_UP = f"""
INSERT INTO gap_repair (tenant_id, gap_id, tag_id, until_us, state, detail)
SELECT gap.tenant_id, gap.gap_id, pending.tag_id,
       coalesce(pending.until_us, (extract(epoch FROM gap.start_time) * 1000000)::bigint), 3, $4
FROM gap CROSS JOIN LATERAL (SELECT tag.tag_id, repair.until_us {_PENDING} AND tag.server_id = $3) AS pending
WHERE gap.tenant_id = $1 AND gap.gap_id = $2
ON CONFLICT (tenant_id, gap_id, tag_id) DO UPDATE
SET state = CASE WHEN gap_repair.samples > 0 THEN 4 ELSE 3 END, detail = excluded.detail,
    update_time = clock_timestamp()
"""
# What was read before stays filled; from there to the gap's end it is missing.
_MISSING_AFTER = """
INSERT INTO gap_missing (tenant_id, gap_id, tag_id, start_us, end_us)
SELECT gap.tenant_id, gap.gap_id, repair.tag_id, repair.until_us, (extract(epoch FROM gap.end_time) * 1000000)::bigint
FROM gap JOIN gap_repair AS repair USING (tenant_id, gap_id)
WHERE gap.tenant_id = $1 AND gap.gap_id = $2 AND repair.state = 4
    AND repair.until_us < (extract(epoch FROM gap.end_time) * 1000000)::bigint
    AND repair.detail = $3
ON CONFLICT DO NOTHING
"""
_MISSING = """
INSERT INTO gap_missing (tenant_id, gap_id, tag_id, start_us, end_us)
SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) ON CONFLICT DO NOTHING
"""
_PARTLY = """
UPDATE gap_repair AS repair SET state = 4
WHERE tenant_id = $1 AND gap_id = ANY($2) AND state = 2 AND EXISTS (
    SELECT FROM gap_missing AS missing
    WHERE missing.tenant_id = $1 AND missing.gap_id = repair.gap_id AND missing.tag_id = repair.tag_id)
"""
_TOTALS = f"""
UPDATE gap SET repaired_samples = counted.samples, repaired_tags = counted.repaired,
    unrepairable_tags = counted.unrepairable,
    state = CASE WHEN counted.pending THEN 1 WHEN counted.unrepairable = 0 THEN 2
                 WHEN counted.repaired = 0 THEN 3 ELSE 4 END,
    resolve_time = CASE WHEN counted.pending THEN NULL ELSE clock_timestamp() END,
    resolution = CASE WHEN counted.unrepairable = 0 THEN ''
                      WHEN counted.tags = 1 THEN counted.detail
                      ELSE counted.unrepairable || ' of ' || counted.tags || ' tags, the first: ' || counted.detail END
FROM (
    SELECT gap.gap_id, EXISTS (SELECT {_PENDING}) AS pending, totals.*
    FROM gap CROSS JOIN LATERAL (
        SELECT coalesce(sum(samples), 0)::bigint AS samples, count(*) AS tags,
               count(*) FILTER (WHERE state IN (2, 4)) AS repaired,
               count(*) FILTER (WHERE state IN (3, 4)) AS unrepairable,
               coalesce((array_agg(detail ORDER BY tag_id) FILTER (WHERE state IN (3, 4)))[1], '') AS detail
        FROM gap_repair AS done WHERE done.tenant_id = $1 AND done.gap_id = gap.gap_id
    ) AS totals
    WHERE gap.tenant_id = $1 AND gap.gap_id = ANY($2)
) AS counted
WHERE gap.tenant_id = $1 AND gap.gap_id = counted.gap_id
"""
_RETRY = """
UPDATE gap SET state = 1, attempts = attempts + 1, resolve_time = NULL, resolution = '', unrepairable_tags = 0
WHERE tenant_id = $1 AND gap_id = ANY($2) AND state IN (3, 4) AND start_time IS NOT NULL AND end_time IS NOT NULL
RETURNING gap_id
"""
# From the beginning: what is stored already is not stored twice.
_RETRY_TAGS = """
UPDATE gap_repair AS repair
SET state = 1, until_us = (extract(epoch FROM gap.start_time) * 1000000)::bigint, detail = ''
FROM gap
WHERE repair.tenant_id = $1 AND repair.gap_id = ANY($2) AND repair.state IN (3, 4)
    AND gap.tenant_id = repair.tenant_id AND gap.gap_id = repair.gap_id
"""
_RETRY_MISSING = "DELETE FROM gap_missing WHERE tenant_id = $1 AND gap_id = ANY($2)"
_INSERT_SPANS = """
INSERT INTO repaired_span (tenant_id, gap_id, tag_id, t_min, t_max, sample_count, ts)
SELECT $1, * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::integer[], $7::bytea[])
"""


async def repairable(connection: Connection, tenant: str, wanted: RepairQuery, most_tags: int) -> list[RepairableGap]:
    """Return a gateway's gaps that one server's history may fill, oldest first, each with tags that are not done."""
    found: list[RepairableGap] = []
    server, left_out = wanted.server_id, wanted.except_tags
    for row in await connection.fetch(_REPAIRABLE, tenant, wanted.gateway_id, server, wanted.most, left_out):
        gap: Gap = ledger_store.read_gap(row)
        tags = await connection.fetch(_PENDING_TAGS, tenant, gap.gap_id, server, most_tags, left_out)
        found.append(RepairableGap(gap, tuple(PendingTag(*tag) for tag in tags)))
    return found


async def retry(connection: Connection, tenant: str, gap_ids: Sequence[int]) -> int:
    """Open gaps that could not be repaired, or only in part; return how many."""
    opened = [row[0] for row in await connection.fetch(_RETRY, tenant, gap_ids)]
    await connection.execute(_RETRY_TAGS, tenant, opened)
    await connection.execute(_RETRY_MISSING, tenant, opened)
    return len(opened)


async def apply(
    connection: Connection, tenant: str, gateway_id: str, told: Sequence[Repair], spans: Sequence[RepairedSpan]
) -> None:
    """Write down what repairs brought; those of gaps that are not the gateway's, or are closed, are passed over."""
    open_gaps = await _locked(connection, tenant, gateway_id, told)
    repairs = [repair for repair in told if repair.gap_id in open_gaps]
    single = [repair for repair in repairs if repair.tag_id != EVERY_TAG]
    if single:
        await _apply_single(connection, tenant, gateway_id, single, spans)
    for repair in repairs:
        if repair.tag_id == EVERY_TAG and repair.done:
            why = repair.detail[:_LONGEST_DETAIL]
            await connection.execute(_GIVE_UP, tenant, repair.gap_id, repair.server_id, why)
            await connection.execute(_MISSING_AFTER, tenant, repair.gap_id, why)
    if repairs:
        await connection.execute(_TOTALS, tenant, sorted(open_gaps))


async def _locked(connection: Connection, tenant: str, gateway_id: str, told: Sequence[Repair]) -> set[int]:
    wanted = sorted({repair.gap_id for repair in told})
    return {row[0] for row in await connection.fetch(_LOCK, tenant, gateway_id, wanted)} if wanted else set()


async def _apply_single(
    connection: Connection, tenant: str, gateway_id: str, repairs: Sequence[Repair], spans: Sequence[RepairedSpan]
) -> None:
    counts = {(span.gap_id, span.tag_id): len(span.ts) for span in spans}
    await connection.execute(
        _APPLY,
        tenant,
        gateway_id,
        [repair.gap_id for repair in repairs],
        [repair.tag_id for repair in repairs],
        [repair.until_us for repair in repairs],
        [counts.get((repair.gap_id, repair.tag_id), 0) for repair in repairs],
        [int(repair.state) for repair in repairs],
        [repair.detail[:_LONGEST_DETAIL] for repair in repairs],
    )
    parts = [(repair.gap_id, repair.tag_id, part) for repair in repairs for part in repair.missing if part.end_us]
    if parts:
        gaps, tags, missing = zip(*parts, strict=True)
        starts, ends = [part.start_us for part in missing], [part.end_us for part in missing]
        await connection.execute(_MISSING, tenant, gaps, tags, starts, ends)
    await connection.execute(_PARTLY, tenant, sorted({repair.gap_id for repair in repairs}))
    applied = {(repair.gap_id, repair.tag_id) for repair in repairs}
    await _insert_spans(connection, tenant, [span for span in spans if (span.gap_id, span.tag_id) in applied])


async def _insert_spans(connection: Connection, tenant: str, spans: Sequence[RepairedSpan]) -> None:
    if not spans:
        return
    await connection.execute(
        _INSERT_SPANS,
        tenant,
        [span.gap_id for span in spans],
        [span.tag_id for span in spans],
        [int(span.ts[0]) for span in spans],
        [int(span.ts[-1]) for span in spans],
        [len(span.ts) for span in spans],
        [encode_timestamps(span.ts, _LEVEL) for span in spans],
    )
