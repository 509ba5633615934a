"""Certificates and tokens that must not open a door, shown at the doors of a running platform."""

import asyncio
from dataclasses import dataclass

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from dualspan.historian.v1 import service_pb2 as historian
from dualspan.historian.v1.service_pb2_grpc import IngestServiceStub
from dualspan.identity.v1 import service_pb2 as identity
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import service_pb2 as onboarding
from dualspan_edge.channel import Stream, until_accepted
from dualspan_runtime.errors import error_info
from harness.site import TENANT, Site, gateway_environment, run_gateway

pytestmark = [
    pytest.mark.asyncio(loop_scope="package"),
    pytest.mark.slow,
    pytest.mark.timeout(180),
]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a gateway shows and what it trusts, PEM."""

    key: bytes
    chain: bytes
    ca: bytes

    def channel(self, port: int) -> grpc.aio.Channel:
        credentials = grpc.ssl_channel_credentials(self.ca, self.key, self.chain)
        return grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials)


async def create_gateway(site: Site, gateway_id: str) -> str:
    request = onboarding.CreateGatewayRequest(parent=TENANT, gateway=resources.Gateway(), gateway_id=gateway_id)
    return (await site.session.onboarding.CreateGateway(request)).name


async def certified(site: Site, gateway: str, *, seconds: int) -> Credentials:
    """A certificate of the platform's own CA for the gateway, valid for so long."""
    key = ec.generate_private_key(ec.SECP256R1())
    csr = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    request = identity.SignGatewayCertificateRequest(
        gateway=gateway, csr_pem=csr.public_bytes(serialization.Encoding.PEM).decode()
    )
    request.lifetime.FromSeconds(seconds)
    issued = await site.session.identity.SignGatewayCertificate(request)
    ca = await site.session.identity.GetGatewayCa(identity.GetGatewayCaRequest())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Credentials(pem, issued.chain_pem.encode(), ca.certificate_pem.encode())


async def open_stream(credentials: Credentials, port: int) -> historian.IngestResponse:
    """Opens an ingest stream, says hello, and returns the answer."""
    async with credentials.channel(port) as channel:
        return await opened(IngestServiceStub(channel).Ingest(timeout=10))


async def opened(stream: Stream) -> historian.IngestResponse:
    """Says hello once the platform lets the gateway in, as the gateway does."""
    await until_accepted(stream)
    await stream.write(historian.IngestRequest(open=historian.IngestRequest.Open(epoch=1)))
    return await answer_of(stream)


async def answer_of(stream: Stream) -> historian.IngestResponse:
    """The next answer; raises the status if the stream ends instead."""
    answer = await stream.read()
    assert isinstance(answer, historian.IngestResponse)
    return answer


async def test_valid_certificate_opens_the_stream(site: Site) -> None:
    credentials = await certified(site, await create_gateway(site, "valid"), seconds=3600)
    answer = await open_stream(credentials, site.platform.ports.historian_gateway)
    assert answer.opened.committed_sequence == 0
    assert answer.opened.max_in_flight > 0


async def test_expired_certificate_does_not(site: Site) -> None:
    credentials = await certified(site, await create_gateway(site, "expired"), seconds=1)
    await asyncio.sleep(2)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await open_stream(credentials, site.platform.ports.historian_gateway)
    assert caught.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED}


async def test_stream_ends_when_its_certificate_expires(site: Site) -> None:
    credentials = await certified(site, await create_gateway(site, "expiring"), seconds=4)
    async with credentials.channel(site.platform.ports.historian_gateway) as channel:
        stream = IngestServiceStub(channel).Ingest(timeout=60)
        await opened(stream)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await answer_of(stream)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert reason(caught.value) == "CREDENTIALS_EXPIRED"


