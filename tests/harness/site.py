"""A whole platform with a gateway and a load server, as processes that a test can kill and bring back."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import psutil

from dualspan.historian.v1 import service_pb2 as historian
from dualspan.historian.v1.resources_pb2 import Gap
from dualspan.identity.v1 import resources_pb2 as identity_resources
from dualspan.identity.v1 import service_pb2 as identity
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import service_pb2 as onboarding
from dualspan_cli.local import DataFolder, LocalPlatform, Ports
from dualspan_cli.migrations import migrate_all
from dualspan_cli.onboarding import browse_server
from dualspan_cli.platform import FIRST_EMAIL, FIRST_TENANT
from dualspan_cli.processes import ChildProcess
from dualspan_cli.session import Access, Session, all_pages, open_session, where
from dualspan_cli.settings import child_environment
from dualspan_cli.supervisor import Member, Service, Supervisor
from dualspan_sdk import Client, Endpoints, ValueKind
from harness.completeness import Sent, Span, Stored, Tally, Verdict, judge
from harness.link import Link, link_to
from plc_sim.control import ControlClient
from plc_sim.load import FIRST_NODE_ID, LoadPlan

TENANT = f"tenants/{FIRST_TENANT}"
PASSWORD = "a password of tests"
GATEWAY = f"{TENANT}/gateways/box"
SERVER = f"{GATEWAY}/servers/load"
QUEUE_SIZE = 2000
_DAY_US = 86_400_000_000
Migrate: TypeAlias = Callable[[str], Awaitable[None]]
"""Brings the schemas of a database up to date, as its superuser's URL names it."""


class SitePlatform(LocalPlatform):
    """The same platform, with some settings of its own."""

    def __init__(self, folder: DataFolder, ports: Ports, overrides: dict[str, str]) -> None:
        super().__init__(folder, ports)
        self._overrides = overrides

    def environment(self) -> dict[str, str]:
        return super().environment() | self._overrides


@dataclass(frozen=True, slots=True)
class Load:
    """A load server that runs: what it sends, and where."""

    child: ChildProcess
    plan: LoadPlan
    endpoint_url: str
    certificate_sha256: str
    username: str
    password: str
    control: str


@dataclass(slots=True, kw_only=True)
class Streaming:
    """A gateway that streams a load server's variables to a platform, wherever that is.

    Attributes:
        session: As the platform itself.
        client: As a person.
        variables: Tag id → index of the load server's variable.
    """

    session: Session
    client: Client
    load: Load
    variables: dict[int, int]

    @property
    def sent(self) -> Sent:
        return Sent(self.variables, self.load.plan.tick_us, self.load.plan.values)

    async def stored(self, since_us: int, until_us: int) -> Stored:
        """All that ReadRaw returns of the site's tags."""
        frame = await self.client.read_raw(self.variables, since_us, until_us)
        block = frame.block(ValueKind.FLOAT64)
        if block is None:
            empty = np.empty(0, np.int64)
            return Stored(empty, empty, np.empty(0, np.float64))
        return Stored(block.tag, block.timestamp, np.asarray(block.value, np.float64))

    async def newest_us(self) -> int:
        """The time up to which every tag has a sample."""
        block = (await self.client.read_latest(self.variables)).block(ValueKind.FLOAT64)
        return 0 if block is None or len(block) < len(self.variables) else int(block.timestamp.min())

    async def caught_up(self, until_us: int, timeout: float = 60.0) -> None:
        """Waits until every tag has a sample that is not older than `until_us`."""

        async def reached() -> bool:
            return await self.newest_us() >= until_us

        await until(reached, f"every tag has a sample of {until_us}", timeout)

    async def gaps(self) -> list[Gap]:
        """The whole gap ledger, newest first."""
        request = historian.ListGapsRequest(parent=TENANT, page_size=1000)
        return await all_pages(self.session.historian.ListGaps, request, lambda page: page.gaps)

    async def verdict(self, since_us: int, until_us: int) -> Verdict:
        """Compares what was sent with what is stored, within the window."""
        spans = [
            Span(gap.tag_id, gap.start_time.ToMicroseconds(), gap.end_time.ToMicroseconds())
            for gap in await self.gaps()
        ]
        stored = await self.stored(since_us, until_us)
        return judge(self.sent, stored, spans, since_us=since_us, until_us=until_us)

    async def statistics(self) -> historian.StorageStatistics:
        request = historian.GetStorageStatisticsRequest(parent=TENANT)
        return await self.session.historian.GetStorageStatistics(request)


