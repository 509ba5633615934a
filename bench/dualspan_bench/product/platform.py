"""The whole platform of one machine, in a folder of the run."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import asyncpg
import psutil

from dualspan.historian.v1 import service_pb2 as historian
from dualspan_bench.workbench import Workbench
from dualspan_cli.platform import RunningHere, run_platform
from dualspan_cli.session import Session, open_session
from dualspan_cli.supervisor import Member
from dualspan_sdk import Client, Endpoints

FSYNC = "fsync and synchronous_commit on; acknowledged after the commit"
_SEALED_WITHIN_SECONDS = 300.0
# Everything that holds sealed samples, with indexes and TOAST. The queue of frames is empty by then, and the newest
# sample of each tag is a copy whose size does not grow with the data.
_SEALED_SIZE = """
    SELECT sum(pg_total_relation_size(format('historian.%I', name)))::bigint
    FROM unnest(ARRAY['segment', 'timeline']) AS name
"""


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform that runs.

    Attributes:
        here: Its processes.
        session: Calls as the platform itself.
        client: Reads as its first tenant.
    """

    here: RunningHere
    session: Session
    client: Client

    @property
    def tenant(self) -> str:
        """`tenants/{tenant}`."""
        return self.here.sign_in.tenant

    @property
    def gateway_address(self) -> str:
        """Where gateways send frames."""
        return f"127.0.0.1:{self.here.platform.ports.historian_gateway}"

    def cpu_seconds(self) -> Mapping[str, float]:
        """CPU seconds of each member with all its processes, those that have ended too, so far."""
        used: dict[str, float] = {}
        for name, parts in self._processes():
            times = [part.cpu_times() for part in parts]
            used[name] = sum(each.user + each.system + each.children_user + each.children_system for each in times)
        return used

    def memory_bytes(self) -> Mapping[str, int]:
        """Memory of each member now: its processes' own, and their share of what they have in common (PSS)."""
        return {name: sum(part.memory_full_info().pss for part in parts) for name, parts in self._processes()}

    def _processes(self) -> Iterator[tuple[str, Sequence[psutil.Process]]]:
        for member in self.here.supervisor.members:
            process = psutil.Process(member.server.child.pid)
            yield member.name, [process, *process.children(recursive=True)]

    async def statistics(self) -> historian.StorageStatistics:
        """How much is stored and how far sealing is."""
        return await self.session.historian.GetStorageStatistics(
            historian.GetStorageStatisticsRequest(parent=self.tenant)
        )

    async def all_sealed(self) -> None:
        """Wait until the worker has sealed all there is, and has merged what it will merge now."""
        deadline = time.monotonic() + _SEALED_WITHIN_SECONDS
        previous = -1
        while True:
            now = await self.statistics()
            if now.unsealed_samples == 0 and now.segments == previous:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"{now.unsealed_samples} samples are not sealed after {_SEALED_WITHIN_SECONDS} s")
            previous = now.segments if now.unsealed_samples == 0 else -1
            await asyncio.sleep(5.0)

    async def log_bytes(self) -> int:
        """Bytes that PostgreSQL has written to its log so far."""
        connection = await asyncpg.connect(self.here.platform.postgres.url())
        try:
            return int(await connection.fetchval("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"))
        finally:
            await connection.close()

    async def sealed_bytes(self) -> int:
        """Bytes in the database of everything sealed."""
        connection = await asyncpg.connect(self.here.platform.postgres.url())
        try:
            return int(await connection.fetchval(_SEALED_SIZE))
        finally:
            await connection.close()


def _quietly(member: Member, words: str) -> None:
    """What happens to each member is in its log."""
    del member, words


@asynccontextmanager
async def open_platform(bench: Workbench, name: str) -> AsyncGenerator[Platform]:
    """Start every service of the product with an empty store; stop them at the end."""
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(run_platform(bench.folder(name), None, _quietly))
        session = await stack.enter_async_context(open_session(here.access()))
        running = here.platform.running()
        endpoints = Endpoints(running.historian_address, running.onboarding_address, running.identity_address)
        client = await stack.enter_async_context(await Client.connect(endpoints, token=here.sign_in.api_token))
        yield Platform(here, session, client)
