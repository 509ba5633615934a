"""The platform's side of the gateway's contracts, in memory: what a gateway says is kept, what it is told is set."""

import asyncio
import base64
import contextlib
import datetime as dt
import ipaddress
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.historian.v1 import repair_pb2 as repair
from dualspan.historian.v1 import resources_pb2 as historian
from dualspan.historian.v1 import service_pb2 as ingest
from dualspan.historian.v1 import service_pb2_grpc as ingest_grpc
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import gateway_service_pb2_grpc as gateway_grpc
from dualspan.onboarding.v1 import notice_pb2 as notice
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan.onboarding.v1 import trust_pb2 as trust
from dualspan_frame import BinaryColumn, Block, Frame, ValueKind, decode_frame

Context = grpc.aio.ServicerContext[Any, Any]
GATEWAY = "tenants/acme/gateways/box"
SECRET = "s3cret"


async def accept(context: Context) -> None:
    """Lets a gateway in, as the platform's interceptor does."""
    await context.send_initial_metadata((("x-request-id", "of-the-test"),))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """A certificate authority."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign("Test CA", self._key.public_key(), [], lifetime=dt.timedelta(days=1), ca=True)
        self.pem = self.certificate.public_bytes(Encoding.PEM).decode()
        self.sha256 = self.certificate.fingerprint(hashes.SHA256())

    def _sign(
        self,
        subject: str,
        key: ec.EllipticCurvePublicKey,
        names: Sequence[x509.GeneralName],
        *,
        lifetime: dt.timedelta,
        ca: bool = False,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name("Test CA"))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(seconds=1))
            .not_valid_after(now + lifetime)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def chain_for(self, csr_pem: str, lifetime: dt.timedelta) -> str:
        """A gateway's certificate and ours."""
        request = x509.load_pem_x509_csr(csr_pem.encode())
        key = request.public_key()
        assert request.is_signature_valid
        assert isinstance(key, ec.EllipticCurvePublicKey)
        uri = x509.UniformResourceIdentifier(f"dualspan:{GATEWAY}")
        return self._sign("box", key, [uri], lifetime=lifetime).public_bytes(Encoding.PEM).decode() + self.pem

    def server_pair(self) -> tuple[bytes, bytes]:
        """Key and chain of a server on the loopback address."""
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))
        certificate = self._sign("server", key.public_key(), [address], lifetime=dt.timedelta(days=1))
        key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return key_pem, certificate.public_bytes(Encoding.PEM) + self.pem.encode()


