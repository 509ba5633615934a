"""SQL about what an app has of its own: the tags of its results, its health."""

from collections.abc import Iterable, Sequence

from asyncpg import Record

from dualspan_manifest import ValueKind
from dualspan_marketplace.bindings.outputs import Output, OutputTag
from dualspan_marketplace.store.subscriptions import GRANTS
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.database import Connection

_THIS = "tenant_id = $1 AND subscription_id = $2"


async def outputs(connection: Connection, name: SubscriptionName) -> list[OutputTag]:
    """The tags of an app's results, in order of asset and output."""
    return output_tags(
        await connection.fetch(
            f"""SELECT asset_id, output, kind, unit, tag_id FROM output_tag WHERE {_THIS} AND current
            ORDER BY asset_id, output""",
            name.tenant,
            name.subscription_id,
        )
    )


def output_tags(rows: Iterable[Record]) -> list[OutputTag]:
    """The tags of rows of asset_id, output, kind, unit and tag_id."""
    return [
        OutputTag(Output(row["asset_id"], row["output"], ValueKind(row["kind"]), row["unit"]), row["tag_id"])
        for row in rows
    ]


async def put_outputs(connection: Connection, name: SubscriptionName, tags: Sequence[OutputTag]) -> None:
    """Have exactly these; others that were are kept as such, for they have what is handed back. Whoever follows the
    grants hears of it when the transaction commits.
    """
    await connection.execute(
        f"UPDATE output_tag SET current = false WHERE {_THIS} AND current AND NOT tag_id = ANY($3)",
        name.tenant,
        name.subscription_id,
        [each.tag_id for each in tags],
    )
    await connection.executemany(
        """INSERT INTO output_tag (tenant_id, subscription_id, asset_id, output, kind, unit, tag_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, subscription_id, tag_id) DO UPDATE
        SET asset_id = excluded.asset_id, output = excluded.output, unit = excluded.unit, current = true""",
        [
            (
                name.tenant,
                name.subscription_id,
                each.output.asset_id,
                each.output.output,
                each.output.kind.value,
                each.output.unit,
                each.tag_id,
            )
            for each in tags
        ],
    )
    await connection.execute(
        f"UPDATE subscription SET outputs_revision = outputs_revision + 1 WHERE {_THIS}",
        name.tenant,
        name.subscription_id,
    )
    await connection.execute("SELECT pg_notify($1, '')", GRANTS)


async def settle(connection: Connection, name: SubscriptionName, revision: int) -> bool:
    """Say that the tags are as this revision wants them; False, and they stay due, if there is a newer one."""
    due = await connection.fetchval(
        f"UPDATE subscription SET outputs_due = revision <> $3 WHERE {_THIS} RETURNING outputs_due",
        name.tenant,
        name.subscription_id,
        revision,
    )
    return due is False


async def due(connection: Connection, limit: int) -> list[SubscriptionName]:
    """Subscriptions of all tenants whose tags may not be as they should be; in a platform transaction."""
    rows = await connection.fetch(
        "SELECT tenant_id, subscription_id FROM subscription WHERE outputs_due ORDER BY random() LIMIT $1", limit
    )
    return [SubscriptionName(row["tenant_id"], row["subscription_id"]) for row in rows]


async def set_scopes(connection: Connection, name: SubscriptionName, scopes: Iterable[str]) -> None:
    """What the credential is for from now on; whoever follows the grants hears of it when the transaction commits."""
    await connection.execute(
        f"UPDATE subscription SET scopes = $3, revision = revision + 1, outputs_due = false WHERE {_THIS}",
        name.tenant,
        name.subscription_id,
        list(scopes),
    )
    await connection.execute("SELECT pg_notify($1, '')", GRANTS)


async def report_health(connection: Connection, name: SubscriptionName, problem: str) -> None:
    """Keep what an app says of itself; no change of the subscription."""
    await connection.execute(
        f"UPDATE subscription SET health_problem = $3, health_time = now() WHERE {_THIS}",
        name.tenant,
        name.subscription_id,
        problem,
    )
