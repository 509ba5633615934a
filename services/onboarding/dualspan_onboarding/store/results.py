"""SQL about the tags of results."""

from collections.abc import Sequence

from asyncpg import Record

from dualspan_onboarding.results import Result, ResultTag, SubscriptionName
from dualspan_runtime.database import Connection

_COLUMNS = "tag_id, subscription_id, asset_id, output, kind, unit"

# A tag that was retired lives again when its result is wanted again.
_SET = f"""
INSERT INTO result_tag (tenant_id, subscription_id, asset_id, output, kind, unit)
SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::smallint[], $6::text[])
ON CONFLICT (tenant_id, subscription_id, asset_id, output, kind, unit) DO UPDATE SET retired_at = NULL
RETURNING {_COLUMNS}
"""


async def hold(connection: Connection, name: SubscriptionName) -> None:
    """One after the other of what changes a subscription's tags."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"results of {name}")


async def put(connection: Connection, name: SubscriptionName, results: Sequence[Result]) -> list[ResultTag]:
    """Have a tag for each of these."""
    rows = await connection.fetch(
        _SET,
        name.tenant,
        name.subscription,
        [each.asset for each in results],
        [each.output for each in results],
        [each.kind for each in results],
        [each.unit for each in results],
    )
    return [_tag(row) for row in rows]


async def retire_others(connection: Connection, name: SubscriptionName, kept: Sequence[int]) -> list[int]:
    """Retire all other tags of the subscription; returns all that are retired."""
    rows = await connection.fetch(
        """UPDATE result_tag SET retired_at = coalesce(retired_at, now())
        WHERE tenant_id = $1 AND subscription_id = $2 AND tag_id <> ALL($3) RETURNING tag_id""",
        name.tenant,
        name.subscription,
        kept,
    )
    return [row["tag_id"] for row in rows]


async def page(connection: Connection, tenant: str, after: int, limit: int) -> list[ResultTag]:
    """Tags that are written now, in order of id."""
    rows = await connection.fetch(
        f"""SELECT {_COLUMNS} FROM result_tag WHERE tenant_id = $1 AND tag_id > $2 AND retired_at IS NULL
        ORDER BY tag_id LIMIT $3""",
        tenant,
        after,
        limit,
    )
    return [_tag(row) for row in rows]


def _tag(row: Record) -> ResultTag:
    result = Result(row["asset_id"], row["output"], row["kind"], row["unit"])
    return ResultTag(row["tag_id"], row["subscription_id"], result)
