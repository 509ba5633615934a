"""Two historians and two of their workers behind a load balancer: each frame is stored once, wherever it comes in.

The balancer gives each connection to the replica whose turn it is, so a gateway that connects again is with the other.
"""

import asyncio
import random
import signal
import sys
from collections.abc import AsyncGenerator, Callable

import psutil
import pytest
import pytest_asyncio

from dualspan_cli.local import grpc_ready, is_worker_ready
from dualspan_cli.supervisor import Member, Service
from dualspan_cli.workers import worker_command
from harness.completeness import Verdict
from harness.site import Site, judged, until

pytestmark = [
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.timeout(300),
]

MOVES = 6
SECOND, SECOND_WORKER = "historian-2", "worker-2"


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def replicas(site: Site, free_port: Callable[[], int]) -> AsyncGenerator[Site]:
    """The site, with as much again of what carries samples."""
    people, gateways = f"127.0.0.1:{free_port()}", free_port()
    historian = site.platform.child(SECOND, [sys.executable, "-m", "dualspan_historian"])
    historian.environment = {
        **historian.environment,
        "DUALSPAN_HISTORIAN_LISTEN": people,
        "DUALSPAN_HISTORIAN_GATEWAY_LISTEN": f"127.0.0.1:{gateways}",
    }
    schedule = site.folder / "schedule-2"
    worker = site.platform.child(SECOND_WORKER, worker_command("historian", beat_schedule=schedule))

    async def worker_ready() -> bool:
        return is_worker_ready(worker)

    site.members[SECOND] = Member(Service(historian), lambda: grpc_ready(people))
    site.members[SECOND_WORKER] = Member(Service(worker), worker_ready)
    try:
        await asyncio.gather(site.revive(SECOND), site.revive(SECOND_WORKER))
        site.uplink.others.append(("127.0.0.1", gateways))
        yield site
    finally:
        site.uplink.others.clear()
        site.uplink.cut()
        for name in (SECOND, SECOND_WORKER):
            await asyncio.to_thread(site.members.pop(name).server.stop)
        site.uplink.mend()


def holder(site: Site) -> str:
    """The replica that the gateway's newest connection went to."""
    return "historian" if site.uplink.last == site.uplink.target else SECOND


async def moved(site: Site) -> str:
    """Waits until the gateway has another replica than before; which."""
    before = site.uplink.last

    async def elsewhere() -> bool:
        return site.uplink.last != before

    try:
        # A connection that nobody answers is given up after 20 s.
        await until(elsewhere, "the gateway has moved", 60)
    except TimeoutError as err:
        raise AssertionError(f"{err}\n{site.members['gateway'].server.child.log_tail()}") from err
    return holder(site)


def assert_exactly_once(verdict: Verdict) -> None:
    assert verdict.is_clean, verdict
    assert verdict.admitted == 0, verdict
    assert verdict.repeated == 0, verdict
    assert verdict.kept > 0


async def test_a_gateway_that_moves_between_replicas(replicas: Site, moments: random.Random) -> None:
    """In the midst of its frames; every second time what was committed is not acknowledged any more."""
    seen: set[str] = set()

    async def moves() -> None:
        for number in range(MOVES):
            replicas.uplink.swallow_answers = bool(number % 2)
            await asyncio.sleep(moments.uniform(0.2, 0.7))
            replicas.uplink.cut()
            replicas.uplink.mend()
            seen.add(await moved(replicas))

    assert_exactly_once(await judged(replicas, moves))
    assert seen == {"historian", SECOND}


async def test_a_replica_that_is_killed_leaves_its_gateway_to_the_other(replicas: Site, moments: random.Random) -> None:
    async def cycles() -> None:
        for _ in range(2):
            await asyncio.sleep(moments.uniform(0.2, 0.8))
            victim = holder(replicas)
            replicas.kill(victim)
            try:
                assert await moved(replicas) != victim
            finally:
                await replicas.revive(victim)

    assert_exactly_once(await judged(replicas, cycles))


async def test_a_replica_that_wakes_up_late_commits_nothing_twice(replicas: Site, moments: random.Random) -> None:
    """It stands still with frames that were sent to it; the other one has long committed them when it goes on."""

    async def freeze_and_thaw() -> None:
        for _ in range(2):
            await asyncio.sleep(moments.uniform(0.1, 0.5))
            frozen = psutil.Process(pid_of(replicas, holder(replicas)))
            frozen.send_signal(signal.SIGSTOP)
            try:
                await asyncio.sleep(0.5)  # frames come in, and wait in its socket
                await replicas.uplink.forsake()
                await moved(replicas)
                await asyncio.sleep(1.0)
            finally:
                frozen.send_signal(signal.SIGCONT)
            await asyncio.sleep(1.0)

    assert_exactly_once(await judged(replicas, freeze_and_thaw))


async def test_a_worker_that_is_killed_leaves_its_frames_to_the_other(replicas: Site, moments: random.Random) -> None:
    async def cycles() -> None:
        for name in ("worker", SECOND_WORKER):
            await asyncio.sleep(moments.uniform(0.2, 0.8))
            replicas.kill(name)
            sealed = (await replicas.tally()).sealed

            async def more(sealed: int = sealed) -> bool:
                return (await replicas.statistics()).sealed_samples > sealed

            # A sweep comes every 30 s, and seals what is old enough.
            await until(more, "the other worker seals", 150)
            await replicas.revive(name)

    assert_exactly_once(await judged(replicas, cycles))


def pid_of(site: Site, name: str) -> int:
    pid = site.members[name].server.child.pid
    assert pid is not None
    return pid
