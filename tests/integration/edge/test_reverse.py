"""Servers that call the gateway: one of another make, for real, and callers that mean no good."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from integration.edge.platform import Platform
from integration.edge.running import RunningGateway, until

from dualspan.frame.v1 import frame_pb2
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.opcua.reverse import NotListeningError, ReverseListener
from dualspan_edge.opcua.unsecured import unsecured_channel, unsecured_client
from dualspan_frame import ValueKind
from harness.node_opcua import NodeOpcUaSettings, run_node_opcua

URI = "urn:others:machine"


def configuration(uri: str = URI, **fields: Any) -> gateway.ServerConfiguration:
    return gateway.ServerConfiguration(
        server="machine",
        endpoint_url="opc.tcp://machine:4840",
        reverse_connect=True,
        server_uri=uri,
        **fields,
    )


@contextlib.asynccontextmanager
async def listening() -> AsyncGenerator[tuple[ReverseListener, int]]:
    listener = ReverseListener("127.0.0.1:0")
    task = asyncio.create_task(listener.run())
    await until(lambda: listener.bound is not None, "it listens")
    assert listener.bound is not None
    try:
        yield listener, listener.bound[1]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def hello(uri: str, url: str = "opc.tcp://machine:4840") -> bytes:
    body = b"".join(struct.pack("<i", len(text)) + text for text in (uri.encode(), url.encode()))
    return b"RHEF" + struct.pack("<I", 8 + len(body)) + body


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the other side ends the connection soon."""
    try:
        async with asyncio.timeout(2):
            return await reader.read(1) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


@pytest.mark.slow
async def test_values_of_a_server_that_calls_are_streamed(
    platform: Platform, box: RunningGateway, tmp_path: Path, free_port: Callable[[], int]
) -> None:
    port = free_port()
    box.settings.reverse_listen = f"127.0.0.1:{port}"
    tag = gateway.TagConfiguration(
        tag_id=1, node_id="nsu=urn:others:machine;s=machine.V0", kind=frame_pb2.VALUE_KIND_FLOAT64
    )
    tag.sampling_interval.FromMilliseconds(50)
    tag.publishing_interval.FromMilliseconds(100)
    insecure: dict[str, Any] = {"security_mode": onboarding.SECURITY_MODE_NONE}
    platform.onboarding.configure(configuration(tags=[tag], **insecure))
    box.start()
    settings = NodeOpcUaSettings(free_port(), str(tmp_path / "pki"), reverse_connect=[f"opc.tcp://127.0.0.1:{port}"])
    for _ in range(2):  # the second time, the server was started again
        before = len(platform.historian.values(ValueKind.FLOAT64, 1))
        async with run_node_opcua(settings):
            await until(
                lambda seen=before: len(platform.historian.values(ValueKind.FLOAT64, 1)) > seen + 5, "values come", 40
            )
            assert platform.onboarding.server_state() == onboarding.CONNECTION_STATE_CONNECTED


async def test_a_server_that_is_not_configured_is_noted_and_ended() -> None:
    async with listening() as (listener, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(hello("urn:stranger"))
        assert await ended(reader)
        writer.close()
        (stranger,) = listener.strangers()
        assert (stranger.hello.server_uri, stranger.peer) == ("urn:stranger", "127.0.0.1")
        listener.expect(["urn:stranger"])
        assert not listener.strangers(), "who is configured is no stranger"


async def test_strangers_are_remembered_up_to_a_bound() -> None:
    async with listening() as (listener, port):
        for number in range(60):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(hello(f"urn:stranger:{number}"))
            await ended(reader)
            writer.close()
        known = [stranger.hello.server_uri for stranger in listener.strangers()]
        assert len(known) == 50
        assert known[-1] == "urn:stranger:59"


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", b"RHEF\xff\xff\xff\xff", b"\x00" * 20_000])
async def test_what_is_no_call_is_ended_at_once(said: bytes) -> None:
    async with listening() as (listener, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(said)
        assert await ended(reader)
        writer.close()
        assert not listener.strangers()


async def test_a_caller_that_says_nothing_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dualspan_edge.opcua.reverse._GREETING_SECONDS", 0.1)
    async with listening() as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"RHEF")
        assert await ended(reader)
        writer.close()


async def test_connections_from_one_address_are_bounded() -> None:
    async with listening() as (_, port):
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(40)]
        await asyncio.sleep(0.2)
        ends = await asyncio.gather(*(ended(reader) for reader, _ in opened[32:]))
        assert all(ends)
        assert not any(reader.at_eof() for reader, _ in opened[:32])
        for _, writer in opened:
            writer.close()


async def test_calls_of_one_server_wait_up_to_a_bound_and_are_used_in_order() -> None:
    async with listening() as (listener, port):
        listener.expect([URI])
        callers = []
        for number in range(6):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(hello(URI, f"opc.tcp://machine:{4840 + number}"))
            callers.append((reader, writer))
            await asyncio.sleep(0.05)
        assert await ended(callers[4][0])
        assert await ended(callers[5][0])
        client = await listener.dial(configuration(), lambda url: unsecured_client(url, 1.0))
        assert client.server_url.geturl() == "opc.tcp://machine:4840"
        greeting = asyncio.ensure_future(client.send_hello())
        assert (await callers[0][0].readexactly(4)) == b"HELF"
        client.disconnect_socket()
        with contextlib.suppress(OSError, TimeoutError, ua.UaError):
            await greeting
        for _, writer in callers:
            writer.close()


async def test_a_waiting_caller_that_speaks_out_of_turn_is_ended() -> None:
    async with listening() as (listener, port):
        listener.expect([URI])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(hello(URI))
        await asyncio.sleep(0.05)
        writer.write(b"MSGF")
        assert await ended(reader)
        writer.close()


async def test_who_is_no_longer_configured_is_ended() -> None:
    async with listening() as (listener, port):
        listener.expect([URI])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(hello(URI))
        await asyncio.sleep(0.1)
        listener.expect([])
        assert await ended(reader)
        writer.close()


async def test_a_server_that_does_not_call_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dualspan_edge.opcua.reverse._CALL_SECONDS", 0.1)
    async with listening() as (listener, _):
        with pytest.raises(TimeoutError, match="has not called"):
            await listener.dial(configuration(), lambda url: unsecured_client(url, 1.0))


async def test_a_gateway_that_does_not_listen_says_which_setting_is_missing() -> None:
    with pytest.raises(NotListeningError, match="DUALSPAN_GATEWAY_REVERSE_LISTEN"):
        await ReverseListener("").dial(configuration(), lambda url: unsecured_client(url, 1.0))


async def test_a_caller_that_is_used_and_then_gone_is_a_lost_connection() -> None:
    async with listening() as (listener, port):
        listener.expect([URI])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(hello(URI))
        await asyncio.sleep(0.05)
        client = await listener.dial(configuration(), lambda url: unsecured_client(url, 1.0))
        writer.close()
        with pytest.raises((OSError, TimeoutError)):
            async with unsecured_channel(client) as channel:
                await channel.endpoints()
