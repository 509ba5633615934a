"""Connection tests against real servers that are well, and that are not: what is said, and what is not given away."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from integration.edge.plant import Plant

from dualspan.onboarding.v1 import discovery_pb2, resources_pb2
from dualspan.onboarding.v1.gateway_service_pb2 import ConnectResponse
from dualspan_edge.clock import PlatformClock
from dualspan_edge.diagnosis import ConnectionTester
from dualspan_edge.notices import NoticeBoard
from dualspan_edge.opcua.own_certificates import OwnCertificates
from dualspan_edge.opcua.trust_desk import TrustDesk
from dualspan_edge.opcua.unsecured import DiscoveryChannel, Endpoints
from harness.node_opcua import NodeOpcUaServer, NodeOpcUaSettings, run_node_opcua

PASSED = discovery_pb2.CONNECTION_VERDICT_PASSED
WARNING = discovery_pb2.CONNECTION_VERDICT_WARNING
FAILED = discovery_pb2.CONNECTION_VERDICT_FAILED
SKIPPED = discovery_pb2.CONNECTION_VERDICT_SKIPPED


class Outcome:
    """An outcome, by step."""

    def __init__(self, response: discovery_pb2.TestConnectionResponse) -> None:
        self.response = response
        self._checks = {
            discovery_pb2.ConnectionStep.Name(check.step).removeprefix("CONNECTION_STEP_"): check
            for check in response.checks
        }

    def __getitem__(self, step: str) -> discovery_pb2.ConnectionCheck:
        return self._checks[step]

    def verdicts(self, verdict: int) -> list[str]:
        return [step for step, check in self._checks.items() if check.verdict == verdict]


@pytest.fixture
def trust(tmp_path: Path) -> TrustDesk:
    return TrustDesk(OwnCertificates(tmp_path / "own", "box"), NoticeBoard())


async def outcome_of(trust: TrustDesk, url: str, *, clock: PlatformClock | None = None, **settings: Any) -> Outcome:
    way: dict[str, Any] = {
        "endpoint_url": url,
        "security_mode": resources_pb2.SECURITY_MODE_SIGN_AND_ENCRYPT,
    } | settings
    command = ConnectResponse.Command()
    command.test_connection.opc_ua_server.CopyFrom(resources_pb2.OpcUaServer(**way))
    steps: list[int] = []
    tester = ConnectionTester(trust, clock or PlatformClock())
    report = await tester.run(command, lambda _step, percent: steps.append(percent))
    assert steps == sorted(steps)
    assert len(report.test_connection.checks) == 14, "every step is told of"
    for check in report.test_connection.checks:
        assert check.finding
        assert check.remedy or check.verdict not in {FAILED, WARNING}, f"what is to be done? {check}"
    return Outcome(report.test_connection)


async def test_a_server_that_is_well_passes(plant: Plant, trust: TrustDesk) -> None:
    outcome = await outcome_of(trust, plant.url, trusted_certificate_sha256=plant.certificate_sha256)
    assert not outcome.verdicts(FAILED)
    # The plant's certificate names another host, and is not made for servers.
    assert outcome.verdicts(WARNING) == ["HOSTNAME", "SERVER_CERTIFICATE"]
    assert outcome.response.endpoint.certificate == plant.certificate_der
    assert len(outcome.response.gateway_certificate_sha1) == 40


async def test_without_security_no_certificates_are_looked_at(plant: Plant, trust: TrustDesk) -> None:
    outcome = await outcome_of(trust, plant.url, security_mode=resources_pb2.SECURITY_MODE_NONE)
    assert not outcome.verdicts(FAILED)
    assert {"HOSTNAME", "SERVER_TRUST", "GATEWAY_TRUST"} <= set(outcome.verdicts(SKIPPED))
    assert outcome["READ"].verdict == PASSED


async def test_a_certificate_that_nobody_approved_fails_and_the_rest_is_tried(plant: Plant, trust: TrustDesk) -> None:
    outcome = await outcome_of(trust, plant.url)
    assert outcome.verdicts(FAILED) == ["SERVER_TRUST"]
    assert plant.certificate_sha256 in outcome["SERVER_TRUST"].finding
    assert outcome["GATEWAY_TRUST"].verdict == PASSED


async def test_a_password_is_not_sent_to_a_server_that_nobody_approved(
    plant: Plant, trust: TrustDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asyncua import Client

    async def never(*_: object, **__: object) -> None:
        raise AssertionError("the password was sent")

    monkeypatch.setattr(Client, "activate_session", never)
    settings: dict[str, Any] = {"username": "operator", "password": "secret"}
    monkeypatch.setattr("dualspan_edge.diagnosis.tester.ConnectionTester._match", _match_any_user)
    outcome = await outcome_of(trust, plant.url, **settings)
    assert outcome["USER"].verdict == FAILED
    assert "not sent" in outcome["USER"].finding


def _match_any_user(_: ConnectionTester, test: Any, endpoints: Endpoints) -> Any:
    from dualspan_edge.opcua.security import match_endpoint

    return match_endpoint(endpoints.descriptions, test.configuration)


async def test_a_clock_that_is_wrong_is_said_with_whose_it_is(
    plant: Plant, trust: TrustDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = DiscoveryChannel.endpoints

    async def later(channel: DiscoveryChannel) -> Endpoints:
        endpoints = await original(channel)
        assert endpoints.clock is not None
        shifted = type(endpoints.clock)(endpoints.clock.offset - 600_000_000, endpoints.clock.round_trip)
        return Endpoints(endpoints.descriptions, shifted)

    monkeypatch.setattr(DiscoveryChannel, "endpoints", later)
    approved: dict[str, Any] = {"trusted_certificate_sha256": plant.certificate_sha256}
    outcome = await outcome_of(trust, plant.url, **approved)
    assert outcome["CLOCK"].verdict == WARNING
    assert "600 s ahead" in outcome["CLOCK"].finding
    assert "the server" in outcome["CLOCK"].remedy
    outcome = await outcome_of(trust, plant.url, clock=PlatformClock(-600_000_000), **approved)
    assert "the gateway" in outcome["CLOCK"].remedy, "the server agrees with the platform"


async def test_an_endpoint_that_the_server_does_not_have(plant: Plant, trust: TrustDesk) -> None:
    outcome = await outcome_of(trust, plant.url, security_mode=resources_pb2.SECURITY_MODE_SIGN)
    assert outcome.verdicts(FAILED) == ["ENDPOINT_MATCH"]
    assert "Basic256Sha256/SignAndEncrypt" in outcome["ENDPOINT_MATCH"].finding


async def test_another_server_than_the_one_that_is_expected(plant: Plant, trust: TrustDesk) -> None:
    outcome = await outcome_of(trust, plant.url, server_uri="urn:test:somebody-else")
    assert "urn:test:somebody-else" in outcome["ENDPOINT_MATCH"].finding


@pytest.mark.parametrize(
    ("url", "step", "words"),
    [
        ("opc.tcp://there-is-no-such-host.invalid:4840", "RESOLVE", "not known"),
        ("opc.tcp://127.0.0.1:{port}", "CONNECT", "nothing listens"),
    ],
)
async def test_an_address_where_nothing_is(
    trust: TrustDesk, free_port: Callable[[], int], url: str, step: str, words: str
) -> None:
    outcome = await outcome_of(trust, url.format(port=free_port()))
    assert outcome.verdicts(FAILED) == [step]
    assert words in outcome[step].finding
    assert outcome["READ"].verdict == SKIPPED


async def test_what_is_no_opc_ua_server(trust: TrustDesk) -> None:
    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(web, "127.0.0.1", 0) as server:
        outcome = await outcome_of(trust, f"opc.tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert outcome.verdicts(FAILED) == ["HELLO"]
    assert "port" in outcome["HELLO"].remedy


async def test_the_gateways_own_certificate_has_ended(
    plant: Plant, trust: TrustDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Later(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return dt.datetime.now(tz) + dt.timedelta(days=365 * 6)

    class LaterModule:
        datetime, timedelta, UTC = Later, dt.timedelta, dt.UTC

    monkeypatch.setattr("dualspan_edge.diagnosis.certificates.dt", LaterModule)
    outcome = await outcome_of(trust, plant.url, trusted_certificate_sha256=plant.certificate_sha256)
    assert outcome["GATEWAY_CERTIFICATE"].verdict == FAILED
    assert outcome["SERVER_CERTIFICATE"].verdict == WARNING
    assert "ended" in outcome["SERVER_CERTIFICATE"].finding


@contextlib.asynccontextmanager
async def strict(tmp_path: Path, port: int) -> AsyncGenerator[tuple[NodeOpcUaServer, str]]:
    """A server of another make that trusts no client yet, and lets in nobody without a password."""
    settings = NodeOpcUaSettings(port, str(tmp_path / "pki"), accept_every_client=False, anonymous=False)
    async with run_node_opcua(settings) as server:
        yield server, f"opc.tcp://127.0.0.1:{port}/UA/Test"


async def test_a_server_of_another_make_that_does_not_trust_the_gateway(
    tmp_path: Path, trust: TrustDesk, free_port: Callable[[], int]
) -> None:
    async with strict(tmp_path, free_port()) as (server, url):
        nobody = await outcome_of(trust, url)
        assert nobody.verdicts(FAILED) == ["ENDPOINT_MATCH"]
        assert "user name" in nobody["ENDPOINT_MATCH"].remedy
        user: dict[str, Any] = {"username": server.settings.username, "password": server.settings.password}
        first = await outcome_of(trust, url, **user)
        assert first.verdicts(FAILED) == ["SERVER_TRUST", "GATEWAY_TRUST"]
        assert "does not trust the gateway" in first["GATEWAY_TRUST"].finding
        assert "rejected" in first["GATEWAY_TRUST"].remedy
        assert first["GATEWAY_TRUST"].status_code != 0
        shown: dict[str, Any] = {"trusted_certificate_sha256": first.response.endpoint.certificate_facts.sha256}
        assert server.trust_rejected() == 1
        await _until_trusted(trust, url, user | shown)
        mistyped: dict[str, Any] = user | shown | {"password": "wrong"}
        wrong = await outcome_of(trust, url, **mistyped)
        assert wrong.verdicts(FAILED) == ["USER"]
        assert "password" in wrong["USER"].finding
        well = await outcome_of(trust, url, **user, **shown)
        assert not well.verdicts(FAILED)
        clear = await outcome_of(trust, url, **user, security_mode=resources_pb2.SECURITY_MODE_NONE)
        assert clear.verdicts(FAILED) == ["USER"], "no password without a certificate that is approved"


async def _until_trusted(trust: TrustDesk, url: str, settings: dict[str, Any]) -> None:
    """The server looks into its folders every now and then."""
    for _ in range(100):
        if not (await outcome_of(trust, url, **settings)).verdicts(FAILED):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the server does not trust the gateway")
