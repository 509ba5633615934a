"""A gateway that was off leaves a hole; the plant's history fills it, whoever is killed; a report proves it.

Last, because the plant tells another story afterwards: a write that two people carry through.
"""

import asyncio
import json
import os
import random
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc
import numpy as np
import pytest
import pytest_asyncio

from dualspan.historian.v1 import resources_pb2 as historian
from dualspan.identity.v1 import resources_pb2 as identity_resources
from dualspan.identity.v1.service_pb2 import (
    CreateUserRequest,
    GetGatewayCaRequest,
    ListAuditEventsRequest,
    SignInRequest,
)
from dualspan.onboarding.v1 import writes_pb2 as writes
from dualspan.onboarding.v1.completeness_pb2 import CreatePlantReportRequest
from dualspan.onboarding.v1.completeness_pb2_grpc import PlantReportServiceStub
from dualspan.onboarding.v1.writes_pb2_grpc import WriteServiceStub
from dualspan_cli.errors import CommandError
from dualspan_cli.session import Access, open_session, where
from dualspan_cli.statements import Statement, check_signer, verify_statement
from harness.plant_site import SERVER, PlantSite, an_hour_ago, open_plant_site
from harness.site import TENANT, now_us, site_folder, until

if TYPE_CHECKING:
    from dualspan.onboarding.v1.writes_pb2_grpc import WriteServiceAsyncStub

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(300)]

SETTINGS = {
    "DUALSPAN_GATEWAY_REPAIR_POLL_SECONDS": "0.5",
    "DUALSPAN_GATEWAY_REPAIR_CHUNK_VALUES": "20000",
    "DUALSPAN_GATEWAY_REPAIR_SHARE": "0.8",
    "DUALSPAN_GATEWAY_WRITES": "true",
}
KILLS = 3
SECOND = 1_000_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(free_port: Callable[[], int]) -> AsyncGenerator[PlantSite]:
    with site_folder("completeness") as folder:
        async with open_plant_site(folder, free_port, SETTINGS) as opened:
            await opened.caught_up(now_us())
            yield opened


async def report(site: PlantSite, start_us: int, end_us: int) -> bytes:
    request = CreatePlantReportRequest(parent=TENANT, server=SERVER)
    request.start_time.FromMicroseconds(start_us)
    request.end_time.FromMicroseconds(end_us)
    answer = await PlantReportServiceStub(site.session.onboarding_channel).CreatePlantReport(request, timeout=60)
    return answer.envelope


async def told_until(site: PlantSite, end_us: int) -> Statement:
    """The report from a minute before, once the gateway has told of everything up to a moment."""
    statements: list[Statement] = []

    async def told() -> bool:
        statements[:] = [verify_statement(await report(site, end_us - 60 * SECOND, end_us))]
        return statements[0].content["totals"]["pending_ms"] == 0

    await until(told, "the gateway has told of everything", 30)
    return statements[0]


async def test_a_gateway_that_was_off_for_seconds_is_repaired(site: PlantSite) -> None:
    since_us = now_us()
    await asyncio.sleep(1)
    await site.kill_gateway()
    await asyncio.sleep(4)
    await site.revive("gateway")
    await site.caught_up(now_us())
    until_us = now_us()
    gaps = await site.repaired()
    newest = gaps[0]
    assert newest.cause == historian.GAP_CAUSE_GATEWAY_DOWN
    assert newest.state == historian.GAP_STATE_REPAIRED
    assert newest.repaired_samples > 0
    await site.caught_up(until_us)
    verdict = await site.verdict(since_us, until_us)
    assert verdict.is_clean, verdict
    assert verdict.admitted == 0
    assert verdict.kept > 500
    statement = await told_until(site, until_us)
    totals = statement.content["totals"]
    assert totals["missing_ms"] == 0
    assert totals["repaired_samples"] == newest.repaired_samples
    of_tag = await site.gaps(next(iter(site.tags)))
    assert of_tag[0].name == newest.name
    assert of_tag[0].tag_id == next(iter(site.tags))


