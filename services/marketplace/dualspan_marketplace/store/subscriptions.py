"""SQL about subscriptions and what they grant."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from asyncpg import Record

from dualspan_manifest import ValueKind
from dualspan_marketplace.bindings.model import GrantedTag
from dualspan_marketplace.store import limits
from dualspan_marketplace.subscriptions.life import Cause, Life, State
from dualspan_marketplace.subscriptions.model import Subscription, SubscriptionName, Terms
from dualspan_marketplace.usage.model import Pricing
from dualspan_runtime.database import Connection

_COLUMNS = """tenant_id, subscription_id, publisher, app_id, version, manifest, scopes, plan_id, max_assets, is_paid,
    trial_days, configuration, roles, state, generation, cause, reason, trial_end, grace_end, hand_back_end, revision,
    request_id, request_digest, create_time, credential, health_problem, health_time, plan_model, price_micros,
    currency, quotas, quota_notice, canary_of, erase_time, unpaid_end,
    unwell_since"""
_THIS = "tenant_id = $1 AND subscription_id = $2"


async def find(connection: Connection, name: SubscriptionName, *, lock: bool = False) -> Subscription | None:
    """One subscription."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM subscription WHERE {_THIS}{' FOR UPDATE' if lock else ''}",
        name.tenant,
        name.subscription_id,
    )
    return _subscription(row) if row else None


async def find_request(connection: Connection, tenant: str, request_id: str) -> Subscription | None:
    """The subscription that a request made."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM subscription WHERE tenant_id = $1 AND request_id = $2", tenant, request_id
    )
    return _subscription(row) if row else None


async def hold_app(connection: Connection, tenant: str, app_id: str) -> None:
    """One after the other of a tenant's new subscriptions to an app."""
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{tenant}/{app_id}")


async def tried(connection: Connection, tenant: str, app_id: str) -> bool:
    """Whether the tenant has, or had, a trial of an app."""
    return await connection.fetchval(
        "SELECT EXISTS (SELECT FROM subscription WHERE tenant_id = $1 AND app_id = $2 AND was_trial)",
        tenant,
        app_id,
    )


async def insert(connection: Connection, new: Subscription) -> bool:
    """Make a subscription; False if its id or its request is there."""
    life = new.life
    status = await connection.execute(
        """INSERT INTO subscription (tenant_id, subscription_id, publisher, app_id, version, manifest, plan_id,
            max_assets, is_paid, trial_days, was_trial, configuration, state, generation, cause, reason, request_id,
            request_digest, scopes, plan_model, price_micros, currency, quotas, canary_of)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::integer, $10 > 0, $11, $12, $13, '', '', nullif($14, ''),
            $15, $16, $17, $18, $19, $20, $21)
        ON CONFLICT DO NOTHING""",
        new.name.tenant,
        new.name.subscription_id,
        new.publisher,
        new.app_id,
        new.version,
        new.manifest,
        new.terms.plan_id,
        new.terms.max_assets,
        new.terms.is_paid,
        new.terms.trial_days,
        json.dumps(dict(new.configuration)),
        life.state.value,
        life.generation,
        new.request_id,
        new.request_digest,
        new.scopes,
        new.terms.pricing.value,
        new.terms.price_micros,
        new.terms.currency,
        limits.written(new.terms.limits),
        new.canary_of,
    )
    return status == "INSERT 0 1"


