"""How a service is, counted when it is asked; and the readings that growth is told from."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import TypeAlias

import structlog
from prometheus_client import Gauge

from dualspan_runtime.clocks import warn_of_clock
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import NotFound
from dualspan_runtime.names import ResourceName
from dualspan_runtime.settings import PlatformSettings
from dualspan_runtime.status import store
from dualspan_runtime.status.model import Evidence, TableSize

EvidenceSource: TypeAlias = Callable[[Connection], Awaitable[Sequence[Evidence]]]
STATUS_NAME = ResourceName("services/{service}/status")
EVIDENCE_NAME = ResourceName("services/{service}/evidence")
RELEASE = version("dualspan-runtime")
_SPAN = timedelta(days=7)
_KEPT = timedelta(days=8)
# More often than readings are taken: who begins in the middle of an hour takes that hour's, too.
_PAUSE_SECONDS = 600.0
_BROKER_SECONDS = 2.0
_WAITING = Gauge("dualspan_queue_tasks", "Tasks that wait for a worker", ["queue"])
_log = structlog.stdlib.get_logger()


class Status:
    """One service's own view of itself.

    Args:
        service: Its name, which is its schema's, too.
        database: Its schema.
        platform: Where the broker is.
        has_queue: Tasks wait for a worker of the service.
        evidence: Counts what its data show, in a platform transaction; None: nothing.
    """

    def __init__(
        self,
        service: str,
        database: Database,
        platform: PlatformSettings,
        *,
        has_queue: bool = False,
        evidence: EvidenceSource | None = None,
    ) -> None:
        self.service = service
        self.has_queue = has_queue
        self.started_at = datetime.now(UTC)
        self._database = database
        self._platform = platform
        self._evidence = evidence

    def check_service(self, service: str) -> None:
        """Checks that a name is about this service.

        Raises:
            NotFound: It is another (`SERVICE_NOT_FOUND`).
        """
        if service != self.service:
            raise NotFound("SERVICE_NOT_FOUND", f"This is {self.service}; ask {service} itself.")

    async def sizes(self) -> list[TableSize]:
        """What the tables take, the largest first."""
        async with self._database.platform_transaction(readonly=True) as connection:
            return await store.read_sizes(connection, self.service, _SPAN)

    async def waiting(self) -> int | None:
        """How many tasks wait in the service's queue; None while the broker does not answer."""
        # Services without a queue start sooner without a client.
        from dualspan_runtime.broker import BrokerError, waiting_tasks

        try:
            return await waiting_tasks(self._platform.celery_broker, self.service, seconds=_BROKER_SECONDS)
        except BrokerError as error:
            _log.warning("the broker does not say how many tasks wait", error=str(error))
            return None

    async def read_queue(self) -> None:
        """Sets the gauge of how many tasks wait; it tells nothing while the broker does not."""
        waiting = await self.waiting()
        _WAITING.labels(self.service).set(math.nan if waiting is None else waiting)

    async def evidence(self) -> Sequence[Evidence]:
        """What the data show, over all tenants."""
        if self._evidence is None:
            return ()
        async with self._database.platform_transaction(readonly=True) as connection:
            return await self._evidence(connection)

    async def run(self) -> None:
        """Takes the readings, and looks at the clock, for ever."""
        while True:
            async with self._database.platform_transaction() as connection:
                await store.keep_sizes(connection, self.service, _KEPT)
                await warn_of_clock(connection)
            await asyncio.sleep(_PAUSE_SECONDS)
