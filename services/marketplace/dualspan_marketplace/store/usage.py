"""SQL about what subscriptions used."""

from collections.abc import Sequence
from datetime import datetime

from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.usage.comparison import Baseline
from dualspan_marketplace.usage.counters import Counter
from dualspan_marketplace.usage.lines import Used
from dualspan_marketplace.usage.model import Dimension, Event, Pricing, Stretch, Tariff
from dualspan_marketplace.usage.report import Amount
from dualspan_runtime.database import Connection

_THIS = "tenant_id = $1 AND subscription_id = $2"
# A meter that has something to count up to a time: it runs, or has begun or ended to run since.
_UNCOUNTED = """m.metered_until < {until} AND EXISTS (SELECT FROM usage_stretch AS s
    WHERE s.tenant_id = m.tenant_id AND s.subscription_id = m.subscription_id AND s.start_time < {until}
    AND (s.start_time >= m.metered_until OR s.running AND NOT EXISTS (SELECT FROM usage_stretch AS t
        WHERE t.tenant_id = s.tenant_id AND t.subscription_id = s.subscription_id AND t.number > s.number
        AND t.start_time < m.metered_until)))"""
_KEY = "(tenant_id, subscription_id, dimension, hour, source)"


async def stretches(connection: Connection, name: SubscriptionName) -> list[Stretch]:
    """The life of a subscription, in order of time."""
    rows = await connection.fetch(
        f"SELECT number, start_time, running, assets FROM usage_stretch WHERE {_THIS} ORDER BY number",
        name.tenant,
        name.subscription_id,
    )
    return [Stretch(*row) for row in rows]


async def uncounted(connection: Connection, until: datetime, limit: int) -> list[SubscriptionName]:
    """Subscriptions of all tenants with hours before a time that are not counted; in a platform transaction."""
    rows = await connection.fetch(
        f"SELECT m.tenant_id, m.subscription_id FROM usage_meter AS m WHERE {_UNCOUNTED.format(until='$1')}"
        " ORDER BY m.metered_until LIMIT $2",
        until,
        limit,
    )
    return [SubscriptionName(*row) for row in rows]


async def is_counted(connection: Connection, tenant: str, until: datetime) -> bool:
    """Whether all hours of a tenant before a time are counted."""
    return not await connection.fetchval(
        f"SELECT EXISTS (SELECT FROM usage_meter AS m WHERE m.tenant_id = $1 AND {_UNCOUNTED.format(until='$2')})",
        tenant,
        until,
    )


async def metered_until(connection: Connection, name: SubscriptionName, *, hold: bool = False) -> datetime | None:
    """How far hours are counted, held until the transaction ends if asked for; None if it never ran."""
    return await connection.fetchval(
        f"SELECT metered_until FROM usage_meter WHERE {_THIS}{' FOR UPDATE' if hold else ''}",
        name.tenant,
        name.subscription_id,
    )


async def advance(connection: Connection, name: SubscriptionName, until: datetime) -> None:
    """Hours are counted up to there."""
    await connection.execute(
        f"UPDATE usage_meter SET metered_until = $3 WHERE {_THIS}", name.tenant, name.subscription_id, until
    )


async def add_once(connection: Connection, name: SubscriptionName, events: Sequence[Event]) -> None:
    """Keep events that never change; those that are there stay."""
    await _insert(connection, name, events, "DO NOTHING")


async def raise_to(connection: Connection, name: SubscriptionName, events: Sequence[Event]) -> None:
    """Keep counts that only rise: of each the largest that was told, in whatever order and however often."""
    kept = "DO UPDATE SET quantity = excluded.quantity WHERE usage_event.quantity < excluded.quantity"
    await _insert(connection, name, events, kept)


async def add_up(connection: Connection, name: SubscriptionName, events: Sequence[Event]) -> None:
    """Add to what is there; whoever calls holds the counter that they were made from."""
    await _insert(connection, name, events, "DO UPDATE SET quantity = usage_event.quantity + excluded.quantity")


