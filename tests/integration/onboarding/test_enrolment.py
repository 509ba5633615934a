import asyncio
import base64
import hashlib
from datetime import UTC, datetime, timedelta

import asyncpg
import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from google.protobuf.duration_pb2 import Duration
from integration.identity.running import reason
from integration.onboarding.running import GATEWAY, TENANT, Box, Onboarding, csr_of

from dualspan.identity.v1.service_pb2 import ListAuditEventsRequest
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway_messages
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import service_pb2 as messages
from harness.databases import ClonedDatabase, execute


def new_csr() -> str:
    return csr_of(ec.generate_private_key(ec.SECP256R1()))


async def test_a_token_buys_one_certificate_of_thirty_days(onboarding: Onboarding) -> None:
    await onboarding.create_gateway()
    token = await onboarding.token()
    _, _, fingerprint, _ = token.split(".")
    ca = x509.load_pem_x509_certificate(await onboarding.ca_pem())
    digest = hashlib.sha256(ca.public_bytes(Encoding.DER)).digest()
    assert base64.urlsafe_b64decode(fingerprint + "=" * (-len(fingerprint) % 4)) == digest
    enrolled = await onboarding.enrol(token, new_csr())
    assert enrolled.gateway == GATEWAY
    leaf = x509.load_pem_x509_certificates(enrolled.certificate_chain_pem.encode())[0]
    left = leaf.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(days=29) < left <= timedelta(days=30)
    gateway = await onboarding.get_gateway()
    assert gateway.state == resources.GATEWAY_STATE_OFFLINE
    assert gateway.certificate_expire_time.ToDatetime(UTC) == leaf.not_valid_after_utc
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await onboarding.enrol(token, new_csr())
    assert reason(caught) == "ENROLMENT_TOKEN_USED"


async def test_of_two_boxes_with_one_token_only_one_gets_in(onboarding: Onboarding) -> None:
    await onboarding.create_gateway()
    token = await onboarding.token()
    attempts = await asyncio.gather(*(onboarding.enrol(token, new_csr()) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(each, gateway_messages.EnrolResponse) for each in attempts) == 1


async def test_expired_superseded_and_unknown_tokens_are_told_apart(
    onboarding: Onboarding, database: ClonedDatabase
) -> None:
    await onboarding.create_gateway()
    superseded = await onboarding.token()
    token = await onboarding.token()
    unknown = token.rpartition(".")[0] + ".A" + token.rpartition(".")[2]
    for text, expected in ((superseded, "ENROLMENT_TOKEN_SUPERSEDED"), (unknown, "ENROLMENT_TOKEN_UNKNOWN")):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await onboarding.enrol(text, new_csr())
        assert reason(caught) == expected
        assert "g1" not in (caught.value.details() or ""), "an error names no gateway"
        assert "acme" not in (caught.value.details() or "")
    await execute(
        database.admin_url,
        "UPDATE onboarding.enrolment_token"
        " SET created_at = now() - interval '2 hours', expire_at = now() - interval '1 hour'",
    )
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await onboarding.enrol(token, new_csr())
    assert reason(caught) == "ENROLMENT_TOKEN_EXPIRED"


async def test_a_bad_request_does_not_cost_the_token(onboarding: Onboarding) -> None:
    await onboarding.create_gateway()
    token = await onboarding.token()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await onboarding.enrol(token, "not a CSR")
    assert reason(caught) == "CSR_REFUSED"
    await onboarding.enrol(token, new_csr())


async def test_the_secret_is_hashed_at_rest(onboarding: Onboarding, database: ClonedDatabase) -> None:
    await onboarding.create_gateway()
    secret = (await onboarding.token()).rpartition(".")[2]
    connection = await asyncpg.connect(database.admin_url)
    try:
        rows = await connection.fetch("SELECT t.*::text AS whole FROM onboarding.enrolment_token AS t")
        stored = await connection.fetchval("SELECT secret_sha256 FROM onboarding.enrolment_token")
    finally:
        await connection.close()
    assert all(secret not in str(row) for row in rows)
    assert stored == hashlib.sha256(secret.encode()).digest()


@pytest.mark.parametrize("seconds", [0, -1, 3601, 10**12, -(10**12)])
async def test_a_token_lives_at_most_an_hour(onboarding: Onboarding, seconds: int) -> None:
    await onboarding.create_gateway()
    request = messages.CreateEnrolmentTokenRequest(gateway=GATEWAY, lifetime=Duration(seconds=seconds))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await onboarding.stub.CreateEnrolmentToken(request, metadata=onboarding.engineer)
    assert reason(caught) == "LIFETIME_OUT_OF_RANGE"


async def test_a_certificate_is_renewed_by_who_has_one(onboarding: Onboarding) -> None:
    await onboarding.create_gateway()
    box = await onboarding.box()
    async with box.stub() as stub:
        renewed = await stub.RenewCertificate(gateway_messages.RenewCertificateRequest(csr_pem=new_csr()))
    old, new = (
        x509.load_pem_x509_certificates(chain.encode())[0]
        for chain in (box.enrolled.certificate_chain_pem, renewed.certificate_chain_pem)
    )
    assert old.serial_number != new.serial_number
    assert old.extensions.get_extension_for_class(x509.SubjectAlternativeName).value == (
        new.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    )


async def test_a_revoked_gateway_is_cut_off_and_may_enrol_again(onboarding: Onboarding) -> None:
    await onboarding.create_gateway()
    box = await onboarding.box()
    async with box.connected() as stream:
        await stream.configuration()
        request = messages.RevokeGatewayRequest(name=GATEWAY, reason="stolen")
        revoked = await onboarding.stub.RevokeGateway(request, metadata=onboarding.engineer)
        assert revoked.state == resources.GATEWAY_STATE_REVOKED
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stream.next("configuration")
        assert reason(caught) in {"GATEWAY_REVOKED", "CERTIFICATE_REVOKED"}
    async with box.stub() as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.RenewCertificate(gateway_messages.RenewCertificateRequest(csr_pem=new_csr()))
        assert reason(caught) in {"GATEWAY_REVOKED", "CERTIFICATE_REVOKED"}
    again = await eventually_enrolled(onboarding)
    async with again.connected() as stream:
        await stream.configuration()
    assert (await onboarding.get_gateway()).state != resources.GATEWAY_STATE_REVOKED


async def eventually_enrolled(onboarding: Onboarding) -> Box:
    """Enrols as soon as the revocation has been carried out."""
    async with asyncio.timeout(15):
        while True:
            try:
                return await onboarding.box()
            except grpc.aio.AioRpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    raise
            await asyncio.sleep(0.1)


async def test_what_is_done_reaches_the_audit_log(onboarding: Onboarding) -> None:
    await onboarding.create_gateway()
    await onboarding.box()
    request = messages.RevokeGatewayRequest(name=GATEWAY, reason="stolen")
    await onboarding.stub.RevokeGateway(request, metadata=onboarding.engineer)
    expected = {"gateway.create", "gateway.create_enrolment_token", "gateway.enrol", "gateway.revoke"}
    async with onboarding.identity.as_service() as service, asyncio.timeout(15):
        while True:
            page = await service.ListAuditEvents(ListAuditEventsRequest(parent=TENANT, page_size=1000))
            events = {event.action: event for event in page.audit_events}
            if expected <= set(events):
                break
            await asyncio.sleep(0.1)
    assert events["gateway.enrol"].actor == "gateways/g1"
    assert events["gateway.create"].actor.startswith("users/")
    assert events["gateway.create"].resource == GATEWAY
    assert dict(events["gateway.revoke"].details) == {"reason": "stolen"}
