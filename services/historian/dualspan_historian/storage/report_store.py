"""SQL about what completeness reports need of the ledgers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualspan_historian.model import GapState
from dualspan_historian.report.model import LedgerGap, TagRecord, TagRepair
from dualspan_historian.report.spans import Span
from dualspan_historian.storage.timestamps import decode_timestamps
from dualspan_runtime.database import Connection


def _microseconds(column: str) -> str:
    return f"(extract(epoch FROM {column}) * 1000000)::bigint"


_RECORDS = f"""
SELECT tag.tag_id, tag.gateway_id, tag.server_id, {_microseconds("tag.registered_at")}, tag.started_us,
       {_microseconds("tag.retired_at")}, tag.cyclic_us, coverage.complete_us, hole.since_us
FROM tag
LEFT JOIN server_coverage AS coverage USING (tenant_id, gateway_id, server_id)
LEFT JOIN tag_hole AS hole USING (tenant_id, gateway_id, server_id, tag_id)
WHERE tag.tenant_id = $1 AND tag.tag_id = ANY($2)
"""
_GAPS = f"""
SELECT gap_id, tag_id, gateway_id, server_id, {_microseconds("start_time")}, {_microseconds("end_time")}, cause,
       lost_samples, detail, state, resolution, repaired_samples
FROM gap
WHERE tenant_id = $1 AND gateway_id = ANY($2)
    AND (tag_id = 0 OR tag_id = ANY($3))
    AND ((end_time > to_timestamp(0) + $4::bigint * interval '1 microsecond'
          AND start_time < to_timestamp(0) + $5::bigint * interval '1 microsecond')
         OR ((start_time IS NULL OR end_time IS NULL)
             AND create_time >= to_timestamp(0) + $4::bigint * interval '1 microsecond'
             AND create_time < to_timestamp(0) + $5::bigint * interval '1 microsecond' + interval '7 days'))
ORDER BY start_time, gap_id LIMIT $6
"""
_REPAIRS = """
SELECT repair.gap_id, repair.tag_id, repair.state, missing.start_us, missing.end_us
FROM gap_repair AS repair LEFT JOIN gap_missing AS missing USING (tenant_id, gap_id, tag_id)
WHERE repair.tenant_id = $1 AND repair.gap_id = ANY($2) AND repair.tag_id = ANY($3) AND repair.state <> 1
"""
_REPAIRED = """
SELECT tag_id, sample_count, ts FROM repaired_span
WHERE tenant_id = $1 AND tag_id = ANY($2) AND t_max >= $3 AND t_min < $4 ORDER BY tag_id
"""


async def records(connection: Connection, tenant: str, tag_ids: Sequence[int]) -> dict[int, TagRecord]:
    """Return how tags are recorded, by id."""
    return {row[0]: TagRecord(*row) for row in await connection.fetch(_RECORDS, tenant, tag_ids)}


async def gaps(
    connection: Connection, tenant: str, gateway_ids: Sequence[str], tag_ids: Sequence[int], period: Span, most: int
) -> list[LedgerGap]:
    """Return the gaps of gateways that touch a period, oldest first; of single tags only those given.

    A gap whose times nobody knows may touch it if it was found then, or within the week that gateways buffer at least.
    """
    rows = await connection.fetch(_GAPS, tenant, gateway_ids, tag_ids, *period, most)
    return [_gap(row) for row in rows]


async def repairs(
    connection: Connection, tenant: str, gap_ids: Sequence[int], tag_ids: Sequence[int]
) -> dict[int, dict[int, TagRepair]]:
    """Return how tags' parts of gaps stand that are done, by tag and gap."""
    found: dict[int, dict[int, TagRepair]] = {}
    for gap_id, tag_id, state, start, end in await connection.fetch(_REPAIRS, tenant, gap_ids, tag_ids):
        of_tag = found.setdefault(tag_id, {})
        earlier = of_tag.get(gap_id)
        spans = () if earlier is None else earlier.missing
        of_tag[gap_id] = TagRepair(GapState(state), spans if start is None else (*spans, (start, end)))
    return found


async def repaired_counts(connection: Connection, tenant: str, tag_ids: Sequence[int], period: Span) -> dict[int, int]:
    """Return how many samples history brought in a period, by tag."""
    times: dict[int, list[NDArray[np.int64]]] = {}
    for tag_id, count, data in await connection.fetch(_REPAIRED, tenant, tag_ids, *period):
        ts = decode_timestamps(data, count)
        times.setdefault(tag_id, []).append(ts[(ts >= period[0]) & (ts < period[1])])
    return {tag_id: sum(map(len, parts)) for tag_id, parts in times.items()}


def _gap(row: Any) -> LedgerGap:
    values = list(row)
    values[9] = GapState(values[9])
    return LedgerGap(*values)
