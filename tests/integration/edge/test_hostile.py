"""A server that means harm, and one that only renews its keys."""

import asyncio
import struct
import tracemalloc
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asyncua import ua
from integration.edge.plant import Plant, tag
from integration.edge.platform import Platform
from integration.edge.running import RunningGateway, until

from dualspan.frame.v1 import frame_pb2
from dualspan.historian.v1 import resources_pb2 as historian
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.decoder import DecodeError, check_read_response
from dualspan_edge.opcua import connection, server
from dualspan_edge.opcua.connection import discover
from dualspan_frame import ValueKind
from harness.link import Link

COUNT = tag(2, "count", frame_pb2.VALUE_KIND_INT64)
Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@asynccontextmanager
async def _server(behaviour: Behaviour) -> AsyncGenerator[str]:
    server = await asyncio.start_server(behaviour, "127.0.0.1", 0)
    async with server:
        yield f"opc.tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def _discover(url: str) -> None:
    await discover(gateway.ServerConfiguration(endpoint_url=url))


async def test_a_chunk_that_claims_gigabytes_ends_the_connection() -> None:
    async def claim(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"ACKF" + struct.pack("<I", 2**31) + b"x" * 100_000)
        await reader.read()
        writer.close()

    async with _server(claim) as url:
        with pytest.raises((ConnectionError, ua.UaError)):
            await asyncio.wait_for(_discover(url), 5)


async def _garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(100)
    writer.write(bytes(range(256)) * 40)
    writer.close()


async def _silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1000):
        pass
    writer.close()