async def _insert(connection: Connection, name: SubscriptionName, events: Sequence[Event], conflict: str) -> None:
    ordered = sorted(events, key=lambda each: (each.dimension.value, each.hour, each.source))
    await connection.execute(
        f"""INSERT INTO usage_event (tenant_id, subscription_id, dimension, hour, source, quantity)
        SELECT $1, $2, * FROM unnest($3::text[], $4::timestamptz[], $5::text[], $6::bigint[])
        ON CONFLICT {_KEY} {conflict}""",
        name.tenant,
        name.subscription_id,
        [each.dimension.value for each in ordered],
        [each.hour for each in ordered],
        [each.source for each in ordered],
        [each.quantity for each in ordered],
    )


async def hold_counter(connection: Connection, name: SubscriptionName, instance: str, started: datetime) -> Counter:
    """What was seen last of an instance, held until the transaction ends; from its start if nothing was."""
    await connection.execute(
        "INSERT INTO usage_counter (tenant_id, subscription_id, instance, cpu_us, seen_time) VALUES ($1, $2, $3, 0, $4)"
        " ON CONFLICT DO NOTHING",
        name.tenant,
        name.subscription_id,
        instance,
        started,
    )
    row = await connection.fetchrow(
        f"SELECT cpu_us, seen_time FROM usage_counter WHERE {_THIS} AND instance = $3 FOR UPDATE",
        name.tenant,
        name.subscription_id,
        instance,
    )
    return Counter(row["cpu_us"], row["seen_time"]) if row else Counter(0, started)


async def put_counter(connection: Connection, name: SubscriptionName, instance: str, seen: Counter) -> None:
    """What is seen now."""
    await connection.execute(
        f"UPDATE usage_counter SET cpu_us = $4, seen_time = $5 WHERE {_THIS} AND instance = $3",
        name.tenant,
        name.subscription_id,
        instance,
        seen.cpu_us,
        seen.seen,
    )


async def sums(connection: Connection, tenant: str, start: datetime, end: datetime) -> list[Used]:
    """What all subscriptions of a tenant used in [start, end), by what was agreed then.

    What has no price in any plan is not split by plans.
    """
    rows = await connection.fetch(
        """SELECT e.subscription_id, u.app_id, coalesce(s.plan_id, '') AS plan_id, coalesce(s.plan_model, 'free') AS
            pricing, coalesce(s.price_micros, 0) AS price, coalesce(s.currency, '') AS currency, e.dimension,
            sum(e.quantity)::bigint AS quantity
        FROM usage_event AS e
        JOIN subscription AS u ON u.tenant_id = e.tenant_id AND u.subscription_id = e.subscription_id
        LEFT JOIN usage_stretch AS s ON e.dimension IN ('running-hours', 'asset-hours') AND s.tenant_id = e.tenant_id
            AND s.subscription_id = e.subscription_id AND s.number::text = e.source
        WHERE e.tenant_id = $1 AND e.hour >= $2 AND e.hour < $3
        GROUP BY 1, 2, 3, 4, 5, 6, 7""",
        tenant,
        start,
        end,
    )
    return [
        Used(
            row["subscription_id"],
            row["app_id"],
            Tariff(row["plan_id"], Pricing(row["pricing"]), row["price"], row["currency"]),
            Dimension(row["dimension"]),
            row["quantity"],
        )
        for row in rows
    ]


async def by_hour(connection: Connection, name: SubscriptionName, start: datetime, end: datetime) -> list[Amount]:
    """What one subscription used in [start, end), by hour."""
    rows = await connection.fetch(
        f"""SELECT dimension, hour, sum(quantity)::bigint AS quantity FROM usage_event
        WHERE {_THIS} AND hour >= $3 AND hour < $4 GROUP BY dimension, hour""",
        name.tenant,
        name.subscription_id,
        start,
        end,
    )
    return [Amount(Dimension(row["dimension"]), row["hour"], row["quantity"]) for row in rows]


