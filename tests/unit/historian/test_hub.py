import numpy as np

from dualspan_historian.live.hub import Watcher
from harness.historian import ramp


async def test_a_slow_watcher_goes_on_with_the_newest_and_is_told_what_it_missed() -> None:
    watcher = Watcher(np.array([1]), most_waiting=3)
    for number in range(10):
        watcher.offer(ramp([1, 2], number, 1))
    deliveries = watcher.deliveries()
    got = [await anext(deliveries) for _ in range(3)]
    assert [delivery.skipped for delivery in got] == [7, 0, 0]
    assert all(delivery.frame.same_as(ramp([1], 7 + i, 1)) for i, delivery in enumerate(got))


async def test_a_watcher_finds_its_tags_however_far_apart_they_are() -> None:
    watcher = Watcher(np.array([1, 1 << 40]), most_waiting=3)
    watcher.offer(ramp([2, 3], 0, 1))
    watcher.offer(ramp([1, 2, 1 << 40], 0, 1))
    delivery = await anext(watcher.deliveries())
    assert delivery.skipped == 0
    assert delivery.frame.same_as(ramp([1, 1 << 40], 0, 1))


async def test_what_waits_for_a_slow_watcher_is_bounded_by_its_weight_too() -> None:
    heavy = ramp([1], 0, 1000)
    watcher = Watcher(np.array([1]), most_waiting=100, max_bytes=50_000)
    for _ in range(20):
        watcher.offer(heavy)
    delivery = await anext(watcher.deliveries())
    assert 10 < delivery.skipped < 20
    single = Watcher(np.array([1]), most_waiting=100, max_bytes=10)
    single.offer(heavy)
    assert (await anext(single.deliveries())).frame.same_as(heavy)
