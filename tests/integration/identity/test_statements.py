"""Statements in the platform's name: for services only, one key of all replicas, kept sealed, told in the audit log."""

import hashlib

import asyncpg
import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from integration.identity.running import Identity, reason, run_identity

from dualspan.identity.v1 import service_pb2 as messages
from dualspan.identity.v1.statement_service_pb2 import SignStatementRequest, SignStatementResponse
from dualspan.identity.v1.statement_service_pb2_grpc import StatementServiceStub
from dualspan_identity.settings import IdentitySettings
from dualspan_identity.statements import pre_authentication_encoding
from dualspan_runtime.channels import open_channel
from harness.databases import ClonedDatabase

KIND = "application/vnd.dualspan.completeness.v1+json"


async def sign(identity: Identity, payload: bytes = b"{}", kind: str = KIND) -> SignStatementResponse:
    secret = identity.settings.platform.service_secret
    async with open_channel(identity.address, service="historian", secret=secret) as channel:
        request = SignStatementRequest(parent="tenants/acme", payload_type=kind, payload=payload)
        return await StatementServiceStub(channel).SignStatement(request)


async def test_a_statement_is_signed_by_a_key_that_the_ca_vouches_for(identity: Identity) -> None:
    signed = await sign(identity, b'{"a":1}')
    leaf, ca = x509.load_pem_x509_certificates(signed.certificate_chain_pem.encode())
    leaf.verify_directly_issued_by(ca)
    known = await identity.stub.GetGatewayCa(messages.GetGatewayCaRequest())
    assert ca == x509.load_pem_x509_certificate(known.certificate_pem.encode())
    key = leaf.public_key()
    assert isinstance(key, Ed25519PublicKey)
    key.verify(signed.signature, pre_authentication_encoding(KIND, b'{"a":1}'))


async def test_replicas_that_sign_at_the_same_time_have_one_key(settings: IdentitySettings) -> None:
    async with run_identity(settings) as one, run_identity(settings) as two:
        assert (await sign(one)).key_id == (await sign(two)).key_id


async def test_the_key_is_sealed_and_the_signature_told(identity: Identity, database: ClonedDatabase) -> None:
    await sign(identity, b'{"b":2}')
    connection = await asyncpg.connect(database.admin_url)
    sealed = await connection.fetchval("SELECT sealed_private_key FROM identity.statement_key")
    await connection.close()
    assert len(sealed) == 12 + 32 + 16
    request = messages.ListAuditEventsRequest(parent="tenants/acme")
    events = (await identity.stub.ListAuditEvents(request, metadata=await identity.bearer())).audit_events
    told = next(event for event in events if event.action == "statement.sign")
    assert told.actor == "services/historian"
    assert told.details["sha256"] == hashlib.sha256(b'{"b":2}').hexdigest()


@pytest.mark.parametrize(
    ("payload", "kind"), [(b"", KIND), (b"{}", "text/plain"), (b"{}", "application/vnd.other+json")]
)
async def test_what_the_platform_does_not_state_is_not_signed(identity: Identity, payload: bytes, kind: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await sign(identity, payload, kind)
    assert reason(raised) == "MALFORMED_FIELD"


async def test_people_have_nothing_signed(identity: Identity) -> None:
    async with open_channel(identity.address) as channel:
        request = SignStatementRequest(parent="tenants/acme", payload_type=KIND, payload=b"{}")
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await StatementServiceStub(channel).SignStatement(request, metadata=await identity.bearer())
    assert reason(raised) == "PERMISSION_MISSING"