@dataclass(slots=True, kw_only=True)
class Site(Streaming):
    """Everything, running.

    Attributes:
        members: By name: postgres, redis, identity, onboarding, historian, worker, gateway.
        opcua: The link between the gateway and the load server.
        uplink: The link between the gateway and the historian.
    """

    folder: Path
    platform: LocalPlatform
    members: dict[str, Member]
    opcua: Link
    uplink: Link

    def kill(self, name: str) -> None:
        """kill -9, of the process and all its children."""
        pid = self.members[name].server.child.pid
        if pid is None:
            raise AssertionError(f"{name} does not run: {self.members[name].server.child.log_tail()}")
        process = psutil.Process(pid)
        for each in [process, *process.children(recursive=True)]:
            each.kill()
        psutil.wait_procs([process], timeout=10)

    async def revive(self, name: str) -> None:
        """Starts what was killed and waits until it is healthy."""
        member = self.members[name]
        await asyncio.to_thread(member.server.restart)
        try:
            await until(member.is_ready, f"{name} is ready", timeout=60)
        except TimeoutError as err:
            raise AssertionError(f"{err}\n{member.server.child.log_tail()}") from err

    def assert_runs(self) -> None:
        """Says which part has ended by itself, before others wonder that it does not answer."""
        for name, member in self.members.items():
            child = member.server.child
            assert child.exit_code is None, f"{name} ended by itself, with {child.exit_code}: {child.log_tail()}"

    async def tally(self) -> Tally:
        """Counts what is committed and what is stored. Holds the uplink back meanwhile, so that both stand still."""
        self.uplink.cut()
        try:
            await self._commits_stand_still()
            statistics = await self.statistics()
            pages = self.client.read_raw_pages(self.variables, 0, now_us() + _DAY_US)
            stored = sum([page.sample_count async for page in pages])
        finally:
            self.uplink.mend()
        return Tally(statistics.sealed_samples, statistics.unsealed_samples, statistics.repeated_samples, stored)

    async def _commits_stand_still(self) -> None:
        """Waits until nothing has been committed for half a second."""
        last = -1

        async def same_as_before() -> bool:
            nonlocal last
            before, last = last, (await self.statistics()).committed_samples
            if before != last:
                await asyncio.sleep(0.5)
            return before == last

        await until(same_as_before, "commits stand still while the uplink is cut", 30)

    async def monitored_items(self) -> int:
        """How many monitored items the load server has ever had: each begins with the latest sample."""
        async with await ControlClient.connect(self.load.control) as control:
            return len((await control.call("load", "statistics"))["streams"])


def now_us() -> int:
    return time.time_ns() // 1000


async def judged(site: Site, break_and_mend: Callable[[], Awaitable[None]]) -> Verdict:
    """What the checker says of everything from before it breaks until after it is mended."""
    site.assert_runs()
    before = await site.tally()
    since_us = now_us()
    await site.caught_up(since_us)
    await break_and_mend()
    until_us = now_us()
    await site.caught_up(until_us)
    verdict = await site.verdict(since_us, until_us)
    return replace(verdict, repeated=(await site.tally()).repeated - before.repeated)


async def until(condition: Callable[[], Awaitable[bool]], what: str, timeout: float) -> None:
    """Waits for a condition.

    Raises:
        TimeoutError: It did not come true in time.
    """
    deadline = time.monotonic() + timeout
    while not await condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout} s: {what}")
        await asyncio.sleep(0.1)


