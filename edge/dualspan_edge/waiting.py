"""Waiting that ends when it is told to.

Before Python 3.12, `asyncio.wait_for` forgets a cancellation that comes in the moment in which what it waits for is
there: the task goes on, and whoever cancelled it waits for ever. So nothing here uses it.
"""

import asyncio
import contextlib
from collections.abc import Coroutine, Generator
from typing import Any


async def comes(event: asyncio.Event, seconds: float) -> bool:
    """Waits for an event, at most so long; whether it came."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


@contextlib.contextmanager
def cancellation_first() -> Generator[None]:
    """Whatever ends the block, a task that was cancelled meanwhile ends as one that was cancelled.

    What is cancelled tidies up, and what fails there (a farewell to a server that is gone) raises its own error in
    the place of the cancellation: a loop that tries again after errors would try again for ever.

    Raises:
        asyncio.CancelledError: The task was cancelled.
    """
    try:
        yield
    finally:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError


async def first_to_end(*work: Coroutine[Any, Any, None]) -> None:
    """Runs all until one ends; the others are cancelled, and its exception is raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
