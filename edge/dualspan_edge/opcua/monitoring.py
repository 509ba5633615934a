"""What is monitored at one server, brought to what is configured."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan.onboarding.v1 import sampling_pb2 as sampling
from dualspan_edge.clock import now_microseconds
from dualspan_edge.heartbeat import Heartbeats
from dualspan_edge.opcua.connection import Connection
from dualspan_edge.opcua.cyclic import CyclicReads
from dualspan_edge.opcua.record import ServerRecord
from dualspan_edge.opcua.subscriptions import Subscriptions

# A refused item may become possible: a node appears, a right is given.
_RETRY_REFUSED = 60.0


class Monitoring:
    """Tags that are subscribed or read; it outlives connections, as what it looks after does.

    Args:
        subscriptions: Tags that the server reports.
        cyclic: Tags that are read.
        heartbeats: Tags that are repeated.
        record: Told which tags there are.
    """

    def __init__(
        self, subscriptions: Subscriptions, cyclic: CyclicReads, heartbeats: Heartbeats, record: ServerRecord
    ) -> None:
        self._subscriptions = subscriptions
        self._cyclic = cyclic
        self._heartbeats = heartbeats
        self._record = record
        self._reports: dict[int, gateway.TagReport] = {}
        # What the server was last asked for, by tag id.
        self._asked: dict[int, gateway.TagConfiguration] = {}
        # When refused tags are asked for again, on the event loop's clock.
        self._retry_at = 0.0

    async def apply(self, connection: Connection, tags: Iterable[gateway.TagConfiguration], *, retry: bool) -> bool:
        """Monitors these tags and no others.

        Args:
            connection: Where.
            tags: All that are wanted.
            retry: Ask again for what the server has refused.

        Returns:
            Whether anything was asked of a subscription.
        """
        self._retry_at = asyncio.get_running_loop().time() + _RETRY_REFUSED
        wanted = {tag.tag_id: tag for tag in tags}
        cyclic = {tag_id: tag for tag_id, tag in wanted.items() if _is_cyclic(tag)}
        subscribed = {tag_id: tag for tag_id, tag in wanted.items() if tag_id not in cyclic}
        self._heartbeats.configure(wanted.values())
        have = self._subscriptions.tags()
        await self._subscriptions.remove(connection, [tag_id for tag_id in have if tag_id not in subscribed])
        have = self._subscriptions.tags()
        differing = [
            tag
            for tag_id, tag in subscribed.items()
            if have.get(tag_id) != tag and (retry or not self._was_refused(tag))
        ]
        reports = await self._change(connection, differing, have)
        if retry or cyclic != self._cyclic.tags:
            reports += await self._cyclic.configure(connection, list(cyclic.values()))
        self._reports.update((report.tag_id, report) for report in reports)
        self._asked.update((tag.tag_id, tag) for tag in differing)
        self._record.settle(wanted, {**self._subscriptions.tags(), **self._cyclic.tags})
        return bool(differing)

    def reports_of(self, tags: Iterable[gateway.TagConfiguration]) -> list[gateway.TagReport]:
        """How each of these tags fares, as far as it is known."""
        tag_ids = dict.fromkeys(tag.tag_id for tag in tags)
        return [self._reports[tag_id] for tag_id in tag_ids if tag_id in self._reports]

    def is_retry_due(self) -> bool:
        """Whether refused tags are to be asked for again."""
        return asyncio.get_running_loop().time() >= self._retry_at

    def until_next_step(self) -> float:
        """Seconds until something is to be done although nothing has changed."""
        now = asyncio.get_running_loop().time()
        end = self._subscriptions.next_end
        return max(min(self._retry_at, self._retry_at if end is None else end) - now, 0.0)

    async def _change(
        self, connection: Connection, differing: Sequence[gateway.TagConfiguration], have: Mapping[int, object]
    ) -> list[gateway.TagReport]:
        """Brings tags to what is configured: those that run go on, whatever changes of them."""
        now = now_microseconds()
        running = [tag for tag in differing if tag.tag_id in have]
        missing = [tag for tag in differing if tag.tag_id not in have]
        reports = await self._subscriptions.replace(connection, running, now) if running else []
        reports += await self._subscriptions.add(connection, missing, now) if missing else []
        return reports + await self._subscriptions.refresh_conditions(connection)

    def _was_refused(self, tag: gateway.TagConfiguration) -> bool:
        """Whether the server has refused just this."""
        report = self._reports.get(tag.tag_id)
        refused = report is not None and report.state == onboarding.TAG_STATE_REFUSED
        return refused and self._asked.get(tag.tag_id) == tag


def _is_cyclic(tag: gateway.TagConfiguration) -> bool:
    return tag.acquisition.mode == sampling.ACQUISITION_MODE_CYCLIC_READ
