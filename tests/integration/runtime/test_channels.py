"""Channels between services, whatever is at the other end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health  # pyright: ignore[reportAttributeAccessIssue]

from dualspan_runtime.channels import open_channel

# HTTP/2 (RFC 9113): the client's first bytes, and frames of types 1 (HEADERS) and 4 (SETTINGS).
PREFACE = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
HEADERS, SETTINGS, ACK, END = 1, 4, 1, 5
# In HPACK (RFC 7541, appendix A) `:status: 404` is the 13th of the static table.
NOT_FOUND = bytes([0x80 | 13])


def frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    return len(content).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + content


async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One that has nothing for anybody: 404, call after call."""
    await reader.readexactly(PREFACE)
    writer.write(frame(SETTINGS, 0, 0))
    while True:
        head = await reader.readexactly(9)
        await reader.readexactly(int.from_bytes(head[:3], "big"))
        kind, flags, stream = head[3], head[4], int.from_bytes(head[5:9], "big")
        if kind == SETTINGS and not flags & ACK:
            writer.write(frame(SETTINGS, ACK, 0))
        elif kind == HEADERS:
            writer.write(frame(HEADERS, END, stream, NOT_FOUND))


class Address:
    """Where connections go, to a proxy or to a server, as the address of a Service that has rules or none yet."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.is_routed = False
        self.connections = 0
        self._serving: list[asyncio.Task[None]] = []

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        work = self._forward(reader, writer) if self.is_routed else closing(proxy(reader, writer), writer)
        self._serving.append(asyncio.create_task(work))

    async def end(self) -> None:
        for each in self._serving:
            each.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward, back = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.gather(closing(copy(reader, back), back), closing(copy(onward, writer), writer))


async def closing(work: Coroutine[Any, Any, None], writer: asyncio.StreamWriter) -> None:
    try:
        await work
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while content := await source.read(1 << 16):
        sink.write(content)


@asynccontextmanager
async def running() -> AsyncGenerator[tuple[Address, str]]:
    server = grpc.aio.server()
    servicer = health.HealthServicer()
    await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    address = Address(server.add_insecure_port("127.0.0.1:0"))
    await server.start()
    front = await asyncio.start_server(address.serve, "127.0.0.1", 0)
    try:
        yield address, f"127.0.0.1:{front.sockets[0].getsockname()[1]}"
    finally:
        front.close()
        await address.end()
        await server.stop(0)


async def outcome(call: Any) -> grpc.StatusCode:
    try:
        await call
    except grpc.aio.AioRpcError as err:
        return err.code()
    return grpc.StatusCode.OK


async def test_a_channel_leaves_what_is_not_the_platform() -> None:
    async with running() as (address, where), open_channel(where) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        assert await outcome(stub.Check(health_pb2.HealthCheckRequest())) is grpc.StatusCode.UNIMPLEMENTED
        address.is_routed = True
        async with asyncio.timeout(10):
            while await outcome(stub.Check(health_pb2.HealthCheckRequest())) is not grpc.StatusCode.OK:
                pass
            answer = await anext(aiter(stub.Watch(health_pb2.HealthCheckRequest())))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        assert address.connections == 2


async def test_streams_leave_it_as_well() -> None:
    async with running() as (address, where), open_channel(where) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        with pytest.raises(grpc.aio.AioRpcError, match="404"):
            await anext(aiter(stub.Watch(health_pb2.HealthCheckRequest())))
        address.is_routed = True
        async with asyncio.timeout(10):
            while await outcome(stub.Check(health_pb2.HealthCheckRequest())) is not grpc.StatusCode.OK:
                pass


async def test_what_the_platform_does_not_know_is_no_reason_to_leave_it() -> None:
    async with running() as (address, where), open_channel(where) as channel:
        address.is_routed = True
        unknown: Any = channel.unary_unary("/dualspan.Nobody/Knows")
        for _ in range(3):
            assert await outcome(unknown(b"")) is grpc.StatusCode.UNIMPLEMENTED
        stub: Any = health_pb2_grpc.HealthStub(channel)
        assert await outcome(stub.Check(health_pb2.HealthCheckRequest())) is grpc.StatusCode.OK
        assert address.connections == 1
