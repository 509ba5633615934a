"""Services on many nodes: each asked for once, in the server's portions, whatever it thinks of them."""

import asyncio
from collections.abc import Sequence

import pytest
from asyncua import ua
from hypothesis import given
from hypothesis import strategies as st

from dualspan_edge.opcua.services import in_portions


class _Server:
    """Takes so many operations in a call and no more; counts calls under way."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.running = self.busiest = 0
        self.done: list[int] = []

    async def __call__(self, part: Sequence[int]) -> list[str]:
        self.running += 1
        self.busiest = max(self.busiest, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        if len(part) > self.most:
            raise ua.UaStatusCodeError(ua.StatusCodes.BadTooManyOperations)
        self.done += part
        return [str(number) for number in part]


@given(count=st.integers(0, 60), portion=st.integers(1, 40), together=st.integers(1, 6), most=st.integers(1, 40))
async def test_every_item_is_done_once_and_results_keep_their_order(
    count: int, portion: int, together: int, most: int
) -> None:
    server = _Server(most)
    results = await in_portions(server, range(count), portion, together)
    assert results == [str(number) for number in range(count)]
    assert sorted(server.done) == list(range(count))
    assert server.busiest <= together


async def test_calls_are_under_way_together() -> None:
    server = _Server(10)
    await in_portions(server, range(100), 10, 4)
    assert server.busiest == 4


async def test_what_other_calls_brought_is_heard_before_a_failure_is_told() -> None:
    heard: list[int] = []

    async def work(part: Sequence[int]) -> list[int]:
        if part[0] == 0:
            raise ua.UaStatusCodeError(ua.StatusCodes.BadOutOfMemory)
        await asyncio.sleep(0.01)
        heard.extend(part)
        return list(part)

    with pytest.raises(ua.UaStatusCodeError):
        await in_portions(work, range(4), 1, 4)
    assert heard == [1, 2, 3]


async def test_another_number_of_results_than_asked_for_is_an_error() -> None:
    async def work(part: Sequence[int]) -> list[int]:
        return [*part, 0]

    with pytest.raises(ua.UaError, match="answered 3 results to 2"):
        await in_portions(work, range(4), 2)
