"""SQL about who has which app's pages open."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from asyncpg import Record

from dualspan_marketplace.access.model import Holder, Target
from dualspan_marketplace.access.secrets import AccessKey
from dualspan_marketplace.subscriptions.life import Cause, State
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.database import Connection

_TARGETS = """SELECT s.tenant_id, s.subscription_id, s.app_id, s.state, s.cause, s.reason, s.manifest,
        coalesce(d.address, '') AS address, coalesce(d.provisioner, '') AS provisioner
    FROM subscription AS s LEFT JOIN deployment AS d USING (tenant_id, subscription_id)
    WHERE s.canary_of = ''"""


async def issue(connection: Connection, name: SubscriptionName, holder: Holder, digest: bytes, end: datetime) -> None:
    """Keep a ticket."""
    await connection.execute(
        """INSERT INTO access (tenant_id, subscription_id, actor, session, ticket_digest, expire_time)
        VALUES ($1, $2, $3, $4, $5, $6)""",
        name.tenant,
        name.subscription_id,
        holder.actor,
        holder.session,
        digest,
        end,
    )


async def prune(connection: Connection, name: SubscriptionName, actor: str, keep: int) -> None:
    """Forget what the tenant has had, and all but the latest that somebody has of one subscription."""
    await connection.execute("DELETE FROM access WHERE tenant_id = $1 AND expire_time <= now()", name.tenant)
    await connection.execute(
        """DELETE FROM access WHERE tenant_id = $1 AND access_id IN (SELECT access_id FROM access
            WHERE tenant_id = $1 AND actor = $2 AND subscription_id = $3 ORDER BY create_time DESC OFFSET $4)""",
        name.tenant,
        actor,
        name.subscription_id,
        keep,
    )


async def ticket(connection: Connection, key: AccessKey) -> tuple[SubscriptionName, Holder] | None:
    """What a ticket opens and for whom; None if it is spent or never was."""
    row = await connection.fetchrow(
        """SELECT subscription_id, actor, session FROM access
        WHERE tenant_id = $1 AND ticket_digest = $2 AND expire_time > now()""",
        key.tenant,
        key.digest,
    )
    if row is None:
        return None
    return SubscriptionName(key.tenant, row["subscription_id"]), Holder(key.tenant, row["actor"], row["session"])


async def spend(connection: Connection, key: AccessKey, secret: bytes, life: timedelta) -> datetime | None:
    """A ticket becomes an access, once; returns its end, or None if somebody else was quicker."""
    return await connection.fetchval(
        """UPDATE access SET ticket_digest = NULL, secret_digest = $3, expire_time = now() + $4::interval
        WHERE tenant_id = $1 AND ticket_digest = $2 AND expire_time > now() RETURNING expire_time""",
        key.tenant,
        key.digest,
        secret,
        life,
    )


async def end(connection: Connection, key: AccessKey) -> None:
    """End an access."""
    await connection.execute("DELETE FROM access WHERE tenant_id = $1 AND secret_digest = $2", key.tenant, key.digest)


async def held(connection: Connection, keys: Sequence[AccessKey]) -> dict[AccessKey, tuple[SubscriptionName, Holder]]:
    """What accesses of any tenant are to and whose, without those that are over; in a platform transaction."""
    rows = await connection.fetch(
        """SELECT tenant_id, secret_digest, subscription_id, actor, session FROM access
        WHERE (tenant_id, secret_digest) IN (SELECT * FROM unnest($1::text[], $2::bytea[])) AND expire_time > now()""",
        [each.tenant for each in keys],
        [each.digest for each in keys],
    )
    return {
        AccessKey(row[0], row[1]): (SubscriptionName(row[0], row[2]), Holder(row[0], row["actor"], row["session"]))
        for row in rows
    }


async def targets(connection: Connection, names: Collection[SubscriptionName]) -> dict[SubscriptionName, Target]:
    """Subscriptions as whoever opens them sees them; those of other tenants in a platform transaction only."""
    rows = await connection.fetch(
        f"{_TARGETS} AND (tenant_id, subscription_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))",
        [each.tenant for each in names],
        [each.subscription_id for each in names],
    )
    return {each.name: each for each in map(_target, rows)}


async def page(connection: Connection, tenant: str, after: str, limit: int) -> list[Target]:
    """A tenant's subscriptions that are not over, in order of id."""
    rows = await connection.fetch(
        f"""{_TARGETS} AND tenant_id = $1 AND subscription_id > $2 AND s.state NOT IN ('cancelling', 'cancelled')
        ORDER BY subscription_id LIMIT $3""",
        tenant,
        after,
        limit,
    )
    return list(map(_target, rows))


def _target(row: Record) -> Target:
    return Target(
        name=SubscriptionName(row["tenant_id"], row["subscription_id"]),
        app_id=row["app_id"],
        state=State(row["state"]),
        cause=Cause(row["cause"]),
        reason=row["reason"],
        manifest=row["manifest"],
        address=row["address"],
        provisioner=row["provisioner"],
    )