@contextmanager
def site_folder(name: str) -> Generator[Path]:
    """A folder for a site: whoever PostgreSQL runs as may enter it, unlike pytest's."""
    with tempfile.TemporaryDirectory(prefix=f"dualspan-{name}-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


async def start_load(
    folder: Path, ports: tuple[int, int], *, rate: float, items: int, interval_ms: int, seed: int = 1
) -> Load:
    """Starts a load server and waits for its ready line.

    Its two ports, of OPC UA and of its control channel, stay the same when it is started again.
    """
    arguments = {
        "port": ports[0],
        "control-port": ports[1],
        "rate": rate,
        "items": items,
        "interval-ms": interval_ms,
        "seed": seed,
    }
    options = [text for name, value in arguments.items() for text in (f"--{name}", str(value))]
    child = ChildProcess(
        "load",
        [sys.executable, "-m", "plc_sim", "load", "--data", str(folder / "load"), *options],
        folder / "logs" / f"load-{time.time_ns()}.log",
        child_environment({}),
    )
    child.start()

    async def is_ready() -> bool:
        if child.exit_code is not None:
            raise AssertionError(f"the load server ended: {child.log_tail()}")
        return '"plant"' in child.log_tail()

    await until(is_ready, "the load server is ready", 60)
    ready = json.loads(next(line for line in child.log_tail().splitlines() if line.startswith("{")))
    plan = LoadPlan.of(rate, items, seed)
    known = ("endpoint_url", "certificate_sha256", "username", "password", "control")
    return Load(child, plan, **{name: ready[name] for name in known})


@asynccontextmanager
async def open_site(
    folder: Path,
    free_port: Callable[[], int],
    *,
    rate: float,
    items: int,
    interval_ms: int = 100,
    gateway_settings: dict[str, str] | None = None,
    platform_settings: dict[str, str] | None = None,
    migrate: Migrate = migrate_all,
) -> AsyncGenerator[Site]:
    """A platform, a load server and a gateway that streams all of its variables."""
    async with AsyncExitStack() as stack:
        ports = Ports(*(free_port() for _ in range(7)))
        data = DataFolder(folder)
        uplink = await stack.enter_async_context(link_to("127.0.0.1", ports.historian_gateway))
        through = {"DUALSPAN_ONBOARDING_HISTORIAN_GATEWAY_ADDRESS": uplink.address}
        platform = SitePlatform(data, ports, through | (platform_settings or {}))
        supervisor = Supervisor(lambda member, words: None)
        stack.push_async_callback(asyncio.to_thread, supervisor.stop)
        await start_platform(platform, supervisor, migrate)
        load = await start_load(folder, (free_port(), free_port()), rate=rate, items=items, interval_ms=interval_ms)
        stack.callback(load.child.stop)
        opcua = await stack.enter_async_context(link_to("127.0.0.1", int(load.endpoint_url.rsplit(":")[-1].strip("/"))))
        session = await stack.enter_async_context(open_session(access(platform)))
        await create_tenant(session)
        gateway = await enrol_gateway(folder, session, gateway_settings or {})
        await supervisor.start(gateway)
        variables = await onboard(session, load, f"opc.tcp://127.0.0.1:{opcua.port}")
        client = await stack.enter_async_context(await sign_in(platform))
        members = {member.name: member for member in supervisor.members}
        yield Site(
            folder=folder,
            platform=platform,
            members=members,
            session=session,
            client=client,
            load=load,
            opcua=opcua,
            uplink=uplink,
            variables=variables,
        )


def access(platform: LocalPlatform) -> Access:
    """Acts as the platform itself."""
    running = platform.running()
    return Access(where(running), service_secret=running.service_secret, tenant=TENANT)


async def start_platform(platform: LocalPlatform, supervisor: Supervisor, migrate: Migrate = migrate_all) -> None:
    """What carries samples: neither the console nor analytics."""
    await supervisor.start(*platform.servers())
    await migrate(platform.postgres.url())
    await supervisor.start(platform.identity())
    carriers = [member for member in platform.services() if member.name in {"onboarding", "historian", "worker"}]
    await supervisor.start(*carriers)


async def create_tenant(session: Session) -> None:
    tenant = identity_resources.Tenant(display_name="Tests")
    await session.identity.CreateTenant(identity.CreateTenantRequest(tenant=tenant, tenant_id=FIRST_TENANT))
    user = identity_resources.User(email=FIRST_EMAIL, display_name="Tester", roles=[identity_resources.ROLE_ADMIN])
    await session.identity.CreateUser(
        identity.CreateUserRequest(parent=TENANT, user=user, user_id="tester", password=PASSWORD)
    )


async def sign_in(platform: LocalPlatform) -> Client:
    running = platform.running()
    endpoints = Endpoints(
        identity=running.identity_address, onboarding=running.onboarding_address, historian=running.historian_address
    )
    return await Client.sign_in(FIRST_EMAIL, PASSWORD, endpoints, deadline=60)


async def enrolment_token(session: Session) -> str:
    request = onboarding.CreateEnrolmentTokenRequest(gateway=GATEWAY)
    return (await session.onboarding.CreateEnrolmentToken(request)).enrolment_token


def gateway_environment(folder: Path, settings: dict[str, str]) -> dict[str, str]:
    data_dir = folder / "gateway"
    # A plant's patience would only make tests long.
    impatient = {
        "DUALSPAN_GATEWAY_RECONNECT_FIRST_SECONDS": "0.2",
        "DUALSPAN_GATEWAY_RECONNECT_LONGEST_SECONDS": "1",
        "DUALSPAN_GATEWAY_PLATFORM_RECONNECT_LONGEST_SECONDS": "1",
    }
    return child_environment({"DUALSPAN_GATEWAY_DATA_DIR": str(data_dir), **impatient, **settings})


def run_gateway(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command of the gateway, to its end."""
    command = [sys.executable, "-m", "dualspan_edge", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


async def enrol_gateway(folder: Path, session: Session, settings: dict[str, str]) -> Member:
    """Creates the gateway, enrols it, and says how it is run."""
    await session.onboarding.CreateGateway(
        onboarding.CreateGatewayRequest(
            parent=TENANT, gateway=resources.Gateway(display_name="Box", site="Tests"), gateway_id="box"
        )
    )
    environment = gateway_environment(folder, settings)
    enrolled = await asyncio.to_thread(run_gateway, environment, "enroll", await enrolment_token(session))
    if enrolled.returncode != 0:
        raise AssertionError(enrolled.stdout + enrolled.stderr)
    command = [sys.executable, "-m", "dualspan_edge", "run"]
    child = ChildProcess("gateway", command, folder / "logs" / "gateway.log", environment)

    async def is_ready() -> bool:
        gateway = await session.onboarding.GetGateway(onboarding.GetGatewayRequest(name=GATEWAY))
        return gateway.state == resources.GATEWAY_STATE_ONLINE

    return Member(Service(child), is_ready)


async def onboard(session: Session, load: Load, endpoint_url: str) -> dict[int, int]:
    """Adds the load server, accepts all its variables and waits until the gateway has confirmed them.

    Returns:
        Tag id → index of the variable.
    """
    server = resources.OpcUaServer(
        endpoint_url=endpoint_url,
        username=load.username,
        password=load.password,
        trusted_certificate_sha256=load.certificate_sha256,
    )
    await session.onboarding.CreateOpcUaServer(
        onboarding.CreateOpcUaServerRequest(parent=GATEWAY, opc_ua_server=server, opc_ua_server_id="load")
    )

    async def connected() -> bool:
        current = await session.onboarding.GetOpcUaServer(onboarding.GetOpcUaServerRequest(name=SERVER))
        return current.status.state == resources.CONNECTION_STATE_CONNECTED

    await until(connected, "the gateway is connected to the load server", 60)
    await browse_server(session, SERVER, "", lambda count: None)
    nodes = onboarding.ListBrowsedNodesRequest(parent=SERVER, variables_only=True, browse_path_prefix="Load")
    found = await all_pages(session.onboarding.ListBrowsedNodes, nodes, lambda page: page.nodes)
    # A queue that outlasts every pause of these tests, so that what is lost was lost by the platform.
    variables = [
        onboarding.AcceptVariablesRequest.Variable(node_id=node.node_id, queue_size=QUEUE_SIZE) for node in found
    ]
    accept = onboarding.AcceptVariablesRequest(server=SERVER, variables=variables)
    accept.publishing_interval.FromMilliseconds(100)
    await session.onboarding.AcceptVariables(accept)

    async def active() -> bool:
        return all(tag.state == resources.TAG_STATE_ACTIVE for tag in await tags_of(session))

    await until(active, "the gateway has confirmed every tag", 60)
    return {tag.tag_id: int(tag.node_id.rpartition("i=")[2]) - FIRST_NODE_ID for tag in await tags_of(session)}


async def tags_of(session: Session) -> Sequence[resources.Tag]:
    request = onboarding.ListTagsRequest(parent=TENANT, server=SERVER)
    return await all_pages(session.onboarding.ListTags, request, lambda page: page.tags)