async def update(connection: Connection, changed: Subscription) -> None:
    """Put down what of a subscription can change; its revision goes on."""
    life, terms = changed.life, changed.terms
    await connection.execute(
        f"""UPDATE subscription SET plan_id = $3, max_assets = $4, is_paid = $5, configuration = $6, roles = $7,
            state = $8, generation = $9, cause = $10, reason = $11, trial_end = $12, grace_end = $13,
            hand_back_end = $14, trial_days = $15, credential = $16, outputs_due = true, plan_model = $17,
            price_micros = $18, currency = $19, quotas = $20, unpaid_end = $21, revision = revision + 1,
            unwell_since = CASE WHEN $8 IN ('active', 'upgrading') THEN unwell_since END
        WHERE {_THIS}""",
        changed.name.tenant,
        changed.name.subscription_id,
        terms.plan_id,
        terms.max_assets,
        terms.is_paid,
        json.dumps(dict(changed.configuration)),
        json.dumps(dict(changed.roles)),
        life.state.value,
        life.generation,
        life.cause.value,
        life.reason,
        life.trial_end,
        life.grace_end,
        life.hand_back_end,
        terms.trial_days,
        changed.credential,
        terms.pricing.value,
        terms.price_micros,
        terms.currency,
        limits.written(terms.limits),
        life.unpaid_end,
    )
    await tell_grants(connection)


async def tell_grants(connection: Connection) -> None:
    """Wake whoever follows the grants, when the transaction commits."""
    await connection.execute("SELECT pg_notify($1, '')", GRANTS)


async def page(connection: Connection, tenant: str, after: str, limit: int) -> list[Subscription]:
    """Subscriptions in order of id, without canaries."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM subscription WHERE tenant_id = $1 AND subscription_id > $2 AND canary_of = ''"
        " ORDER BY subscription_id LIMIT $3",
        tenant,
        after,
        limit,
    )
    return [_subscription(row) for row in rows]


async def due(connection: Connection, limit: int) -> list[SubscriptionName]:
    """Subscriptions of all tenants whose trial or grace is over; in a platform transaction."""
    rows = await connection.fetch(
        """SELECT tenant_id, subscription_id FROM (
            SELECT tenant_id, subscription_id, least(trial_end, grace_end) AS due_time FROM subscription
            WHERE state IN ('active', 'suspended') AND (trial_end IS NOT NULL OR grace_end IS NOT NULL)
                AND ((state = 'active' AND trial_end <= now()) OR (state = 'suspended' AND grace_end <= now()))
            UNION ALL
            SELECT tenant_id, subscription_id, unpaid_end FROM subscription WHERE unpaid_end <= now()
        ) AS late ORDER BY due_time LIMIT $1""",
        limit,
    )
    return [SubscriptionName(*row) for row in rows]


async def of_withdrawn(connection: Connection, limit: int) -> list[tuple[SubscriptionName, str]]:
    """Subscriptions of all tenants that run a version which must not run, and that version; in a platform transaction.

    Canaries are their upgrades' business.
    """
    rows = await connection.fetch(
        """SELECT s.tenant_id, s.subscription_id, s.version FROM subscription AS s
        JOIN app_version AS v ON (v.tenant_id, v.app_id, v.version) = (s.publisher, s.app_id, s.version)
        WHERE v.state = 'withdrawn' AND s.state = 'active' AND s.canary_of = '' LIMIT $1""",
        limit,
    )
    return [(SubscriptionName(row[0], row[1]), row[2]) for row in rows]


# Heard by whoever follows the grants, on any replica, when the transaction commits.
GRANTS = "marketplace_grants"


@dataclass(frozen=True, slots=True)
class InForce:
    """A grant that is in force; its revision is another whenever the grant is."""

    name: SubscriptionName
    revision: int


async def in_force(connection: Connection) -> list[InForce]:
    """The subscriptions of all tenants whose apps may read; in a platform transaction."""
    rows = await connection.fetch(
        # All only rise: their sum is another whenever one of them is.
        "SELECT tenant_id, subscription_id, revision + outputs_revision + quota_revision FROM subscription"
        " WHERE state IN ('provisioning', 'active', 'upgrading')"
    )
    return [InForce(SubscriptionName(row[0], row[1]), row[2]) for row in rows]


@dataclass(frozen=True, slots=True)
class WhatIsGranted:
    """Tags that were granted and those of results, scopes, the credential that it all counts for, and why reads are
    refused nevertheless; "" as a rule.
    """

    tag_ids: frozenset[int]
    scopes: frozenset[str]
    credential: int
    exhausted: str


async def what_is_granted(connection: Connection, name: SubscriptionName) -> WhatIsGranted | None:
    """A grant that is in force; None by now."""
    row = await connection.fetchrow(
        f"""SELECT scopes, credential, quota_exhausted, ARRAY(
            SELECT g.tag_id FROM granted_tag AS g WHERE g.tenant_id = $1 AND g.subscription_id = $2
            UNION SELECT o.tag_id FROM output_tag AS o WHERE o.tenant_id = $1 AND o.subscription_id = $2
                AND o.current) AS tags
        FROM subscription WHERE {_THIS} AND state IN ('provisioning', 'active', 'upgrading')""",
        name.tenant,
        name.subscription_id,
    )
    if row is None:
        return None
    return WhatIsGranted(frozenset(row["tags"]), frozenset(row["scopes"]), row["credential"], row["quota_exhausted"])


async def grant(connection: Connection, name: SubscriptionName, tags: Iterable[GrantedTag]) -> None:
    """Grant exactly these tags."""
    await connection.execute(f"DELETE FROM granted_tag WHERE {_THIS}", name.tenant, name.subscription_id)
    await connection.executemany(
        """INSERT INTO granted_tag (tenant_id, subscription_id, role, asset_id, property, index, tag_id, kind, unit,
            factor, value_offset) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
        [
            (
                name.tenant,
                name.subscription_id,
                each.role,
                each.asset_id,
                each.property,
                each.index,
                each.tag_id,
                each.kind.value,
                each.unit,
                each.factor,
                each.offset,
            )
            for each in tags
        ],
    )


