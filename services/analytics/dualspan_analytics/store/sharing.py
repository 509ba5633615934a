"""SQL about consents to share, contributions, and what was published."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asyncpg import Record

from dualspan_analytics.sharing.model import Benchmark, Consent, Contribution, Group, GroupKind
from dualspan_runtime.database import Connection

_SET_CONSENT = """
INSERT INTO sharing_consent (tenant_id, kpi, granted, actor) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, kpi) DO UPDATE
SET granted = excluded.granted, actor = excluded.actor, change_time = now()
WHERE sharing_consent.granted IS DISTINCT FROM excluded.granted
RETURNING kpi
"""
# The consent's row stays locked, so that a withdrawal waits and then deletes what was added.
_CONSENTED = """
SELECT kpi FROM sharing_consent WHERE tenant_id = $1 AND granted AND change_time < $2 ORDER BY kpi FOR SHARE
"""
_ADD = """
INSERT INTO sharing_contribution (tenant_id, month, kpi, group_kind, group_id, value, good_share, machines)
SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[], $6::float8[], $7::float8[], $8::int[])
ON CONFLICT DO NOTHING
"""
_CONTRIBUTION = "month, kpi, group_kind, group_id, value, good_share, machines, create_time"
_CONTRIBUTIONS = f"""
SELECT {_CONTRIBUTION} FROM sharing_contribution
WHERE tenant_id = $1 AND ($2 = '' OR month < $2 OR (month = $2 AND (kpi, group_kind, group_id) > ($3, $4, $5)))
ORDER BY month DESC, kpi, group_kind, group_id LIMIT $6
"""
_BENCHMARK = "month, kpi, group_kind, group_id, at_least, lower_quartile, median, upper_quartile, refusal, publish_time"
_SEEN = f"""
SELECT {", ".join(f"b.{each.strip()}" for each in _BENCHMARK.split(","))}, c.value AS own
FROM sharing_benchmark AS b
JOIN sharing_consent AS s ON s.tenant_id = b.tenant_id AND s.kpi = b.kpi AND s.granted
JOIN sharing_contribution AS c ON c.tenant_id = b.tenant_id AND c.month = b.month AND c.kpi = b.kpi
    AND c.group_kind = b.group_kind AND c.group_id = b.group_id
WHERE b.tenant_id = $1
"""
_BENCHMARKS = f"""{_SEEN}
AND ($2 = '' OR b.month < $2 OR (b.month = $2 AND (b.kpi, b.group_kind, b.group_id) > ($3, $4, $5)))
ORDER BY b.month DESC, b.kpi, b.group_kind, b.group_id LIMIT $6
"""
_FIND = f"""{_SEEN}
AND b.kpi = $2 AND b.group_kind = $3 AND b.group_id = $4 AND ($5 = '' OR b.month = $5) ORDER BY b.month DESC LIMIT 1
"""
_ALL_OF_MONTH = """
SELECT c.tenant_id, c.kpi, c.group_kind, c.group_id, c.value
FROM sharing_contribution AS c JOIN sharing_consent AS s ON s.tenant_id = c.tenant_id AND s.kpi = c.kpi AND s.granted
WHERE c.month = $1 ORDER BY c.tenant_id
FOR SHARE OF s
"""
_PUBLISH = """
INSERT INTO sharing_benchmark
    (tenant_id, month, kpi, group_kind, group_id, at_least, lower_quartile, median, upper_quartile, refusal)
SELECT tenant, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM unnest($1::text[]) AS tenant
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A contribution, and when it was computed."""

    contribution: Contribution
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """What was published, as an enterprise that contributed sees it: with its own figure beside."""

    benchmark: Benchmark
    own: float
    publish_time: datetime


@dataclass(frozen=True, slots=True)
class Shared:
    """An enterprise's figure, as the publication reads it."""

    tenant: str
    kpi: str
    group: Group
    value: float


Key = tuple[str, str, str, str]
"""Month, KPI, kind of group and group, behind which a page begins; month "" for the first."""


async def set_consent(connection: Connection, tenant: str, kpi: str, actor: str, *, granted: bool) -> bool:
    """Store what is said about a KPI; returns whether it was different before."""
    return await connection.fetchval(_SET_CONSENT, tenant, kpi, granted, actor) is not None


