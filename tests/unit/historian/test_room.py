"""What queries that run at the same time hold together."""

import asyncio

import pytest

from dualspan_historian.read.room import Room
from dualspan_runtime.errors import ResourceExhausted


async def test_who_finds_no_room_waits_until_another_ends() -> None:
    room = Room(100, wait_seconds=20)
    async with room.share() as first:
        await first.take(80)
        async with room.share() as second:
            await second.take(20)
            waiting = asyncio.create_task(second.take(1))
            await asyncio.sleep(0.02)
            assert not waiting.done()
            assert room.taken == 100
            await first.take(0)  # nothing is had without waiting
            third = asyncio.create_task(_hold(room, 30))
            await asyncio.sleep(0.02)
            assert not third.done()
            waiting.cancel()
    await third
    assert room.taken == 0


async def test_who_waits_too_long_is_refused_and_holds_nothing() -> None:
    room = Room(100, wait_seconds=0.02)
    async with room.share() as first:
        await first.take(80)
        with pytest.raises(ResourceExhausted, match="TOO_MANY_QUERIES"):
            await _hold(room, 30)
        assert room.taken == 80
        await _hold(room, 20)
    assert room.taken == 0


async def test_who_is_alone_gets_what_a_single_query_may() -> None:
    room = Room(100, wait_seconds=0.02)
    async with room.share() as share:
        await share.take(90)
        await share.take(50)
        assert room.taken == 140
    await _hold(room, 100)


async def _hold(room: Room, size: int) -> None:
    async with room.share() as share:
        await share.take(size)
