"""Work that everybody else's goes before."""

import os
import threading
import time

import pytest

from dualspan_analytics.service.leisure import Leisure, idle_threads


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="this system has no idle policy")
def test_only_its_own_threads_give_way() -> None:
    before = os.sched_getscheduler(0)
    with idle_threads(2) as threads:
        meet = threading.Barrier(2)

        def policy() -> int:
            meet.wait(10)
            return os.sched_getscheduler(0)

        assert {each.result() for each in [threads.submit(policy) for _ in range(2)]} == {os.SCHED_IDLE}
    assert os.sched_getscheduler(0) == before


async def test_it_rests_for_as_long_as_the_work_deserves() -> None:
    began = time.monotonic()
    assert await Leisure(pause=5.0).compute(lambda: time.sleep(0.02)) is None
    assert time.monotonic() - began >= 0.12


async def test_without_a_pause_it_only_works() -> None:
    began = time.monotonic()
    assert [await Leisure().compute(lambda: 7) for _ in range(100)] == [7] * 100
    assert time.monotonic() - began < 5
