"""Celery: what takes longer than a request. Tasks take ids only; the row that says what to do commits first."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Generic, TypeVar

import structlog
from celery import Celery
from celery.signals import worker_process_shutdown, worker_shutdown
from kombu.exceptions import OperationalError

from dualspan_runtime.context import bind_request_id
from dualspan_runtime.settings import PlatformSettings

T = TypeVar("T")
R = TypeVar("R")

_HOUR = 3600
_log = structlog.stdlib.get_logger()


def create_celery(service: str, settings: PlatformSettings) -> Celery:
    """Returns the Celery app of a service: one queue of its own name.

    A task is acknowledged after it ran and comes back when its worker dies, so tasks must be safe to run twice.
    Results are not kept: outcomes are rows.
    """
    app = Celery(service, broker=settings.redis_url, set_as_current=False)
    app.conf.update(
        task_default_queue=service,
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
        # Redis gives a task to another worker when it was not acknowledged for so long: longer than any task runs.
        broker_transport_options={"visibility_timeout": 2 * _HOUR, "socket_keepalive": True},
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

    Args:
        open_resources: Makes the context that gives, say, the service with its Database. Entered at the first task of
            a process, left when the process ends.
    """

    def __init__(self, open_resources: Callable[[], AbstractAsyncContextManager[T]]) -> None:
        self._open = open_resources
        self._runner: asyncio.Runner | None = None
        self._stack: AsyncExitStack | None = None
        self._resources: T | None = None
        worker_process_shutdown.connect(self._on_shutdown)
        worker_shutdown.connect(self._on_shutdown)

    def run(self, work: Callable[[T], Awaitable[R]]) -> R:
        """Runs one piece of work to its end."""
        if self._runner is None:
            self._runner = asyncio.Runner()
        return self._runner.run(self._work(work))

    def close(self) -> None:
        """Closes what was opened; the next `run` opens it again."""
        if self._runner is None:
            return
        if self._stack is not None:
            self._runner.run(self._stack.aclose())
        self._runner.close()
        self._runner = self._stack = self._resources = None

    async def _work(self, work: Callable[[T], Awaitable[R]]) -> R:
        if self._stack is None or self._resources is None:
            stack = AsyncExitStack()
            self._resources = await stack.enter_async_context(self._open())
            self._stack = stack
        with bind_request_id():
            return await work(self._resources)

    def _on_shutdown(self, **_arguments: Any) -> None:
        self.close()