@pytest.mark.parametrize("behaviour", [_garbage, _silence])
async def test_a_server_that_makes_no_sense_is_one_notice_and_harms_no_other(
    plant: Plant, platform: Platform, box: RunningGateway, behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_CLOCK_INTERVAL", 0.3)
    monkeypatch.setattr(connection, "_REQUEST_TIMEOUT", 0.3)
    await plant.add("count", 0, ua.VariantType.UInt32)
    good, key = plant.configuration(COUNT), ("SERVER_NOT_CONNECTED", "odd")
    async with _server(behaviour) as url:
        odd = plant.configuration(COUNT)
        odd.server, odd.endpoint_url = "odd", url
        platform.onboarding.configure(good, odd)
        box.start()
        await until(lambda: key in platform.onboarding.notices, "people are told", 30)
        told = platform.onboarding.notices[key]
        assert told.text.startswith("The gateway cannot keep a connection to the server: ")
        assert "test-connection" in told.remedy
        await plant.write("count", 7, ua.VariantType.UInt32)
        await until(lambda: 7 in platform.historian.values(ValueKind.INT64, 2), "the other server streams on")
        assert platform.onboarding.notices.keys() == {key}
    # Its successor makes sense.
    odd.endpoint_url = good.endpoint_url
    platform.onboarding.configure(good, odd)
    await until(lambda: not platform.onboarding.notices, "it is taken back", 30)


async def test_chunks_without_end_are_not_gathered_without_end() -> None:
    acknowledge = b"ACKF" + struct.pack("<IIIIII", 28, 0, 65536, 65536, 0, 0)

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(acknowledge)
        await reader.read(1000)
        policy = b"http://opcfoundation.org/UA/SecurityPolicy#None"
        security = struct.pack("<i", len(policy)) + policy + struct.pack("<ii", -1, -1)
        try:
            for number in range(4000):
                body = struct.pack("<I", 1) + security + struct.pack("<II", number + 1, 1) + b"x" * 60_000
                writer.write(b"OPNC" + struct.pack("<I", len(body) + 8) + body)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    tracemalloc.start()
    try:
        async with _server(flood) as url:
            with pytest.raises((ConnectionError, TimeoutError, ua.UaError)):
                await asyncio.wait_for(_discover(url), 20)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 160 * 1024 * 1024


def _read_response(values: bytes, count: int) -> bytes:
    header = struct.pack("<qIIBi", 0, 1, 0, 0, -1) + b"\x00\x00\x00"
    return b"\x01\x00" + struct.pack("<H", 634) + header + struct.pack("<i", count) + values + struct.pack("<i", -1)


def test_an_array_of_nothing_two_billion_times_is_not_believed() -> None:
    check_read_response(_read_response(b"\x01\x0b" + struct.pack("<d", 1.5), 1))
    with pytest.raises(DecodeError):
        check_read_response(_read_response(b"\x01\x80" + struct.pack("<i", 2**31 - 1), 1))
    with pytest.raises(DecodeError):
        check_read_response(_read_response(b"", 2**30))


async def test_keys_are_renewed_while_values_flow(
    plant: Plant, platform: Platform, box: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_CHANNEL_LIFETIME_MS", 1200)
    await plant.add("count", 0, ua.VariantType.UInt32)
    platform.onboarding.configure(plant.configuration(COUNT))
    box.start()
    await until(lambda: platform.historian.values(ValueKind.INT64, 2) == [0], "the first value")
    for number in range(1, 301):
        await plant.write("count", number, ua.VariantType.UInt32)
        await asyncio.sleep(0.01)
    await until(lambda: len(platform.historian.values(ValueKind.INT64, 2)) >= 301, "all counts")
    assert platform.historian.values(ValueKind.INT64, 2) == list(range(301))
    assert not platform.historian.gaps


async def test_subscriptions_of_a_lost_session_are_transferred(
    plant: Plant, platform: Platform, box: RunningGateway
) -> None:
    await plant.add("count", 0, ua.VariantType.UInt32)
    link = Link(("127.0.0.1", plant.port))
    await link.open()
    configuration = plant.configuration(COUNT)
    configuration.endpoint_url = f"opc.tcp://127.0.0.1:{link.port}/"
    platform.onboarding.configure(configuration)
    box.start()
    await until(lambda: platform.historian.values(ValueKind.INT64, 2) == [0], "the first value")
    service = plant.server.iserver.subscription_service
    (identifier,) = service.subscriptions
    link.cut()
    plant.server.iserver._external_sessions.clear()
    await plant.write("count", 1, ua.VariantType.UInt32)
    link.mend()
    await until(lambda: platform.historian.values(ValueKind.INT64, 2) == [0, 1], "it goes on", 30)
    await box.stop()
    await link.close()
    assert service.subscriptions.keys() <= {identifier}
    assert not platform.historian.gaps


async def test_a_password_is_not_given_to_a_server_that_nobody_approved(
    plant: Plant, platform: Platform, box: RunningGateway
) -> None:
    configuration = plant.configuration()
    configuration.security_mode = onboarding.SECURITY_MODE_NONE
    configuration.username, configuration.password = "operator", "secret"
    configuration.trusted_certificate_sha256 = ""
    platform.onboarding.configure(configuration)
    box.start()
    await until(lambda: platform.onboarding.server_state() == onboarding.CONNECTION_STATE_UNTRUSTED, "the server waits")
    assert platform.onboarding.status.servers[0].untrusted_certificate == plant.certificate_der


async def test_a_frame_that_the_historian_cannot_take_becomes_a_gap(
    plant: Plant, platform: Platform, box: RunningGateway
) -> None:
    platform.historian.max_upload_bytes = 8000
    await plant.add("text", "", ua.VariantType.String)
    platform.onboarding.configure(plant.configuration(tag(4, "text", frame_pb2.VALUE_KIND_TEXT)))
    box.start()
    await until(lambda: len(platform.historian.values(ValueKind.TEXT, 4)) == 1, "the first value")
    await plant.write("text", "".join(chr(256 + number * 7 % 4096) for number in range(20_000)), ua.VariantType.String)
    await until(lambda: len(platform.historian.gaps) == 1, "the gap is written down")
    await plant.write("text", "short", ua.VariantType.String)
    await until(lambda: platform.historian.values(ValueKind.TEXT, 4) == [b"", b"short"], "the gateway goes on")
    assert platform.historian.gaps[0].cause == historian.GAP_CAUSE_QUARANTINED
    assert platform.historian.gaps[0].lost_samples == 1
