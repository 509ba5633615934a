import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from integration.identity.running import SECRET, Identity, reason
from integration.runtime.probe import Probe, eventually, read_some, read_to_the_end, run_probe

from dualspan.historian.v1 import service_pb2 as historian
from dualspan_runtime.channels import open_channel
from dualspan_runtime.errors import NotFound, error_info
from dualspan_runtime.probe import is_serving
from dualspan_runtime.server import Listener, ListenerKind, ListenError, start_server
from dualspan_runtime.trust import IdentityTrust
from harness.databases import ClonedDatabase

ACME = historian.ListGapsRequest(parent="tenants/acme")
SUBSCRIBE = historian.SubscribeRequest(parent="tenants/acme")


def untyped(thing: Any) -> Any:
    """What grpc's own packages ship without types, or with those of the synchronous API."""
    return thing


async def failure(probe: Probe, timeout: float | None = None) -> grpc.aio.AioRpcError:
    async with probe.people() as stub:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.ListGaps(ACME, metadata=await probe.identity.bearer(), timeout=timeout)
    return raised.value


async def test_an_unknown_error_tells_an_id_that_the_log_has_and_nothing_else(probe: Probe) -> None:
    async def fail() -> None:
        raise ZeroDivisionError("the password is swordfish")

    probe.historian.work = fail
    with structlog.testing.capture_logs() as lines:
        error = await failure(probe)
    assert error.code() is grpc.StatusCode.INTERNAL
    info = error_info(error)
    assert info is not None
    logged = [line for line in lines if line.get("error_id") == info.metadata["error_id"]]
    assert len(logged) == 1
    assert isinstance(logged[0]["exc_info"], ZeroDivisionError)
    assert "swordfish" not in str(error.details()) + str(error.trailing_metadata())


async def test_another_services_silence_is_unavailable_and_its_text_stays_here(probe: Probe) -> None:
    async def call_nobody() -> None:
        async with open_channel("127.0.0.1:1", service="historian") as channel:
            await untyped(health_pb2_grpc.HealthStub)(channel).Check(health_pb2.HealthCheckRequest())

    probe.historian.work = call_nobody
    error = await failure(probe)
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert error.details() == "Another service does not answer. Try again shortly."


async def test_a_call_without_a_deadline_gets_the_default_one(identity: Identity) -> None:
    async with run_probe(identity, default_deadline_seconds=0.3) as probe:
        probe.historian.work = lambda: asyncio.sleep(30)
        error = await failure(probe)
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    info = error_info(error)
    assert info is not None
    assert info.reason == "DEADLINE_EXCEEDED"


async def test_a_long_deadline_is_cut_to_the_longest_allowed(identity: Identity) -> None:
    async with run_probe(identity, maximum_deadline_seconds=0.3) as probe:
        probe.historian.work = lambda: asyncio.sleep(30)
        error = await failure(probe, timeout=60)
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_an_error_in_a_stream_arrives_after_its_messages(probe: Probe) -> None:
    async def fail() -> None:
        raise NotFound("TAG_NOT_FOUND", "There is no such tag.")

    probe.historian.work = fail
    async with probe.people() as stub:
        stream = stub.Subscribe(SUBSCRIBE, metadata=await probe.identity.bearer())
        numbers = [response.skipped_frames for response in await read_some(stream, 3)]
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stream.read()
    assert numbers == [0, 1, 2]
    assert reason(raised) == "TAG_NOT_FOUND"


async def test_a_client_that_goes_away_ends_the_handler(probe: Probe) -> None:
    probe.historian.work = lambda: asyncio.sleep(60)
    async with probe.people() as stub:
        stream = stub.Subscribe(SUBSCRIBE, metadata=await probe.identity.bearer())
        await stream.read()
        stream.cancel()
        await eventually(lambda: probe.seen.streams_ended == 1)


async def test_too_large_a_message_is_refused(probe: Probe) -> None:
    request = historian.ListGapsRequest(parent="tenants/acme", page_token="x" * (1 << 20))
    async with probe.people() as stub:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.ListGaps(request, metadata=await probe.identity.bearer())
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert probe.seen.actors == []


