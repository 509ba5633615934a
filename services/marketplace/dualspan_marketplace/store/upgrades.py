"""SQL about upgrades."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from asyncpg import Record

from dualspan_manifest import ValueKind
from dualspan_marketplace.bindings.model import GrantedTag
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.upgrades.comparison import Compared
from dualspan_marketplace.upgrades.model import Phase
from dualspan_marketplace.upgrades.record import Snapshot, Upgrade
from dualspan_runtime.database import Connection

_COLUMNS = """tenant_id, subscription_id, number, canary_id, snapshot, to_version, canary_seconds, operation,
    create_time, phase, called_off, reason, compared, canary_time, switch_time, end_time"""
_SUBSCRIPTION = "tenant_id = $1 AND subscription_id = $2"
_THIS = f"{_SUBSCRIPTION} AND number = $3"


async def insert(connection: Connection, new: Upgrade) -> None:
    """Make an upgrade; a subscription has one at a time that goes on."""
    await connection.execute(
        """INSERT INTO upgrade (tenant_id, subscription_id, number, phase, canary_id, snapshot, from_version,
            to_version, canary_seconds, operation, reason, switch_time, end_time)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)""",
        new.name.tenant,
        new.name.subscription_id,
        new.number,
        new.phase.value,
        new.canary_id,
        json.dumps(_facts(new.snapshot)),
        new.snapshot.version,
        new.to_version,
        new.canary_seconds,
        new.operation,
        new.reason,
        new.switch_time,
        new.end_time,
    )


async def next_number(connection: Connection, name: SubscriptionName) -> int:
    """The number of the next upgrade of a subscription."""
    query = f"SELECT coalesce(max(number), 0) + 1 FROM upgrade WHERE {_SUBSCRIPTION}"
    return await connection.fetchval(query, name.tenant, name.subscription_id)


async def find(connection: Connection, name: SubscriptionName, number: int) -> Upgrade | None:
    """One upgrade."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM upgrade WHERE {_THIS}", name.tenant, name.subscription_id, number
    )
    return _upgrade(row) if row else None


async def hold(connection: Connection, name: SubscriptionName, number: int) -> Upgrade | None:
    """One upgrade, held until the transaction ends; None if somebody else holds it, or there is none."""
    query = f"SELECT {_COLUMNS} FROM upgrade WHERE {_THIS} FOR UPDATE SKIP LOCKED"
    row = await connection.fetchrow(query, name.tenant, name.subscription_id, number)
    return _upgrade(row) if row else None


async def page(connection: Connection, name: SubscriptionName, before: int, limit: int) -> list[Upgrade]:
    """Upgrades of a subscription with lower numbers, the latest first; 0: all."""
    rows = await connection.fetch(
        f"""SELECT {_COLUMNS} FROM upgrade WHERE {_SUBSCRIPTION} AND ($3::integer = 0 OR number < $3)
        ORDER BY number DESC LIMIT $4""",
        name.tenant,
        name.subscription_id,
        before,
        limit,
    )
    return [_upgrade(row) for row in rows]


async def update(connection: Connection, changed: Upgrade) -> None:
    """Put down what of an upgrade can change."""
    await connection.execute(
        f"""UPDATE upgrade SET phase = $4, reason = $5, compared = $6, canary_time = $7, switch_time = $8,
            end_time = $9 WHERE {_THIS}""",
        changed.name.tenant,
        changed.name.subscription_id,
        changed.number,
        changed.phase.value,
        changed.reason,
        json.dumps([asdict(each) for each in changed.compared]),
        changed.canary_time,
        changed.switch_time,
        changed.end_time,
    )


async def call_off(connection: Connection, unwanted: Upgrade) -> None:
    """A person wants it no more; whoever takes a step at the same time writes other columns."""
    name = unwanted.name
    query = f"UPDATE upgrade SET called_off = true WHERE {_THIS}"
    await connection.execute(query, name.tenant, name.subscription_id, unwanted.number)


