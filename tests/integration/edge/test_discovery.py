"""A search over real sockets: servers of two makes, what is no server, and what nobody listens at."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, Server
from integration.edge.plant import Plant
from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from dualspan.onboarding.v1 import discovery_pb2, resources_pb2
from dualspan.onboarding.v1.gateway_service_pb2 import ConnectResponse
from dualspan_edge.discovery import Finder
from dualspan_edge.discovery.multicast import SERVICE_TYPE, NoMulticastError, listen
from dualspan_edge.opcua.reverse import ReverseHello, Stranger
from harness.node_opcua import NodeOpcUaSettings, run_node_opcua
from plc_sim.opcua.core import QuickInternalServer

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]


async def find(*addresses: str, **scope: Any) -> discovery_pb2.DiscoverServersResponse:
    steps: list[int] = []
    command = ConnectResponse.Command(discover=discovery_pb2.DiscoveryScope(addresses=addresses, **scope))
    report = await Finder(list).run(command, lambda _step, percent: steps.append(percent))
    assert steps == sorted(steps)
    return report.discover


async def find_one(address: str, **scope: Any) -> discovery_pb2.DiscoveredServer:
    (server,) = (await find(address, **scope)).servers
    return server


@contextlib.asynccontextmanager
async def listening(behaviour: Behaviour) -> AsyncGenerator[str]:
    server = await asyncio.start_server(behaviour, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_server_is_described_as_it_is(plant: Plant) -> None:
    server = await find_one(plant.url)
    assert server.reached
    assert server.application_type == discovery_pb2.APPLICATION_TYPE_CLIENT_AND_SERVER
    assert server.application_uri == plant.server._application_uri
    assert abs(server.clock_offset.ToMilliseconds()) < 1000
    assert server.software.product_name
    best, plain = server.endpoints
    assert best.security_mode == resources_pb2.SECURITY_MODE_SIGN_AND_ENCRYPT
    assert best.security_policy == resources_pb2.SECURITY_POLICY_BASIC256SHA256
    assert best.usable
    assert best.certificate == plant.certificate_der
    assert best.certificate_facts.sha256 == plant.certificate_sha256
    assert best.certificate_facts.key_bits == 2048
    assert any("made for" in problem for problem in best.certificate_facts.problems), "it is not made for 127.0.0.1"
    assert discovery_pb2.USER_TOKEN_TYPE_ANONYMOUS in best.user_token_types
    assert plain.security_mode == resources_pb2.SECURITY_MODE_NONE
    assert "no security" in plain.detail


async def test_a_server_of_another_make_says_its_software_and_its_limits(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    async with run_node_opcua(NodeOpcUaSettings(free_port(), str(tmp_path / "pki"))) as other:
        server = await find_one(other.url.replace(other.url.split("/")[2], f"127.0.0.1:{other.settings.port}"))
        assert server.application_uri == other.application_uri
        assert server.software.product_name == "Machine of another make"
        assert server.software.software_version == "4.2"
        assert server.limits.sessions > 0
        assert server.limits.nodes_per_read > 0
        assert server.limits.minimum_sampling_interval.ToMilliseconds() > 0
        quiet = await find_one(server.discovery_url, endpoints_only=True)
        assert quiet.endpoints == server.endpoints
        assert not quiet.HasField("software"), "no session was opened"


async def test_what_a_server_announces_is_listed_and_not_asked(plant: Plant) -> None:
    asked: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(100))
        writer.close()

    async with listening(note) as address:
        other = Server(iserver=QuickInternalServer())
        await other.init()
        other.set_endpoint(f"opc.tcp://{address}/")
        await other.set_application_uri("urn:test:announced")
        async with Client(plant.url) as client:
            await client.register_server(other)
        found = await find(plant.url)
    announced = {server.application_uri: server for server in found.servers}["urn:test:announced"]
    assert announced.source == discovery_pb2.DISCOVERY_SOURCE_FIND_SERVERS
    assert announced.announced_by == plant.url
    assert not announced.reached
    assert found.asked_addresses == 1
    assert not asked, "only what is named is asked"


async def test_an_address_that_is_named_says_why_nothing_is_there(free_port: Callable[[], int]) -> None:
    closed = await find_one(f"127.0.0.1:{free_port()}")
    assert not closed.reached
    assert "nothing listens at this port" in closed.detail
    unknown = await find_one("there-is-no-such-host.invalid")
    assert "not known" in unknown.detail


async def test_what_a_range_names_is_listed_only_where_something_answers(
    plant: Plant, free_port: Callable[[], int]
) -> None:
    found = await find("127.0.0.0/30", ports=[plant.port, free_port()], connections_per_second=200)
    assert [server.discovery_url for server in found.servers] == [f"opc.tcp://127.0.0.1:{plant.port}"]
    assert (found.asked_addresses, found.open_addresses) == (4, 1)


async def test_what_speaks_no_opc_ua_is_said_so_and_harms_nothing(plant: Plant) -> None:
    async def web(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"ACKF\x1c\x00\x00\x00" + bytes(20))
                await writer.drain()

    async with listening(web) as first, listening(nothing) as second, listening(endless) as third:
        began = time.monotonic()
        found = await find(first, second, third, plant.url, answer_timeout={"nanos": 500_000_000})
        assert time.monotonic() - began < 5
    by_url = {server.discovery_url: server for server in found.servers}
    assert by_url[plant.url].reached
    strangers = [server for url, server in by_url.items() if url != plant.url]
    assert len(strangers) == 3
    assert not any(server.reached for server in strangers)
    assert all("OPC UA" in server.detail or "protocol" in server.detail for server in strangers), strangers


async def test_connections_are_begun_at_the_pace_that_is_named() -> None:
    begun: list[float] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        begun.append(time.monotonic())
        writer.close()
        await asyncio.sleep(0)
        del reader

    async with listening(note) as address:
        addresses = [f"opc.tcp://{address}/{number}" for number in range(10)]
        await find(*addresses, connections_per_second=20)
    assert len(begun) == 10
    assert begun[-1] - begun[0] >= 9 / 20 * 0.9


async def test_who_called_and_is_not_configured_is_found_too(free_port: Callable[[], int]) -> None:
    hello = ReverseHello("urn:test:caller", "opc.tcp://press:4840")
    scope = discovery_pb2.DiscoveryScope(addresses=[f"127.0.0.1:{free_port()}"])
    command = ConnectResponse.Command(discover=scope)
    report = await Finder(lambda: [Stranger(hello, "10.0.0.7", 1)]).run(command, lambda *_: None)
    caller = next(one for one in report.discover.servers if one.application_uri == "urn:test:caller")
    assert caller.source == discovery_pb2.DISCOVERY_SOURCE_REVERSE_CONNECT
    assert caller.announced_by == "10.0.0.7"


async def test_who_announces_itself_by_multicast_is_heard_where_there_is_multicast() -> None:
    name = f"dualspan-{os.getpid()}.{SERVICE_TYPE}"
    information = AsyncServiceInfo(
        SERVICE_TYPE,
        name,
        addresses=[socket.inet_aton("10.9.8.7")],
        port=4841,
        properties={"path": "/UA", "caps": "DA,AC"},
        server="dualspan-test.local.",
    )
    try:
        zeroconf = AsyncZeroconf(ip_version=IPVersion.V4Only)
    except OSError as error:
        with pytest.raises(NoMulticastError):
            await listen(0.1)
        pytest.skip(f"no multicast here: {error}")
    try:
        await zeroconf.async_register_service(information)
        found = await listen(1.0)
    finally:
        await zeroconf.async_close()
    heard = {server.discovery_url: server for server in found}.get("opc.tcp://10.9.8.7:4841/UA")
    if heard is None:
        pytest.skip("nothing of what this machine announces by multicast comes back to it")
    assert heard.source == discovery_pb2.DISCOVERY_SOURCE_MULTICAST
    assert list(heard.capabilities) == ["DA", "AC"]
    assert not heard.reached


@pytest.mark.slow
async def test_a_local_discovery_server_tells_of_those_that_registered(
    tmp_path: Path, free_port: Callable[[], int]
) -> None:
    local = NodeOpcUaSettings(
        free_port(), str(tmp_path / "lds"), application_uri="urn:others:lds", discovery_server=True
    )
    async with run_node_opcua(local):
        url = f"opc.tcp://127.0.0.1:{local.port}"
        machine = NodeOpcUaSettings(free_port(), str(tmp_path / "machine"), register_at=url)
        async with run_node_opcua(machine):
            server = await _registered(url, machine.application_uri)
    assert server.source == discovery_pb2.DISCOVERY_SOURCE_FIND_SERVERS
    assert server.announced_by == url
    assert server.discovery_url.endswith(f":{machine.port}/UA/Test") or server.discovery_url.endswith(str(machine.port))
    # What it has by multicast, where there is multicast (FindServersOnNetwork).
    assert list(server.capabilities) in (["DA", "HD"], [])


async def _registered(url: str, application_uri: str) -> discovery_pb2.DiscoveredServer:
    for _ in range(100):
        found = {server.application_uri: server for server in (await find(url)).servers}
        assert found["urn:others:lds"].application_type == discovery_pb2.APPLICATION_TYPE_DISCOVERY_SERVER
        if application_uri in found:
            return found[application_uri]
        await asyncio.sleep(0.1)
    raise AssertionError("it did not register")
