"""Every process killed and every link cut, many times over: nothing acknowledged is lost, nothing is doubled.

One site streams all the time. Each test breaks something and mends it, waits until the samples of that moment are
there, and has the checker compare everything since the test began. Queries leave repeats out, so the checker also
counts what was committed: a frame that was stored twice shows there.
"""

import asyncio
import hashlib
import os
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from dualspan.historian.v1 import resources_pb2 as historian
from dualspan.onboarding.v1 import notice_pb2
from dualspan.onboarding.v1 import service_pb2 as onboarding
from dualspan.onboarding.v1.notice_pb2_grpc import NoticeServiceStub
from harness.completeness import Verdict
from harness.site import GATEWAY, SERVER, TENANT, Site, judged, now_us, until

pytestmark = [
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.slow,
    pytest.mark.timeout(300),
]

KILLS = 4
CUTS = 8


def assert_complete(verdict: Verdict) -> None:
    """For faults behind the gateway: its subscriptions go on, so nothing has a reason to come twice."""
    assert verdict.is_clean, verdict
    assert verdict.admitted == 0, verdict
    assert verdict.repeated == 0, verdict
    assert verdict.kept > 0


@pytest.mark.parametrize("victim", ["historian", pytest.param("worker", marks=pytest.mark.long), "postgres"])
async def test_killed_on_the_platform_loses_nothing(site: Site, moments: random.Random, victim: str) -> None:
    """The gateway's buffer bridges it, whatever was killed, at whatever moment."""

    async def cycles() -> None:
        for _ in range(KILLS):
            await asyncio.sleep(moments.uniform(0.1, 1.2))
            site.kill(victim)
            await asyncio.sleep(moments.uniform(0.0, 0.5))
            await site.revive(victim)

    assert_complete(await judged(site, cycles))


@pytest.mark.long
async def test_all_of_the_platform_killed_at_once(site: Site) -> None:
    async def power_cut() -> None:
        names = ("historian", "worker", "postgres", "onboarding", "identity")
        for name in names:
            site.kill(name)
        for name in ("postgres", "identity", "onboarding", "historian", "worker"):
            await site.revive(name)

    assert_complete(await judged(site, power_cut))


async def test_gateway_killed_loses_nothing_that_the_ledger_does_not_admit(site: Site, moments: random.Random) -> None:
    down: list[tuple[int, int]] = []
    items = await site.monitored_items()

    async def cycles() -> None:
        for _ in range(KILLS):
            await asyncio.sleep(moments.uniform(0.5, 1.5))
            began_us = now_us()
            site.kill("gateway")
            await site.revive("gateway")
            await site.caught_up(now_us())
            down.append((began_us, now_us()))

    verdict = await judged(site, cycles)
    assert verdict.is_clean, verdict
    assert 0 <= verdict.repeated <= await site.monitored_items() - items
    # What the ledger admits is not more than the time for which the gateway was really away.
    away_us = sum(end - start for start, end in down)
    assert verdict.admitted <= len(site.variables) * (away_us + len(down) * 1_000_000) // site.load.plan.tick_us


async def test_uplink_cut_again_and_again(site: Site, moments: random.Random) -> None:
    async def cycles() -> None:
        for _ in range(CUTS):
            await asyncio.sleep(moments.uniform(0.1, 0.6))
            site.uplink.cut()
            await asyncio.sleep(moments.uniform(0.1, 0.8))
            site.uplink.mend()

    assert_complete(await judged(site, cycles))


async def test_uplink_cut_between_commit_and_acknowledgement_doubles_nothing(
    site: Site, moments: random.Random
) -> None:
    """The historian commits, the gateway never hears of it and sends again."""

    async def cycles() -> None:
        for _ in range(CUTS):
            site.uplink.swallow_answers = True
            await asyncio.sleep(moments.uniform(0.2, 0.7))
            site.uplink.cut()
            site.uplink.mend()
            await asyncio.sleep(moments.uniform(0.2, 0.7))

    assert_complete(await judged(site, cycles))


async def test_slow_uplink_only_delays(site: Site) -> None:
    async def slow() -> None:
        site.uplink.delay_s = 0.2
        site.uplink.bytes_per_s = 100_000
        await asyncio.sleep(4)
        site.uplink.mend()

    assert_complete(await judged(site, slow))


async def test_opcua_link_cut(site: Site, moments: random.Random) -> None:
    items = await site.monitored_items()

    async def cycles() -> None:
        for _ in range(KILLS):
            await asyncio.sleep(moments.uniform(0.3, 1.0))
            site.opcua.cut()
            await asyncio.sleep(moments.uniform(0.2, 1.0))
            site.opcua.mend()
            await site.caught_up(now_us())

    verdict = await judged(site, cycles)
    assert verdict.is_clean, verdict
    assert 0 <= verdict.repeated <= await site.monitored_items() - items