async def test_killed_at_random_moments_during_a_repair(site: PlantSite) -> None:
    """An hour of the plant; gateway and historian die again and again while it is filled."""
    seed = os.environ.get("DUALSPAN_TEST_SEED", "")
    moments = random.Random(f"{seed} repair")
    await site.kill_gateway()
    since_us = await an_hour_ago(site)
    await site.revive("gateway")
    back_us = now_us()
    for victim in ["gateway", "historian"] * KILLS:
        await asyncio.sleep(moments.uniform(0.3, 1.5))
        await site.kill_gateway() if victim == "gateway" else site.kill(victim)
        await site.revive(victim)
    gaps = await site.repaired()
    until_us = now_us()
    await site.caught_up(until_us)
    hour = max(gaps, key=lambda gap: gap.end_time.seconds - gap.start_time.seconds)
    assert hour.end_time.seconds - hour.start_time.seconds > 3590
    assert hour.state == historian.GAP_STATE_REPAIRED, hour
    verdict = await site.verdict(since_us, until_us)
    assert verdict.is_clean, verdict
    assert verdict.admitted == 0
    # What was read twice was not stored twice, and is counted once.
    assert back_us > since_us
    gap_us = hour.start_time.ToMicroseconds(), hour.end_time.ToMicroseconds()
    assert hour.repaired_samples <= await all_samples(site, *gap_us)
    assert (await site.statistics()).quarantined_frames == 0


async def all_samples(site: PlantSite, start_us: int, end_us: int) -> int:
    """What the plant sent of every variable."""
    return sum(len(variable.samples(start_us, end_us + 1)[0]) for variable in site.plant.variables.values())


async def test_the_report_of_the_hour_verifies_and_a_flipped_byte_does_not(site: PlantSite) -> None:
    end_us = now_us()
    await site.caught_up(end_us)
    await told_until(site, end_us)
    envelope = await report(site, end_us - 3600 * SECOND, end_us)
    statement = verify_statement(envelope)
    totals = statement.content["totals"]
    assert (totals["missing_ms"], totals["pending_ms"]) == (0, 0)
    assert totals["complete_tags"] == totals["tags"] > 200
    assert totals["repaired_ms"] > 0.9 * totals["expected_ms"]
    assert totals["repaired_samples"] > 10 * totals["received_samples"] > 0
    ca = await site.session.identity.GetGatewayCa(GetGatewayCaRequest())
    check_signer(statement, {ca.fingerprint_sha256})
    for position in np.linspace(0, len(envelope) - 1, 100, dtype=int).tolist():
        flipped = bytearray(envelope)
        flipped[position] ^= 1
        with pytest.raises(CommandError) as caught:
            check_signer(verify_statement(bytes(flipped)), {ca.fingerprint_sha256})
        assert caught.value.reason == "REPORT_INVALID", position


async def test_live_values_are_not_held_up_by_a_repair(site: PlantSite) -> None:
    """How old samples are when they are committed, while an hour is being filled and while nothing is."""
    quiet = await ages(site, 4.0)
    await site.kill_gateway()
    await an_hour_ago(site)
    await site.revive("gateway")
    await site.caught_up(now_us())
    busy = await ages(site, 4.0)
    open_gaps = [gap for gap in await site.gaps() if gap.state == historian.GAP_STATE_OPEN]
    print(json.dumps({"live_p95_ms_quiet": quiet, "live_p95_ms_repairing": busy, "still_open": len(open_gaps)}))
    assert busy < 2000
    await site.repaired()


async def ages(site: PlantSite, seconds: float) -> float:
    """95th percentile of the age of live samples, milliseconds."""
    found: list[np.ndarray] = []
    ends = time.monotonic() + seconds
    began_us = now_us()
    subscription = site.client.subscribe(list(site.tags))
    async for update in subscription:
        now = now_us()
        for block in update.frame.blocks:
            fresh = block.timestamp[block.timestamp >= began_us]
            found.append((now - fresh) / 1000)
        if time.monotonic() > ends:
            break
    return float(np.percentile(np.concatenate(found), 95))


