"""Everything that runs in a gateway, and who starts and stops it."""

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.serialization import Encoding

from dualspan.historian.v1 import resources_pb2 as historian
from dualspan.historian.v1.repair_pb2 import Coverage
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import gateway_service_pb2_grpc as gateway_grpc
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.backoff import Backoff
from dualspan_edge.buffer import Buffer
from dualspan_edge.channel import ChannelSource, words_of
from dualspan_edge.clock import ClockWatch, PlatformClock, now_microseconds
from dualspan_edge.configuration import ConfigurationFile, ReportLedger
from dualspan_edge.errors import GatewayError
from dualspan_edge.gaps import gap
from dualspan_edge.identity import Identity, make_key_and_request
from dualspan_edge.notices import NoticeBoard
from dualspan_edge.opcua.arrivals import Counters
from dualspan_edge.opcua.browse import Browser
from dualspan_edge.opcua.reverse import ReverseListener
from dualspan_edge.opcua.server import Connected, ServerWorker
from dualspan_edge.opcua.trust_desk import TrustDesk
from dualspan_edge.repair import RepairDesk
from dualspan_edge.waiting import cancellation_first

_log = structlog.get_logger(__name__)
_CLOCK_CHECK = 1.0
_RENEWAL_RETRY = 60.0
_RENEWAL_TIMEOUT = 30.0


