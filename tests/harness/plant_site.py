"""A platform, a gateway and a simulated plant that keeps history, as processes that a test can kill and bring back."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from dualspan.historian.v1 import service_pb2 as historian
from dualspan.historian.v1.resources_pb2 import GAP_STATE_OPEN, Gap
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import service_pb2 as onboarding
from dualspan_cli.local import DataFolder, LocalPlatform, Ports
from dualspan_cli.onboarding import browse_server
from dualspan_cli.processes import ChildProcess
from dualspan_cli.session import Session, all_pages, open_session
from dualspan_cli.settings import child_environment
from dualspan_cli.supervisor import Member, Supervisor
from dualspan_sdk import Client, ValueKind
from harness.completeness import Recorded, Span, Verdict, judge_recorded
from harness.link import Link, link_to
from harness.site import (
    GATEWAY,
    TENANT,
    SitePlatform,
    access,
    create_tenant,
    enrol_gateway,
    now_us,
    sign_in,
    start_platform,
    until,
)
from plc_sim.control import ControlClient
from plc_sim.model.plant import Plant
from plc_sim.plants import make_plant

PLANT = "packaging"
SERVER = f"{GATEWAY}/servers/{PLANT}"
_TAGS_PER_READ = 100
_NUMBERS = (ValueKind.FLOAT64, ValueKind.INT64, ValueKind.BOOL)


@dataclass(slots=True)
class PlantSite:
    """Everything, running.

    Attributes:
        members: By name: postgres, redis, identity, onboarding, historian, worker, gateway.
        uplink: The link between the gateway and the historian.
        plant: The same plant, computed here.
        tags: Tags whose values are numbers, by id: the name of the variable.
    """

    folder: Path
    platform: LocalPlatform
    members: dict[str, Member]
    session: Session
    client: Client
    simulator: ChildProcess
    control: str
    uplink: Link
    plant: Plant
    tags: dict[int, str]

    @property
    def gateway_folder(self) -> Path:
        return self.folder / "gateway"

    def kill(self, name: str) -> None:
        """kill -9, of the process and all its children."""
        pid = self.members[name].server.child.pid
        if pid is None:
            raise AssertionError(f"{name} does not run: {self.members[name].server.child.log_tail()}")
        process = psutil.Process(pid)
        for each in [process, *process.children(recursive=True)]:
            each.kill()
        psutil.wait_procs([process], timeout=10)

    async def kill_gateway(self) -> None:
        """kill -9. The plant forgets its subscriptions, as it would after ten minutes: there is room for five lives."""
        self.kill("gateway")
        async with await ControlClient.connect(self.control) as control:
            await control.call(PLANT, "lose_subscriptions")

    async def revive(self, name: str) -> None:
        """Starts what was killed and waits until it is healthy."""
        member = self.members[name]
        await asyncio.to_thread(member.server.restart)
        try:
            await until(member.is_ready, f"{name} is ready", timeout=60)
        except TimeoutError as err:
            raise AssertionError(f"{err}\n{member.server.child.log_tail()}") from err

    async def stored(self, since_us: int, until_us: int) -> Recorded:
        """All that ReadRaw returns of the tags, values as numbers."""
        parts: list[Recorded] = []
        ids = list(self.tags)
        for first in range(0, len(ids), _TAGS_PER_READ):
            frame = await self.client.read_raw(ids[first : first + _TAGS_PER_READ], since_us, until_us)
            for kind in _NUMBERS:
                block = frame.block(kind)
                if block is not None:
                    parts.append(Recorded(block.tag, block.timestamp, np.asarray(block.value, np.float64)))
        return Recorded.joined(parts)

    def sent(self, since_us: int, until_us: int) -> Recorded:
        """What the plant sent: its own story, told again here."""
        parts: list[Recorded] = []
        for tag_id, name in self.tags.items():
            times, values, _ = self.plant.variables[name].samples(since_us, until_us)
            parts.append(Recorded(np.full(len(times), tag_id, np.int64), times, np.asarray(values, np.float64)))
        return Recorded.joined(parts)

    async def verdict(self, since_us: int, until_us: int, *, admitted: Sequence[Gap] = ()) -> Verdict:
        """Compares both; only gaps that are given may excuse that something is missing."""
        spans = [Span(gap.tag_id, gap.start_time.ToMicroseconds(), gap.end_time.ToMicroseconds()) for gap in admitted]
        stored = await self.stored(since_us, until_us)
        return judge_recorded(self.sent(since_us, until_us), stored, spans)

    async def gaps(self, tag_id: int = 0) -> list[Gap]:
        """The gap ledger, newest first."""
        request = historian.ListGapsRequest(parent=TENANT, page_size=1000, tag_id=tag_id)
        return await all_pages(self.session.historian.ListGaps, request, lambda page: page.gaps)

    async def statistics(self) -> historian.StorageStatistics:
        request = historian.GetStorageStatisticsRequest(parent=TENANT)
        return await self.session.historian.GetStorageStatistics(request)

    async def caught_up(self, until_us: int, timeout: float = 60.0) -> None:
        """Waits until something of that moment is stored: the plant changes every few milliseconds."""

        async def reached() -> bool:
            newest = (await self.client.read_latest(self.tags)).time_range()
            return newest is not None and newest[1] >= until_us

        try:
            await until(reached, f"samples of {until_us} are stored", timeout)
        except TimeoutError as err:
            raise AssertionError(f"{err}\n{self.members['gateway'].server.child.log_tail()}") from err

    async def repaired(self, timeout: float = 120.0) -> list[Gap]:
        """Waits until no gap is open; returns the ledger."""
        found: list[Gap] = []

        async def none_open() -> bool:
            found[:] = await self.gaps()
            return all(gap.state != GAP_STATE_OPEN for gap in found)

        await until(none_open, "no gap is open", timeout)
        return found


@asynccontextmanager
async def open_plant_site(
    folder: Path, free_port: Callable[[], int], gateway_settings: dict[str, str]
) -> AsyncGenerator[PlantSite]:
    """A platform, a plant, and a gateway that streams all of its variables."""
    async with AsyncExitStack() as stack:
        ports = Ports(*(free_port() for _ in range(7)))
        uplink = await stack.enter_async_context(link_to("127.0.0.1", ports.historian_gateway))
        overrides = {"DUALSPAN_ONBOARDING_HISTORIAN_GATEWAY_ADDRESS": uplink.address}
        platform = SitePlatform(DataFolder(folder), ports, overrides)
        supervisor = Supervisor(lambda member, words: None)
        stack.push_async_callback(asyncio.to_thread, supervisor.stop)
        await start_platform(platform, supervisor)
        simulator, ready = await _start_plant(folder, free_port())
        stack.callback(simulator.stop)
        session = await stack.enter_async_context(open_session(access(platform)))
        await create_tenant(session)
        await supervisor.start(await enrol_gateway(folder, session, gateway_settings))
        plant = make_plant(PLANT, 1)
        tags = await _onboard(session, ready, plant)
        client = await stack.enter_async_context(await sign_in(platform))
        members = {member.name: member for member in supervisor.members}
        yield PlantSite(folder, platform, members, session, client, simulator, ready["control"], uplink, plant, tags)


async def _start_plant(folder: Path, port: int) -> tuple[ChildProcess, dict[str, str]]:
    options = {"--data": str(folder / "plants"), "--plants": PLANT, "--port-base": str(port)}
    child = ChildProcess(
        "plants",
        [sys.executable, "-m", "plc_sim", "plants", *(text for option in options.items() for text in option)],
        folder / "logs" / f"plants-{time.time_ns()}.log",
        child_environment({}),
    )
    child.start()

    async def is_ready() -> bool:
        if child.exit_code is not None:
            raise AssertionError(f"the plant ended: {child.log_tail()}")
        return '"endpoint_url"' in child.log_tail()

    await until(is_ready, "the plant is ready", 90)
    line = next(line for line in child.log_tail().splitlines() if '"endpoint_url"' in line)
    return child, json.loads(line)


async def _onboard(session: Session, ready: dict[str, str], plant: Plant) -> dict[int, str]:
    """Adds the plant's server, accepts what is readable, waits until it runs; the tags whose values are numbers."""
    server = resources.OpcUaServer(
        endpoint_url=ready["endpoint_url"],
        username=ready["username"],
        password=ready["password"],
        trusted_certificate_sha256=ready["certificate_sha256"],
    )
    await session.onboarding.CreateOpcUaServer(
        onboarding.CreateOpcUaServerRequest(parent=GATEWAY, opc_ua_server=server, opc_ua_server_id=PLANT)
    )

    async def connected() -> bool:
        current = await session.onboarding.GetOpcUaServer(onboarding.GetOpcUaServerRequest(name=SERVER))
        return current.status.state == resources.CONNECTION_STATE_CONNECTED

    await until(connected, "the gateway is connected to the plant", 60)
    await browse_server(session, SERVER, "", lambda count: None)
    nodes = onboarding.ListBrowsedNodesRequest(parent=SERVER, variables_only=True)
    found = await all_pages(session.onboarding.ListBrowsedNodes, nodes, lambda page: page.nodes)
    names = {node.node_id: node.node_id.partition(";s=")[2] for node in found}
    chosen = [node for node in found if names[node.node_id] in plant.variables]
    # A queue that outlasts every pause of these tests, so that what is lost was lost by the platform.
    variables = [onboarding.AcceptVariablesRequest.Variable(node_id=node.node_id, queue_size=2000) for node in chosen]
    accept = onboarding.AcceptVariablesRequest(server=SERVER, variables=variables)
    accept.publishing_interval.FromMilliseconds(100)
    await session.onboarding.AcceptVariables(accept)

    async def active() -> bool:
        return all(tag.state == resources.TAG_STATE_ACTIVE for tag in await _tags(session))

    await until(active, "the gateway has confirmed every tag", 60)
    return {tag.tag_id: names[tag.node_id] for tag in await _tags(session) if ValueKind(tag.kind) in _NUMBERS}


async def _tags(session: Session) -> Sequence[resources.Tag]:
    request = onboarding.ListTagsRequest(parent=TENANT, server=SERVER)
    return await all_pages(session.onboarding.ListTags, request, lambda page: page.tags)


async def an_hour_ago(site: PlantSite) -> int:
    """Has the stopped gateway believe that it has been off for an hour; returns since when, in microseconds.

    Only its own notes of how far everything was complete, and since when tags are recorded, are set back: that hour
    is missing on the platform, whatever the reason, and the plant's history of it is real.
    """
    notes = site.gateway_folder / "alive.json"
    state = json.loads(notes.read_text())
    since = now_us() - 3_600_000_000
    state["complete_until"] = dict.fromkeys(state["complete_until"], since)
    notes.write_text(json.dumps(state))
    recorded = site.gateway_folder / "recorded" / f"{PLANT}.json"
    kept = json.loads(recorded.read_text())
    kept["started"] = dict.fromkeys(kept["started"], since - 60_000_000)
    recorded.write_text(json.dumps(kept))
    return since