async def granted(connection: Connection, name: SubscriptionName) -> list[GrantedTag]:
    """What is granted, in order of role, asset, property and index."""
    rows = await connection.fetch(
        f"""SELECT role, asset_id, property, index, tag_id, kind, unit, factor, value_offset FROM granted_tag
        WHERE {_THIS} ORDER BY role, asset_id, property, index""",
        name.tenant,
        name.subscription_id,
    )
    return [
        GrantedTag(
            role=row["role"],
            asset_id=row["asset_id"],
            property=row["property"],
            index=row["index"],
            tag_id=row["tag_id"],
            kind=ValueKind(row["kind"]),
            unit=row["unit"],
            factor=row["factor"],
            offset=row["value_offset"],
        )
        for row in rows
    ]


def _subscription(row: Record) -> Subscription:
    roles: dict[str, list[str]] = json.loads(row["roles"])
    return Subscription(
        name=SubscriptionName(row["tenant_id"], row["subscription_id"]),
        publisher=row["publisher"],
        app_id=row["app_id"],
        version=row["version"],
        manifest=row["manifest"],
        scopes=tuple(row["scopes"]),
        terms=Terms(
            plan_id=row["plan_id"],
            max_assets=row["max_assets"],
            is_paid=row["is_paid"],
            trial_days=row["trial_days"],
            pricing=Pricing(row["plan_model"]),
            price_micros=row["price_micros"],
            currency=row["currency"],
            limits=limits.read(row["quotas"]),
        ),
        configuration=json.loads(row["configuration"]),
        roles={role: tuple(assets) for role, assets in roles.items()},
        life=Life(
            state=State(row["state"]),
            generation=row["generation"],
            cause=Cause(row["cause"]),
            reason=row["reason"],
            trial_end=row["trial_end"],
            grace_end=row["grace_end"],
            hand_back_end=row["hand_back_end"],
            unpaid_end=row["unpaid_end"],
        ),
        revision=row["revision"],
        request_id=row["request_id"] or "",
        request_digest=row["request_digest"],
        create_time=row["create_time"],
        credential=row["credential"],
        health_problem=row["health_problem"],
        health_time=row["health_time"],
        canary_of=row["canary_of"],
        quota_notice=row["quota_notice"],
        erase_time=row["erase_time"],
        unwell_since=row["unwell_since"],
    )
