"""Background work comes back when it fails, and ends when its server does, whatever it makes of the request."""

import asyncio

import pytest

from dualspan_runtime.supervision import supervised


async def test_failed_work_is_started_again() -> None:
    runs: list[int] = []
    again = asyncio.Event()

    async def work() -> None:
        runs.append(len(runs))
        if len(runs) == 1:
            raise OSError("the database is away")
        again.set()
        await asyncio.Event().wait()

    async with supervised([work]), asyncio.timeout(5):
        await again.wait()
    assert runs == [0, 1]


@pytest.mark.parametrize("error", [asyncio.CancelledError(), OSError("the connection failed just then")])
async def test_work_ends_with_its_server_even_if_a_library_swallows_the_cancellation(error: BaseException) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise error from None

    async with asyncio.timeout(5):
        async with supervised([work]):
            await begun.wait()
