"""A gateway without a PLC: sends frames that are there already, over mTLS, as any gateway does."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dualspan.frame.v1 import frame_pb2
from dualspan.historian.v1 import resources_pb2, service_pb2
from dualspan.historian.v1.service_pb2_grpc import IngestServiceStub
from dualspan.identity.v1 import service_pb2 as identity
from dualspan_bench.product.platform import Platform
from dualspan_frame import Frame, encode_frame

if TYPE_CHECKING:
    from dualspan.historian.v1.service_pb2_grpc import IngestServiceAsyncStub

_TAGS_PER_CALL = 10_000


class FeedError(Exception):
    """The historian did not take what it was fed."""


class Feeder:
    """An open stream of frames.

    Args:
        stub: The historian's ingest.
    """

    def __init__(self, stub: "IngestServiceAsyncStub") -> None:
        self._stub = stub
        self._epoch = 0

    async def feed(self, frames: Iterable[Frame]) -> None:
        """Send frames and wait until every one is committed; a buffer epoch of its own for each call."""
        await self.send(map(encode_frame, frames))

    async def send(self, frames: Iterable[frame_pb2.Frame]) -> None:
        """The same with frames that are encoded already."""
        self._epoch += 1
        stream = self._stub.Ingest()
        opening = service_pb2.IngestRequest.Open(epoch=self._epoch)
        opening.clock.GetCurrentTime()
        await stream.write(service_pb2.IngestRequest(open=opening))
        answers = aiter(stream)
        opened = await anext(answers)
        room = asyncio.Semaphore(opened.opened.max_in_flight)
        last = 0
        reader = asyncio.ensure_future(self._acknowledgements(answers, room))
        try:
            for last, frame in enumerate(frames, 1):
                await room.acquire()
                upload = service_pb2.IngestRequest.Upload(sequence=last, frame=frame)
                await stream.write(service_pb2.IngestRequest(upload=upload))
            await stream.done_writing()
            committed = await reader
        finally:
            reader.cancel()
        if committed != last:
            raise FeedError(f"{committed} of {last} frames were committed")

    async def paced(self, make: Callable[[], Frame], per_second: float, seconds: float) -> list[float]:
        """Send a frame at even times; returns the milliseconds from each one's sending to its acknowledgement."""
        self._epoch += 1
        stream = self._stub.Ingest()
        opening = service_pb2.IngestRequest.Open(epoch=self._epoch)
        opening.clock.GetCurrentTime()
        await stream.write(service_pb2.IngestRequest(open=opening))
        answers = aiter(stream)
        await anext(answers)
        sent: list[float] = []
        reader = asyncio.ensure_future(_waits(answers, sent))
        begin = time.perf_counter()
        for number in range(1, round(per_second * seconds) + 1):
            await asyncio.sleep(max(0.0, begin + (number - 1) / per_second - time.perf_counter()))
            upload = service_pb2.IngestRequest.Upload(sequence=number, frame=encode_frame(make()))
            sent.append(time.perf_counter())
            await stream.write(service_pb2.IngestRequest(upload=upload))
        await stream.done_writing()
        waits = await reader
        if len(waits) != len(sent):
            raise FeedError(f"{len(waits)} of {len(sent)} frames were committed")
        return waits

    async def _acknowledgements(
        self, answers: AsyncIterator[service_pb2.IngestResponse], room: asyncio.Semaphore
    ) -> int:
        committed = 0
        async for answer in answers:
            if answer.ack.quarantined:
                first = answer.ack.quarantined[0]
                raise FeedError(f"{first.reason}: {first.detail}")
            for _ in range(answer.ack.committed_sequence - committed):
                room.release()
            committed = max(committed, answer.ack.committed_sequence)
        return committed


async def _waits(answers: AsyncIterator[service_pb2.IngestResponse], sent: list[float]) -> list[float]:
    """Milliseconds that each frame waited; an acknowledgement is of all up to it."""
    waits: list[float] = []
    async for answer in answers:
        now = time.perf_counter()
        waits.extend((now - sent[place]) * 1000.0 for place in range(len(waits), answer.ack.committed_sequence))
    return waits


@asynccontextmanager
async def open_feeder(
    platform: Platform, tag_ids: Iterable[int], name: str = "feeder", address: str = ""
) -> AsyncGenerator[Feeder]:
    """Register the tags (FLOAT64) for a gateway of our own and open a channel as that gateway.

    Args:
        platform: Where to.
        tag_ids: What it sends.
        name: The gateway's id.
        address: `host:port` of the historian's replica; empty: the platform's own.
    """
    gateway = f"{platform.tenant}/gateways/{name}"
    registrations = [
        resources_pb2.TagRegistration(tag_id=tag, gateway=gateway, kind=frame_pb2.VALUE_KIND_FLOAT64, sloped=True)
        for tag in tag_ids
    ]
    for first in range(0, len(registrations), _TAGS_PER_CALL):
        part = registrations[first : first + _TAGS_PER_CALL]
        await platform.session.historian.RegisterTags(
            service_pb2.RegisterTagsRequest(parent=platform.tenant, tags=part)
        )
    credentials = await _gateway_credentials(platform, gateway, name)
    # A connection of its own for each, as gateways have.
    options = [
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    async with grpc.aio.secure_channel(address or platform.gateway_address, credentials, options) as channel:
        yield Feeder(IngestServiceStub(channel))


async def _gateway_credentials(platform: Platform, gateway: str, name: str) -> grpc.ChannelCredentials:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    csr = request.public_bytes(serialization.Encoding.PEM).decode()
    authority = await platform.session.identity.GetGatewayCa(identity.GetGatewayCaRequest())
    issued = await platform.session.identity.SignGatewayCertificate(
        identity.SignGatewayCertificateRequest(gateway=gateway, csr_pem=csr)
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return grpc.ssl_channel_credentials(authority.certificate_pem.encode(), secret, issued.chain_pem.encode())
