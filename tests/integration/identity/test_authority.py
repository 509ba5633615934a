import asyncio

import grpc
import pytest
from cryptography import x509
from google.protobuf.duration_pb2 import Duration
from integration.identity.running import Identity, platform, reason, run_identity

from dualspan.identity.v1 import service_pb2 as messages
from dualspan_identity.__main__ import build
from dualspan_identity.sealing import SealError
from dualspan_identity.settings import IdentitySettings
from dualspan_runtime.certificates import make_csr, make_key

GATEWAY = "tenants/acme/gateways/press-1"


def csr() -> str:
    key, _pem = make_key()
    return make_csr(key, "press-1")


async def ca_of(identity: Identity) -> messages.GetGatewayCaResponse:
    return await identity.stub.GetGatewayCa(messages.GetGatewayCaRequest())


async def test_replicas_that_start_together_have_one_ca_and_one_key(settings: IdentitySettings) -> None:
    async with run_identity(settings) as one, run_identity(settings) as two:
        assert await ca_of(one) == await ca_of(two)
        asked = messages.ListSigningKeysRequest()
        keys = await one.stub.ListSigningKeys(asked)
        assert keys == await two.stub.ListSigningKeys(asked)
        assert len(keys.keys) == 1
        assert keys.keys[0].public_key_pem.startswith("-----BEGIN PUBLIC KEY-----")


async def test_with_another_secret_the_service_says_so_and_does_not_start(
    identity: Identity, settings: IdentitySettings
) -> None:
    other = settings.model_copy(update={"platform": platform(service_secret="another secret altogether")})
    with pytest.raises(SealError, match="DUALSPAN_SERVICE_SECRET"):
        async with build(other):
            pytest.fail("it started")


async def test_only_services_have_certificates_signed(identity: Identity) -> None:
    request = messages.SignGatewayCertificateRequest(gateway=GATEWAY, csr_pem=csr())
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await identity.stub.SignGatewayCertificate(request, metadata=await identity.bearer())
    assert reason(raised) == "PERMISSION_MISSING"


async def test_revoking_names_every_certificate_of_the_gateway_until_it_expires(identity: Identity) -> None:
    sign = messages.SignGatewayCertificateRequest(gateway=GATEWAY, csr_pem=csr())
    short = messages.SignGatewayCertificateRequest(gateway=GATEWAY, csr_pem=csr(), lifetime=Duration(seconds=1))
    neighbour = messages.SignGatewayCertificateRequest(gateway="tenants/acme/gateways/press-2", csr_pem=csr())
    revoke = messages.RevokeGatewayCertificatesRequest(gateway=GATEWAY, reason="stolen")
    listed = messages.ListRevokedCertificatesRequest()
    async with identity.as_service() as service:
        first, second = await service.SignGatewayCertificate(sign), await service.SignGatewayCertificate(short)
        await service.SignGatewayCertificate(neighbour)
        assert list((await service.ListRevokedCertificates(listed)).serials) == []
        await service.RevokeGatewayCertificates(revoke)
        assert first.serial in (await service.ListRevokedCertificates(listed)).serials
        later = await service.SignGatewayCertificate(sign)
        assert second.serial != first.serial != later.serial
        await asyncio.sleep(1.1)
        assert list((await service.ListRevokedCertificates(listed)).serials) == [first.serial]
    events = await identity.stub.ListAuditEvents(
        messages.ListAuditEventsRequest(parent="tenants/acme"), metadata=await identity.bearer()
    )
    revoked = [event for event in events.audit_events if event.action == "gateway.certificates_revoke"]
    assert [(event.actor, event.resource, dict(event.details)) for event in revoked] == [
        ("services/onboarding", GATEWAY, {"reason": "stolen", "certificates": "2"})
    ]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (messages.SignGatewayCertificateRequest(gateway="press-1", csr_pem=csr()), "MALFORMED_NAME"),
        (messages.SignGatewayCertificateRequest(gateway=GATEWAY, csr_pem="garbage"), "BAD_CSR"),
        (messages.SignGatewayCertificateRequest(gateway="tenants/x/gateways/g", csr_pem=csr()), "TENANT_NOT_FOUND"),
        (
            messages.SignGatewayCertificateRequest(gateway=GATEWAY, csr_pem=csr(), lifetime=Duration(seconds=-1)),
            "MALFORMED_FIELD",
        ),
    ],
)
async def test_what_cannot_be_signed_is_refused(
    identity: Identity, request_: messages.SignGatewayCertificateRequest, expected: str
) -> None:
    async with identity.as_service() as service:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await service.SignGatewayCertificate(request_)
    assert reason(raised) == expected


async def test_a_server_certificate_has_its_hosts(identity: Identity) -> None:
    async with identity.as_service() as service:
        request = messages.SignServerCertificateRequest(csr_pem=csr(), hosts=["localhost", "127.0.0.1"])
        issued = await service.SignServerCertificate(request)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await service.SignServerCertificate(messages.SignServerCertificateRequest(csr_pem=csr()))
    assert reason(raised) == "MALFORMED_FIELD"
    leaf, ca = x509.load_pem_x509_certificates(issued.chain_pem.encode())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert ca.subject == leaf.issuer