@pytest.mark.long
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
    assert 0 <= verdict.repeated <= len(site.variables)
    causes = {gap.cause for gap in await site.gaps() if gap.end_time.ToMicroseconds() >= outage[0]}
    assert causes & {historian.GAP_CAUSE_SUBSCRIPTION_LOST, historian.GAP_CAUSE_CONNECTION_LOST}, causes


async def test_opcua_server_with_another_certificate(site: Site) -> None:
    """Nothing is read from it until somebody approves; then it goes on, and the ledger says what is missing."""
    began = now_us()
    (stored,) = site.folder.rglob("load/server.der")
    before = hashlib.sha256(stored.read_bytes()).hexdigest()
    waited: list[int] = []

    async def replace_and_approve() -> None:
        await asyncio.to_thread(site.load.child.stop)
        stored.unlink()  # it makes a new key and certificate at its start
        site.load.child.start()
        notice = await changed_certificate(site)
        assert notice.details["old_sha256"] == before
        (new,) = {hashlib.sha256(stored.read_bytes()).hexdigest()}
        assert notice.details["new_sha256"] == new
        assert before in notice.text
        assert new in notice.text
        waited.append(await site.newest_us())
        await asyncio.sleep(1.0)
        assert await site.newest_us() == waited[0], "nothing comes while it waits"
        approval = onboarding.ApproveServerCertificateRequest(name=SERVER, certificate_sha256=new)
        await site.session.onboarding.ApproveServerCertificate(approval)
        await site.caught_up(now_us())

    verdict = await judged(site, replace_and_approve)
    assert verdict.is_clean, verdict
    assert verdict.admitted > 0
    causes = {gap.cause for gap in await site.gaps() if gap.end_time.ToMicroseconds() >= began}
    assert causes & {historian.GAP_CAUSE_SUBSCRIPTION_LOST, historian.GAP_CAUSE_CONNECTION_LOST}, causes


async def changed_certificate(site: Site) -> notice_pb2.Notice:
    """The notice that says so, as soon as it is there."""
    stub = NoticeServiceStub(site.session.onboarding_channel)
    found: list[notice_pb2.Notice] = []

    async def raised() -> bool:
        answer = await stub.ListNotices(notice_pb2.ListNoticesRequest(parent=TENANT, resource=SERVER))
        found.extend(one for one in answer.notices if one.kind == "SERVER_CERTIFICATE_CHANGED")
        return bool(found)

    await until(raised, "the notice is raised", 60)
    return found[0]


async def says_full(site: Site) -> bool:
    gateway = await site.session.onboarding.GetGateway(onboarding.GetGatewayRequest(name=GATEWAY))
    return gateway.status.buffer_full


async def assert_full_is_admitted(site: Site, verdict: Verdict, since_us: int) -> None:
    assert verdict.is_clean, verdict
    gaps = [gap for gap in await site.gaps() if gap.end_time.ToMicroseconds() >= since_us]
    assert historian.GAP_CAUSE_BUFFER_FULL in {gap.cause for gap in gaps}, gaps


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
async def test_disk_of_the_buffer_full(site: Site) -> None:
    """The gateway stops acknowledging, says so, and goes on by itself when there is room again."""
    filler = site.folder / "gateway" / "filler"
    began_us, items = now_us(), await site.monitored_items()

    async def fill() -> None:
        # With the link cut, frames are not deleted and the file must grow.
        site.uplink.cut()
        fill_up(filler)
        await until(lambda: says_full(site), "the gateway says that its buffer is full", 30)
        await asyncio.sleep(1.0)
        filler.unlink()
        site.uplink.mend()

    verdict = await judged(site, fill)
    await assert_full_is_admitted(site, verdict, began_us)
    assert 0 <= verdict.repeated <= await site.monitored_items() - items


@pytest.mark.long
async def test_buffer_full_at_its_own_bound(site: Site) -> None:
    """The same when it is the bound of the gateway's settings that is reached and not the disk's."""
    usual = site.members["gateway"].server.child.environment
    await run_gateway_with(site, {**usual, "DUALSPAN_GATEWAY_BUFFER_MAX_BYTES": str(1 << 20)})
    began_us, items = now_us(), await site.monitored_items()

    async def fill() -> None:
        site.uplink.cut()
        await until(lambda: says_full(site), "the gateway says that its buffer is full", 120)
        await asyncio.sleep(1.0)
        site.uplink.mend()

    try:
        verdict = await judged(site, fill)
        await assert_full_is_admitted(site, verdict, began_us)
        assert 0 <= verdict.repeated <= await site.monitored_items() - items
    finally:
        await run_gateway_with(site, usual)


async def run_gateway_with(site: Site, environment: Mapping[str, str]) -> None:
    site.kill("gateway")
    site.members["gateway"].server.child.environment = environment
    await site.revive("gateway")
    await site.caught_up(now_us())


def fill_up(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


async def test_afterwards_everything_was_sealed_and_nothing_was_refused(site: Site) -> None:
    """Sealing ran through all of it, so what repeats it met is known; each test has judged its own."""
    assert (await site.statistics()).quarantined_frames == 0
    tally = await site.tally()
    assert tally.sealed > 0
