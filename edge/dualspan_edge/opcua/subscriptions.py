"""The subscriptions of one server and the monitored items in them.

They outlive a connection: if the server still has them when the next one stands, they go on where they were.
"""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence

import structlog
from asyncua import ua
from asyncua.ua.uaerrors import BadTooManySubscriptions, UaStatusCodeError

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1.resources_pb2 import TAG_STATE_ACTIVE
from dualspan_edge.opcua.connection import Connection
from dualspan_edge.opcua.events import refresh_conditions
from dualspan_edge.opcua.items import (
    active,
    change_refused,
    create_items,
    delete_items,
    is_modifiable,
    modify_items,
    refused,
    report,
)
from dualspan_edge.opcua.plan import Coarseness, GroupKey, PlannedTag, choose_coarseness, in_groups, queue_size
from dualspan_edge.opcua.planning import find_nodes
from dualspan_edge.opcua.requests import AskedTag
from dualspan_edge.opcua.subscription import MonitoredItem, Subscription, create_subscription
from dualspan_edge.opcua.words import status_words
from dualspan_edge.samples import TagTable
from dualspan_frame import ValueKind

_log = structlog.get_logger(__name__)
_ON_ITS_WAY = 1.0


def _as_changed(item: MonitoredItem, tag: gateway.TagConfiguration) -> AskedTag:
    """An item that is the tag's alone, as the tag is now to be monitored."""
    return AskedTag(PlannedTag(tag, item.planned.node, item.planned.data_type), item.handle, queue_size(tag))


