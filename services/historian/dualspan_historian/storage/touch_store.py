"""SQL about which spans of time commits reached into."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_runtime.database import Connection

QUARTER_US = 900_000_000
"""Length of the spans in which changes are told: 15 minutes."""

_TOUCH = """
WITH clock AS (
    INSERT INTO touched_clock AS known (tenant_id, gateway_id, version) VALUES ($1, $2, 1)
    ON CONFLICT (tenant_id, gateway_id) DO UPDATE SET version = known.version + 1
    RETURNING version
)
INSERT INTO touched (tenant_id, gateway_id, quarter, version)
SELECT $1, $2, quarter, clock.version FROM clock, unnest($3::bigint[]) AS quarter
ON CONFLICT (tenant_id, gateway_id, quarter) DO UPDATE SET version = excluded.version
"""
_GAPS = f"""
SELECT floor(extract(epoch FROM start_time) * 1000000 / {QUARTER_US})::bigint,
       floor(extract(epoch FROM coalesce(end_time, now())) * 1000000 / {QUARTER_US})::bigint
FROM gap WHERE tenant_id = $1 AND gap_id = ANY($2) AND start_time IS NOT NULL
"""
_CLOCKS = "SELECT gateway_id, version FROM touched_clock WHERE tenant_id = $1 AND gateway_id = ANY($2)"
_TOUCHED = """
SELECT gateway_id, array_agg(quarter ORDER BY quarter), array_agg(version ORDER BY quarter)
FROM touched WHERE tenant_id = $1 AND gateway_id = ANY($2) AND quarter BETWEEN $3 AND $4
GROUP BY gateway_id
"""


@dataclass(frozen=True, slots=True)
class Touched:
    """What of a gateway's samples was touched by which commit.

    Attributes:
        version: Of the newest commit; 0 if there was none.
        quarters: int64[n], ascending, in units of `QUARTER_US` since the Unix epoch.
        versions: int64[n], the last commit that touched each.
    """

    version: int
    quarters: NDArray[np.int64]
    versions: NDArray[np.int64]


async def touch(connection: Connection, tenant: str, gateway_id: str, quarters: NDArray[np.int64]) -> None:
    """Write down that this transaction changes what is known of some quarters, given ascending."""
    await connection.execute(_TOUCH, tenant, gateway_id, quarters.tolist())


async def spans_of_gaps(connection: Connection, tenant: str, gap_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and the last quarter that each of these gaps reaches into."""
    return [(first, last) for first, last in await connection.fetch(_GAPS, tenant, gap_ids)]


async def touched(
    connection: Connection, tenant: str, gateway_ids: Sequence[str], first: int, last: int
) -> dict[str, Touched]:
    """Return what was touched in the quarters from `first` to `last`, by gateway."""
    clocks = {row[0]: row[1] for row in await connection.fetch(_CLOCKS, tenant, gateway_ids)}
    found = {row[0]: row for row in await connection.fetch(_TOUCHED, tenant, gateway_ids, first, last)}
    result: dict[str, Touched] = {}
    for gateway_id in gateway_ids:
        row = found.get(gateway_id, (gateway_id, [], []))
        columns = (np.array(row[1], np.int64), np.array(row[2], np.int64))
        result[gateway_id] = Touched(clocks.get(gateway_id, 0), *columns)
    return result
