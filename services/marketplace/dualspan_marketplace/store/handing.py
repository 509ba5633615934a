"""SQL about what is handed back, and deleted after that."""

from dualspan_marketplace.bindings.outputs import OutputTag
from dualspan_marketplace.store.app_runtime import output_tags
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.database import Connection

_THIS = "tenant_id = $1 AND subscription_id = $2"
_LEFT = ("granted_tag", "output_tag", "deployment", "access", "egress_refusal")


async def written(connection: Connection, name: SubscriptionName) -> list[OutputTag]:
    """All tags that the app of a subscription has, or had, for its results."""
    return output_tags(
        await connection.fetch(
            f"SELECT asset_id, output, kind, unit, tag_id FROM output_tag WHERE {_THIS} ORDER BY output, asset_id",
            name.tenant,
            name.subscription_id,
        )
    )


async def over(connection: Connection, limit: int) -> list[SubscriptionName]:
    """Subscriptions of all tenants whose time to fetch is over; in a platform transaction."""
    rows = await connection.fetch(
        """SELECT tenant_id, subscription_id FROM subscription
        WHERE state = 'cancelled' AND erase_time IS NULL AND hand_back_end <= now()
        ORDER BY hand_back_end LIMIT $1""",
        limit,
    )
    return [SubscriptionName(*row) for row in rows]


async def erase(connection: Connection, name: SubscriptionName) -> bool:
    """Delete all that the app had; what it used and cost stays. False if that was done before."""
    status = await connection.execute(
        f"""UPDATE subscription SET erase_time = now(), configuration = '{{}}', roles = '{{}}', scopes = '{{}}',
            reason = '', health_problem = '', quota_notice = '', credential = credential + 1, outputs_due = false,
            revision = revision + 1
        WHERE {_THIS} AND state = 'cancelled' AND hand_back_end <= now() AND erase_time IS NULL""",
        name.tenant,
        name.subscription_id,
    )
    if status != "UPDATE 1":
        return False
    for table in _LEFT:
        await connection.execute(f"DELETE FROM {table} WHERE {_THIS}", name.tenant, name.subscription_id)
    # What upgrades went back to: settings and granted tags of before.
    await connection.execute(
        f"""UPDATE upgrade SET snapshot = snapshot || '{{"configuration": {{}}, "roles": {{}}, "grant": []}}'
        WHERE {_THIS}""",
        name.tenant,
        name.subscription_id,
    )
    return True