class Subscriptions:
    """All subscriptions of one server."""

    def __init__(self, table: TagTable) -> None:
        self.table = table
        self.by_id: dict[int, Subscription] = {}
        self._by_key: dict[GroupKey, list[Subscription]] = {}
        self._coarseness: Coarseness | None = None
        # Ids of those that the server may still have, and nobody listens to.
        self._given_up: list[int] = []
        # Handles of items that are about to be replaced, by tag id.
        self._replaced: dict[int, int] = {}

    @property
    def item_count(self) -> int:
        """Monitored items that run."""
        return sum(len(subscription.items) for subscription in self.by_id.values())

    def tags(self) -> dict[int, gateway.TagConfiguration]:
        """What is monitored, by tag id."""
        items = (item for subscription in self.by_id.values() for item in subscription.items.values())
        return {tag_id: tag for item in items for tag_id, tag in item.tags.items()}

    async def add(
        self,
        connection: Connection,
        tags: Sequence[gateway.TagConfiguration],
        now: int,
    ) -> list[gateway.TagReport]:
        """Monitors tags.

        Args:
            connection: Where.
            tags: Which; none of them is monitored yet.
            now: Microseconds since 1970.

        Returns:
            How each of them fared: one that is refused does not hold up the others.
        """
        await self._delete_given_up(connection)
        planned, reports = await find_nodes(connection, tags)
        return reports + await self._add_planned(connection, planned, now)

    async def _add_planned(
        self, connection: Connection, planned: Sequence[PlannedTag], now: int
    ) -> list[gateway.TagReport]:
        reports: list[gateway.TagReport] = []
        if self._coarseness is None:
            self._coarseness = choose_coarseness(planned, connection.limits.subscriptions)
        for key, group in in_groups(planned, self._coarseness).items():
            reports += await self._add_group(connection, key, group, now)
        return reports

    async def _add_group(
        self, connection: Connection, key: GroupKey, group: list[PlannedTag], now: int
    ) -> list[gateway.TagReport]:
        """Monitors tags of one group, in as many subscriptions as the server's limit on items asks for."""
        reports: list[gateway.TagReport] = []
        left = group
        while left:
            try:
                subscription = await self._subscription_for(connection, key, now)
            except UaStatusCodeError as error:
                return [*reports, *(refused(tag, error.code) for member in left for tag in member.all_tags)]
            room = connection.limits.items_per_subscription - len(subscription.items)
            if room <= 0:
                # The server has no room left anywhere; it says so itself, item by item.
                room = len(left)
            reports += await self._monitor(connection, subscription, left[:room])
            left = left[room:]
        return reports

    async def replace(
        self, connection: Connection, tags: Sequence[gateway.TagConfiguration], now: int
    ) -> list[gateway.TagReport]:
        """Changes how tags are monitored, so that no sample is lost.

        What can be changed in place is (ModifyMonitoredItems); of the rest, the new item begins before the old one
        ends. A tag whose change the server refuses goes on as before.

        Args:
            connection: Where.
            tags: As they are to be; every one of them is monitored now.
            now: Microseconds since 1970.
        """
        reports: list[gateway.TagReport] = []
        wanted, moving = {tag.tag_id: tag for tag in tags}, set[int]()
        for subscription in list(self.by_id.values()):
            changes: list[tuple[MonitoredItem, gateway.TagConfiguration]] = []
            for item in subscription.items.values():
                changed = item.tags.keys() & wanted.keys()
                if len(item.tags) == 1 and changed and is_modifiable(item.planned.tag, wanted[min(changed)]):
                    changes.append((item, wanted[min(changed)]))
                else:
                    moving |= changed
            reports += await self._modify(connection, subscription, changes)
        return reports + await self._move(connection, [wanted[tag_id] for tag_id in sorted(moving)], now)

    async def _modify(
        self,
        connection: Connection,
        subscription: Subscription,
        changes: Sequence[tuple[MonitoredItem, gateway.TagConfiguration]],
    ) -> list[gateway.TagReport]:
        asked = [(item.item_id, _as_changed(item, tag)) for item, tag in changes]
        results = await modify_items(connection, subscription.identifier, asked)
        reports: list[gateway.TagReport] = []
        for (item_id, (member, handle, queue)), result in zip(asked, results, strict=True):
            tag = member.tag
            if result.is_good:
                subscription.items[handle] = MonitoredItem(member, {tag.tag_id: tag}, handle, item_id)
                reports.append(active(tag, result, queue))
            else:
                reports.append(change_refused(tag, result.status))
        return reports

    async def _move(
        self, connection: Connection, tags: Sequence[gateway.TagConfiguration], now: int
    ) -> list[gateway.TagReport]:
        """Monitors tags anew, and only then ends their old items."""
        ids = {tag.tag_id for tag in tags}
        old = [
            (subscription, item)
            for subscription in self.by_id.values()
            for item in subscription.items.values()
            if item.tags.keys() & ids
        ]
        # Tags that share an item with one of them go on in a new one too.
        beside = [tag for _, item in old for tag_id, tag in item.tags.items() if tag_id not in ids]
        for _, item in old:
            if item.planned.expansion is None and not item.planned.is_events:
                self._replaced[item.planned.tag.tag_id] = item.handle
        try:
            reports = await self.add(connection, [*tags, *beside], now) if ids else []
        finally:
            self._replaced.clear()
        now_here = asyncio.get_running_loop().time()
        for subscription, item in old:
            subscription.retiring[item.handle] = subscription.items.pop(item.handle)
            # Two publishing intervals, and as long as an answer may be on its way.
            subscription.end_retiring = now_here + 2 * subscription.publishing_ms / 1000 + _ON_ITS_WAY
        return reports

    @property
    def next_end(self) -> float | None:
        """When items that retire can be ended, on the event loop's clock; None if there are none."""
        return min((one.end_retiring for one in self.by_id.values() if one.retiring), default=None)

    async def end_retired(self, connection: Connection) -> None:
        """Ends the items whose values have all come."""
        now = asyncio.get_running_loop().time()
        for subscription in list(self.by_id.values()):
            if subscription.retiring and now >= subscription.end_retiring:
                await self._end(connection, subscription, list(subscription.retiring.values()))

    async def remove(self, connection: Connection, tag_ids: Iterable[int]) -> list[gateway.TagConfiguration]:
        """Stops monitoring tags; a subscription that is left without items is deleted.

        Returns:
            Tags that shared an item with one of them, and are not monitored any more either.
        """
        unwanted = set(tag_ids)
        beside: list[gateway.TagConfiguration] = []
        for subscription in list(self.by_id.values()):
            gone = [item for item in subscription.items.values() if item.tags.keys() & unwanted]
            beside += [tag for item in gone for tag_id, tag in item.tags.items() if tag_id not in unwanted]
            if gone:
                await self._end(connection, subscription, gone)
        return beside

    async def _end(self, connection: Connection, subscription: Subscription, gone: Sequence[MonitoredItem]) -> None:
        for item in gone:
            self.table.remove(item.handle)
            subscription.items.pop(item.handle, None)
            subscription.retiring.pop(item.handle, None)
        if subscription.items or subscription.retiring:
            await delete_items(connection, subscription.identifier, [item.item_id for item in gone])
        else:
            self.forget(subscription)
            await connection.session.delete_subscriptions([subscription.identifier])

    def ask_for_conditions(self) -> None:
        """A connection stands again: what was told while it did not is asked for with the next `refresh_conditions`."""
        for subscription in self.by_id.values():
            subscription.refreshed = False

    async def refresh_conditions(self, connection: Connection) -> list[gateway.TagReport]:
        """Has the server repeat the conditions that are of interest; reports of event notifiers where it does not."""
        reports: list[gateway.TagReport] = []
        for subscription in list(self.by_id.values()):
            if subscription.has_events and not subscription.refreshed:
                why = await refresh_conditions(connection.session, subscription.identifier)
                subscription.refreshed = True
                notifiers = [item for item in subscription.items.values() if item.planned.is_events]
                reports += [report(item.planned.tag, TAG_STATE_ACTIVE, 0, why) for item in notifiers] if why else []
        return reports

    def begin_session(self) -> None:
        """A session begins that has none of the earlier subscriptions."""
        for subscription in list(self.by_id.values()):
            self.forget(subscription)
        self.table.compact()
        self._coarseness = None

    def forget(self, subscription: Subscription) -> None:
        """The server does not have it any more."""
        for item in (*subscription.items.values(), *subscription.retiring.values()):
            self.table.remove(item.handle)
        self.by_id.pop(subscription.identifier, None)
        for held in self._by_key.values():
            if subscription in held:
                held.remove(subscription)

    def give_up(self, subscription: Subscription) -> None:
        """It is made anew, and ended before that: a server that was only slow would have both, and soon no room."""
        self.forget(subscription)
        self._given_up.append(subscription.identifier)

    async def _delete_given_up(self, connection: Connection) -> None:
        given_up, self._given_up = self._given_up, []
        if given_up:
            # What the server does not have any more needs no end; what it says of each is not looked at.
            with contextlib.suppress(UaStatusCodeError):
                await connection.session.delete_subscriptions(given_up)

    async def transfer(self, connection: Connection) -> list[Subscription]:
        """Takes the subscriptions of a lost session over into this one (Part 4, 5.14.7).

        Returns:
            Those that the server does not give; they are not forgotten yet.
        """
        held = list(self.by_id.values())
        parameters = ua.TransferSubscriptionsParameters()
        parameters.SubscriptionIds = [ua.UInt32(subscription.identifier) for subscription in held]
        parameters.SendInitialValues = False
        try:
            results = await connection.session.transfer_subscriptions(parameters)
        except UaStatusCodeError as error:
            _log.info("subscriptions_not_transferred", reason=status_words(error.code))
            return held
        return [sub for sub, result in zip(held, results, strict=True) if not result.StatusCode.is_good()]

    async def _subscription_for(self, connection: Connection, key: GroupKey, now: int) -> Subscription:
        """A subscription of this group that has room; a new one if none has."""
        held = self._by_key.setdefault(key, [])
        for subscription in held:
            if len(subscription.items) < connection.limits.items_per_subscription:
                return subscription
        try:
            created = await create_subscription(connection.session, key.publishing_ms, now)
        except BadTooManySubscriptions:
            if not self.by_id:
                raise
            # Better in the company of other types than not at all.
            return min(self.by_id.values(), key=lambda other: abs(other.publishing_ms - key.publishing_ms))
        self.by_id[created.identifier] = created
        held.append(created)
        return created

    async def _monitor(
        self, connection: Connection, subscription: Subscription, group: list[PlannedTag]
    ) -> list[gateway.TagReport]:
        asked = [AskedTag(member, self._handle(member), queue_size(member.tag)) for member in group]
        results = await create_items(connection, subscription.identifier, asked)
        reports: list[gateway.TagReport] = []
        for (member, handle, queue), result in zip(asked, results, strict=True):
            if result.is_good:
                tags = {tag.tag_id: tag for tag in member.all_tags}
                subscription.items[handle] = MonitoredItem(member, tags, handle, result.item_id)
                # Conditions that were raised before the item was there have not been told over it.
                subscription.refreshed &= not member.is_events
                reports += [active(tag, result, queue) for tag in member.all_tags]
            else:
                self.table.remove(handle)
                reports += [refused(tag, result.status) for tag in member.all_tags]
        return reports

    def _handle(self, member: PlannedTag) -> int:
        if member.is_events:
            return self.table.add_events(member.tag.tag_id)
        if member.expansion is not None:
            return self.table.add_parts(member.expansion)
        tag = member.tag
        return self.table.add(tag.tag_id, ValueKind(tag.kind), self._replaced.get(tag.tag_id))