@asynccontextmanager
async def signed_in(site: PlantSite, name: str) -> "AsyncGenerator[WriteServiceAsyncStub]":
    """An engineer of the plant, with what this one may do."""
    email, password = f"{name}@example.com", "a password for one test"
    user = identity_resources.User(email=email, display_name=name, roles=[identity_resources.ROLE_ENGINEER])
    identity = site.session.identity
    await identity.CreateUser(CreateUserRequest(parent=TENANT, user=user, user_id=name, password=password))
    token = (await identity.SignIn(SignInRequest(email=email, password=password))).refresh_token
    who = Access(where(site.platform.running()), exchange_secret=token, tenant=TENANT)
    async with open_session(who) as session:
        yield WriteServiceStub(session.onboarding_channel)


async def written(site: PlantSite, name: str) -> writes.WriteCommand:
    """A command once it has ended."""
    stub: WriteServiceAsyncStub = WriteServiceStub(site.session.onboarding_channel)
    found: list[writes.WriteCommand] = []

    async def ended() -> bool:
        found[:] = [await stub.GetWriteCommand(writes.GetWriteCommandRequest(name=name))]
        return found[0].HasField("end_time")

    await until(ended, "the command has come to an end", 30)
    return found[0]


async def test_two_people_write_to_a_machine_and_its_stream_shows_it(site: PlantSite) -> None:
    (tag,) = [tag for tag, name in site.tags.items() if name == "Line1Washer/Setpoints/CausticTemperature"]
    guard = writes.WriteGuard(
        name=f"{TENANT}/writeGuards/caustic",
        tag=f"{TENANT}/tags/{tag}",
        enabled=True,
        needs_approval=True,
        limits=writes.WriteLimits(minimum="60", maximum="90"),
        tolerance="0.05",
    )
    admin: WriteServiceAsyncStub = WriteServiceStub(site.session.onboarding_channel)
    await admin.UpdateWriteGuard(writes.UpdateWriteGuardRequest(write_guard=guard, allow_missing=True))
    async with signed_in(site, "ann") as ann, signed_in(site, "bob") as bob:

        async def ask(value: str) -> writes.WriteCommand:
            command = writes.WriteCommand(guard=guard.name, value=writes.WriteValue(number=value), reason="cleaner")
            return await ann.CreateWriteCommand(writes.CreateWriteCommandRequest(parent=TENANT, write_command=command))

        with pytest.raises(grpc.aio.AioRpcError, match="more than the limit 90"):
            await ask("91")
        asked = await ask("77.5")
        assert asked.state == writes.WRITE_STATE_PENDING_APPROVAL
        with pytest.raises(grpc.aio.AioRpcError, match="another person"):
            await ann.ApproveWriteCommand(writes.ApproveWriteCommandRequest(name=asked.name))
        since_us = now_us()
        await bob.ApproveWriteCommand(writes.ApproveWriteCommandRequest(name=asked.name, comment="go on"))
        done = await written(site, asked.name)
    assert (done.state, done.requester, done.decider) == (writes.WRITE_STATE_SUCCEEDED, "users/ann", "users/bob")
    assert (float(done.outcome.after.number), done.outcome.matches) == (77.5, True)

    async def streamed() -> bool:
        frame = await site.client.read_raw([tag], since_us, now_us())
        return any(77.5 in np.asarray(block.value).tolist() for block in frame.blocks)

    await until(streamed, "the new value is stored", 30)

    async def audited() -> bool:
        request = ListAuditEventsRequest(parent=TENANT, page_size=100)
        events = (await site.session.identity.ListAuditEvents(request)).audit_events
        actions = {(event.actor, event.action) for event in events if event.resource == done.name}
        return actions >= {
            ("users/ann", "write.request"),
            ("users/bob", "write.approve"),
            ("gateways/box", "write.outcome"),
        }

    await until(audited, "all of it is in the audit log", 30)
