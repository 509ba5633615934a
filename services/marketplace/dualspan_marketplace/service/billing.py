"""Use cases: monthly statements."""

import asyncio
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from dualspan_marketplace.names import BILLING_ACCOUNT, STATEMENT
from dualspan_marketplace.service.comparing import Comparing
from dualspan_marketplace.service.sweeping import on_its_own
from dualspan_marketplace.store import statements as store
from dualspan_marketplace.store import subscriptions, usage
from dualspan_marketplace.store.statements import Account
from dualspan_marketplace.subscriptions.errors import subscription_not_found
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.usage import errors, months
from dualspan_marketplace.usage.files import Form, render
from dualspan_marketplace.usage.lines import Adjustment, Line, Month, adjusted, corrections, of_month
from dualspan_marketplace.usage.statement import Statement, digest_of
from dualspan_marketplace.usage.words import Language
from dualspan_runtime.audit import Audit
from dualspan_runtime.database import Connection, Database

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_MOST_MINOR_UNITS = 10**12
_LONGEST_REASON = 200
_NEWEST = (1 << 62) - 1
# Months that are looked at again: what becomes known later than that is on no statement.
_LOOKED_BACK = 12


@dataclass(frozen=True, slots=True)
class Terms:
    """When statements are closed.

    Attributes:
        zone: Of enterprises that have not chosen one, IANA.
        delay: After a month's end: what is still on its way arrives.
        patience: After that, analytics is waited for; then a statement is closed without comparisons.
    """

    zone: str
    delay: timedelta = timedelta(hours=24)
    patience: timedelta = timedelta(days=3)


