"""Identity, historian and onboarding in process on a real PostgreSQL, and a box that enrols and connects for real."""

from __future__ import annotations

import asyncio
import base64
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import grpc.aio
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.longrunning.operations_pb2_grpc import OperationsStub
from integration.identity.running import Identity, platform

from dualspan.identity.v1.service_pb2 import GetGatewayCaRequest
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway_messages
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import service_pb2 as messages
from dualspan.onboarding.v1.gateway_service_pb2_grpc import EnrolmentServiceStub, GatewayServiceStub
from dualspan.onboarding.v1.service_pb2_grpc import OnboardingServiceStub
from dualspan_historian.__main__ import build as build_historian
from dualspan_historian.settings import HistorianSettings
from dualspan_onboarding.__main__ import build as build_onboarding
from dualspan_onboarding.settings import OnboardingSettings
from dualspan_runtime.channels import open_channel
from dualspan_runtime.server import ListenerKind

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from dualspan.onboarding.v1.gateway_service_pb2_grpc import GatewayServiceAsyncStub
    from dualspan.onboarding.v1.service_pb2_grpc import OnboardingServiceAsyncStub
    from dualspan_onboarding.model import Limits, Timing
    from dualspan_runtime.server import Server
    from harness.databases import ClonedDatabase

TENANT = "tenants/acme"
GATEWAY = f"{TENANT}/gateways/g1"
SERVER = f"{GATEWAY}/servers/press-1"
Call: TypeAlias = "grpc.aio.StreamStreamCall[gateway_messages.ConnectRequest, gateway_messages.ConnectResponse]"
_LARGE = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]


@asynccontextmanager
async def run_historian(
    database: ClonedDatabase, identity: Identity, redis_url: str, listen: str
) -> AsyncGenerator[Server]:
    """The historian, at an address that was chosen before."""
    settings = HistorianSettings.model_validate(
        {
            "listen": listen,
            "gateway_listen": "127.0.0.1:0",
            "database_url": database.service_url("historian"),
            "database_pool_size": 4,
            "drain_seconds": 1.0,
            "platform": platform(identity_address=identity.address, redis_url=redis_url),
        }
    )
    async with build_historian(settings) as server:
        yield server


@dataclass(frozen=True)
class Onboarding:
    """A running onboarding service and an engineer of a tenant who calls it."""

    settings: OnboardingSettings
    identity: Identity
    channel: grpc.aio.Channel
    stub: OnboardingServiceAsyncStub
    engineer: grpc.aio.Metadata
    address: str

    @property
    def operations(self) -> OperationsStub:
        return OperationsStub(self.channel)

    async def create_gateway(self, gateway_id: str = "g1") -> resources.Gateway:
        request = messages.CreateGatewayRequest(parent=TENANT, gateway_id=gateway_id)
        return await self.stub.CreateGateway(request, metadata=self.engineer)

    async def token(self, gateway: str = GATEWAY) -> str:
        request = messages.CreateEnrolmentTokenRequest(gateway=gateway)
        return (await self.stub.CreateEnrolmentToken(request, metadata=self.engineer)).enrolment_token

    async def get_gateway(self, gateway: str = GATEWAY) -> resources.Gateway:
        return await self.stub.GetGateway(messages.GetGatewayRequest(name=gateway), metadata=self.engineer)

    async def ca_pem(self) -> bytes:
        return (await self.identity.stub.GetGatewayCa(GetGatewayCaRequest())).certificate_pem.encode()

    async def enrol(self, token: str, csr_pem: str) -> gateway_messages.EnrolResponse:
        """What a box does with a token's text, over TLS, with nothing else to go by than the CA's fingerprint."""
        version, address, _fingerprint, secret = token.split(".")
        assert version == "dse1"
        host = base64.urlsafe_b64decode(address + "=" * (-len(address) % 4)).decode()
        credentials = grpc.ssl_channel_credentials(await self.ca_pem())
        async with grpc.aio.secure_channel(host, credentials) as channel:
            request = gateway_messages.EnrolRequest(token=secret, csr_pem=csr_pem, software_version="1.0")
            return await EnrolmentServiceStub(channel).Enrol(request)

    async def box(self, gateway: str = GATEWAY) -> Box:
        """A box that has enrolled."""
        return await self.box_of(await self.token(gateway))

    async def box_of(self, token: str) -> Box:
        """A box that has enrolled with this token."""
        key = ec.generate_private_key(ec.SECP256R1())
        return Box(await self.enrol(token, csr_of(key)), key)


def csr_of(key: ec.EllipticCurvePrivateKey) -> str:
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, SHA256())
    return request.public_bytes(Encoding.PEM).decode()