async def test_certificate_of_another_authority_does_not(site: Site) -> None:
    genuine = await certified(site, await create_gateway(site, "forged"), seconds=3600)
    key = ec.generate_private_key(ec.SECP256R1())
    original = x509.load_pem_x509_certificates(genuine.chain)[0]
    forged = x509.CertificateBuilder(
        original.issuer,
        original.subject,
        key.public_key(),
        original.serial_number,
        original.not_valid_before_utc,
        original.not_valid_after_utc,
        list(original.extensions),
    ).sign(key, hashes.SHA256())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    credentials = Credentials(pem, forged.public_bytes(serialization.Encoding.PEM), genuine.ca)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await open_stream(credentials, site.platform.ports.historian_gateway)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_no_certificate_does_not(site: Site) -> None:
    ca = await site.session.identity.GetGatewayCa(identity.GetGatewayCaRequest())
    credentials = grpc.ssl_channel_credentials(ca.certificate_pem.encode())
    address = f"127.0.0.1:{site.platform.ports.historian_gateway}"
    async with grpc.aio.secure_channel(address, credentials) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await opened(IngestServiceStub(channel).Ingest(timeout=10))
    assert caught.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED}


async def test_revocation_ends_a_live_stream_and_keeps_the_gateway_out(site: Site) -> None:
    gateway = await create_gateway(site, "revoked")
    credentials = await certified(site, gateway, seconds=3600)
    port = site.platform.ports.historian_gateway
    async with credentials.channel(port) as channel:
        stream = IngestServiceStub(channel).Ingest(timeout=120)
        await opened(stream)
        await site.session.onboarding.RevokeGateway(onboarding.RevokeGatewayRequest(name=gateway, reason="a test"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async with asyncio.timeout(60):
                await answer_of(stream)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert reason(caught.value) == "CERTIFICATE_REVOKED"
    # Many at once and again and again: a refusal that hides its reason shows itself only when things are slow, and
    # handshakes that harm each other, on threads of gRPC's own, only when there are many of them.
    for _ in range(20):
        refusals = await asyncio.gather(*(open_stream(credentials, port) for _ in range(50)), return_exceptions=True)
        assert all(isinstance(refusal, grpc.aio.AioRpcError) for refusal in refusals)
        assert {reason(refusal) for refusal in refusals if isinstance(refusal, grpc.aio.AioRpcError)} == {
            "CERTIFICATE_REVOKED"
        }


async def test_enrolment_token_works_once(site: Site) -> None:
    token = await token_for(site, await create_gateway(site, "twice"))
    first = await enroll(site, "first", token)
    assert first[0] == 0, first[1]
    code, text = await enroll(site, "second", token)
    assert code != 0
    assert "token" in text.lower(), text
    assert "Traceback" not in text


@pytest.mark.parametrize("damage", ["secret", "fingerprint", "form"])
async def test_damaged_enrolment_token_says_so(site: Site, damage: str) -> None:
    token = await token_for(site, await create_gateway(site, f"damaged-{damage}"))
    version, address, fingerprint, secret = token.split(".")
    damaged = {
        "secret": f"{version}.{address}.{fingerprint}.{secret[::-1]}",
        "fingerprint": f"{version}.{address}.{fingerprint[::-1]}.{secret}",
        "form": token[: len(token) // 2],
    }
    code, text = await enroll(site, f"damaged-{damage}", damaged[damage])
    assert code != 0
    assert "Traceback" not in text


async def token_for(site: Site, gateway: str) -> str:
    request = onboarding.CreateEnrolmentTokenRequest(gateway=gateway)
    return (await site.session.onboarding.CreateEnrolmentToken(request)).enrolment_token


async def enroll(site: Site, folder: str, token: str) -> tuple[int, str]:
    """Runs `dualspan-gateway enroll` with a data folder of its own; its exit code and all that it said."""
    environment = gateway_environment(site.folder, {"DUALSPAN_GATEWAY_DATA_DIR": str(site.folder / folder)})
    done = await asyncio.to_thread(run_gateway, environment, "enroll", token)
    return done.returncode, done.stdout + done.stderr


def reason(error: grpc.aio.AioRpcError) -> str:
    info = error_info(error)
    return info.reason if info is not None else ""
