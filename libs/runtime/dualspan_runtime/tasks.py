"""Celery: what takes longer than a request. Tasks take ids only; the row that says what to do commits first."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Generic, TypeVar

import structlog
from celery import Celery
from celery.signals import worker_process_shutdown, worker_shutdown
from kombu.exceptions import OperationalError

from dualspan_runtime.broker import task_queue, transport_options
from dualspan_runtime.context import bind_request_id
from dualspan_runtime.settings import PlatformSettings
from dualspan_runtime.workers import TracedCelery, TracedTask

T = TypeVar("T")
R = TypeVar("R")

_HOUR = 3600
_log = structlog.stdlib.get_logger()


def create_celery(service: str, settings: PlatformSettings) -> Celery:
    """Returns the Celery app of a service: one queue of its own name.

    A task is acknowledged after it ran and comes back when its worker dies, so tasks must be safe to run twice.
    Results are not kept: outcomes are rows.
    """
    app = TracedCelery(service, broker=settings.celery_broker, task_cls=TracedTask, set_as_current=False)
    app.conf.update(
        task_default_queue=service,
        task_queues=[task_queue(service, settings.celery_broker)],
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_serializer="json",
        accept_content=["json"],
        task_time_limit=_HOUR,
        task_soft_time_limit=_HOUR - 60,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options=transport_options(settings.celery_broker, 2 * _HOUR),
        timezone="UTC",
        enable_utc=True,
    )
    return app


class Jobs:
    """Puts tasks on a service's queue.

    The row that says what is to be done commits first; the task carries only its ids. A broker that is away is no
    reason to fail: a sweep finds what it was not told of.

    Args:
        celery: The service's app.
    """

    def __init__(self, celery: Celery) -> None:
        self._celery = celery

    async def request(self, task: str, *ids: str) -> None:
        """Ask for a task, such as `analytics.train`, with the ids of its row."""
        try:
            # send_task talks to the broker and may wait for it.
            await asyncio.to_thread(self._celery.send_task, task, ids, retry=False)
        except (OperationalError, OSError) as error:
            _log.warning("task not requested; the sweep will", task=task, ids=ids, error=str(error))


class AsyncRunner(Generic[T]):
    """Runs coroutines of tasks on one event loop per worker process, with what they need opened once.

    The loop has a thread of its own, so it goes on between tasks: what was started and not waited for does, too.

    Args:
        open_resources: Makes the context that gives, say, the service with its Database. Entered at the first task of
            a process, left when the process ends.
    """

    def __init__(self, open_resources: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        self._open = open_resources
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._opening = asyncio.Lock()
        self._stack: AsyncExitStack | None = None
        self._resources: T | None = None
        self._started: dict[str, Future[None]] = {}
        self._under_way: set[asyncio.Task[Any]] = set()
        worker_process_shutdown.connect(self._on_shutdown)
        worker_shutdown.connect(self._on_shutdown)

    def run(self, work: Callable[[T], Coroutine[Any, Any, R]]) -> R:
        """Runs one piece of work to its end."""
        future = asyncio.run_coroutine_threadsafe(self._work(work), self._running_loop())
        try:
            return future.result()
        except BaseException:
            # The task's time is over, or the process ends: nobody waits any more.
            future.cancel()
            raise

    def start(self, name: str, work: Callable[[T], Coroutine[Any, Any, None]]) -> None:
        """Begins a piece of work beside others and does not wait for its end.

        For work that rows tell of, so that nothing is lost with the process, and that must not make other tasks wait.

        Args:
            name: Nothing is begun while work of this name goes on.
            work: What is to be done; an error of it is logged.
        """
        going = self._started.get(name)
        if going is None or going.done():
            self._started = {key: each for key, each in self._started.items() if not each.done()}
            self._started[name] = asyncio.run_coroutine_threadsafe(self._logged(name, work), self._running_loop())

    def wait(self) -> None:
        """Waits until all that was started has ended."""
        wait(list(self._started.values()))

    def close(self) -> None:
        """Closes what was opened, and leaves off what was started; the next `run` opens it again."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        self._loop = self._thread = self._stack = self._resources = None
        self._started = {}

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        # Made at the first task: a thread does not come along when a worker forks.
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_run, args=(self._loop,), name="tasks", daemon=True)
            self._thread.start()
        return self._loop

    async def _work(self, work: Callable[[T], Coroutine[Any, Any, R]]) -> R:
        async with self._opening:
            if self._stack is None or self._resources is None:
                stack = AsyncExitStack()
                self._resources = await stack.enter_async_context(self._open())
                self._stack = stack
        with bind_request_id():
            return await work(self._resources)

    async def _logged(self, name: str, work: Callable[[T], Coroutine[Any, Any, None]]) -> None:
        task = asyncio.create_task(self._work(work))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            await task
        except Exception:  # noqa: BLE001 - a supervised loop: nobody waits for it, and its rows are looked at again
            _log.exception("work that was started failed", work=name)

    async def _end(self) -> None:
        for each in self._under_way:
            each.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._stack is not None:
            await self._stack.aclose()

    def _on_shutdown(self, **_arguments: Any) -> None:
        self.close()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """The loop's thread: until it is stopped, and what is under way then is cancelled."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.get_loop().run_forever()