class ServerSet:
    """The servers of the configuration, each with its worker."""

    def __init__(
        self, *, trust: TrustDesk, notices: NoticeBoard, buffer: Buffer, file: ConfigurationFile, backoff: Backoff
    ) -> None:
        self.trust = trust
        self._buffer = buffer
        self._file = file
        self._backoff = backoff
        self._workers: dict[str, tuple[ServerWorker, asyncio.Task[None]]] = {}
        # What an earlier run of the gateway knew; each server asks once.
        self._missing_since = dict(buffer.last_life.complete_until)
        # No earlier run of a gateway on this data folder has recorded anything.
        self._is_new = not buffer.last_life.alive
        self._past = Counters()
        self.clock = PlatformClock()
        self.ledger = ReportLedger()
        self.notices = notices
        # How gaps are filled; None: not at all. Set before the servers start.
        self.repairs: RepairDesk | None = None
        # Where servers call that are configured to; None: nowhere. Set before the servers start.
        self.calls: ReverseListener | None = None
        # A server stands otherwise than before: worth telling at once.
        self.state_changed = asyncio.Event()

    def start(self) -> None:
        """Begins with the stored configuration, if there is one."""
        stored = self._file.load()
        if stored is not None:
            self._put_in_force(stored)

    def apply(self, configuration: gateway.GatewayConfiguration) -> None:
        """Stores a configuration and puts it in force; what stays the same goes on undisturbed."""
        if configuration.revision == self.ledger.revision:
            self.ledger.tell_again()
            return
        self._file.save(configuration)
        self._put_in_force(configuration)

    def _put_in_force(self, configuration: gateway.GatewayConfiguration) -> None:
        _log.info("configuration", revision=configuration.revision, servers=len(configuration.servers))
        self.ledger.begin(configuration)
        self.trust.trust(configuration.trust_list)
        if self.calls is not None:
            self.calls.expect(server.server_uri for server in configuration.servers if server.reverse_connect)
        wanted = {server.server: server for server in configuration.servers}
        for name in self._workers.keys() - wanted.keys():
            worker, task = self._workers.pop(name)
            self.notices.clear_server(name)
            self.trust.removed(name)
            self._past.received_samples += worker.counters.received_samples
            self._past.overflowed_samples += worker.counters.overflowed_samples
            task.cancel()
        for name, server in wanted.items():
            running = self._workers.get(name)
            if running is not None:
                running[0].configure(server)
                continue
            if server.HasField("complete_time") and self._is_new:
                # Another box has recorded it up to then: this one tells what is missing since.
                self._missing_since.setdefault(name, server.complete_time.ToMicroseconds())
            worker = ServerWorker(
                server,
                trust=self.trust,
                buffer=self._buffer,
                report=self.ledger.record,
                state_changed=self.state_changed.set,
                backoff=self._backoff,
                clock=self.clock,
                missing_since=self._missing_since.pop(name, 0),
                notices=self.notices,
                repairs=self.repairs,
            )
            self._workers[name] = (worker, asyncio.ensure_future(worker.run()))

    def browse(self, server: str, root_node_id: str, max_nodes: int) -> Browser:
        """A browse of what a server offers, not begun yet.

        Raises:
            GatewayError: There is no such server, or it is not connected.
        """
        return self._worker(server).browse(root_node_id, max_nodes)

    def connected(self, server: str) -> Connected:
        """The connection to a server as it stands.

        Raises:
            GatewayError: There is no such server, or it is not connected.
        """
        return self._worker(server).connected()

    def configuration_of(self, server: str) -> gateway.ServerConfiguration | None:
        """What is configured for a server; None if there is none."""
        running = self._workers.get(server)
        return None if running is None else running[0].configuration

    def _worker(self, server: str) -> ServerWorker:
        running = self._workers.get(server)
        if running is None:
            raise GatewayError(f"this gateway has no server {server}")
        return running[0]

    def complete_until(self) -> Mapping[str, int]:
        """By server: the last moment before which nothing is missing, microseconds."""
        known = {name: worker.complete_until for name, (worker, _) in self._workers.items()}
        return {name: time for name, time in known.items() if time} | self._missing_since

    def coverage(self) -> list[Coverage]:
        """How far each server is complete, and what changed since this was asked last."""
        return [worker.coverage() for worker, _ in self._workers.values()]

    def counters(self) -> Counters:
        """What all servers have sent since the start."""
        all_counters = [self._past, *(worker.counters for worker, _ in self._workers.values())]
        return Counters(
            sum(counters.received_samples for counters in all_counters),
            sum(counters.overflowed_samples for counters in all_counters),
        )

    def statuses(self) -> list[onboarding.ServerStatus]:
        """How each server stands."""
        return [worker.status for worker, _ in self._workers.values()]

    async def stop(self) -> None:
        """Ends every connection in order."""
        tasks = [task for _, task in self._workers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class IdentityKeeper:
    """The identity in force: renewed in time, stored, and told to those who use it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.identity = Identity.load(directory)
        self.renewed = asyncio.Event()

    def onboarding_channels(self) -> ChannelSource:
        """To the onboarding service."""
        return ChannelSource(lambda identity: identity.onboarding_address, lambda: self.identity)

    def historian_channels(self) -> ChannelSource:
        """To the historian."""
        return ChannelSource(lambda identity: identity.historian_address, lambda: self.identity)

    def certificate_der(self) -> bytes:
        """The certificate in force towards the platform."""
        return self.identity.certificate().public_bytes(Encoding.DER)

    async def run(self) -> None:
        """Renews the certificate whenever two thirds of its life are over."""
        while True:
            wait = (self.identity.renewal_time() - dt.datetime.now(dt.UTC)).total_seconds()
            # Never longer than an hour at a time: the wall clock may be set meanwhile.
            await asyncio.sleep(min(max(wait, 0.0), 3600.0))
            if dt.datetime.now(dt.UTC) < self.identity.renewal_time():
                continue
            try:
                with cancellation_first():
                    await self.renew()
            except Exception as error:  # noqa: BLE001 - supervised: there is a third of its life left to try again
                _log.error("certificate_not_renewed", error=words_of(error))
                await asyncio.sleep(_RENEWAL_RETRY)

    async def renew(self) -> None:
        """Exchanges the certificate and a new key's request for a new certificate."""
        key_pem, csr_pem = await asyncio.to_thread(make_key_and_request, self.identity.name)
        async with self.onboarding_channels().open() as channel:
            stub = gateway_grpc.GatewayServiceStub(channel)
            request = gateway.RenewCertificateRequest(csr_pem=csr_pem)
            answer = await stub.RenewCertificate(request, timeout=_RENEWAL_TIMEOUT)
        renewed = self.identity.renewed(answer.certificate_chain_pem, key_pem)
        await asyncio.to_thread(renewed.save, self._directory)
        self.identity = renewed
        _log.info("certificate_renewed", until=renewed.certificate().not_valid_after_utc.isoformat())
        self.renewed.set()


async def watch_clock(buffer: Buffer) -> None:
    """Writes down when the gateway's wall clock jumps; what it stamped around the jump is in doubt."""
    watch = ClockWatch()
    while True:
        jump = watch.jump(now_microseconds(), time.monotonic_ns() // 1000)
        if jump is not None:
            expected, actual = jump
            _log.warning("clock_jumped", seconds=(actual - expected) / 1e6)
            detail = f"the gateway's clock jumped by {(actual - expected) / 1e6:.1f} s"
            lost = gap(historian.GAP_CAUSE_CLOCK_JUMP, min(jump), max(jump), detail=detail)
            buffer.submit((), [lost])
        await asyncio.sleep(_CLOCK_CHECK)


@contextlib.asynccontextmanager
async def running(*tasks: "asyncio.Future[None]") -> AsyncGenerator[None]:
    """Tasks that run beside the block and are cancelled behind it."""
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
