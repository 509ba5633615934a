"""A server with the three listeners, whose servicers tell what the interceptors told them."""

# ruff: noqa: N802 - the methods have the contract's names

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import load_pem_x509_certificate
from google.protobuf.duration_pb2 import Duration
from integration.identity.running import Identity, platform

from dualspan.historian.v1 import repair_pb2 as repair
from dualspan.historian.v1 import service_pb2 as historian
from dualspan.historian.v1.service_pb2_grpc import (
    HistorianServiceServicer,
    HistorianServiceStub,
    IngestServiceServicer,
    IngestServiceStub,
    add_HistorianServiceServicer_to_server,
    add_IngestServiceServicer_to_server,
)
from dualspan.identity.v1 import service_pb2 as identity_messages
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1.gateway_service_pb2_grpc import (
    EnrolmentServiceServicer,
    EnrolmentServiceStub,
    add_EnrolmentServiceServicer_to_server,
)
from dualspan_runtime.authentication import ListenerKind
from dualspan_runtime.certificates import make_csr, make_key
from dualspan_runtime.context import current_principal, current_tenant, request_id
from dualspan_runtime.server import Binding, Listener, Server, start_server
from dualspan_runtime.settings import GatewayFacingSettings
from dualspan_runtime.trust import IdentityTrust

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

    from dualspan.historian.v1.service_pb2_grpc import HistorianServiceAsyncStub, IngestServiceAsyncStub
    from dualspan.onboarding.v1.gateway_service_pb2_grpc import EnrolmentServiceAsyncStub


async def read_to_the_end(stream: Any) -> None:
    """Reads a stream until it ends, which it may do with an error."""
    while await stream.read() is not grpc.aio.EOF:
        pass


async def read_some(stream: Any, count: int) -> list[Any]:
    """Reads so many messages of a stream."""
    return [await stream.read() for _ in range(count)]


async def eventually(holds: Callable[[], bool]) -> None:
    """Waits until something holds, five seconds at most."""
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - what happens in the server signals nothing
            await asyncio.sleep(0.01)


@dataclass
class Seen:
    """What the servicers saw."""

    actors: list[str] = field(default_factory=list[str])
    tenants: list[str] = field(default_factory=list[str])
    request_ids: list[str] = field(default_factory=list[str])
    streams_ended: int = 0

    def note(self) -> None:
        self.actors.append(current_principal().actor)
        self.tenants.append(current_tenant() if current_principal().actor != "anonymous" else "")
        self.request_ids.append(request_id())


async def _nothing() -> None:
    pass


class HistorianProbe(HistorianServiceServicer):
    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self.work: Callable[[], Awaitable[None]] = _nothing
        self.messages = 3

    async def ListGaps(self, request: historian.ListGapsRequest, context: Any) -> historian.ListGapsResponse:
        self._seen.note()
        await self.work()
        return historian.ListGapsResponse()

    async def RegisterTags(self, request: historian.RegisterTagsRequest, context: Any) -> Any:
        from google.protobuf.empty_pb2 import Empty

        self._seen.note()
        return Empty()

    async def Subscribe(
        self, request: historian.SubscribeRequest, context: Any
    ) -> AsyncIterator[historian.SubscribeResponse]:
        self._seen.note()
        try:
            for number in range(self.messages):
                yield historian.SubscribeResponse(skipped_frames=number)
            await self.work()
        finally:
            self._seen.streams_ended += 1


class IngestProbe(IngestServiceServicer):
    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    async def Ingest(
        self, request_iterator: AsyncIterator[historian.IngestRequest], context: Any
    ) -> AsyncIterator[historian.IngestResponse]:
        self._seen.note()
        try:
            async for request in request_iterator:
                ack = historian.IngestResponse.Ack(committed_sequence=request.upload.sequence)
                yield historian.IngestResponse(ack=ack)
        finally:
            self._seen.streams_ended += 1

    async def ListRepairableGaps(
        self, request: repair.ListRepairableGapsRequest, context: Any
    ) -> repair.ListRepairableGapsResponse:
        self._seen.note()
        return repair.ListRepairableGapsResponse()


class EnrolmentProbe(EnrolmentServiceServicer):
    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    async def Enrol(self, request: gateway.EnrolRequest, context: Any) -> gateway.EnrolResponse:
        self._seen.note()
        return gateway.EnrolResponse(gateway="enrolled")


@dataclass
class Probe:
    """A running probe and callers of it."""

    identity: Identity
    server: Server
    seen: Seen
    historian: HistorianProbe

    @asynccontextmanager
    async def people(self) -> AsyncGenerator[HistorianServiceAsyncStub]:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.server.port(ListenerKind.PEOPLE)}") as channel:
            yield HistorianServiceStub(channel)

    async def gateway_credentials(self, name: str, seconds: int = 3600) -> tuple[grpc.ChannelCredentials, str]:
        """A certificate of the gateway CA, and its serial."""
        key, key_pem = make_key()
        async with self.identity.as_service() as service:
            issued = await service.SignGatewayCertificate(
                identity_messages.SignGatewayCertificateRequest(
                    gateway=name, csr_pem=make_csr(key, "whatever"), lifetime=Duration(seconds=seconds)
                )
            )
            ca = await service.GetGatewayCa(identity_messages.GetGatewayCaRequest())
        certificate = load_pem_x509_certificate(ca.certificate_pem.encode())
        assert certificate.fingerprint(hashes.SHA256()).hex() == ca.fingerprint_sha256
        credentials = grpc.ssl_channel_credentials(ca.certificate_pem.encode(), key_pem, issued.chain_pem.encode())
        return credentials, issued.serial

    @asynccontextmanager
    async def gateways(self, credentials: grpc.ChannelCredentials) -> AsyncGenerator[IngestServiceAsyncStub]:
        address = f"localhost:{self.server.port(ListenerKind.GATEWAYS)}"
        async with grpc.aio.secure_channel(address, credentials) as channel:
            yield IngestServiceStub(channel)

    @asynccontextmanager
    async def enrolment(self) -> AsyncGenerator[EnrolmentServiceAsyncStub]:
        ca = await self.identity.stub.GetGatewayCa(identity_messages.GetGatewayCaRequest())
        credentials = grpc.ssl_channel_credentials(ca.certificate_pem.encode())
        address = f"localhost:{self.server.port(ListenerKind.ENROLMENT)}"
        async with grpc.aio.secure_channel(address, credentials) as channel:
            yield EnrolmentServiceStub(channel)


@asynccontextmanager
async def run_probe(identity: Identity, **changes: Any) -> AsyncGenerator[Probe]:
    settings = GatewayFacingSettings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "gateway_listen": "127.0.0.1:0",
            "database_url": "postgresql://nobody@/nothing",
            "platform": platform(identity_address=identity.address),
            "drain_seconds": 1.0,
            "maximum_message_bytes": 1 << 20,
            **changes,
        }
    )
    seen = Seen()
    historian_probe = HistorianProbe(seen)  # pyright: ignore[reportAbstractUsage] - three methods are enough
    listeners = [
        Listener.people(settings, [Binding(add_HistorianServiceServicer_to_server, historian_probe)]),
        Listener.gateways(settings, [Binding(add_IngestServiceServicer_to_server, IngestProbe(seen))]),
        Listener.enrolment(
            settings, "127.0.0.1:0", [Binding(add_EnrolmentServiceServicer_to_server, EnrolmentProbe(seen))]
        ),
    ]
    async with (
        IdentityTrust.open(settings.platform, service="historian") as trust,
        start_server("probe", settings, trust=trust, listeners=listeners) as server,
    ):
        yield Probe(identity, server, seen, historian_probe)
