"""Use cases: what subscriptions use, counted once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.service.limiting import Limiting
from dualspan_marketplace.store import statements, subscriptions
from dualspan_marketplace.store import usage as store
from dualspan_marketplace.subscriptions.errors import subscription_not_found
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.usage import errors, months
from dualspan_marketplace.usage.comparison import MOST_DAYS, Baseline
from dualspan_marketplace.usage.hours import count, hour_of
from dualspan_marketplace.usage.model import HOUR, Dimension, Event
from dualspan_marketplace.usage.report import Report, Step, added_up
from dualspan_runtime.audit import Audit
from dualspan_runtime.database import Connection, Database

_AT_ONCE = 500
_LONGEST = timedelta(days=400)
_LONGEST_BY_HOUR = timedelta(days=40)
# Whoever was cut off for longer tells of what no statement can take up any more.
_OLDEST_READS = timedelta(days=300)


@dataclass(frozen=True, slots=True)
class ReadCount:
    """What one app read in one hour, as one process has answered it so far."""

    name: SubscriptionName
    hour: datetime
    requests: int
    samples: int


class Metering:
    """Counts hours and reads, and says what was used.

    Args:
        database: Where it is kept.
        audit: Keeps who did what.
        limiting: Looks after limits.
        zone: Of enterprises that have not chosen one, IANA.
    """

    def __init__(self, database: Database, audit: Audit, limiting: Limiting, zone: str) -> None:
        self._database = database
        self._audit = audit
        self._limiting = limiting
        self._zone = zone

    async def sweep(self, now: datetime) -> None:
        """Count the hours of all subscriptions that are over."""
        until = hour_of(now)
        while True:
            async with self._database.platform_transaction(readonly=True) as connection:
                names = await store.uncounted(connection, until, _AT_ONCE)
            for name in names:
                await self.count_hours(name, until)
            if len(names) < _AT_ONCE:
                return

    async def count_hours(self, name: SubscriptionName, until: datetime) -> None:
        """Count one subscription's hours up to a time: events and how far they go, in one transaction."""
        async with self._database.transaction(name.tenant) as connection:
            since = await store.metered_until(connection, name, hold=True)
            if since is None or since >= until:
                return
            events = count(await store.stretches(connection, name), since, until)
            await store.add_once(connection, name, events)
            await store.advance(connection, name, until)

    async def record_reads(self, source: str, counts: Sequence[ReadCount]) -> None:
        """Keep what apps read; what is known already, or is less, changes nothing."""
        now = datetime.now(UTC)
        by_name: defaultdict[SubscriptionName, list[Event]] = defaultdict(list)
        for each in counts:
            if now - _OLDEST_READS < each.hour <= now + HOUR:
                by_name[each.name] += [
                    Event(Dimension.READ_REQUESTS, each.hour, source, each.requests),
                    Event(Dimension.READ_SAMPLES, each.hour, source, each.samples),
                ]
        for name, events in by_name.items():
            async with self._database.transaction(name.tenant) as connection:
                found = await subscriptions.find(connection, name)
                # What a canary reads is the platform's own business.
                if found is None or found.canary_of:
                    continue
                await store.raise_to(connection, name, [each for each in events if each.quantity])
                await self._limiting.settle_in(connection, found, now)

    async def report(self, name: SubscriptionName, start: datetime | None, end: datetime | None, step: Step) -> Report:
        """What a subscription used.

        Raises:
            NotFound: There is no such subscription.
            InvalidArgument: The span makes no sense (`INVALID_FIELD`).
        """
        now = datetime.now(UTC)
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            found = await subscriptions.find(connection, name)
            if found is None:
                raise subscription_not_found(name.subscription_id)
            zone = (await statements.account(connection, name.tenant)).time_zone or self._zone
            month = months.beginning(now, zone)
            begin = hour_of(start or month)
            until = hour_of(end) if end else hour_of(now) + HOUR
            _check_span(begin, until, step)
            hours = await store.by_hour(connection, name, begin, until)
            return Report(
                amounts=added_up(hours, step, begin, zone),
                limits=found.terms.limits,
                used=await store.total(connection, name, month, months.end(month, zone)),
                notice=found.quota_notice,
                metered_until=await store.metered_until(connection, name),
                start=begin,
                end=until,
            )

    async def baseline(self, name: SubscriptionName) -> Baseline:
        """What is compared on statements; raises NotFound."""
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            await _check_there(connection, name)
            return await store.find_baseline(connection, name)

    async def choose_baseline(self, name: SubscriptionName, wanted: Baseline) -> Baseline:
        """Choose what is compared.

        Raises:
            NotFound: There is no such subscription.
            InvalidArgument: So many days cannot be compared (`INVALID_FIELD`).
        """
        if not 1 <= wanted.days <= MOST_DAYS:
            raise errors.invalid("baseline.days", f"Compare with 1 to {MOST_DAYS} days.")
        async with self._database.transaction(name.tenant) as connection:
            await _check_there(connection, name)
            await store.put_baseline(connection, name, wanted)
            resource = SUBSCRIPTION.format(tenant=name.tenant, subscription=name.subscription_id)
            await self._audit.write(connection, name.tenant, "marketplace.subscriptions.chooseBaseline", resource)
        return wanted


async def _check_there(connection: Connection, name: SubscriptionName) -> None:
    if await subscriptions.find(connection, name) is None:
        raise subscription_not_found(name.subscription_id)


def _check_span(start: datetime, end: datetime, step: Step) -> None:
    if start >= end:
        raise errors.invalid("end_time", "The span must end after it starts, by an hour at least.")
    longest = _LONGEST_BY_HOUR if step is Step.HOUR else _LONGEST
    if end - start > longest:
        raise errors.invalid("end_time", f"Ask for {longest.days} days at the most.")
