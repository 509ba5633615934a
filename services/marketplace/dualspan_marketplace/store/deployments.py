"""SQL about what runs for subscriptions."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from asyncpg import Record

from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.database import Connection

_COLUMNS = (
    "generation, provisioner, attempts, start_time, well_time, words, address, renew_time, operation, steps, clear,"
    " credential"
)
_THIS = "tenant_id = $1 AND subscription_id = $2"


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken."""

    step: str
    words: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is known of what runs; the attributes are those of migrations 0003 and 0008."""

    name: SubscriptionName
    generation: int = 0
    provisioner: str = ""
    attempts: int = 0
    start_time: datetime | None = None
    well_time: datetime | None = None
    words: str = ""
    address: str = ""
    renew_time: datetime | None = None
    operation: str = ""
    steps: tuple[Taken, ...] = ()
    clear: bool = False
    credential: int = 0


async def enter(connection: Connection, name: SubscriptionName) -> None:
    """Make the row of a subscription, if there is none."""
    await connection.execute(
        "INSERT INTO deployment (tenant_id, subscription_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        name.tenant,
        name.subscription_id,
    )


async def find(connection: Connection, name: SubscriptionName) -> Deployment | None:
    """What is known."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM deployment WHERE {_THIS}", name.tenant, name.subscription_id
    )
    return _deployment(name, row) if row else None


async def hold(connection: Connection, name: SubscriptionName) -> Deployment | None:
    """What is known, held until the transaction ends; None if somebody else holds it, or there is none."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM deployment WHERE {_THIS} FOR UPDATE SKIP LOCKED", name.tenant, name.subscription_id
    )
    return _deployment(name, row) if row else None


async def update(connection: Connection, known: Deployment) -> None:
    """Put it down."""
    steps = [{"step": each.step, "words": each.words, "time": each.time.isoformat()} for each in known.steps]
    await connection.execute(
        f"""UPDATE deployment SET generation = $3, provisioner = $4, attempts = $5, start_time = $6, well_time = $7,
            words = $8, address = $9, renew_time = $10, operation = $11, steps = $12, clear = $13, credential = $14
            WHERE {_THIS}""",
        known.name.tenant,
        known.name.subscription_id,
        known.generation,
        known.provisioner,
        known.attempts,
        known.start_time,
        known.well_time,
        known.words,
        known.address,
        known.renew_time,
        known.operation,
        json.dumps(steps),
        known.clear,
        known.credential,
    )


async def was_well(connection: Connection, known: Deployment) -> None:
    """It is well now, as it was known; nothing is put down while somebody holds it, or once a later one shall run."""
    await connection.execute(
        f"""UPDATE deployment SET generation = $3, well_time = now(), attempts = 0, words = '', address = $4,
            clear = false
        WHERE (tenant_id, subscription_id) IN (SELECT tenant_id, subscription_id FROM deployment
            WHERE {_THIS} AND generation <= $3 FOR UPDATE SKIP LOCKED)""",
        known.name.tenant,
        known.name.subscription_id,
        known.generation,
        known.address,
    )


async def mark_unwell(connection: Connection, patience: timedelta) -> None:
    """Put down of which subscriptions the app should run and was not seen well for so long, and of which it is well
    again; in a platform transaction. Whoever holds one of them is not waited for: the next look has it.
    """
    await connection.execute(
        """UPDATE subscription AS s SET unwell_since = found.well_time FROM (
            SELECT s.tenant_id, s.subscription_id, d.well_time FROM subscription AS s
            JOIN deployment AS d USING (tenant_id, subscription_id)
            WHERE s.state IN ('active', 'upgrading') AND s.canary_of = '' AND s.unwell_since IS NULL
                AND d.well_time < now() - $1::interval FOR UPDATE OF s SKIP LOCKED
        ) AS found WHERE (s.tenant_id, s.subscription_id) = (found.tenant_id, found.subscription_id)""",
        patience,
    )
    await connection.execute(
        """UPDATE subscription AS s SET unwell_since = NULL FROM (
            SELECT s.tenant_id, s.subscription_id FROM subscription AS s
            JOIN deployment AS d USING (tenant_id, subscription_id)
            WHERE s.unwell_since IS NOT NULL AND d.well_time > s.unwell_since FOR UPDATE OF s SKIP LOCKED
        ) AS found WHERE (s.tenant_id, s.subscription_id) = (found.tenant_id, found.subscription_id)"""
    )


async def to_look_at(connection: Connection, limit: int) -> list[SubscriptionName]:
    """Subscriptions of all tenants that something runs of, or shall run, or may be left; in a platform transaction."""
    rows = await connection.fetch(
        """SELECT s.tenant_id, s.subscription_id FROM subscription AS s
        LEFT JOIN deployment AS d USING (tenant_id, subscription_id)
        WHERE s.state IN ('provisioning', 'active', 'upgrading', 'cancelling')
            OR (s.state IN ('suspended', 'failed', 'cancelled') AND (NOT d.clear OR d.operation <> ''))
        ORDER BY s.state IN ('active'), s.tenant_id, s.subscription_id LIMIT $1""",
        limit,
    )
    return [SubscriptionName(*row) for row in rows]


async def running(connection: Connection, limit: int) -> list[tuple[SubscriptionName, str]]:
    """Subscriptions of all tenants that something is thought to run of, and who runs it; in a platform transaction."""
    rows = await connection.fetch(
        """SELECT d.tenant_id, d.subscription_id, d.provisioner FROM deployment AS d
        JOIN usage_meter AS m USING (tenant_id, subscription_id)
        WHERE d.provisioner <> '' AND NOT d.clear ORDER BY d.tenant_id, d.subscription_id LIMIT $1""",
        limit,
    )
    return [(SubscriptionName(row[0], row[1]), row[2]) for row in rows]


async def unknown(connection: Connection, names: Collection[SubscriptionName]) -> list[SubscriptionName]:
    """Those of some names that are no subscription's; in a platform transaction."""
    rows = await connection.fetch(
        """SELECT n.tenant, n.id FROM unnest($1::text[], $2::text[]) AS n (tenant, id)
        WHERE NOT EXISTS (SELECT FROM subscription AS s WHERE s.tenant_id = n.tenant AND s.subscription_id = n.id)""",
        [each.tenant for each in names],
        [each.subscription_id for each in names],
    )
    return [SubscriptionName(*row) for row in rows]


async def look_again(connection: Connection, names: Collection[SubscriptionName]) -> None:
    """Something is there of these, whatever was known: somebody has to look; in a platform transaction."""
    await connection.execute(
        """UPDATE deployment AS d SET clear = false FROM unnest($1::text[], $2::text[]) AS n (tenant, id)
        WHERE d.tenant_id = n.tenant AND d.subscription_id = n.id AND d.clear""",
        [each.tenant for each in names],
        [each.subscription_id for each in names],
    )


def _deployment(name: SubscriptionName, row: Record) -> Deployment:
    steps: list[dict[str, str]] = json.loads(row["steps"])
    return Deployment(
        name=name,
        generation=row["generation"],
        provisioner=row["provisioner"],
        attempts=row["attempts"],
        start_time=row["start_time"],
        well_time=row["well_time"],
        words=row["words"],
        address=row["address"],
        renew_time=row["renew_time"],
        operation=row["operation"],
        steps=tuple(Taken(each["step"], each["words"], datetime.fromisoformat(each["time"])) for each in steps),
        clear=row["clear"],
        credential=row["credential"],
    )
