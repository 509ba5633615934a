"""A subscription: what is stored, then what comes."""

from collections.abc import AsyncGenerator

import numpy as np

from dualspan_historian.live.hub import Delivery, Hub
from dualspan_historian.read.latest import read_latest
from dualspan_historian.read.snapshot import Snapshots
from dualspan_runtime.errors import Unavailable


class Subscriptions:
    """Opens subscriptions.

    Args:
        hub: What comes.
        snapshots: What is stored.
    """

    def __init__(self, hub: Hub, snapshots: Snapshots) -> None:
        self._hub = hub
        self._snapshots = snapshots

    async def subscribe(
        self, tenant: str, tag_ids: tuple[int, ...], *, include_latest: bool, newest_every: float = 0.0
    ) -> AsyncGenerator[Delivery]:
        """Yield frames for ever.

        Listening begins before the newest samples are read, so nothing is missed between; a sample may come twice.

        Args:
            tenant: Whose tags.
            tag_ids: Which.
            include_latest: Begin with what is stored.
            newest_every: Only the newest of each tag, every so many seconds at most; 0 for all.

        Raises:
            NotFound: The tenant does not have one of the tags.
            Unavailable: Redis does not answer (`LIVE_UNAVAILABLE`).
        """
        with self._hub.watch(tenant, np.array(tag_ids, np.int64), only_newest=newest_every > 0) as watcher:
            latest = await read_latest(self._snapshots, tenant, tag_ids)
            if not await self._hub.ready(tenant):
                raise Unavailable("LIVE_UNAVAILABLE", "Live samples cannot be had at the moment. Try again shortly.")
            if include_latest and latest.sample_count:
                yield Delivery(latest, 0)
            async for delivery in watcher.newest(newest_every) if newest_every else watcher.deliveries():
                yield delivery