async def settle(connection: Connection, settled: Upgrade) -> None:
    """Nothing of it is left to do."""
    name = settled.name
    query = f"UPDATE upgrade SET settled = true WHERE {_THIS}"
    await connection.execute(query, name.tenant, name.subscription_id, settled.number)


@dataclass(frozen=True, slots=True)
class Barred:
    """Which of an upgrade's versions its publisher has withdrawn, which only a platform transaction sees."""

    new: bool = False
    old: bool = False


async def unsettled(connection: Connection, limit: int) -> list[tuple[SubscriptionName, int, Barred]]:
    """Upgrades of all tenants of which something is left to do, and which of their versions must not run; in a platform
    transaction.
    """
    rows = await connection.fetch(
        """SELECT u.tenant_id, u.subscription_id, u.number, coalesce(new.state = 'withdrawn', false),
            coalesce(old.state = 'withdrawn', false)
        FROM upgrade AS u JOIN subscription AS s USING (tenant_id, subscription_id)
        LEFT JOIN app_version AS new ON (new.tenant_id, new.app_id, new.version) = (s.publisher, s.app_id, u.to_version)
        LEFT JOIN app_version AS old
            ON (old.tenant_id, old.app_id, old.version) = (s.publisher, s.app_id, u.from_version)
        WHERE NOT u.settled ORDER BY u.tenant_id, u.subscription_id, u.number LIMIT $1""",
        limit,
    )
    return [(SubscriptionName(row[0], row[1]), row[2], Barred(row[3], row[4])) for row in rows]


async def change_version(
    connection: Connection, name: SubscriptionName, version: str, manifest: str, scopes: Iterable[str]
) -> None:
    """What version a subscription is to; its revision and whoever follows the grants are told by another change."""
    await connection.execute(
        f"UPDATE subscription SET version = $3, manifest = $4, scopes = $5 WHERE {_SUBSCRIPTION}",
        name.tenant,
        name.subscription_id,
        version,
        manifest,
        list(scopes),
    )


async def void_canaries(connection: Connection, name: SubscriptionName) -> None:
    """Void the access tokens of new versions that are tried for a subscription."""
    await connection.execute(
        """UPDATE subscription SET credential = credential + 1, revision = revision + 1
        WHERE tenant_id = $1 AND canary_of = $2""",
        name.tenant,
        name.subscription_id,
    )


def _facts(snapshot: Snapshot) -> dict[str, Any]:
    tags = [{**asdict(each), "kind": each.kind.value} for each in snapshot.grant]
    return {
        "version": snapshot.version,
        "manifest": snapshot.manifest,
        "scopes": snapshot.scopes,
        "configuration": dict(snapshot.configuration),
        "roles": dict(snapshot.roles),
        "grant": tags,
    }


def _snapshot(text: str) -> Snapshot:
    facts = json.loads(text)
    return Snapshot(
        version=facts["version"],
        manifest=facts["manifest"],
        scopes=tuple(facts["scopes"]),
        configuration=facts["configuration"],
        roles={role: tuple(assets) for role, assets in facts["roles"].items()},
        grant=tuple(map(_tag, facts["grant"])),
    )


def _tag(facts: dict[str, Any]) -> GrantedTag:
    kind = ValueKind(facts.pop("kind"))
    return GrantedTag(kind=kind, **facts)


def _upgrade(row: Record) -> Upgrade:
    return Upgrade(
        name=SubscriptionName(row["tenant_id"], row["subscription_id"]),
        number=row["number"],
        canary_id=row["canary_id"],
        snapshot=_snapshot(row["snapshot"]),
        to_version=row["to_version"],
        canary_seconds=row["canary_seconds"],
        operation=row["operation"],
        create_time=row["create_time"],
        phase=Phase(row["phase"]),
        called_off=row["called_off"],
        reason=row["reason"],
        compared=tuple(Compared(**each) for each in json.loads(row["compared"])),
        canary_time=row["canary_time"],
        switch_time=row["switch_time"],
        end_time=row["end_time"],
    )
