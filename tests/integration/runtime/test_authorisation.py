import asyncio
import time
from datetime import UTC, datetime, timedelta

import grpc
import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID
from integration.identity.running import SECRET, bearer, reason
from integration.runtime.probe import Probe, read_to_the_end

from dualspan.historian.v1 import service_pb2 as historian
from dualspan.identity.v1 import resources_pb2 as resources
from dualspan.identity.v1 import service_pb2 as messages
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan_runtime.certificates import make_key
from dualspan_runtime.errors import PermissionDenied
from dualspan_runtime.tokens import AUDIENCE, ServiceToken

ACME = historian.ListGapsRequest(parent="tenants/acme")
OTHER = historian.ListGapsRequest(parent="tenants/other")
GATEWAY = "tenants/acme/gateways/press-1"


async def refused(probe: Probe, request: historian.ListGapsRequest, metadata: grpc.aio.Metadata | None) -> str:
    async with probe.people() as stub:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.ListGaps(request, metadata=metadata)
    assert probe.seen.actors == []
    return reason(raised)


async def test_a_person_reaches_their_own_tenant(probe: Probe) -> None:
    async with probe.people() as stub:
        await stub.ListGaps(ACME, metadata=await probe.identity.bearer())
    assert (probe.seen.actors, probe.seen.tenants) == (["users/ada"], ["acme"])


async def test_a_person_of_another_tenant_is_refused(probe: Probe) -> None:
    stranger = await probe.identity.add_user("other", "eve@other.example", resources.ROLE_ADMIN)
    assert await refused(probe, ACME, stranger) == "FOREIGN_TENANT"


async def test_a_platform_admin_reads_no_other_tenants_data(probe: Probe) -> None:
    assert await refused(probe, OTHER, await probe.identity.bearer()) == "FOREIGN_TENANT"


async def test_without_a_token_nobody_gets_in(probe: Probe) -> None:
    assert await refused(probe, ACME, None) == "TOKEN_MISSING"


async def test_a_role_without_the_permission_is_refused(probe: Probe) -> None:
    publisher = await probe.identity.add_user("acme", "pub@acme.example", resources.ROLE_PUBLISHER)
    assert await refused(probe, ACME, publisher) == "PERMISSION_MISSING"


async def test_a_tampered_token_is_refused(probe: Probe) -> None:
    token = (await probe.identity.sign_in()).access_token
    head, body, signature = token.split(".")
    foreign = Ed25519PrivateKey.generate()
    claims = {"sub": "users/ada", "tenant": "acme", "roles": ["admin"], "aud": AUDIENCE, "exp": time.time() + 60}
    key_id = jwt.get_unverified_header(token)["kid"]
    unsigned = jwt.encode(claims, "", algorithm="none", headers={"kid": key_id})
    for bad in (
        f"{head}.{body[:-2]}AA.{signature}",
        f"{head}.{body}.{signature[:-4]}AAAA",
        jwt.encode(claims, foreign, algorithm="EdDSA", headers={"kid": key_id}),
        jwt.encode(claims, foreign, algorithm="EdDSA", headers={"kid": "unknown"}),
        jwt.encode(claims, SECRET, algorithm="HS256"),
        jwt.encode({**claims, "sub": "services/historian"}, "another secret of sufficient length", algorithm="HS256"),
        unsigned,
        "garbage",
    ):
        assert await refused(probe, ACME, bearer(bad)) == "TOKEN_INVALID", bad


async def test_an_expired_token_is_refused(probe: Probe) -> None:
    claims = {"sub": "services/historian", "aud": AUDIENCE, "exp": time.time() - 60}
    expired = jwt.encode(claims, SECRET, algorithm="HS256")
    assert await refused(probe, ACME, bearer(expired)) == "TOKEN_EXPIRED"


async def test_a_service_reaches_every_tenant_and_the_service_methods(probe: Probe) -> None:
    service = bearer(ServiceToken("onboarding", SECRET).current())
    async with probe.people() as stub:
        await stub.ListGaps(OTHER, metadata=service)
        await stub.RegisterTags(historian.RegisterTagsRequest(parent="tenants/acme"), metadata=service)
        person = await probe.identity.bearer()
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.RegisterTags(historian.RegisterTagsRequest(parent="tenants/acme"), metadata=person)
    assert reason(raised) == "PERMISSION_MISSING"
    assert probe.seen.actors == ["services/onboarding"] * 2
    assert probe.seen.tenants == ["other", "acme"]


