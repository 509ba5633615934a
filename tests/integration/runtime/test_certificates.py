import asyncio
import ssl
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc.aio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from integration.identity.running import Identity
from integration.runtime.probe import Probe, eventually, run_probe

from dualspan.historian.v1 import service_pb2 as historian
from dualspan.historian.v1.service_pb2_grpc import HistorianServiceStub
from dualspan.identity.v1 import service_pb2 as messages
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan_runtime import certificates
from dualspan_runtime.certificates import make_csr, make_key
from dualspan_runtime.server import ListenerKind

ACME = historian.ListGapsRequest(parent="tenants/acme")


def shown_by(port: int) -> x509.Certificate:
    """The certificate that a listener shows to whoever connects now."""
    return x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", port), timeout=10).encode())


async def test_a_renewed_certificate_is_shown_and_open_connections_go_on(
    probe: Probe,
) -> None:
    port = probe.server.port(ListenerKind.ENROLMENT)
    before = await asyncio.to_thread(shown_by, port)
    async with probe.enrolment() as stub:
        await stub.Enrol(gateway.EnrolRequest())
        assert probe.server.certificate is not None
        await probe.server.certificate.obtain()
        after = await asyncio.to_thread(shown_by, port)
        await stub.Enrol(gateway.EnrolRequest())
    assert after.serial_number != before.serial_number
    async with probe.enrolment() as stub:
        await stub.Enrol(gateway.EnrolRequest())


async def test_a_listener_is_told_of_a_new_certificate_once(probe: Probe) -> None:
    certificate = probe.server.certificate
    assert certificate is not None
    told = [certificates.Replacement(certificate, certificate.current()) for _ in range(2)]
    assert [each() for each in told] == [None, None]
    await certificate.obtain()
    assert [each() for each in told] == [certificate.current()] * 2
    assert [each() for each in told] == [None, None]


async def test_renewal_begins_by_itself_when_two_thirds_have_passed(
    identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificates, "_RETRY_SECONDS", 0.05)
    due: list[bool] = []

    def delay(chain_pem: bytes, now: datetime) -> float:
        assert chain_pem.startswith(b"-----BEGIN CERTIFICATE-----")
        assert now - datetime.now(UTC) < timedelta(seconds=1)
        due.append(True)
        return 0.0 if len(due) == 1 else 3600.0

    monkeypatch.setattr(certificates, "renewal_delay", delay)
    async with run_probe(identity) as probe:
        await eventually(lambda: len(due) == 2)
        async with probe.enrolment() as stub:
            await stub.Enrol(gateway.EnrolRequest())


async def test_the_peoples_listener_speaks_tls_when_it_has_a_certificate(identity: Identity, tmp_path: Path) -> None:
    key, key_pem = make_key()
    async with identity.as_service() as service:
        request = messages.SignServerCertificateRequest(csr_pem=make_csr(key, "x"), hosts=["localhost"])
        issued = await service.SignServerCertificate(request)
    chain_file, key_file = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain_file.write_text(issued.chain_pem)
    key_file.write_bytes(key_pem)
    ca = x509.load_pem_x509_certificates(issued.chain_pem.encode())[1].public_bytes(serialization.Encoding.PEM)
    async with run_probe(identity, tls_certificate_file=str(chain_file), tls_key_file=str(key_file)) as probe:
        address = f"localhost:{probe.server.port(ListenerKind.PEOPLE)}"
        async with grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(ca)) as channel:
            await HistorianServiceStub(channel).ListGaps(ACME, metadata=await identity.bearer())
        async with probe.people() as stub:
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.ListGaps(ACME, metadata=await identity.bearer())


async def test_metrics_tell_rate_errors_and_duration_of_each_method(
    identity: Identity, free_port: Callable[[], int]
) -> None:
    port = free_port()
    async with run_probe(identity, metrics_listen=f"127.0.0.1:{port}") as probe:
        async with probe.people() as stub:
            await stub.ListGaps(ACME, metadata=await identity.bearer())
            with pytest.raises(grpc.aio.AioRpcError):
                await stub.ListGaps(ACME)
        url = f"http://127.0.0.1:{port}/metrics"
        text = (await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=5).read())).decode()
    method = 'method="/dualspan.historian.v1.HistorianService/ListGaps"'
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("dualspan_"))
    assert float(lines[f'dualspan_rpc_calls_total{{code="OK",{method}}}']) >= 1
    assert float(lines[f'dualspan_rpc_calls_total{{code="UNAUTHENTICATED",{method}}}']) >= 1
    assert float(lines[f'dualspan_rpc_seconds_count{{kind="unary",{method}}}']) >= 2
    assert float(lines[f"dualspan_rpc_running{{{method}}}"]) == 0
    assert 'dualspan_database_connections{schema="identity",state="open"}' in lines
