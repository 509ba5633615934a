"""SQL about control charts and their limits."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from dualspan_analytics.spc.definition import FixedLimits
from dualspan_analytics.spc.model import Estimate, Exclusion
from dualspan_runtime.database import Connection

_COLUMNS = (
    "asset_id, version, centre, sigma, degrees, points, value_count, start_us, end_us, exclusions, comment, author,"
    " create_time"
)
_ADD = f"""
INSERT INTO control_limits
    (tenant_id, chart_id, asset_id, version, centre, sigma, degrees, points, value_count, start_us, end_us, exclusions,
     comment, author)
SELECT $1, $2, $3, coalesce(max(version), 0) + 1, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
FROM control_limits WHERE tenant_id = $1 AND chart_id = $2 AND asset_id = $3
RETURNING {_COLUMNS}
"""
_PAGE = f"""
SELECT {_COLUMNS} FROM control_limits
WHERE tenant_id = $1 AND chart_id = $2 AND ($3 = '' OR asset_id = $3) AND (asset_id, -version) > ($4, $5)
ORDER BY asset_id, -version LIMIT $6
"""
_FIND = f"""
SELECT {_COLUMNS} FROM control_limits
WHERE tenant_id = $1 AND chart_id = $2 AND asset_id = $3 AND ($4 = 0 OR version = $4)
ORDER BY version DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class StoredLimits:
    """Limits, who fixed them and when."""

    limits: FixedLimits
    author: str
    create_time: datetime


async def insert(connection: Connection, tenant: str, chart: str, document: str) -> bool:
    """Add a chart; False if there is one of this id."""
    row = await connection.fetchrow(
        "INSERT INTO control_chart (tenant_id, chart_id, document) VALUES ($1, $2, $3)"
        " ON CONFLICT DO NOTHING RETURNING chart_id",
        tenant,
        chart,
        document,
    )
    return row is not None


async def replace(connection: Connection, tenant: str, chart: str, document: str) -> None:
    """Put another definition in the place of a chart's."""
    await connection.execute(
        "UPDATE control_chart SET document = $3, update_time = now() WHERE tenant_id = $1 AND chart_id = $2",
        tenant,
        chart,
        document,
    )


async def find(connection: Connection, tenant: str, chart: str, *, lock: bool = False) -> str | None:
    """The definition of a chart, on request locked until the transaction ends."""
    return await connection.fetchval(
        f"SELECT document FROM control_chart WHERE tenant_id = $1 AND chart_id = $2{' FOR UPDATE' if lock else ''}",
        tenant,
        chart,
    )


async def page(connection: Connection, tenant: str, after: str, most: int) -> list[str]:
    """Definitions of charts with ids behind `after`, in order of id."""
    rows = await connection.fetch(
        "SELECT document FROM control_chart WHERE tenant_id = $1 AND chart_id > $2 ORDER BY chart_id LIMIT $3",
        tenant,
        after,
        most,
    )
    return [row["document"] for row in rows]


async def delete(connection: Connection, tenant: str, chart: str) -> bool:
    """Remove a chart and its limits; False if there is none."""
    row = await connection.fetchrow(
        "DELETE FROM control_chart WHERE tenant_id = $1 AND chart_id = $2 RETURNING chart_id", tenant, chart
    )
    return row is not None


async def add_limits(connection: Connection, tenant: str, chart: str, limits: FixedLimits, author: str) -> StoredLimits:
    """Add the next version of a chart's limits for an asset; whoever does holds the chart's row."""
    estimate = limits.estimate
    row = await connection.fetchrow(
        _ADD,
        tenant,
        chart,
        limits.asset,
        estimate.centre,
        estimate.sigma,
        estimate.degrees,
        estimate.points,
        float(estimate.values),
        limits.start_us,
        limits.end_us,
        json.dumps([dataclasses.asdict(exclusion) for exclusion in limits.exclusions]),
        limits.comment,
        author,
    )
    assert row is not None  # noqa: S101 - INSERT … RETURNING without a condition
    return _limits(row)


async def find_limits(
    connection: Connection, tenant: str, chart: str, asset: str, version: int = 0
) -> StoredLimits | None:
    """A version of a chart's limits for an asset; the newest one for 0."""
    row = await connection.fetchrow(_FIND, tenant, chart, asset, version)
    return None if row is None else _limits(row)


async def limits_page(
    connection: Connection, tenant: str, chart: str, asset: str, after: tuple[str, int], most: int
) -> Sequence[StoredLimits]:
    """Limits of a chart behind an asset and version, by asset, newest first; `asset` "" is all."""
    rows = await connection.fetch(_PAGE, tenant, chart, asset, after[0], -after[1], most)
    return [_limits(row) for row in rows]


async def has_limits(connection: Connection, tenant: str, chart: str) -> bool:
    """Whether limits of a chart were ever fixed."""
    found = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM control_limits WHERE tenant_id = $1 AND chart_id = $2)", tenant, chart
    )
    return bool(found)


def _limits(row: Record) -> StoredLimits:
    estimate = Estimate(row["centre"], row["sigma"], row["degrees"], row["points"], row["value_count"])
    exclusions = tuple(Exclusion(**entry) for entry in json.loads(row["exclusions"]))
    limits = FixedLimits(
        row["version"], row["asset_id"], estimate, row["start_us"], row["end_us"], exclusions, row["comment"]
    )
    return StoredLimits(limits, row["author"], row["create_time"])