async def total(connection: Connection, name: SubscriptionName, start: datetime, end: datetime) -> dict[Dimension, int]:
    """What one subscription used in [start, end), of each dimension."""
    rows = await connection.fetch(
        f"""SELECT dimension, sum(quantity)::bigint AS quantity FROM usage_event
        WHERE {_THIS} AND hour >= $3 AND hour < $4 GROUP BY dimension""",
        name.tenant,
        name.subscription_id,
        start,
        end,
    )
    return {Dimension(row["dimension"]): row["quantity"] for row in rows}


async def limited(connection: Connection, limit: int, after: SubscriptionName) -> list[SubscriptionName]:
    """Subscriptions of all tenants whose plans have limits, in order; in a platform transaction."""
    rows = await connection.fetch(
        """SELECT tenant_id, subscription_id FROM subscription WHERE (tenant_id, subscription_id) > ($2, $3)
            AND (quotas <> '[]' OR quota_notice <> '' OR quota_exhausted <> '')
            AND state NOT IN ('cancelling', 'cancelled') ORDER BY tenant_id, subscription_id LIMIT $1""",
        limit,
        after.tenant,
        after.subscription_id,
    )
    return [SubscriptionName(*row) for row in rows]


async def find_baseline(connection: Connection, name: SubscriptionName) -> Baseline:
    """What is compared; the usual unless something else was chosen."""
    row = await connection.fetchrow(
        f"SELECT kpi, days FROM usage_baseline WHERE {_THIS}", name.tenant, name.subscription_id
    )
    return Baseline(row["kpi"], row["days"]) if row else Baseline()


async def put_baseline(connection: Connection, name: SubscriptionName, wanted: Baseline) -> None:
    """Choose what is compared."""
    await connection.execute(
        """INSERT INTO usage_baseline (tenant_id, subscription_id, kpi, days) VALUES ($1, $2, $3, $4)
        ON CONFLICT (tenant_id, subscription_id) DO UPDATE SET kpi = excluded.kpi, days = excluded.days""",
        name.tenant,
        name.subscription_id,
        wanted.kpi,
        wanted.days,
    )


async def ran_before(connection: Connection, tenant: str, end: datetime) -> list[str]:
    """Ids of a tenant's subscriptions that ran before a time, in order."""
    rows = await connection.fetch(
        "SELECT DISTINCT subscription_id FROM usage_stretch WHERE tenant_id = $1 AND running AND start_time < $2"
        " ORDER BY subscription_id",
        tenant,
        end,
    )
    return [row["subscription_id"] for row in rows]


async def forget_counters(connection: Connection, before: datetime) -> None:
    """Forget instances that have not been seen since and are no more; in a platform transaction.

    One of a subscription that runs still may be the one that runs, and nobody could look: it would count from its start
    once more. It is gone once another one was seen so much later.
    """
    await connection.execute(
        """DELETE FROM usage_counter AS c WHERE seen_time < $1 AND (
            NOT EXISTS (SELECT FROM deployment AS d WHERE d.tenant_id = c.tenant_id
                AND d.subscription_id = c.subscription_id AND d.provisioner <> '' AND NOT d.clear)
            OR EXISTS (SELECT FROM usage_counter AS o WHERE o.tenant_id = c.tenant_id
                AND o.subscription_id = c.subscription_id AND o.seen_time >= $1))""",
        before,
    )


async def set_standing(connection: Connection, name: SubscriptionName, notice: str, exhausted: str) -> bool:
    """How a subscription stands with its limits; whether that is news."""
    status = await connection.execute(
        f"""UPDATE subscription SET quota_notice = $3, quota_exhausted = $4, quota_revision = quota_revision + 1
        WHERE {_THIS} AND (quota_notice, quota_exhausted) IS DISTINCT FROM ($3, $4)""",
        name.tenant,
        name.subscription_id,
        notice,
        exhausted,
    )
    return status == "UPDATE 1"
