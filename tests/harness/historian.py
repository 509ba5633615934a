"""A historian in process, trusted by an authority of the test's own, and gateways that upload to it."""

from __future__ import annotations

import asyncio
import ipaddress
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
import jwt
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID
from google.protobuf.timestamp_pb2 import Timestamp
from numpy.typing import NDArray

from dualspan.frame.v1 import frame_pb2
from dualspan.historian.v1 import resources_pb2, service_pb2
from dualspan.historian.v1.service_pb2_grpc import HistorianServiceStub, IngestServiceStub
from dualspan_frame import BinaryColumn, Block, Frame, ValueKind, decode_frame, encode_frame, value_dtype
from dualspan_historian.settings import HistorianSettings
from dualspan_historian.storage.merging import Merger
from dualspan_historian.storage.sealing import Sealer
from dualspan_identity.model import SignedToken
from dualspan_runtime.channels import open_channel
from dualspan_runtime.database import Database
from dualspan_runtime.errors import error_info
from dualspan_runtime.server import ListenerKind, Server
from dualspan_runtime.tokens import AUDIENCE
from dualspan_runtime.trust import Revocations

if TYPE_CHECKING:
    from dualspan.historian.v1.service_pb2_grpc import HistorianServiceAsyncStub, IngestServiceAsyncStub

SECRET = "a secret that only these tests have"
# Nobody listens here: what a test does not start must not be found, least of all on the ports that a platform of
# another test, or of whoever runs the tests, has by default.
NOBODY = "127.0.0.1:9"
TENANT = "acme"
GATEWAY = "g1"
T0 = 1_760_000_000_000_000
SECOND = 1_000_000


def beside(**known: str) -> dict[str, str]:
    """Settings of a platform of which only what is `known` is there."""
    services = ("identity", "onboarding", "historian", "analytics", "marketplace")
    return {"service_secret": SECRET} | {f"{service}_address": NOBODY for service in services} | known


