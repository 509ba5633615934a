"""A gateway process between a load server and the platform, set up through the contracts as an engineer does."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from dualspan.historian.v1 import service_pb2 as historian
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import service_pb2 as onboarding
from dualspan_bench.product.load import Load
from dualspan_bench.product.platform import Platform
from dualspan_bench.workbench import Workbench
from dualspan_cli.onboarding import browse_server
from dualspan_cli.processes import ChildProcess
from dualspan_cli.session import all_pages
from dualspan_sdk import Aggregate
from plc_sim.control import ControlClient
from plc_sim.load_server import NAMESPACE

_SETUP_SECONDS = 120.0
_TAGS_PER_QUERY = 1000
_TAGS_WATCHED = 20
# What the historian seals at once: sealing is at work on so many samples while as many wait for the next round.
_SEALED_AT_ONCE = 8_000_000


@dataclass(frozen=True, slots=True)
class Window:
    """What a stretch of time of the site was found to hold.

    Attributes:
        seconds: Its length.
        due: Samples that the load server made in it, by its plan.
        stored: Samples of it that queries return.
        dropped: Samples that the load server's queues could not hold meanwhile.
        gaps: Rows that the gap ledger got meanwhile.
        unsealed: Samples not in segments yet when it ended.
    """

    seconds: float
    due: int
    stored: int
    dropped: int
    gaps: int
    unsealed: int

    @property
    def complete(self) -> bool:
        """Whether nothing is lost and nothing doubled."""
        return self.stored == self.due and self.dropped == 0 and self.gaps == 0

    @property
    def keeps_up(self) -> bool:
        """Whether sealing is at most one round behind the one that it is at."""
        return self.unsealed < 2 * _SEALED_AT_ONCE


@dataclass(frozen=True, slots=True)
class Site:
    """A gateway that streams all of a load server's variables.

    Attributes:
        platform: Where to.
        load: Where from.
        gateway: The gateway's process.
        tag_ids: What it streams.
    """

    platform: Platform
    load: Load
    gateway: ChildProcess
    tag_ids: list[int]

    async def watch(self, seconds: float) -> Window:
        """Let so many seconds go by, wait until they are committed, and count every sample of them."""
        return await self.watch_while(asyncio.sleep(seconds))

    async def watch_while(self, work: Awaitable[object]) -> Window:
        """Wait until something is done, and until that time is committed, and count every sample of it."""
        tick = self.load.plan.tick_us
        dropped, gaps = await self._dropped(), await self._gaps()
        start = (now_us() // tick + 1) * tick
        await work
        end = now_us() // tick * tick
        unsealed = (await self.platform.statistics()).unsealed_samples
        await _until(lambda: self._has_reached(end), "the window is committed")
        await asyncio.sleep(1)  # a window's last tick may come in several messages
        stored = await self._count(start, end)
        dropped, gaps = await self._dropped() - dropped, await self._gaps() - gaps
        due = len(self.tag_ids) * (end - start) // tick
        return Window((end - start) / 1e6, due, stored, dropped, gaps, unsealed)

    async def _has_reached(self, instant_us: int) -> bool:
        """Whether a few tags have a sample at or after the instant; asking for all would be a load of its own."""
        some = self.tag_ids[:: max(1, len(self.tag_ids) // _TAGS_WATCHED)]
        latest = await self.platform.client.read_latest(some)
        times = [int(block.timestamp.min()) for block in latest.blocks]
        return latest.sample_count == len(some) and min(times) >= instant_us

    async def _count(self, start_us: int, end_us: int) -> int:
        stored = 0
        for first in range(0, len(self.tag_ids), _TAGS_PER_QUERY):
            part = self.tag_ids[first : first + _TAGS_PER_QUERY]
            counts = await self.platform.client.read_processed(part, start_us, end_us, aggregates=[Aggregate.COUNT])
            stored += sum(int(series.value[0]) for series in counts)
        return stored

    async def _dropped(self) -> int:
        async with await ControlClient.connect(self.load.control) as control:
            return int((await control.call("load", "statistics", per_item=False))["dropped"])

    async def _gaps(self) -> int:
        request = historian.ListGapsRequest(parent=self.platform.tenant, page_size=1000)
        return len(await all_pages(self.platform.session.historian.ListGaps, request, lambda page: page.gaps))


@dataclass(frozen=True, slots=True)
class ConnectedGateway:
    """A gateway that is connected to a load server and streams nothing yet.

    Attributes:
        platform: Where it belongs to.
        load: What it is connected to.
        process: Its process.
        server: The load server's resource name.
    """

    platform: Platform
    load: Load
    process: ChildProcess
    server: str

    async def browse(self) -> onboarding.BrowseServerResponse:
        """Browse the load server, as an engineer does."""
        return await browse_server(self.platform.session, self.server, "", lambda nodes: None)

    async def accept(self, items: int, publishing_ms: int) -> Site:
        """Accept the first so many variables, and wait until the gateway has confirmed each."""
        stub = self.platform.session.onboarding
        # Queues of a second, as one gives them to whatever must not lose a sample when the machine is busy.
        queue = -(-1_000_000 // self.load.plan.tick_us)
        accept = onboarding.AcceptVariablesRequest(
            server=self.server,
            # The load server bears what no controller does.
            accept_over_budget=True,
            variables=[
                onboarding.AcceptVariablesRequest.Variable(
                    node_id=f"nsu={NAMESPACE};i={self.load.first_node_id + item}", queue_size=queue
                )
                for item in range(items)
            ],
        )
        accept.publishing_interval.FromMilliseconds(publishing_ms)
        await stub.AcceptVariables(accept)
        tags: list[resources.Tag] = []

        async def all_active() -> bool:
            listing = onboarding.ListTagsRequest(parent=self.platform.tenant, server=self.server, page_size=10_000)
            tags[:] = await all_pages(stub.ListTags, listing, lambda page: page.tags)
            return len(tags) == items and all(tag.state == resources.TAG_STATE_ACTIVE for tag in tags)

        await _until(all_active, "the gateway has confirmed every tag")
        return Site(self.platform, self.load, self.process, [tag.tag_id for tag in tags])


@asynccontextmanager
async def open_site(bench: Workbench, platform: Platform, load: Load, *, publishing_ms: int) -> AsyncGenerator[Site]:
    """Enrol a gateway, run it, let it browse the load server, and accept all variables."""
    async with open_gateway(bench, platform, load) as gateway:
        await gateway.browse()
        yield await gateway.accept(load.plan.items, publishing_ms)


@asynccontextmanager
async def open_gateway(bench: Workbench, platform: Platform, load: Load) -> AsyncGenerator[ConnectedGateway]:
    """Enrol a gateway, run it, and connect it to the load server."""
    name = f"gateway-{load.child.pid}"
    gateway_id = f"bench-{load.child.pid}"
    gateway = f"{platform.tenant}/gateways/{gateway_id}"
    await platform.session.onboarding.CreateGateway(
        onboarding.CreateGatewayRequest(
            parent=platform.tenant, gateway=resources.Gateway(display_name=name), gateway_id=gateway_id
        )
    )
    request = onboarding.CreateEnrolmentTokenRequest(gateway=gateway)
    token = (await platform.session.onboarding.CreateEnrolmentToken(request)).enrolment_token
    environment = {"DUALSPAN_GATEWAY_DATA_DIR": str(bench.folder(name))}
    command = [sys.executable, "-m", "dualspan_edge"]
    enrolled = await asyncio.to_thread(
        subprocess.run, [*command, "enroll", token], env=environment, capture_output=True, text=True, timeout=60
    )
    if enrolled.returncode != 0:
        raise RuntimeError(f"the gateway did not enrol: {enrolled.stdout}{enrolled.stderr}")
    process = bench.start(name, [*command, "run"], environment)
    try:
        yield ConnectedGateway(platform, load, process, await _connected_server(platform, gateway, load))
    finally:
        process.stop(20)


async def _connected_server(platform: Platform, gateway: str, load: Load) -> str:
    stub = platform.session.onboarding
    server = resources.OpcUaServer(
        endpoint_url=load.endpoint_url,
        username=load.username,
        password=load.password,
        trusted_certificate_sha256=load.certificate_sha256,
    )
    created = await stub.CreateOpcUaServer(
        onboarding.CreateOpcUaServerRequest(parent=gateway, opc_ua_server=server, opc_ua_server_id="load")
    )

    async def is_connected() -> bool:
        current = await stub.GetOpcUaServer(onboarding.GetOpcUaServerRequest(name=created.name))
        return current.status.state == resources.CONNECTION_STATE_CONNECTED

    await _until(is_connected, "the gateway is connected to the load server")
    return created.name


async def _until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    deadline = time.monotonic() + _SETUP_SECONDS
    while not await condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {_SETUP_SECONDS:.0f} s: {what}")
        await asyncio.sleep(0.25)


def now_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000
