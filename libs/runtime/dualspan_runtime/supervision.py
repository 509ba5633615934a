"""Background work that must not end: started again when it fails, with a growing pause."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import structlog
from prometheus_client import Counter

Background: TypeAlias = Callable[[], Awaitable[None]]

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_RESTARTS = Counter("dualspan_background_restarts", "Background work that was started again", ["work"])
_log = structlog.stdlib.get_logger()


async def keep_running(work: Background) -> None:
    """Runs a piece of work, again after it ended or failed, until this task is cancelled.

    A library that fails in the very moment of the cancellation raises its own error instead (asyncpg does while it
    connects), so the task is asked whether somebody wanted it to end.
    """
    task = asyncio.current_task()
    pause = _FIRST_PAUSE_SECONDS
    name = getattr(work, "__qualname__", repr(work))
    while True:
        started = time.monotonic()
        try:
            await work()
            _log.warning("background work ended; starting it again", work=name, pause=pause)
        except Exception:  # noqa: BLE001 - a supervised loop: whatever it is, it is logged and the work goes on
            _log.exception("background work failed; starting it again", work=name, pause=pause)
        if task is not None and task.cancelling():
            raise asyncio.CancelledError
        _RESTARTS.labels(name).inc()
        if time.monotonic() - started > _LONGEST_PAUSE_SECONDS:
            pause = _FIRST_PAUSE_SECONDS
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


@asynccontextmanager
async def supervised(works: Sequence[Background]) -> AsyncGenerator[None]:
    """Keeps pieces of work running while the context lasts, and waits until they have stopped."""
    tasks = [asyncio.create_task(keep_running(work)) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