async def test_the_request_id_goes_from_service_to_service(probe: Probe) -> None:
    from dualspan.historian.v1.service_pb2_grpc import HistorianServiceStub
    from dualspan_runtime.context import bind_request_id

    address = f"127.0.0.1:{probe.server.port(ListenerKind.PEOPLE)}"
    secret = probe.identity.settings.platform.service_secret
    async with open_channel(address, service="console", secret=secret) as channel:
        stub = HistorianServiceStub(channel)
        with bind_request_id("request-17"):
            await stub.ListGaps(ACME)
        await stub.ListGaps(ACME, metadata=(("x-request-id", "not an id: it has spaces"),))
    assert probe.seen.request_ids[0] == "request-17"
    assert len(probe.seen.request_ids[1]) == 32


async def test_health_and_reflection_answer(probe: Probe) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{probe.server.port(ListenerKind.PEOPLE)}") as channel:
        stub = untyped(health_pb2_grpc.HealthStub)(channel)
        for service in ("", "dualspan.historian.v1.HistorianService"):
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        asked = untyped(reflection_pb2.ServerReflectionRequest)(list_services="")
        stream = untyped(reflection_pb2_grpc.ServerReflectionStub)(channel).ServerReflectionInfo(iter([asked]))
        names = {one.name for one in (await stream.read()).list_services_response.service}
    assert "dualspan.historian.v1.HistorianService" in names


async def test_containers_ask_whether_a_server_serves() -> None:
    """In plain sockets: the answer of gRPC's own server, in each state, and of what is none."""
    server = grpc.aio.server()
    known = untyped(health).aio.HealthServicer()
    untyped(health_pb2_grpc).add_HealthServicer_to_server(known, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    for status, serves in (("SERVING", True), ("NOT_SERVING", False), ("UNKNOWN", False), ("SERVING", True)):
        await known.set("", health_pb2.HealthCheckResponse.ServingStatus.Value(status))
        assert await asyncio.to_thread(is_serving, address) is serves, status
    await server.stop(None)
    assert not await asyncio.to_thread(is_serving, address)

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read(1)
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        assert not await asyncio.to_thread(is_serving, f"127.0.0.1:{port}")


async def test_stopping_lets_calls_finish_and_ends_streams_at_once(identity: Identity) -> None:
    async with run_probe(identity, drain_seconds=10.0) as probe:
        gate = asyncio.Event()

        async def wait() -> None:
            await gate.wait()

        probe.historian.work = wait
        metadata = await identity.bearer()
        async with probe.people() as stub:
            call = asyncio.ensure_future(stub.ListGaps(ACME, metadata=metadata))
            stream = stub.Subscribe(SUBSCRIBE, metadata=metadata)
            await stream.read()
            await eventually(lambda: len(probe.seen.actors) == 2)
            stopping = asyncio.create_task(probe.server.stop())
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await read_to_the_end(stream)
            assert reason(raised) == "SERVER_STOPPING"
            assert not stopping.done()
            gate.set()
            await call
            async with asyncio.timeout(5):
                await stopping


async def test_a_port_that_is_taken_is_named(probe: Probe) -> None:
    settings = probe.identity.settings.model_copy(
        update={"listen": f"127.0.0.1:{probe.server.port(ListenerKind.PEOPLE)}"}
    )
    async with IdentityTrust.open(settings.platform, service="historian") as trust:
        with pytest.raises(ListenError, match=settings.listen):
            async with start_server("second", settings, trust=trust, listeners=[Listener.people(settings, [])]):
                pytest.fail("two servers listen on one port")


async def test_a_service_stops_cleanly_on_sigterm(database: ClonedDatabase, tmp_path: Path) -> None:
    variables = {
        "PATH": os.environ["PATH"],
        "DUALSPAN_SERVICE_SECRET": SECRET,
        "DUALSPAN_LOG_FORMAT": "json",
        "DUALSPAN_IDENTITY_LISTEN": "127.0.0.1:0",
        "DUALSPAN_IDENTITY_DATABASE_URL": database.service_url("identity"),
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dualspan_identity", env=variables, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    lines = []
    async with asyncio.timeout(30):
        while not lines or lines[-1]["event"] != "ready":
            lines.append(json.loads(await process.stderr.readline()))
        process.send_signal(signal.SIGTERM)
        rest = (await process.stderr.read()).decode().splitlines()
        assert await process.wait() == 0
    assert json.loads(rest[-1])["event"] == "stopped"
    assert {line["service"] for line in lines} == {"identity"}
