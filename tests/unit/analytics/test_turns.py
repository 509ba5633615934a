"""Turns: who asks much keeps nobody else waiting, and no turn is lost."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan.analytics.v1 import alarms_pb2, comparison_pb2, energy_pb2, kpis_pb2, models_pb2, spc_pb2, states_pb2
from dualspan_analytics.servicer.turns import COSTLY, InTurns
from dualspan_analytics.turns import Turns
from dualspan_runtime.context import set_call
from dualspan_runtime.principal import ANONYMOUS


class Watch:
    """Holds turns until it is told to let go, and knows who holds how many."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.holding: Counter[str] = Counter()
        self.order: list[str] = []

    async def hold(self, tenant: str, until: asyncio.Event) -> None:
        async with self._turns.taken(tenant):
            self.holding[tenant] += 1
            self.order.append(tenant)
            await until.wait()
            self.holding[tenant] -= 1


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_a_tenant_has_few_turns_and_leaves_the_others_to_others() -> None:
    watch, go = Watch(Turns(4, 2)), asyncio.Event()
    greedy = [asyncio.create_task(watch.hold("greedy", go)) for _ in range(50)]
    await settle()
    modest = asyncio.create_task(watch.hold("modest", go))
    await settle()
    assert watch.holding == {"greedy": 2, "modest": 1}
    go.set()
    await asyncio.gather(*greedy, modest)
    assert watch.order[:3] == ["greedy", "greedy", "modest"]


@pytest.mark.asyncio
async def test_where_all_turns_are_taken_the_next_goes_to_who_has_the_fewest() -> None:
    watch = Watch(Turns(2, 2))
    doors = [asyncio.Event() for _ in range(5)]
    tasks = [asyncio.create_task(watch.hold("greedy", door)) for door in doors[:4]]
    await settle()
    tasks.append(asyncio.create_task(watch.hold("modest", doors[4])))
    doors[0].set()
    await settle()
    assert watch.holding == {"greedy": 1, "modest": 1}
    for door in doors:
        door.set()
    await asyncio.gather(*tasks)


@pytest.mark.asyncio
async def test_who_gives_up_waiting_takes_no_turn_with_him() -> None:
    turns, go = Turns(1, 1), asyncio.Event()
    watch = Watch(turns)
    first = asyncio.create_task(watch.hold("a", go))
    await settle()
    leaving, staying = (asyncio.create_task(watch.hold("b", go)) for _ in range(2))
    await settle()
    # In the very moment in which it would have had the turn.
    go.set()
    leaving.cancel()
    last = asyncio.create_task(watch.hold("c", go))
    async with asyncio.timeout(1):
        await asyncio.gather(first, staying, last)
    assert leaving.cancelled()
    async with asyncio.timeout(1), turns.taken("d"):
        pass


@given(st.integers(1, 4), st.integers(1, 4), st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=25))
def test_no_turn_is_given_twice_or_lost(total: int, each: int, callers: list[tuple[str, bool]]) -> None:
    async def run() -> None:
        turns = Turns(total, each)
        holding: Counter[str] = Counter()

        async def call(tenant: str) -> None:
            async with turns.taken(tenant):
                holding[tenant] += 1
                assert holding.total() <= total
                assert holding[tenant] <= each
                try:
                    await asyncio.sleep(0)
                finally:
                    holding[tenant] -= 1

        tasks = [asyncio.create_task(call(tenant)) for tenant, _ in callers]
        for task, (_, leaves) in zip(tasks, callers, strict=True):
            await asyncio.sleep(0)
            if leaves:
                task.cancel()
        async with asyncio.timeout(5):
            results = await asyncio.gather(*tasks, return_exceptions=True)
        wrong = [each for each in results if isinstance(each, Exception)]
        assert not wrong
        async with asyncio.timeout(1), turns.taken("z"):
            pass

    asyncio.run(run())


class Answering:
    """A servicer of one costly call, whose answers a test lets go, and one that costs nothing."""

    def __init__(self) -> None:
        self.working: list[str] = []
        self.ended = 0
        self.go = asyncio.Event()

    async def QueryKpis(self, request: str, context: None) -> str:  # noqa: N802 - the contract's name
        self.working.append(request)
        await self.go.wait()
        self.ended += 1
        if request == "wrong":
            raise ValueError(request)
        return request.upper()

    async def ListKpis(self, request: str, context: None) -> str:  # noqa: N802 - the contract's name
        return request.upper()


def asking(servicer: InTurns, tenant: str, request: str) -> asyncio.Task[str]:
    async def call() -> str:
        set_call(ANONYMOUS, tenant)
        return await servicer.QueryKpis(request, None)

    return asyncio.create_task(call())


@pytest.mark.asyncio
async def test_costly_calls_of_a_tenant_wait_for_each_other_and_others_do_not() -> None:
    answering = Answering()
    servicer = InTurns(answering, Turns(3, 2))
    calls = [asking(servicer, "greedy", name) for name in "abcd"] + [asking(servicer, "modest", "m")]
    await settle()
    assert answering.working == ["a", "b", "m"]
    assert await servicer.ListKpis("x", None) == "X"
    answering.go.set()
    assert await asyncio.gather(*calls) == ["A", "B", "C", "D", "M"]


@pytest.mark.asyncio
async def test_a_turn_lasts_until_the_work_ends_even_if_nobody_waits_for_it_any_more() -> None:
    answering = Answering()
    servicer = InTurns(answering, Turns(1, 1))
    worked_on, waiting, wrong = (asking(servicer, "t", name) for name in ("a", "b", "wrong"))
    await settle()
    worked_on.cancel()
    waiting.cancel()
    await settle()
    assert answering.working == ["a"], "the thread of the first still runs"
    answering.go.set()
    with pytest.raises(ValueError, match="wrong"):
        await wrong
    assert (answering.working, answering.ended) == (["a", "wrong"], 2)


def test_what_is_costly_are_methods_of_one_request_and_one_answer() -> None:
    contracts = (alarms_pb2, comparison_pb2, energy_pb2, kpis_pb2, models_pb2, spc_pb2, states_pb2)
    methods = [
        method
        for each in contracts
        for service in each.DESCRIPTOR.services_by_name.values()
        for method in service.methods
        if method.name in COSTLY
    ]
    assert {method.name for method in methods} == COSTLY
    assert not [method.name for method in methods if method.server_streaming or method.client_streaming]