class Authority:
    """Signs what identity would sign: server and gateway certificates, access tokens."""

    def __init__(self) -> None:
        self._tokens = Ed25519PrivateKey.generate()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
        self.revoked: set[str] = set()
        self._serials: dict[str, str] = {}
        self._certificate = self._sign(
            self._name, self._key.public_key(), [(x509.BasicConstraints(ca=True, path_length=0), True)]
        )

    async def signing_keys(self) -> Mapping[str, str]:
        pem = self._tokens.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {"test": pem.decode()}

    async def revocations(self) -> Revocations:
        return Revocations(frozenset(self.revoked))

    async def gateway_ca(self) -> str:
        return _pem(self._certificate)

    async def sign_server_certificate(self, csr_pem: str, hosts: list[str]) -> str:
        csr = x509.load_pem_x509_csr(csr_pem.encode())
        names = x509.SubjectAlternativeName([_host(host) for host in hosts])
        return _pem(self._sign(csr.subject, csr.public_key(), [(names, False)]))  # pyright: ignore[reportArgumentType]

    def gateway_credentials(self, tenant: str, gateway: str) -> grpc.ChannelCredentials:
        key = ec.generate_private_key(ec.SECP256R1())
        uri = x509.UniformResourceIdentifier(f"dualspan:tenants/{tenant}/gateways/{gateway}")
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, gateway)])
        certificate = self._sign(subject, key.public_key(), [(x509.SubjectAlternativeName([uri]), False)])
        self._serials[gateway] = f"{certificate.serial_number:x}"
        key_pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return grpc.ssl_channel_credentials(_pem(self._certificate).encode(), key_pem, _pem(certificate).encode())

    def revoke(self, gateway: str) -> None:
        self.revoked.add(self._serials[gateway])

    def access_token(self, tenant: str, role: str = "viewer", user: str = "ada") -> str:
        claims = {"sub": f"users/{user}", "tenant": tenant, "roles": [role], "aud": AUDIENCE, "exp": time.time() + 600}
        return jwt.encode(claims, self._tokens, "EdDSA", headers={"kid": "test"})

    def app_token(self, tenant: str, subscription: str, credential: int = 0, seconds: float = 600) -> str:
        """Of the app of a subscription."""
        actor, end = f"subscriptions/{subscription}", time.time() + seconds
        claims = {"sub": actor, "tenant": tenant, "roles": [], "aud": AUDIENCE, "exp": end, "credential": credential}
        return jwt.encode(claims, self._tokens, "EdDSA", headers={"kid": "test"})

    def sign_app(self, tenant: str, subscription: str, credential: int) -> SignedToken:
        """As identity's keys do; see `dualspan_identity.service.app_tokens.AppSigner`."""
        token = self.app_token(tenant, subscription, credential)
        return SignedToken(token, datetime.now(UTC) + timedelta(seconds=600), tenant)

    def _sign(
        self,
        subject: x509.Name,
        public_key: ec.EllipticCurvePublicKey,
        extensions: list[tuple[x509.ExtensionType, bool]],
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(self._key, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


class Uploader:
    """One ingest stream, driven by hand."""

    def __init__(self, stub: IngestServiceAsyncStub, epoch: int = 1) -> None:
        self._requests: asyncio.Queue[service_pb2.IngestRequest | None] = asyncio.Queue()
        self._call = stub.Ingest(self._outgoing())
        self._epoch = epoch
        self.committed = 0
        self.quarantined: dict[int, service_pb2.IngestResponse.Quarantined] = {}
        self.opened = service_pb2.IngestResponse.Opened()

    async def _outgoing(self) -> AsyncIterator[service_pb2.IngestRequest]:
        while (request := await self._requests.get()) is not None:
            yield request

    async def open(self) -> Uploader:
        await self.say(service_pb2.IngestRequest(open=service_pb2.IngestRequest.Open(epoch=self._epoch)))
        self.opened = (await self.hear()).opened
        self.committed = self.opened.committed_sequence
        return self

    async def say(self, request: service_pb2.IngestRequest) -> None:
        await self._requests.put(request)

    async def hear(self) -> service_pb2.IngestResponse:
        response = await self._call.read()
        if not isinstance(response, service_pb2.IngestResponse):
            await self._call.code()
            msg = f"the stream ended: {await self._call.details()}"
            raise ConnectionError(msg)
        return response

    async def send(self, sequence: int, frame: Frame | frame_pb2.Frame, gaps: Sequence[resources_pb2.Gap] = ()) -> None:
        message = encode_frame(frame) if isinstance(frame, Frame) else frame
        upload = service_pb2.IngestRequest.Upload(sequence=sequence, frame=message, gaps=gaps)
        await self.say(service_pb2.IngestRequest(upload=upload))

    async def until(self, sequence: int) -> None:
        """Waits until everything up to here is acknowledged."""
        while self.committed < sequence:
            ack = (await asyncio.wait_for(self.hear(), 20)).ack
            assert ack.committed_sequence >= self.committed
            self.committed = ack.committed_sequence
            self.quarantined |= {one.sequence: one for one in ack.quarantined}

    async def upload(self, frames: Iterable[Frame | frame_pb2.Frame], first: int = 1) -> None:
        last = first - 1
        for frame in frames:
            last += 1
            await self.send(last, frame)
        await self.until(last)

    async def close(self) -> None:
        await self._requests.put(None)
        while await self._call.read() is not grpc.aio.EOF:
            pass
        assert await self._call.code() is grpc.StatusCode.OK

    def cut(self) -> None:
        """Breaks the connection, and ends the iterator that gRPC reads: one that waits for ever is never let go."""
        self._call.cancel()
        self._requests.put_nowait(None)


@dataclass
class Historian:
    """A running historian."""

    server: Server
    authority: Authority
    settings: HistorianSettings
    stub: HistorianServiceAsyncStub
    _stack: list[grpc.aio.Channel] = field(default_factory=list)
    _uploaders: list[Uploader] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port(ListenerKind.PEOPLE)}"

    def ingest_stub(self, tenant: str = TENANT, gateway: str = GATEWAY) -> IngestServiceAsyncStub:
        channel = grpc.aio.secure_channel(
            f"localhost:{self.server.port(ListenerKind.GATEWAYS)}",
            self.authority.gateway_credentials(tenant, gateway),
            options=[("grpc.max_send_message_length", 128 << 20)],
        )
        self._stack.append(channel)
        return IngestServiceStub(channel)

    def closed_uploader(self, *, tenant: str = TENANT, gateway: str = GATEWAY, epoch: int = 1) -> Uploader:
        uploader = Uploader(self.ingest_stub(tenant, gateway), epoch)
        self._uploaders.append(uploader)
        return uploader

    async def uploader(self, *, tenant: str = TENANT, gateway: str = GATEWAY, epoch: int = 1) -> Uploader:
        return await self.closed_uploader(tenant=tenant, gateway=gateway, epoch=epoch).open()

    async def register(
        self,
        tags: Mapping[int, ValueKind],
        *,
        tenant: str = TENANT,
        gateway: str = GATEWAY,
        sloped: bool = False,
        retention_class: str = "",
    ) -> None:
        await self.stub.RegisterTags(
            service_pb2.RegisterTagsRequest(
                parent=f"tenants/{tenant}",
                tags=[
                    resources_pb2.TagRegistration(
                        tag_id=tag,
                        gateway=f"tenants/{tenant}/gateways/{gateway}",
                        kind=frame_pb2.ValueKind.ValueType(kind),
                        sloped=sloped,
                        retention_class=retention_class,
                    )
                    for tag, kind in tags.items()
                ],
            )
        )

    async def read_raw(
        self,
        tags: Sequence[int],
        start: int = T0,
        end: int = T0 + 10_000 * SECOND,
        *,
        tenant: str = TENANT,
        page_size: int = 0,
    ) -> Frame:
        """All pages."""
        frames: list[Frame] = []
        token = ""
        while True:
            response = await self.stub.ReadRaw(
                service_pb2.ReadRawRequest(
                    parent=f"tenants/{tenant}",
                    tag_ids=tags,
                    start_time=stamp(start),
                    end_time=stamp(end),
                    page_size=page_size,
                    page_token=token,
                )
            )
            frames.append(decode_frame(response.frame))
            token = response.next_page_token
            if not token:
                return Frame.concat(frames)

    async def statistics(self, tenant: str = TENANT) -> service_pb2.StorageStatistics:
        return await self.stub.GetStorageStatistics(service_pb2.GetStorageStatisticsRequest(parent=f"tenants/{tenant}"))

    async def close(self) -> None:
        for uploader in self._uploaders:
            uploader.cut()
        await asyncio.sleep(0)
        for channel in self._stack:
            await channel.close()


@dataclass(frozen=True)
class Worker:
    """What the worker has, without Celery around it."""

    database: Database
    sealer: Sealer
    merger: Merger


Refusal = Callable[[Awaitable[Any]], Awaitable[str]]


async def refused(call: Awaitable[Any]) -> str:
    """The reason that a call fails with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    info = error_info(caught.value)
    return info.reason if info else ""


@asynccontextmanager
async def running_historian(settings: HistorianSettings, authority: Authority) -> AsyncGenerator[Historian]:
    from dualspan_historian.__main__ import build_trusting

    async with build_trusting(settings, authority) as server:
        address = f"127.0.0.1:{server.port(ListenerKind.PEOPLE)}"
        secret = settings.platform.service_secret
        async with open_channel(address, service="tests", secret=secret, timeout=30.0) as channel:
            historian = Historian(server, authority, settings, HistorianServiceStub(channel))
            try:
                yield historian
            finally:
                await historian.close()


def stamp(microseconds: int) -> Timestamp:
    return Timestamp(seconds=microseconds // SECOND, nanos=microseconds % SECOND * 1000)


def block(
    tags: Sequence[int] | NDArray[Any],
    timestamps: Sequence[int] | NDArray[Any],
    values: Sequence[float] | NDArray[Any] | BinaryColumn,
    status: Sequence[int] | NDArray[Any] | int = 0,
    kind: ValueKind = ValueKind.FLOAT64,
) -> Block:
    """A block from anything array-like; a single status is everybody's."""
    value: Any = values if isinstance(values, BinaryColumn) else np.asarray(values, value_dtype(kind))
    statuses = np.full(len(value), status, np.uint32) if isinstance(status, int) else np.asarray(status, np.uint32)
    return Block(kind, np.asarray(tags, np.int64), np.asarray(timestamps, np.int64), statuses, value)


def ramp(tags: Sequence[int], first: int, count: int, step: int = SECOND) -> Frame:
    """`count` samples of each tag from number `first` on: value = tag + number, time = T0 + number * step."""
    number = np.tile(np.arange(first, first + count), len(tags))
    tag = np.repeat(np.asarray(tags, np.int64), count)
    return Frame((block(tag, T0 + number * step, tag + number.astype(np.float64)),))


def unique_tenant() -> str:
    return f"t-{uuid.uuid4().hex[:12]}"