@asynccontextmanager
async def run_onboarding(
    database: ClonedDatabase,
    identity: Identity,
    historian_address: str,
    free_port: Callable[[], int],
    *,
    timing: Timing | None = None,
    limits: Limits | None = None,
    engineer: grpc.aio.Metadata | None = None,
) -> AsyncGenerator[Onboarding]:
    settings = OnboardingSettings(
        listen="127.0.0.1:0",
        gateway_listen=f"127.0.0.1:{free_port()}",
        enrol_listen=f"127.0.0.1:{free_port()}",
        database_url=database.service_url("onboarding"),
        database_pool_size=5,
        drain_seconds=1.0,
        platform=platform(identity_address=identity.address, historian_address=historian_address),
    )
    engineer = engineer or await identity.bearer()
    async with build_onboarding(settings, timing=timing, limits=limits) as server:
        address = f"127.0.0.1:{server.port(ListenerKind.PEOPLE)}"
        async with open_channel(address) as channel:
            yield Onboarding(settings, identity, channel, OnboardingServiceStub(channel), engineer, address)


@dataclass(frozen=True)
class Box:
    """A box in a plant: its certificate and its key."""

    enrolled: gateway_messages.EnrolResponse
    key: ec.EllipticCurvePrivateKey

    @property
    def credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(
            self.enrolled.ca_pem.encode(),
            self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
            self.enrolled.certificate_chain_pem.encode(),
        )

    @asynccontextmanager
    async def stub(self, address: str = "") -> AsyncGenerator[GatewayServiceAsyncStub]:
        target = address or self.enrolled.onboarding_address
        async with grpc.aio.secure_channel(target, self.credentials, options=_LARGE) as channel:
            yield GatewayServiceStub(channel)

    @asynccontextmanager
    async def connected(self, *, observed_revision: int = 0, address: str = "") -> AsyncGenerator[Stream]:
        """A stream that has said hello."""
        async with self.stub(address) as stub:
            stream = Stream(stub.Connect())
            hello = gateway_messages.ConnectRequest.Hello(software_version="1.0", observed_revision=observed_revision)
            await stream.call.write(gateway_messages.ConnectRequest(hello=hello))
            try:
                yield stream
            finally:
                stream.call.cancel()


@dataclass
class Stream:
    """A gateway's own stream, as a gateway sees it."""

    call: Call
    received: list[gateway_messages.ConnectResponse] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._responses = aiter(self.call)

    async def next(self, kind: str) -> gateway_messages.ConnectResponse:
        """The next message of a kind; others are kept in `received`."""
        async with asyncio.timeout(20):
            while True:
                response = await anext(self._responses)
                self.received.append(response)
                if response.WhichOneof("message") == kind:
                    return response

    async def configuration(self, at_least: int = 0) -> gateway_messages.GatewayConfiguration:
        while True:
            configuration = (await self.next("configuration")).configuration
            if configuration.revision >= at_least:
                return configuration

    async def report(
        self, configuration: gateway_messages.GatewayConfiguration, refused: dict[str, str] | None = None
    ) -> None:
        """Confirms a configuration item by item; `refused` has node ids and why."""
        why = refused or {}
        items = [
            gateway_messages.TagReport(
                tag_id=tag.tag_id,
                state=resources.TAG_STATE_REFUSED if tag.node_id in why else resources.TAG_STATE_ACTIVE,
                detail=why.get(tag.node_id, ""),
            )
            for server in configuration.servers
            for tag in server.tags
        ]
        report = gateway_messages.ConnectRequest.ConfigurationReport(
            revision=configuration.revision, tags=items, complete=True
        )
        await self.call.write(gateway_messages.ConnectRequest(configuration_report=report))

    async def status(self, **fields: object) -> None:
        status = resources.GatewayStatus(**fields)  # pyright: ignore[reportArgumentType]
        await self.call.write(gateway_messages.ConnectRequest(status=status))

    async def answer_browse(self, nodes: list[resources.BrowsedNode], *, error: str = "") -> str:
        """Answers the next browse command; returns which it was."""
        command = (await self.next("browse")).browse.command_id
        result = gateway_messages.ConnectRequest.BrowseResult
        await self.call.write(gateway_messages.ConnectRequest(browse_result=result(command_id=command, nodes=nodes)))
        last = result(command_id=command, done=not error, error=error)
        await self.call.write(gateway_messages.ConnectRequest(browse_result=last))
        return command


def found(number: int, **changes: object) -> resources.BrowsedNode:
    """A variable that a browse found."""
    stated: dict[str, object] = {
        "node_id": f"nsu=http://plant;s=T{number}",
        "browse_path": f"Plant/T{number:05}",
        "node_class": 2,
        "data_type": "Double",
        "kind": 1,
        "value_rank": -1,
        "access_level": 1,
        "minimum_sampling_interval_ms": 100.0,
    }
    return resources.BrowsedNode(**(stated | changes))  # pyright: ignore[reportArgumentType]
