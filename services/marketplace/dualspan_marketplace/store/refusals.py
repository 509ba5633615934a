"""SQL about ways out that apps did not get."""

from collections.abc import Sequence

from dualspan_marketplace.deployments.provisioner import Refused
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.database import Connection

_THIS = "tenant_id = $1 AND subscription_id = $2"


async def keep(connection: Connection, name: SubscriptionName, seen: Sequence[Refused], most: int) -> None:
    """Keep what was seen, whatever of it was seen before; of all, the latest so many."""
    latest = {(each.host, each.port): each for each in sorted(seen, key=lambda each: each.time)}
    ordered = [latest[key] for key in sorted(latest)]
    await connection.execute(
        """INSERT INTO egress_refusal AS e (tenant_id, subscription_id, host, port, why, refuse_time, code)
        SELECT $1, $2, * FROM unnest($3::text[], $4::integer[], $5::text[], $6::timestamptz[], $7::text[])
        ON CONFLICT (tenant_id, subscription_id, host, port) DO UPDATE
            SET (why, refuse_time, code) = (excluded.why, excluded.refuse_time, excluded.code)
            WHERE e.refuse_time < excluded.refuse_time""",
        name.tenant,
        name.subscription_id,
        [each.host for each in ordered],
        [each.port for each in ordered],
        [each.why for each in ordered],
        [each.time for each in ordered],
        [each.code for each in ordered],
    )
    await connection.execute(
        f"""DELETE FROM egress_refusal WHERE {_THIS} AND (host, port) IN
            (SELECT host, port FROM egress_refusal WHERE {_THIS} ORDER BY refuse_time DESC, host, port OFFSET $3)""",
        name.tenant,
        name.subscription_id,
        most,
    )


async def latest(connection: Connection, name: SubscriptionName) -> list[Refused]:
    """What is kept, the latest first."""
    rows = await connection.fetch(
        f"""SELECT host, port, why, refuse_time, code FROM egress_refusal WHERE {_THIS}
        ORDER BY refuse_time DESC, host, port""",
        name.tenant,
        name.subscription_id,
    )
    return [Refused(*row) for row in rows]
