"""A subscription's life in the past, what was used in it as the services tell it, and workers that are killed."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

import asyncpg

from dualspan_marketplace.parts import Parts
from dualspan_marketplace.service.billing import Billing, Terms
from dualspan_marketplace.service.comparing import Comparing
from dualspan_marketplace.service.consuming import Consuming
from dualspan_marketplace.service.limiting import Limiting
from dualspan_marketplace.service.metering import Metering, ReadCount
from dualspan_marketplace.store import statements
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.usage import months
from dualspan_marketplace.usage.counters import Observation
from dualspan_marketplace.usage.lines import Line
from dualspan_marketplace.usage.statement import Statement
from dualspan_runtime.database import Connection, Database
from harness.databases import ClonedDatabase
from harness.historian import unique_tenant

ZONE = "Asia/Shanghai"
Work = Callable[[], Awaitable[None]]


class KilledError(BaseException):
    """What a worker ends with: nothing that it could catch."""


class Mortal:
    """A database whose user is killed before one of its statements, or before its commit.

    Args:
        database: The real one.
        lives_for: So many statements.
    """

    def __init__(self, database: Database, lives_for: float = math.inf) -> None:
        self._database = database
        self.left = lives_for

    def step(self) -> None:
        """One more statement is about to be sent."""
        if self.left <= 0:
            raise KilledError
        self.left -= 1

    @asynccontextmanager
    async def transaction(self, tenant: str, **options: Any) -> AsyncGenerator[Connection]:
        """As a database's."""
        async with self._database.transaction(tenant, **options) as connection:
            yield cast(Connection, _Watched(connection, self))
            self.step()

    @asynccontextmanager
    async def platform_transaction(self, **options: Any) -> AsyncGenerator[Connection]:
        """As a database's."""
        async with self._database.platform_transaction(**options) as connection:
            yield cast(Connection, _Watched(connection, self))
            self.step()


class _Watched:
    def __init__(self, connection: Connection, owner: Mortal) -> None:
        self._connection = connection
        self._owner = owner

    def __getattr__(self, name: str) -> Any:
        self._owner.step()
        return getattr(self._connection, name)


class NoKpis:
    """Subscriptions here have no assets: nobody is to be asked."""

    async def measure(self, *_arguments: object) -> None:
        raise AssertionError("asked for a KPI of no machine")


@dataclass
class Books:
    """One tenant with one subscription that has lived for some months.

    Attributes:
        first: Beginning of the first of its months.
    """

    parts: Parts
    name: SubscriptionName
    first: datetime

    @property
    def tenant(self) -> str:
        return self.name.tenant

    def month(self, number: int) -> datetime:
        """Beginning of a month; 0 is the first."""
        start = self.first
        for _ in range(number):
            start = months.end(start, ZONE)
        return start

    def metering(self, database: Database | Mortal) -> Metering:
        real = cast(Database, database)
        return Metering(real, self.parts.audit, Limiting(real, ZONE), ZONE)

    def billing(self, database: Database | Mortal) -> Billing:
        real = cast(Database, database)
        comparing = Comparing(real, cast(Any, NoKpis()))
        return Billing(real, self.parts.audit, comparing, Terms(ZONE))

    def work(self, database: Database | Mortal) -> list[Work]:
        """All that is to be done for three months, each safe to repeat."""
        metering, billing = self.metering(database), self.billing(database)
        consuming = Consuming(cast(Database, database), ())
        days = (3, 17, 33, 62, 95)
        return [
            *(partial(metering.count_hours, self.name, self.first + timedelta(days=day)) for day in days),
            *(partial(metering.record_reads, *told) for told in self.reads()),
            *(partial(consuming.keep, self.name, seen) for seen in self.looks()),
            *(partial(billing.close, self.tenant, self.month(n) + timedelta(hours=30)) for n in (1, 2, 3)),
        ]

    def reads(self) -> list[tuple[str, list[ReadCount]]]:
        """Two processes that count three hours of two months, as they told it."""
        told: list[tuple[str, list[ReadCount]]] = []
        for source in ("p1", "p2"):
            for number, day in enumerate((1, 2, 35), 1):
                hour = self.first + timedelta(days=day)
                told += [
                    (source, [ReadCount(self.name, hour, requests * number, requests * 10)]) for requests in (4, 9)
                ]
        return told

    def looks(self) -> list[Observation]:
        """An instance that runs into the second month, and one after it."""
        found: list[Observation] = []
        for instance, start in (("i1", self.first + timedelta(days=20)), ("i2", self.month(1) + timedelta(days=2))):
            for turn in range(1, 4):
                time = start + turn * timedelta(days=5, minutes=7)
                found.append(Observation(instance, start, time, turn * 7_777_777, 50 << 20))
        return found

    async def statements(self) -> list[Statement]:
        """All closed ones, the oldest first."""
        async with self.parts.database.transaction(self.tenant, readonly=True) as connection:
            return list(reversed(await statements.page(connection, self.tenant, 1 << 60, 100)))


