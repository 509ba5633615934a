"""What is cancelled ends, whatever comes, and whatever fails, in the same moment."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from dualspan_edge.opcua.pump import PublishPump
from dualspan_edge.opcua.subscriptions import Subscriptions
from dualspan_edge.samples import TagTable
from dualspan_edge.waiting import cancellation_first, comes

# What comes reaches who waits after a few passes of the event loop; the cancellation hits each of them.
PASSES = range(6)


async def end_of(task: "asyncio.Task[None]") -> str:
    done, _ = await asyncio.wait([task], timeout=1.0)
    return ("cancelled" if task.cancelled() else "ended") if done else "goes on"


async def cancelled_after(
    work: Coroutine[Any, Any, None], what_comes: Callable[[], None], passes: int
) -> "asyncio.Task[None]":
    task = asyncio.create_task(work)
    await asyncio.sleep(0.01)
    what_comes()
    for _ in range(passes):
        await asyncio.sleep(0)
    task.cancel()
    return task


@pytest.mark.parametrize("passes", PASSES)
async def test_an_event_that_comes_with_the_cancellation_does_not_hide_it(passes: int) -> None:
    event = asyncio.Event()

    async def follow() -> None:
        while True:
            if await comes(event, 5.0):
                event.clear()

    assert await end_of(await cancelled_after(follow(), event.set, passes)) == "cancelled"


@pytest.mark.parametrize("passes", PASSES)
async def test_the_pump_ends_when_something_comes_with_the_cancellation(passes: int) -> None:
    # Without subscriptions it asks nobody and tells nobody.
    pump = PublishPump(None, Subscriptions(TagTable()), None)  # pyright: ignore[reportArgumentType]
    assert await end_of(await cancelled_after(pump.run(), pump.wake, passes)) == "cancelled"


async def test_who_waited_in_vain_hears_so() -> None:
    assert not await comes(asyncio.Event(), 0.01)


async def test_what_fails_while_it_tidies_up_is_cancelled_all_the_same() -> None:
    async def try_again() -> None:
        while True:
            try:
                with cancellation_first():
                    try:
                        await asyncio.sleep(60)
                    finally:
                        raise ConnectionError("the server is gone: there is nobody to say farewell to")
            except ConnectionError:
                await asyncio.sleep(60)

    assert await end_of(await cancelled_after(try_again(), lambda: None, 0)) == "cancelled"


async def test_what_was_not_cancelled_fails_as_it_fails() -> None:
    with pytest.raises(ConnectionError), cancellation_first():
        raise ConnectionError
