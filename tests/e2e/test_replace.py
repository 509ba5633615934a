"""A new box takes over: the old one is out within a minute, and no hole is missing from the ledger."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dualspan.historian.v1 import resources_pb2 as historian
from dualspan.onboarding.v1 import fleet_pb2 as fleet
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1.fleet_pb2_grpc import FleetServiceStub
from dualspan_cli.processes import ChildProcess
from harness.plant_site import PlantSite, open_plant_site
from harness.site import GATEWAY, TENANT, gateway_environment, now_us, run_gateway, site_folder, until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(300)]

SETTINGS = {"DUALSPAN_GATEWAY_REPAIR_POLL_SECONDS": "0.5", "DUALSPAN_GATEWAY_REPAIR_SHARE": "0.8"}
OUT_WITHIN_S = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(free_port: Callable[[], int]) -> AsyncGenerator[PlantSite]:
    with site_folder("replace") as folder:
        async with open_plant_site(folder, free_port, SETTINGS) as opened:
            await opened.caught_up(now_us())
            yield opened


def links(folder: Path) -> dict[str, Any]:
    """What the gateway says of its ways to the platform."""
    status = json.loads((folder / "status.json").read_text())
    return {name: status[name] for name in ("onboarding", "historian")}


async def state_of(site: PlantSite) -> fleet.FleetGateway:
    request = fleet.ListGatewayHealthRequest(parent=TENANT)
    answer = await FleetServiceStub(site.session.onboarding_channel).ListGatewayHealth(request)
    (found,) = answer.gateways
    return found


async def test_a_new_box_takes_over(site: PlantSite) -> None:
    since_us = now_us()
    await asyncio.sleep(2)
    # What the old box has from now on, it cannot deliver any more.
    site.uplink.cut()
    await asyncio.sleep(2)
    begun = time.monotonic()
    request = fleet.ReplaceGatewayRequest(name=GATEWAY, reason="lightning")
    answer = await FleetServiceStub(site.session.onboarding_channel).ReplaceGateway(request)
    assert answer.gateway.state == resources.GATEWAY_STATE_REVOKED
    site.uplink.mend()

    async def is_out() -> bool:
        return not any(link["connected"] for link in links(site.gateway_folder).values())

    await until(is_out, "the old box is out", OUT_WITHIN_S)
    assert time.monotonic() - begun < OUT_WITHIN_S
    assert (await state_of(site)).health == fleet.GATEWAY_HEALTH_NONE
    await site.kill_gateway()

    new_box = site.folder / "new-box"
    environment = gateway_environment(site.folder, SETTINGS) | {"DUALSPAN_GATEWAY_DATA_DIR": str(new_box)}

    async def enrolled() -> bool:
        result = await asyncio.to_thread(run_gateway, environment, "enroll", answer.enrolment_token)
        assert result.returncode == 0 or "revo" in (result.stdout + result.stderr), result.stderr
        return result.returncode == 0

    await until(enrolled, "the new box enrols as soon as the old one is revoked", 30)
    command = [sys.executable, "-m", "dualspan_edge", "run"]
    child = ChildProcess("new-box", command, site.folder / "logs" / "new-box.log", environment)
    child.start()
    try:
        await site.caught_up(now_us(), timeout=90)
        until_us = now_us()
        gaps = await site.repaired()
        taken = [gap for gap in gaps if gap.cause == historian.GAP_CAUSE_GATEWAY_DOWN]
        assert taken, "the change of boxes is in the ledger"
        assert min(gap.start_time.ToMicroseconds() for gap in taken) < until_us - 2_000_000
        await site.caught_up(until_us)
        verdict = await site.verdict(since_us, until_us)
        assert verdict.is_clean, verdict
        assert verdict.admitted == 0, "the plant's history has filled it"
        assert verdict.kept > 500
        now = await state_of(site)
        assert now.gateway.state == resources.GATEWAY_STATE_ONLINE
        assert now.HasField("replace_time")
        assert (now.active_tags, now.connected_servers) == (now.tags, 1)
        await old_box_stays_out(site)
    finally:
        child.stop()


async def old_box_stays_out(site: PlantSite) -> None:
    """The old box, started again, is refused and takes nothing over."""
    member = site.members["gateway"]
    await asyncio.to_thread(member.server.restart)
    try:
        await asyncio.sleep(5)
        assert not any(link["connected"] for link in links(site.gateway_folder).values())
        assert (await state_of(site)).gateway.state == resources.GATEWAY_STATE_ONLINE
    finally:
        await site.kill_gateway()