async def books(database: ClonedDatabase, parts: Parts) -> Books:
    """A life: two assets by the hour, three from the middle of an hour on, a flat plan later, a pause."""
    name = SubscriptionName(unique_tenant(), "oee")
    first = months.beginning(datetime.now(UTC) - timedelta(days=150), ZONE)
    admin = await asyncpg.connect(database.admin_url)
    await admin.execute("SET search_path = marketplace")
    await admin.execute(
        """INSERT INTO subscription (tenant_id, subscription_id, publisher, app_id, version, manifest, plan_id,
            max_assets, is_paid, trial_days, was_trial, configuration, state, generation, cause, reason,
            request_digest, scopes)
        VALUES ($1, 'oee', 'maker', 'oee-board', '1.0.0', '', 'by-hour', 0, true, 0, false, '{}', 'suspended', 1,
            'asked', '', '', '{}')""",
        name.tenant,
    )
    start = first + timedelta(days=1, minutes=20)
    life = [
        (start, True, 2, "by-hour", "per-asset-hour", 125_000),
        (start + timedelta(days=3, minutes=17), True, 3, "by-hour", "per-asset-hour", 125_000),
        (start + timedelta(days=9), True, 3, "dearer", "per-asset-hour", 333_333),
        (start + timedelta(days=25), True, 3, "flat", "flat", 99_000_000),
        (start + timedelta(days=50), False, 3, "flat", "flat", 99_000_000),
        (start + timedelta(days=70), True, 1, "flat", "flat", 99_000_000),
        (start + timedelta(days=71, microseconds=1), False, 1, "flat", "flat", 99_000_000),
    ]
    await admin.executemany(
        """INSERT INTO usage_stretch (tenant_id, subscription_id, number, start_time, running, assets, app_id, plan_id,
            plan_model, price_micros, currency) VALUES ($1, 'oee', $2, $3, $4, $5, 'oee-board', $6, $7, $8, 'CNY')""",
        [(name.tenant, number, *each) for number, each in enumerate(life, 1)],
    )
    await admin.execute("INSERT INTO usage_meter VALUES ($1, 'oee', $2)", name.tenant, first)
    await admin.close()
    return Books(parts, name, first)


def by_month(given: Sequence[Statement]) -> dict[tuple[datetime, tuple[str, ...]], tuple[int, int]]:
    """What all lines say about each thing of each month: quantity and amount."""
    found: dict[tuple[datetime, tuple[str, ...]], tuple[int, int]] = {}
    for line in (line for statement in given for line in statement.lines):
        quantity, amount = found.get((line.month.start, line.same), (0, 0))
        found[line.month.start, line.same] = (quantity + line.quantity, amount + line.amount)
    return found


def said(given: Sequence[Statement]) -> list[tuple[int, datetime, datetime, tuple[Line, ...]]]:
    """What statements say, without whose they are."""
    return [(each.number, each.month.start, each.month.end, each.lines) for each in given]
