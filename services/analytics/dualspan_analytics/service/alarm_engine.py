"""Evaluates the rules of every tenant; one replica each, and what goes wrong with one harms no other."""

import asyncio
import uuid
from collections import defaultdict
from concurrent.futures import Executor, ThreadPoolExecutor

import structlog

from dualspan_analytics.service.alarm_evaluation import Evaluation, LeaseLostError, Sources
from dualspan_analytics.service.alarm_timing import Timing
from dualspan_analytics.store import alarm_rules
from dualspan_runtime.context import bind_request_id
from dualspan_runtime.database import Database

_log = structlog.stdlib.get_logger()
_LONGEST_PAUSE = 30.0
_THREADS = 4


class AlarmEngine:
    """Runs in every replica; leases in the database say who evaluates whom.

    Args:
        database: Where the rules are.
        sources: Of what is evaluated.
        timing: How often things are done.
    """

    def __init__(self, database: Database, sources: Sources, timing: Timing) -> None:
        self._database = database
        self._sources = sources
        self._timing = timing
        self._owner = uuid.uuid4()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._changed: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Evaluate for ever."""
        # Apart from the threads that answer questions: however many anybody asks, alarms wait for none of them.
        threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="alarms")
        try:
            async with self._database.listen(alarm_rules.CHANNEL, self._wake):
                while True:
                    self._woken.clear()
                    await self._start_missing(threads)
                    try:
                        async with asyncio.timeout(self._timing.poll):
                            await self._woken.wait()
                    except TimeoutError:
                        continue
        finally:
            running = list(self._running.values())
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            self._running.clear()
            threads.shutdown(wait=False)

    def _wake(self, tenant: str) -> None:
        self._changed[tenant].set()
        self._woken.set()

    async def _start_missing(self, threads: Executor) -> None:
        async with self._database.platform_transaction(readonly=True) as connection:
            tenants = await alarm_rules.tenants(connection)
        for tenant in tenants:
            task = self._running.get(tenant)
            if task is None or task.done():
                self._running[tenant] = asyncio.create_task(self._keep(tenant, threads))

    async def _keep(self, tenant: str, threads: Executor) -> None:
        """Evaluate one tenant until it has no rules, or another replica does it; again when something goes wrong."""
        pause = 1.0
        while True:
            started = asyncio.get_running_loop().time()
            try:
                with bind_request_id():
                    evaluation = Evaluation(
                        self._database,
                        self._sources,
                        tenant,
                        self._owner,
                        self._timing,
                        self._changed[tenant],
                        threads,
                    )
                    await evaluation.run()
                return
            except LeaseLostError:
                _log.info("alarms of a tenant are evaluated by another replica", tenant=tenant)
                return
            except Exception as error:  # noqa: BLE001 - a supervised loop: it logs and carries on
                _log.warning("alarm evaluation failed, trying again", tenant=tenant, error=repr(error), pause=pause)
            if asyncio.get_running_loop().time() - started > _LONGEST_PAUSE:
                pause = 1.0
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