async def test_an_account_that_is_disabled_loses_its_tokens_and_streams(probe: Probe) -> None:
    viewer = await probe.identity.add_user("acme", "vic@acme.example", resources.ROLE_VIEWER)
    probe.historian.work = lambda: asyncio.sleep(60)
    async with probe.people() as stub:
        stream = stub.Subscribe(historian.SubscribeRequest(parent="tenants/acme"), metadata=viewer)
        await stream.read()
        async with probe.identity.as_service() as service:
            user = resources.User(name="tenants/acme/users/vic", disabled=True)
            update = messages.UpdateUserRequest(user=user)
            update.update_mask.paths.append("disabled")
            await service.UpdateUser(update)
        await probe.server.refresh_revocations()
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await read_to_the_end(stream)
        assert reason(raised) == "PRINCIPAL_DISABLED"
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.ListGaps(ACME, metadata=viewer)
        assert reason(raised) == "PRINCIPAL_DISABLED"


async def test_a_gateway_is_known_by_its_certificate(probe: Probe) -> None:
    credentials, _serial = await probe.gateway_credentials(GATEWAY)
    async with probe.gateways(credentials) as stub:
        stream = stub.Ingest()
        upload = historian.IngestRequest.Upload(sequence=7)
        await stream.write(historian.IngestRequest(upload=upload))
        response = await stream.read()
        assert isinstance(response, historian.IngestResponse)
        assert response.ack.committed_sequence == 7
        await stream.done_writing()
        assert await stream.code() is grpc.StatusCode.OK
    assert (probe.seen.actors, probe.seen.tenants) == (["gateways/press-1"], ["acme"])


async def test_a_certificate_revoked_in_mid_stream_ends_the_stream(probe: Probe) -> None:
    credentials, _serial = await probe.gateway_credentials(GATEWAY)
    async with probe.gateways(credentials) as stub:
        stream = stub.Ingest()
        await stream.write(historian.IngestRequest())
        await stream.read()
        async with probe.identity.as_service() as service:
            await service.RevokeGatewayCertificates(messages.RevokeGatewayCertificatesRequest(gateway=GATEWAY))
        started = time.monotonic()
        await probe.server.refresh_revocations()
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await read_to_the_end(stream)
        assert reason(raised) == "CERTIFICATE_REVOKED"
        assert time.monotonic() - started < 5
        assert probe.seen.streams_ended == 1
        again = stub.Ingest()
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await again.read()
        assert reason(raised) == "CERTIFICATE_REVOKED"


async def test_a_certificate_that_expires_ends_the_stream_and_the_handshake(probe: Probe) -> None:
    credentials, _serial = await probe.gateway_credentials(GATEWAY, seconds=3)
    async with probe.gateways(credentials) as stub:
        stream = stub.Ingest()
        await stream.write(historian.IngestRequest())
        await stream.read()
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stream.read()
        assert reason(raised) == "CREDENTIALS_EXPIRED"
    async with probe.gateways(credentials) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.Ingest(timeout=5).read()
        assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    assert len(probe.seen.actors) == 1


async def test_a_certificate_of_somebody_else_does_not_shake_hands(probe: Probe) -> None:
    ca = await probe.identity.stub.GetGatewayCa(messages.GetGatewayCaRequest())
    key, key_pem = make_key()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "press-1")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"dualspan:{GATEWAY}")])
    forged = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    chain = forged.public_bytes(serialization.Encoding.PEM)
    for credentials in (
        grpc.ssl_channel_credentials(ca.certificate_pem.encode(), key_pem, chain),
        grpc.ssl_channel_credentials(ca.certificate_pem.encode()),
    ):
        async with probe.gateways(credentials) as stub:
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await stub.Ingest(timeout=5).read()
            assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    assert probe.seen.actors == []


async def test_enrolment_needs_no_credentials_and_offers_nothing_else(probe: Probe) -> None:
    async with probe.enrolment() as stub:
        assert (await stub.Enrol(gateway.EnrolRequest())).gateway == "enrolled"
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.Enrol(gateway.EnrolRequest(csr_pem="x" * 200_000))
        assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert probe.seen.actors == ["anonymous"]


async def test_domain_errors_arrive_with_reason_and_metadata(probe: Probe) -> None:
    async def fail() -> None:
        raise PermissionDenied("NOT_ON_SUNDAYS", "Come back on Monday.", day="sunday")

    probe.historian.work = fail
    async with probe.people() as stub:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.ListGaps(ACME, metadata=await probe.identity.bearer())
    assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert raised.value.details() == "Come back on Monday."
    assert reason(raised) == "NOT_ON_SUNDAYS"
