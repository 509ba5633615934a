"""What subscriptions that have ended are billed for, held against how long they ran."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from dualspan_marketplace.composition import usage as composition
from dualspan_marketplace.parts import Parts
from dualspan_marketplace.store import usage as store
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.usage.hours import hour_of
from dualspan_marketplace.usage.model import HOUR, Dimension, Stretch

_COUNTED = (Dimension.RUNNING_HOURS, Dimension.ASSET_HOURS)
# After that the month of today, and the one that a test may have run into, are closed without waiting for anybody.
_LATER = timedelta(days=75)
_MICROSECOND = timedelta(microseconds=1)
_MOST_STATEMENTS = 12


async def assert_billed_once(
    parts: Parts, names: Sequence[SubscriptionName], assets: int, shortest: timedelta, longest: timedelta
) -> None:
    """That a tenant's statements say of each subscription that it ran once, and for how long, and of no others.

    Args:
        parts: Of the marketplace.
        names: All of one tenant's; they have ended.
        assets: That each was bound to, for as long as it ran.
        shortest: None ran for less: from when all of them were seen to run until they were to end.
        longest: None ran for more: from when they were to run until all of them were seen to have ended.
    """
    (tenant,) = {name.tenant for name in names}
    ran: dict[str, int] = {}
    for name in names:
        begin, end = await _stretches(parts, name)
        assert (begin.running, end.running, begin.assets) == (True, False, assets), name
        assert shortest <= end.start - begin.start <= longest, (name, begin, end)
        ran[name.subscription_id] = (end.start - begin.start) // _MICROSECOND

    # Two workers at a time, each of which would do it all.
    metering, until = composition.metering(parts), hour_of(datetime.now(UTC)) + HOUR
    await asyncio.gather(*(metering.count_hours(name, until) for name in [*names, *names]))
    billing = composition.billing(parts)
    await asyncio.gather(*(billing.close(tenant, until + _LATER) for _ in range(2)))
    statements = await billing.page(tenant, None, _MOST_STATEMENTS)
    assert all(earlier.month.start > later.month.start for earlier, later in pairwise(statements))
    billed = Counter[tuple[str, Dimension]]()
    for line in (line for statement in statements for line in statement.lines):
        if line.dimension in _COUNTED:
            billed[line.subscription_id, line.dimension] += line.quantity
    wanted = {(each, dimension): used for each, used in ran.items() for dimension in _COUNTED}
    assert billed == {key: used * (assets if key[1] is Dimension.ASSET_HOURS else 1) for key, used in wanted.items()}


async def _stretches(parts: Parts, name: SubscriptionName) -> list[Stretch]:
    async with parts.database.transaction(name.tenant, readonly=True) as connection:
        return await store.stretches(connection, name)