class Billing:
    """Closes statements, shows them, adjusts them by lines of the next.

    Args:
        database: Where they are.
        audit: Keeps who did what.
        comparing: Asks for KPIs.
        terms: When statements are closed.
    """

    def __init__(self, database: Database, audit: Audit, comparing: Comparing, terms: Terms) -> None:
        self._database = database
        self._audit = audit
        self._comparing = comparing
        self._terms = terms

    async def sweep(self, now: datetime) -> None:
        """Close every statement that is due; one enterprise's trouble is not that of others."""
        async with self._database.platform_transaction(readonly=True) as connection:
            tenants = await store.billed(connection)
        for tenant in tenants:
            with on_its_own("a statement", tenant):
                await self.close(tenant, now)

    async def close(self, tenant: str, now: datetime) -> None:
        """Close a tenant's statements of all months that are over; whoever else does so at the same time does no harm.

        Raises:
            Unavailable: Analytics does not answer, and has some time to (`UPSTREAM_UNREACHABLE`).
        """
        while (month := await self._due(tenant, now)) is not None:
            final = now >= month.end + self._terms.delay + self._terms.patience
            compared = await self._comparing.of_month(tenant, month, final=final)
            async with self._database.transaction(tenant) as connection:
                account = await store.hold_account(connection, tenant)
                if account.open_since != month.start:
                    continue
                if not await usage.is_counted(connection, tenant, month.end):
                    return
                zone = account.time_zone or self._terms.zone
                draft = await _draft(connection, tenant, month, zone)
                if draft.lines:
                    closed = replace(
                        draft,
                        number=account.next_number,
                        close_time=now.replace(microsecond=0),
                        comparisons=tuple(compared),
                    )
                    await self._keep(connection, closed)
                next_number = account.next_number + bool(draft.lines)
                await store.put_account(
                    connection, tenant, replace(account, open_since=month.end, next_number=next_number)
                )

    async def _keep(self, connection: Connection, closed: Statement) -> None:
        await store.insert(connection, replace(closed, digest=digest_of(closed)))
        name = STATEMENT.format(tenant=closed.tenant, statement=str(closed.number))
        await self._audit.write(connection, closed.tenant, "marketplace.statements.close", name, "services/marketplace")

    async def _due(self, tenant: str, now: datetime) -> Month | None:
        """The month whose statement is to be closed now; the first one begins with the first use."""
        async with self._database.transaction(tenant) as connection:
            account = await store.hold_account(connection, tenant)
            zone = account.time_zone or self._terms.zone
            if account.open_since is None:
                first = await store.first_start(connection, tenant)
                if first is None:
                    return None
                account = replace(account, open_since=months.beginning(first, zone))
                await store.put_account(connection, tenant, account)
        month = _open_month(account, zone, now)
        return month if now >= month.end + self._terms.delay else None

    async def account(self, tenant: str) -> Account:
        """How a tenant's statements are made."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            found = await store.account(connection, tenant)
        return replace(found, time_zone=found.time_zone or self._terms.zone)

    async def change_zone(self, tenant: str, zone: str) -> Account:
        """Have months begin and end elsewhere; raises InvalidArgument `INVALID_FIELD`."""
        if not months.is_zone(zone):
            words = f"There is no time zone {zone[:60]!r}. Give an IANA name, such as Asia/Shanghai."
            raise errors.invalid("billing_account.time_zone", words)
        async with self._database.transaction(tenant) as connection:
            account = replace(await store.hold_account(connection, tenant), time_zone=zone)
            await store.put_account(connection, tenant, account)
            name = BILLING_ACCOUNT.format(tenant=tenant)
            await self._audit.write(connection, tenant, "marketplace.billingAccount.update", name)
        return account

    async def page(self, tenant: str, before: int | None, limit: int) -> list[Statement]:
        """Closed statements, the newest first."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await store.page(connection, tenant, _NEWEST if before is None else before, limit)

    async def get(self, tenant: str, number: int) -> Statement:
        """A closed statement; raises NotFound."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await _closed(connection, tenant, number)

    async def current(self, tenant: str) -> Statement:
        """The statement of the month that is open, as far as things are counted."""
        now = datetime.now(UTC)
        async with self._database.transaction(tenant, isolation="repeatable_read", readonly=True) as connection:
            account = await store.account(connection, tenant)
            zone = account.time_zone or self._terms.zone
            return await _draft(connection, tenant, _open_month(account, zone, now), zone)

    async def file(self, statement: Statement, language: Language, form: Form) -> bytes:
        """A statement as a file."""
        # Setting a page takes some 50 ms of a processor.
        return await asyncio.to_thread(render, statement, language, form)

    async def adjust(self, tenant: str, wanted: Adjustment) -> Adjustment:
        """Have the next statement give money back, or ask for more; asked twice, it is done once.

        Raises:
            NotFound: There is no such statement or subscription.
            InvalidArgument: It makes no sense (`INVALID_FIELD`).
            AlreadyExists: There is another adjustment of this id (`ADJUSTMENT_TAKEN`).
        """
        _check_adjustment(wanted)
        async with self._database.transaction(tenant) as connection:
            await _closed(connection, tenant, wanted.number)
            name = SubscriptionName(tenant, wanted.subscription_id)
            if wanted.subscription_id and await subscriptions.find(connection, name) is None:
                raise subscription_not_found(wanted.subscription_id)
            if await store.insert_adjustment(connection, tenant, wanted):
                resource = STATEMENT.format(tenant=tenant, statement=str(wanted.number))
                await self._audit.write(connection, tenant, "marketplace.statements.adjust", resource)
                return wanted
            known = await store.find_adjustment(connection, tenant, wanted.adjustment_id)
        if known is None or replace(known, create_time=wanted.create_time) != wanted:
            raise errors.adjustment_taken(wanted.adjustment_id)
        return known


async def _draft(connection: Connection, tenant: str, month: Month, zone: str) -> Statement:
    """What the statement of a month says now: its usage, what earlier ones lack, and what was agreed."""
    lines = of_month(await usage.sums(connection, tenant, month.start, month.end), month)
    for earlier in reversed(await store.page(connection, tenant, _NEWEST, _LOOKED_BACK)):
        lines += await _lacking(connection, tenant, earlier.month)
    lines += [adjusted(*each) for each in await store.unstated(connection, tenant)]
    return Statement(tenant, 0, month, zone, tuple(lines))


async def _lacking(connection: Connection, tenant: str, month: Month) -> list[Line]:
    now = of_month(await usage.sums(connection, tenant, month.start, month.end), month)
    return corrections(now, await store.stated(connection, tenant, month))


async def _closed(connection: Connection, tenant: str, number: int) -> Statement:
    found = await store.find(connection, tenant, number)
    if found is None:
        raise errors.statement_not_found(str(number))
    return found


def _open_month(account: Account, zone: str, now: datetime) -> Month:
    start = account.open_since or months.beginning(now, zone)
    return Month(start, months.end(start, zone))


def _check_adjustment(wanted: Adjustment) -> None:
    if not wanted.amount or abs(wanted.amount) > _MOST_MINOR_UNITS:
        words = f"The amount must not be 0, and {_MOST_MINOR_UNITS} minor units at the most."
        raise errors.invalid("adjustment.amount", words)
    if _CURRENCY.fullmatch(wanted.currency) is None:
        words = "The currency must be three capital letters of ISO 4217, such as CNY."
        raise errors.invalid("adjustment.amount.currency", words)
    if not 1 <= len(wanted.reason) <= _LONGEST_REASON or not wanted.reason.isprintable():
        raise errors.invalid("adjustment.reason", f"Say why, in one line of {_LONGEST_REASON} characters at the most.")
