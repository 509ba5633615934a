"""A server that calls its client, and one that refuses strangers."""

import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from asyncua import ua
from integration.plc_sim.client import HOSTS, Connector
from integration.plc_sim.conftest import options

from plc_sim.opcua import certificate
from plc_sim.opcua.certificate import Identity
from plc_sim.opcua.reverse import reverse_hello
from plc_sim.opcua.server import ServerOptions
from plc_sim.plant_server import PlantServer
from plc_sim.plants import make_plant


def plant_server(folder: Path, identity: Identity, how: ServerOptions) -> PlantServer:
    certificate.keep(folder / "curing", identity)
    return PlantServer(make_plant("curing", 11), how, folder / "curing", HOSTS)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def test_a_server_calls_and_is_spoken_to(tmp_path: Path, server_identity: Identity) -> None:
    port = free_port()
    calls: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readexactly(8)
        called = head + await reader.readexactly(int.from_bytes(head[4:], "little") - 8)
        url = b"opc.tcp://localhost/"
        hello = b"".join(number.to_bytes(4, "little") for number in (0, 65536, 65536, 0, 0))
        body = hello + len(url).to_bytes(4, "little") + url
        writer.write(b"HELF" + (8 + len(body)).to_bytes(4, "little") + body)
        calls.put_nowait((called, (await reader.readexactly(8))[:4]))
        writer.close()

    server = plant_server(tmp_path, server_identity, replace(options(), calls=(f"127.0.0.1:{port}",)))
    await server.start()
    try:
        async with await asyncio.start_server(answer, "127.0.0.1", port), asyncio.timeout(15):
            # It calls again when a connection has ended.
            for _ in range(2):
                called, reply = await calls.get()
                assert called == reverse_hello("urn:dualspan:plc-sim:curing", server.endpoint_url)
                assert reply == b"ACKF"
    finally:
        await server.stop()


async def test_strangers_are_refused_once_somebody_is_trusted(
    tmp_path: Path, server_identity: Identity, client_identity: Identity, connect: Connector
) -> None:
    server = plant_server(tmp_path, server_identity, replace(options(), enforce_trust=True))
    await server.start()
    try:
        await connect(server.endpoint_url)
        server.trust_list.replace([server_identity.certificate_der])
        with pytest.raises(ua.UaError):
            await connect(server.endpoint_url)
        server.trust_list.replace([server_identity.certificate_der, client_identity.certificate_der])
        await connect(server.endpoint_url)
    finally:
        await connect.close()
        await server.stop()
