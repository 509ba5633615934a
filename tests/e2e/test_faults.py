"""Every process killed and every link cut, many times over: nothing acknowledged is lost, nothing is doubled.

One site streams all the time. Each test breaks something and mends it, waits until the samples of that moment are
there, and has the checker compare everything since the test began.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from dualspan.historian.v1 import resources_pb2 as historian
from dualspan.onboarding.v1 import service_pb2 as onboarding
from harness.completeness import Verdict
from harness.site import GATEWAY, Site, now_us, until

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.slow,
    pytest.mark.timeout(300),
]


async def judged(site: Site, break_and_mend: Callable[[], Awaitable[None]]) -> Verdict:
    """What the checker says of everything from before it breaks until after it is mended."""
    since_us = now_us()
    await site.caught_up(since_us)
    await break_and_mend()
    until_us = now_us()
    await site.caught_up(until_us)
    return await site.verdict(since_us, until_us)


def assert_complete(verdict: Verdict) -> None:
    assert verdict.is_clean, verdict
    assert verdict.admitted == 0, verdict
    assert verdict.kept > 0


@pytest.mark.parametrize("victim", ["historian", "worker", "postgres"])
async def test_killed_on_the_platform_loses_nothing(site: Site, victim: str) -> None:
    """The gateway's buffer bridges it, whatever was killed, at whatever moment."""
    moments = random.Random(victim)

    async def cycles() -> None:
        for _ in range(4):
            await asyncio.sleep(moments.uniform(0.1, 1.2))
            site.kill(victim)
            await asyncio.sleep(moments.uniform(0.0, 0.5))
            await site.revive(victim)

    assert_complete(await judged(site, cycles))


async def test_all_of_the_platform_killed_at_once(site: Site) -> None:
    async def power_cut() -> None:
        names = ("historian", "worker", "postgres", "onboarding", "identity")
        for name in names:
            site.kill(name)
        for name in ("postgres", "identity", "onboarding", "historian", "worker"):
            await site.revive(name)

    assert_complete(await judged(site, power_cut))


async def test_gateway_killed_loses_nothing_that_the_ledger_does_not_admit(site: Site) -> None:
    moments = random.Random(5)
    down: list[tuple[int, int]] = []

    async def cycles() -> None:
        for _ in range(4):
            await asyncio.sleep(moments.uniform(0.5, 1.5))
            began_us = now_us()
            site.kill("gateway")
            await site.revive("gateway")
            await site.caught_up(now_us())
            down.append((began_us, now_us()))

    verdict = await judged(site, cycles)
    assert verdict.is_clean, verdict
    # What the ledger admits is not more than the time for which the gateway was really away.
    away_us = sum(end - start for start, end in down)
    assert verdict.admitted <= len(site.variables) * (away_us + len(down) * 1_000_000) // site.load.plan.tick_us


async def test_uplink_cut_again_and_again(site: Site) -> None:
    moments = random.Random(6)

    async def cycles() -> None:
        for _ in range(6):
            await asyncio.sleep(moments.uniform(0.1, 0.6))
            site.uplink.cut()
            await asyncio.sleep(moments.uniform(0.1, 0.8))
            site.uplink.mend()

    assert_complete(await judged(site, cycles))


async def test_uplink_cut_between_commit_and_acknowledgement_doubles_nothing(site: Site) -> None:
    """The historian commits, the gateway never hears of it and sends again."""
    moments = random.Random(7)
    before = await site.statistics()

    async def cycles() -> None:
        for _ in range(6):
            site.uplink.swallow_answers = True
            await asyncio.sleep(moments.uniform(0.2, 0.7))
            site.uplink.cut()
            site.uplink.mend()
            await asyncio.sleep(moments.uniform(0.2, 0.7))

    assert_complete(await judged(site, cycles))
    after = await site.statistics()
    assert after.repeated_samples == before.repeated_samples


async def test_slow_uplink_only_delays(site: Site) -> None:
    async def slow() -> None:
        site.uplink.delay_s = 0.2
        site.uplink.bytes_per_s = 100_000
        await asyncio.sleep(4)
        site.uplink.mend()

    assert_complete(await judged(site, slow))


async def test_opcua_link_cut(site: Site) -> None:
    moments = random.Random(8)

    async def cycles() -> None:
        for _ in range(3):
            await asyncio.sleep(moments.uniform(0.3, 1.0))
            site.opcua.cut()
            await asyncio.sleep(moments.uniform(0.2, 1.0))
            site.opcua.mend()
            await site.caught_up(now_us())

    verdict = await judged(site, cycles)
    assert verdict.is_clean, verdict


async def test_opcua_server_restarted(site: Site) -> None:
    """Its subscriptions are gone with it. What it did not sample was never sent; the ledger says from when to when."""
    outage: list[int] = []

    async def restart() -> None:
        await asyncio.sleep(0.5)
        outage.append(now_us())
        await asyncio.to_thread(site.load.child.stop)
        site.load.child.start()
        await site.caught_up(now_us())
        outage.append(now_us())

    verdict = await judged(site, restart)
    assert verdict.is_clean, verdict
    assert verdict.admitted > 0
    causes = {gap.cause for gap in await site.gaps() if gap.end_time.ToMicroseconds() >= outage[0]}
    assert causes & {historian.GAP_CAUSE_SUBSCRIPTION_LOST, historian.GAP_CAUSE_CONNECTION_LOST}, causes


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
async def test_disk_of_the_buffer_full(site: Site) -> None:
    """The gateway stops acknowledging, says so, and goes on by itself when there is room again."""
    filler = site.folder / "gateway" / "filler"
    began_us = now_us()

    async def says_full() -> bool:
        gateway = await site.session.onboarding.GetGateway(onboarding.GetGatewayRequest(name=GATEWAY))
        return gateway.status.buffer_full

    async def fill() -> None:
        # With the link cut, frames are not deleted and the file must grow.
        site.uplink.cut()
        fill_up(filler)
        await until(says_full, "the gateway says that its buffer is full", 30)
        await asyncio.sleep(1.0)
        filler.unlink()
        site.uplink.mend()

    verdict = await judged(site, fill)
    assert verdict.is_clean, verdict
    gaps = [gap for gap in await site.gaps() if gap.end_time.ToMicroseconds() >= began_us]
    assert verdict.admitted == 0 or gaps


def fill_up(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


async def test_afterwards_everything_was_sealed_and_nothing_was_repeated(site: Site) -> None:
    """Sealing ran through all of it, and the number of committed samples is the number of stored ones."""
    statistics = await site.statistics()
    assert statistics.sealed_samples > 0
    stored = await site.stored(0, now_us())
    assert abs(statistics.committed_samples - statistics.repeated_samples - len(stored.tag)) <= 2 * site.load.plan.rate
    assert statistics.quarantined_frames == 0
