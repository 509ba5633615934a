"""Work that everybody else's goes before."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Leisure:
    """Runs work in small shares of the time.

    However little a piece of work hinders others while it runs (its threads give way, but a cache and a disk have no
    priorities), it is few of them that meet it, if it rests long enough.

    Args:
        pause: After each piece of work it rests so many times as long as the work took; 0: not at all.
        threads: Compute; None: those that everybody has.
    """

    def __init__(self, pause: float = 0.0, threads: Executor | None = None) -> None:
        self._pause = pause
        self._threads = threads

    async def of(self, work: Awaitable[T]) -> T:
        """What comes of work that others do, as the historian does for who reads; after the rest."""
        began = time.monotonic()
        found = await work
        if self._pause:
            await asyncio.sleep(self._pause * (time.monotonic() - began))
        return found

    async def compute(self, work: Callable[[], T]) -> T:
        """What is computed in a thread; after the rest."""

        async def computed() -> T:
            # Begun only where time is taken: a thread may be done before whoever began it looks at the clock.
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

        return await self.of(computed())


def idle_threads(threads: int = 1) -> ThreadPoolExecutor:
    """Threads whose work is interrupted at once when anything else is to run, where the system can do that.

    A niceness only makes turns rarer and shorter: whoever wakes waits until the turn of a nice thread ends, which on
    Linux is some 3 ms and more than an acknowledgement takes. Of the policy SCHED_IDLE (sched(7)) nobody waits for the
    end of a turn. It is of the thread, which keeps it for as long as it lives.
    """
    return ThreadPoolExecutor(threads, thread_name_prefix="idle", initializer=_give_way)


def _give_way() -> None:
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
