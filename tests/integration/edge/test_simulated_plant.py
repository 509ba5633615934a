"""A simulated plant that is found, is tested, and calls: it refuses clients that it does not know."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from integration.edge.running import until
from integration.plc_sim.client import HOSTS, PASSWORD, USER
from integration.plc_sim.conftest import options

from dualspan.onboarding.v1 import discovery_pb2, resources_pb2
from dualspan.onboarding.v1.gateway_service_pb2 import ConnectResponse
from dualspan_edge.clock import PlatformClock
from dualspan_edge.diagnosis import ConnectionTester
from dualspan_edge.discovery import Finder
from dualspan_edge.notices import NoticeBoard
from dualspan_edge.opcua.own_certificates import OwnCertificates
from dualspan_edge.opcua.reverse import ReverseListener
from dualspan_edge.opcua.trust_desk import TrustDesk
from plc_sim.opcua import certificate
from plc_sim.plant_server import PlantServer
from plc_sim.plants import make_plant

URI = "urn:dualspan:plc-sim:curing"


@asynccontextmanager
async def simulated(folder: Path, *calls: str) -> AsyncGenerator[PlantServer]:
    certificate.load_or_create(folder / "curing", URI, "Test curing", HOSTS)
    how = replace(options(), enforce_trust=True, calls=calls)
    server = PlantServer(make_plant("curing", 11), how, folder / "curing", HOSTS)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@pytest.fixture
def trust(tmp_path: Path) -> TrustDesk:
    return TrustDesk(OwnCertificates(tmp_path / "own", "box"), NoticeBoard())


async def failures(trust: TrustDesk, way: resources_pb2.OpcUaServer) -> dict[str, str]:
    """What fails, with its finding, by step."""
    command = ConnectResponse.Command()
    command.test_connection.opc_ua_server.CopyFrom(way)
    report = await ConnectionTester(trust, PlatformClock()).run(command, lambda *_: None)
    return {
        discovery_pb2.ConnectionStep.Name(check.step).removeprefix("CONNECTION_STEP_"): check.finding
        for check in report.test_connection.checks
        if check.verdict == discovery_pb2.CONNECTION_VERDICT_FAILED
    }


async def test_a_simulated_plant_is_found_and_tested_until_both_sides_trust_each_other(
    tmp_path: Path, trust: TrustDesk
) -> None:
    async with simulated(tmp_path) as plant:
        scope = discovery_pb2.DiscoveryScope(addresses=[plant.endpoint_url])
        found = await Finder(list).run(ConnectResponse.Command(discover=scope), lambda *_: None)
        (server,) = found.discover.servers
        assert server.application_uri == URI
        facts = server.endpoints[0].certificate_facts
        assert not facts.problems, "its certificate is made as Part 6 wants it"
        way = resources_pb2.OpcUaServer(
            endpoint_url=plant.endpoint_url, username=USER, password=PASSWORD, server_uri=server.application_uri
        )
        plant.trust_list.replace([b"\x30\x00"])  # somebody else is trusted, so that the gateway is a stranger
        failed = await failures(trust, way)
        assert set(failed) == {"SERVER_TRUST", "GATEWAY_TRUST"}
        assert facts.sha256 in failed["SERVER_TRUST"]
        way.trusted_certificate_sha256 = facts.sha256
        assert set(await failures(trust, way)) == {"GATEWAY_TRUST"}
        plant.trust_list.replace([trust.instance_for("curing").certificate.public_bytes(Encoding.DER)])
        assert await failures(trust, way) == {}
        way.password = "wrong"
        assert set(await failures(trust, way)) == {"USER"}


async def test_a_simulated_plant_calls(tmp_path: Path, trust: TrustDesk, free_port: Callable[[], int]) -> None:
    port = free_port()
    calls = ReverseListener(f"127.0.0.1:{port}")
    trust.dial = calls.dial
    listening = asyncio.create_task(calls.run())
    try:
        await until(lambda: calls.bound is not None, "it listens")
        async with simulated(tmp_path, f"127.0.0.1:{port}") as plant:
            await until(lambda: bool(calls.strangers()), "a stranger called")
            assert calls.strangers()[0].hello.server_uri == URI
            calls.expect([URI])
            plant.trust_list.replace([trust.instance_for("curing").certificate.public_bytes(Encoding.DER)])
            shown = certificate.load_or_create(tmp_path / "curing", URI, "Test curing", HOSTS)
            way = resources_pb2.OpcUaServer(
                endpoint_url=plant.endpoint_url,
                username=USER,
                password=PASSWORD,
                reverse_connect=True,
                server_uri=URI,
                trusted_certificate_sha256=shown.sha256,
            )
            assert await failures(trust, way) == {}
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