class Onboarding(gateway_grpc.EnrolmentServiceServicer, gateway_grpc.GatewayServiceServicer):
    """Enrolment and the gateway's stream."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self.historian_address = self.address = ""
        self.lifetime = dt.timedelta(days=30)
        self.tokens_used = 0
        self.renewals = 0
        self.hellos: list[gateway.ConnectRequest.Hello] = []
        self.status = onboarding.GatewayStatus()
        self.reports: dict[int, gateway.TagReport] = {}
        self.complete_revision = 0
        self.browsed: dict[str, list[onboarding.BrowsedNode]] = {}
        self.finished: dict[str, str] = {}
        self.certificates = trust.GatewayCertificates()
        self.notices: dict[tuple[str, str], notice.GatewayNotices.Entry] = {}
        self.command_reports: dict[str, gateway.ConnectRequest.CommandReport] = {}
        self.configuration = gateway.GatewayConfiguration()
        self._orders: list[asyncio.Queue[gateway.ConnectResponse]] = []

    async def Enrol(self, request: gateway.EnrolRequest, context: Context) -> gateway.EnrolResponse:  # noqa: N802 - gRPC's name
        if request.token != SECRET or self.tokens_used:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "The token is used or unknown.")
        self.tokens_used += 1
        return gateway.EnrolResponse(
            gateway=GATEWAY,
            certificate_chain_pem=self._authority.chain_for(request.csr_pem, self.lifetime),
            ca_pem=self._authority.pem,
            onboarding_address=self.address,
            historian_address=self.historian_address,
        )

    async def RenewCertificate(  # noqa: N802 - gRPC's name
        self, request: gateway.RenewCertificateRequest, context: Context
    ) -> gateway.RenewCertificateResponse:
        self.renewals += 1
        chain = self._authority.chain_for(request.csr_pem, dt.timedelta(days=30))
        return gateway.RenewCertificateResponse(certificate_chain_pem=chain)

    async def Connect(  # noqa: N802 - gRPC's name
        self, request_iterator: AsyncIterator[gateway.ConnectRequest], context: Context
    ) -> AsyncIterator[gateway.ConnectResponse]:
        await accept(context)
        orders: asyncio.Queue[gateway.ConnectResponse] = asyncio.Queue()
        self._orders.append(orders)
        listening = asyncio.ensure_future(self._listen(request_iterator, orders))
        try:
            yield self._order(configuration=self.configuration)
            while True:
                yield await orders.get()
        finally:
            listening.cancel()
            self._orders.remove(orders)

    async def _listen(
        self, requests: AsyncIterator[gateway.ConnectRequest], orders: asyncio.Queue[gateway.ConnectResponse]
    ) -> None:
        async for request in requests:
            match request.WhichOneof("message"):
                case "hello":
                    self.hellos.append(request.hello)
                case "status":
                    self.status = request.status
                case "configuration_report":
                    self._take_report(request.configuration_report)
                case "certificates":
                    self.certificates = request.certificates
                case "notices":
                    self.notices = {(one.kind, one.server): one for one in request.notices.entries}
                case "command_report":
                    self.command_reports[request.command_report.command_id] = request.command_report
                case _:
                    result = request.browse_result
                    self.browsed.setdefault(result.command_id, []).extend(result.nodes)
                    if result.done:
                        self.finished[result.command_id] = result.error

    def _take_report(self, report: gateway.ConnectRequest.ConfigurationReport) -> None:
        if report.revision == self.configuration.revision:
            self.reports.update((tag.tag_id, tag) for tag in report.tags)
            if report.complete:
                self.complete_revision = report.revision

    def _order(self, **message: object) -> gateway.ConnectResponse:
        clock = Timestamp()
        clock.GetCurrentTime()
        response = gateway.ConnectResponse(clock=clock, **message)  # pyright: ignore[reportArgumentType]
        response.status_interval.FromMilliseconds(100)
        return response

    def configure(self, *servers: gateway.ServerConfiguration, trust_list: trust.TrustList | None = None) -> None:
        """Wants something else."""
        self.reports.clear()
        self.configuration = gateway.GatewayConfiguration(
            revision=self.configuration.revision + 1, servers=servers, trust_list=trust_list
        )
        for orders in self._orders:
            orders.put_nowait(self._order(configuration=self.configuration))

    def browse(self, command_id: str, server: str, root: str = "", max_nodes: int = 0) -> None:
        """Orders a browse."""
        command = gateway.ConnectResponse.Browse(
            command_id=command_id, server=server, root_node_id=root, max_nodes=max_nodes
        )
        for orders in self._orders:
            orders.put_nowait(self._order(browse=command))

    def command(self, command: gateway.ConnectResponse.Command) -> None:
        """Orders something else."""
        for orders in self._orders:
            orders.put_nowait(self._order(command=command))

    def cancel(self, command_id: str) -> None:
        """Wants what was ordered no more."""
        cancelled = gateway.ConnectResponse.CancelCommand(command_id=command_id)
        for orders in self._orders:
            orders.put_nowait(self._order(cancel_command=cancelled))

    def server_state(self) -> int:
        """How the gateway says that its first server stands."""
        return self.status.servers[0].state if self.status.servers else 0


class Historian(ingest_grpc.IngestServiceServicer):
    """Ingest: what is committed is kept once, in order."""

    def __init__(self) -> None:
        self.committed: dict[int, int] = {}
        self.frames: list[Frame] = []
        self.gaps: list[historian.Gap] = []
        # How often somebody had them tried again.
        self.attempts = 0
        # The tags that the gateway has left out of its last question for gaps.
        self.left_out: list[int] = []
        self.refuse: set[int] = set()
        self.cut_before_acknowledging = 0
        # After this many commits, as many uploads are taken in and forgotten: a crash with frames under way.
        self.crash_after: int | None = None
        self._forgotten = 0
        self.accepts = True
        self.max_upload_bytes = 1 << 20
        self.streams = 0
        self.repairs: list[repair.Repair] = []
        self.coverage: dict[str, repair.Coverage] = {}
        self.started: dict[int, int] = {}
        # Tags that can be repaired; none: gaps are only written down.
        self.repairable: list[int] = []

    async def Ingest(  # noqa: N802 - gRPC's name
        self, request_iterator: AsyncIterator[ingest.IngestRequest], context: Context
    ) -> AsyncIterator[ingest.IngestResponse]:
        if not self.accepts:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "closed for the test")
        await accept(context)
        self.streams += 1
        requests = aiter(request_iterator)
        epoch = (await anext(requests)).open.epoch
        clock = Timestamp()
        clock.GetCurrentTime()
        opened = ingest.IngestResponse.Opened(
            committed_sequence=self.committed.get(epoch, 0),
            max_in_flight=4,
            max_upload_bytes=self.max_upload_bytes,
            clock=clock,
        )
        yield ingest.IngestResponse(opened=opened)
        async for request in requests:
            if not self.accepts:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "closed for the test")
            if self.crash_after is not None and await self._forgets(context):
                continue
            quarantined = self._commit(epoch, request.upload)
            if self.cut_before_acknowledging:
                self.cut_before_acknowledging -= 1
                await context.abort(grpc.StatusCode.UNAVAILABLE, "cut between commit and acknowledgement")
            ack = ingest.IngestResponse.Ack(committed_sequence=self.committed[epoch], quarantined=quarantined)
            yield ingest.IngestResponse(ack=ack)

    async def _forgets(self, context: Context) -> bool:
        if len(self.frames) < (self.crash_after or 0):
            return False
        self._forgotten += 1
        if self._forgotten == 3:
            self.crash_after, self._forgotten = None, 0
            await context.abort(grpc.StatusCode.UNAVAILABLE, "crashed with frames under way")
        return True

    async def ListRepairableGaps(  # noqa: N802 - gRPC's name
        self, request: repair.ListRepairableGapsRequest, context: Context
    ) -> repair.ListRepairableGapsResponse:
        self.left_out = list(request.except_tag_ids)
        found: list[repair.RepairableGap] = []
        for number, gap in enumerate(self.gaps):
            name = f"tenants/acme/gaps/{number}"
            told = [one for one in self.repairs if one.gap == name]
            done = {one.tag_id for one in told if one.done}
            tags = [
                repair.RepairableGap.Tag(
                    tag_id=tag_id,
                    start_time=next((one.until_time for one in told[::-1] if one.tag_id == tag_id), gap.start_time),
                )
                for tag_id in self.repairable
                if not done & {tag_id, 0} and gap.tag_id in {0, tag_id} and tag_id not in request.except_tag_ids
            ]
            if tags and gap.server in {"", request.server}:
                named = historian.Gap(name=name, start_time=gap.start_time, end_time=gap.end_time)
                found.append(repair.RepairableGap(gap=named, tags=tags, attempts=self.attempts))
        return repair.ListRepairableGapsResponse(
            gaps=sorted(found, key=lambda one: one.gap.start_time.ToMicroseconds())
        )

    def _commit(self, epoch: int, upload: ingest.IngestRequest.Upload) -> Sequence[ingest.IngestResponse.Quarantined]:
        if upload.sequence <= self.committed.get(epoch, 0):
            return ()
        self.committed[epoch] = upload.sequence
        self.gaps.extend(upload.gaps)
        self.repairs.extend(upload.repairs)
        for told in upload.coverage:
            self.coverage[told.server] = told
            self.started.update((start.tag_id, start.start_time.ToMicroseconds()) for start in told.starts)
        if upload.sequence in self.refuse:
            return (ingest.IngestResponse.Quarantined(sequence=upload.sequence, reason="WRONG_KIND", detail="test"),)
        self.frames.append(decode_frame(upload.frame))
        return ()

    def samples(self, kind: ValueKind, tag_id: int) -> Block | None:
        """All committed samples of a tag, in the order of their commit."""
        block = Frame.concat(self.frames).block(kind)
        return None if block is None else block.take(block.tag == np.int64(tag_id))

    def values(self, kind: ValueKind, tag_id: int) -> list[Any]:
        """Their values."""
        block = self.samples(kind, tag_id)
        if block is None:
            return []
        return block.value.to_list() if isinstance(block.value, BinaryColumn) else block.value.tolist()


class Platform:
    """Both services, on two ports: one for enrolment, one for gateways with a certificate."""

    def __init__(self) -> None:
        self.authority = Authority()
        self.onboarding = Onboarding(self.authority)
        self.historian = Historian()
        self._server: grpc.aio.Server | None = None
        self._enrolment_port = self._gateway_port = 0

    async def start(self) -> None:
        """Listens, on the same ports as before if it did before."""
        server = grpc.aio.server()
        pair, ca = self.authority.server_pair(), self.authority.pem.encode()
        for_anybody = grpc.ssl_server_credentials([pair])
        for_gateways = grpc.ssl_server_credentials([pair], root_certificates=ca, require_client_auth=True)
        gateway_grpc.add_EnrolmentServiceServicer_to_server(self.onboarding, server)
        gateway_grpc.add_GatewayServiceServicer_to_server(self.onboarding, server)
        ingest_grpc.add_IngestServiceServicer_to_server(self.historian, server)
        self._enrolment_port = server.add_secure_port(f"127.0.0.1:{self._enrolment_port}", for_anybody)
        self._gateway_port = server.add_secure_port(f"127.0.0.1:{self._gateway_port}", for_gateways)
        self.onboarding.address = self.onboarding.historian_address = f"127.0.0.1:{self._gateway_port}"
        await server.start()
        self._server = server

    async def stop(self) -> None:
        """Cuts every stream."""
        if self._server is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._server.stop(None)
            self._server = None

    def token(self, secret: str = SECRET, ca_sha256: bytes | None = None) -> str:
        """An enrolment token."""

        def encode(content: bytes) -> str:
            return base64.urlsafe_b64encode(content).decode().rstrip("=")

        address = f"127.0.0.1:{self._enrolment_port}"
        return f"dse1.{encode(address.encode())}.{encode(ca_sha256 or self.authority.sha256)}.{secret}"