async def consents(connection: Connection, tenant: str) -> list[Consent]:
    """Return what was said, in order of KPI."""
    rows = await connection.fetch(
        "SELECT kpi, granted, actor, change_time FROM sharing_consent WHERE tenant_id = $1 ORDER BY kpi", tenant
    )
    return [Consent(*row) for row in rows]


async def forget(connection: Connection, tenant: str, kpi: str) -> None:
    """Delete what a tenant contributed of a KPI, and its view of what was published."""
    for table in ("sharing_contribution", "sharing_benchmark"):
        await connection.execute(f"DELETE FROM {table} WHERE tenant_id = $1 AND kpi = $2", tenant, kpi)


async def consented(connection: Connection, tenant: str, before: datetime) -> list[str]:
    """Return the KPIs that are shared since before a time; until the transaction ends nobody withdraws them."""
    return [row[0] for row in await connection.fetch(_CONSENTED, tenant, before)]


async def add_contributions(connection: Connection, tenant: str, given: Sequence[Contribution]) -> None:
    """Store contributions of one month; those that are there already stay."""
    if given:
        await connection.execute(
            _ADD,
            tenant,
            given[0].month,
            [each.kpi for each in given],
            [each.group.kind.value for each in given],
            [each.group.id for each in given],
            [each.value for each in given],
            [each.good_share for each in given],
            [each.machines for each in given],
        )


async def contributions(connection: Connection, tenant: str, after: Key, most: int) -> list[Stored]:
    """Return a tenant's contributions, the newest month first."""
    return [_stored(row) for row in await connection.fetch(_CONTRIBUTIONS, tenant, *after, most)]


async def benchmarks(connection: Connection, tenant: str, after: Key, most: int) -> list[Seen]:
    """Return what was published with a tenant's figures in it, the newest month first."""
    return [_seen(row) for row in await connection.fetch(_BENCHMARKS, tenant, *after, most)]


async def find_benchmark(connection: Connection, tenant: str, kpi: str, group: Group, month: str) -> Seen | None:
    """Return what was published of a group; of the newest month for ""."""
    row = await connection.fetchrow(_FIND, tenant, kpi, group.kind.value, group.id, month)
    return None if row is None else _seen(row)


async def sharing_tenants(connection: Connection) -> list[str]:
    """Return the tenants that share anything; in a platform transaction."""
    rows = await connection.fetch("SELECT DISTINCT tenant_id FROM sharing_consent WHERE granted ORDER BY tenant_id")
    return [row[0] for row in rows]


async def is_published(connection: Connection, month: str) -> bool:
    """Whether a month was published; in a platform transaction."""
    query = "SELECT EXISTS (SELECT FROM sharing_month WHERE month = $1)"
    return bool(await connection.fetchval(query, month))


async def close_month(connection: Connection, month: str) -> bool:
    """Take a month for publication; False if it was published. In a platform transaction."""
    query = "INSERT INTO sharing_month (month) VALUES ($1) ON CONFLICT DO NOTHING RETURNING month"
    return await connection.fetchval(query, month) is not None


async def all_of_month(connection: Connection, month: str) -> list[Shared]:
    """Return what all tenants that consent contributed to a month; in a platform transaction."""
    return [
        Shared(row["tenant_id"], row["kpi"], _group(row), row["value"])
        for row in await connection.fetch(_ALL_OF_MONTH, month)
    ]


async def publish(connection: Connection, tenants: Sequence[str], given: Benchmark) -> None:
    """Store a copy for each of these tenants; in a platform transaction."""
    await connection.execute(
        _PUBLISH,
        tenants,
        given.month,
        given.kpi,
        given.group.kind.value,
        given.group.id,
        given.at_least,
        given.lower,
        given.median,
        given.upper,
        given.refusal,
    )


def _group(row: Record) -> Group:
    return Group(GroupKind(row["group_kind"]), row["group_id"])


def _stored(row: Record) -> Stored:
    figures = (row["month"], row["value"], row["good_share"], row["machines"])
    return Stored(Contribution(_group(row), row["kpi"], *figures), row["create_time"])


def _seen(row: Record) -> Seen:
    shown = (row["at_least"], row["lower_quartile"], row["median"], row["upper_quartile"], row["refusal"])
    return Seen(Benchmark(_group(row), row["kpi"], row["month"], *shown), row["own"], row["publish_time"])
