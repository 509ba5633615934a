import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

import grpc.aio
import pytest
from google.longrunning.operations_pb2 import Operation, WaitOperationRequest
from google.protobuf.duration_pb2 import Duration
from integration.identity.running import Identity, reason
from integration.onboarding.running import (
    GATEWAY,
    SERVER,
    TENANT,
    Box,
    Call,
    Onboarding,
    found,
    run_historian,
    run_onboarding,
)

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway_messages
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import service_pb2 as messages
from harness.databases import ClonedDatabase


@pytest.fixture
async def historian(
    database: ClonedDatabase, identity: Identity, historian_address: str, redis_url: str
) -> AsyncGenerator[None]:
    async with run_historian(database, identity, redis_url, historian_address):
        yield


async def create_server(onboarding: Onboarding, **changes: object) -> resources.OpcUaServer:
    stated: dict[str, object] = {"endpoint_url": "opc.tcp://plc:4840", "username": "u", "password": "p"}
    server = resources.OpcUaServer(**(stated | changes))  # pyright: ignore[reportArgumentType]
    request = messages.CreateOpcUaServerRequest(parent=GATEWAY, opc_ua_server=server, opc_ua_server_id="press-1")
    return await onboarding.stub.CreateOpcUaServer(request, metadata=onboarding.engineer)


async def ready(onboarding: Onboarding) -> Box:
    await onboarding.create_gateway()
    await create_server(onboarding)
    return await onboarding.box()


async def browse(onboarding: Onboarding) -> Operation:
    request = messages.BrowseServerRequest(name=SERVER)
    return await onboarding.stub.BrowseServer(request, metadata=onboarding.engineer)


async def accept(onboarding: Onboarding) -> messages.AcceptVariablesResponse:
    request = messages.AcceptVariablesRequest(server=SERVER, browse_path_prefix="/")
    return await onboarding.stub.AcceptVariables(request, metadata=onboarding.engineer)


async def wait(onboarding: Onboarding, operation: Operation) -> Operation:
    request = WaitOperationRequest(name=operation.name, timeout=Duration(seconds=15))
    return await onboarding.operations.WaitOperation(request, metadata=onboarding.engineer)


async def eventually(what: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(400):
        if await what():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(what)


async def online(onboarding: Onboarding) -> None:
    async def is_online() -> bool:
        return (await onboarding.get_gateway()).state == resources.GATEWAY_STATE_ONLINE

    await eventually(is_online)


@pytest.mark.usefixtures("historian")
async def test_from_browse_to_confirmed_tags(onboarding: Onboarding) -> None:
    box = await ready(onboarding)
    async with box.connected() as stream:
        first = await stream.configuration()
        (server,) = first.servers
        assert (server.server, server.username, server.password) == ("press-1", "u", "p")
        assert server.security_mode == resources.SECURITY_MODE_SIGN_AND_ENCRYPT
        operation = await browse(onboarding)
        await stream.answer_browse([found(n) for n in range(3)])
        response = messages.BrowseServerResponse()
        (await wait(onboarding, operation)).response.Unpack(response)
        assert (response.nodes, response.variables) == (3, 3)
        accepted = await accept(onboarding)
        assert accepted.created == 3
        second = await stream.configuration(first.revision + 1)
        (server,) = second.servers
        assert [tag.tag_id for tag in server.tags] == list(accepted.tag_ids)
        assert {tag.queue_size for tag in server.tags} == {60}  # a publish may be five seconds late
        refused = {"nsu=http://plant;s=T1": "Bad_NodeIdUnknown: the server does not know it; browse again."}
        await stream.report(second, refused)

        async def confirmed() -> bool:
            gateway = await onboarding.get_gateway()
            return gateway.observed_revision == gateway.desired_revision == second.revision

        await eventually(confirmed)
        request = messages.ListTagsRequest(parent=TENANT, server=SERVER)
        tags = (await onboarding.stub.ListTags(request, metadata=onboarding.engineer)).tags
        states = {tag.node_id: (tag.state, tag.state_detail) for tag in tags}
        assert states.pop("nsu=http://plant;s=T1") == (resources.TAG_STATE_REFUSED, *refused.values())
        assert set(states.values()) == {(resources.TAG_STATE_ACTIVE, "")}


@pytest.mark.usefixtures("historian")
async def test_ten_thousand_tags_in_one_configuration(onboarding: Onboarding) -> None:
    box = await ready(onboarding)
    path = "/".join(["A rather long name of a folder in a plant"] * 4)
    nodes = [found(n, node_id=f"nsu=http://plant.example/UA/;s={path}/{n}") for n in range(10_000)]
    async with box.connected() as stream:
        await stream.configuration()
        await browse(onboarding)
        await stream.answer_browse(nodes)
        await online(onboarding)

        async def accepted() -> bool:
            try:
                return (await accept(onboarding)).created == 10_000
            except grpc.aio.AioRpcError as error:
                if error.code() != grpc.StatusCode.FAILED_PRECONDITION:
                    raise
                return False

        await eventually(accepted)
        while True:
            configuration = await stream.configuration()
            if configuration.servers[0].tags:
                break
        assert len(configuration.servers[0].tags) == 10_000
        await stream.report(configuration)

        async def confirmed() -> bool:
            return (await onboarding.get_gateway()).observed_revision == configuration.revision

        await eventually(confirmed)


async def test_a_historian_that_is_away_only_delays(
    onboarding: Onboarding, database: ClonedDatabase, identity: Identity, historian_address: str, redis_url: str
) -> None:
    box = await ready(onboarding)
    async with box.connected() as stream:
        first = await stream.configuration()
        operation = await browse(onboarding)
        await stream.answer_browse([found(1), found(2)])
        await wait(onboarding, operation)
        assert (await accept(onboarding)).created == 2
        coming = asyncio.create_task(stream.configuration(first.revision + 1))
        await asyncio.wait({coming}, timeout=1.5)
        assert not coming.done(), "the gateway hears of no tag that the historian does not know"
        async with run_historian(database, identity, redis_url, historian_address):
            second = await coming
    assert len(second.servers[0].tags) == 2


async def test_every_change_reaches_a_stream_of_whichever_replica(
    onboarding: Onboarding,
    database: ClonedDatabase,
    identity: Identity,
    historian_address: str,
    free_port: Callable[[], int],
) -> None:
    """The people's calls go to one replica, the gateway's stream to the other."""
    box = await ready(onboarding)
    async with (
        run_onboarding(database, identity, historian_address, free_port, engineer=onboarding.engineer) as replica,
        box.connected(address=replica.settings.gateway_listen) as stream,
    ):
        revision = (await stream.configuration()).revision
        for name in ("A", "B", "C"):
            server = resources.OpcUaServer(name=SERVER, display_name=name, endpoint_url=f"opc.tcp://{name}:4840")
            update = messages.UpdateOpcUaServerRequest(opc_ua_server=server)
            await onboarding.stub.UpdateOpcUaServer(update, metadata=onboarding.engineer)
            async with asyncio.timeout(5):
                configuration = await stream.configuration(revision + 1)
            assert configuration.servers[0].endpoint_url == f"opc.tcp://{name}:4840"
            revision = configuration.revision


async def test_a_newer_stream_of_the_same_gateway_ends_the_older(onboarding: Onboarding) -> None:
    box = await ready(onboarding)
    async with box.connected() as old:
        await old.configuration()
        async with box.connected() as new:
            await new.configuration()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await old.next("configuration")
            assert reason(caught) == "SESSION_SUPERSEDED"
            await online(onboarding)


async def test_a_gateway_that_leaves_is_offline_at_once(onboarding: Onboarding) -> None:
    box = await ready(onboarding)
    async with box.connected() as stream:
        await stream.configuration()
        await stream.status(buffered_frames=3, servers=[resources.ServerStatus(server="press-1", detail="Trying.")])

        async def said() -> bool:
            return (await onboarding.get_gateway()).status.buffered_frames == 3

        await eventually(said)
        gateway = await onboarding.get_gateway()
        assert gateway.state == resources.GATEWAY_STATE_ONLINE
        assert gateway.status.servers[0].detail == "Trying."

    async def gone() -> bool:
        return (await onboarding.get_gateway()).state == resources.GATEWAY_STATE_OFFLINE

    await eventually(gone)


async def test_a_browse_fails_clearly_when_its_gateway_leaves_for_good(onboarding: Onboarding) -> None:
    box = await ready(onboarding)
    async with box.connected() as stream:
        await stream.configuration()
        operation = await browse(onboarding)
        await stream.next("browse")
    failed = await wait(onboarding, operation)
    assert failed.done
    assert "lost its connection" in failed.error.message
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await browse(onboarding)
    assert reason(caught) == "GATEWAY_OFFLINE"


async def test_a_browse_outlives_the_service(
    database: ClonedDatabase, identity: Identity, historian_address: str, free_port: Callable[[], int]
) -> None:
    async with run_onboarding(database, identity, historian_address, free_port) as onboarding:
        box = await ready(onboarding)
        async with box.connected() as stream:
            await stream.configuration()
            operation = await browse(onboarding)
            await stream.next("browse")
        engineer = onboarding.engineer
    async with run_onboarding(database, identity, historian_address, free_port, engineer=engineer) as restarted:
        pending = await wait_not(restarted, operation)
        assert not pending.done
        async with box.connected(address=restarted.settings.gateway_listen) as stream:
            await stream.answer_browse([found(1)])
            done = await wait(restarted, operation)
    assert done.done
    assert not done.HasField("error")


async def wait_not(onboarding: Onboarding, operation: Operation) -> Operation:
    request = WaitOperationRequest(name=operation.name, timeout=Duration(nanos=1000))
    return await onboarding.operations.WaitOperation(request, metadata=onboarding.engineer)


async def to_the_end(call: Call) -> None:
    async for _ in call:
        pass


@pytest.mark.parametrize("which", ["status", "nothing", "second hello"])
async def test_a_stream_begins_with_one_hello(onboarding: Onboarding, which: str) -> None:
    box = await ready(onboarding)
    hello = gateway_messages.ConnectRequest(hello=gateway_messages.ConnectRequest.Hello())
    async with box.stub() as stub:
        call = stub.Connect()
        if which == "status":
            await call.write(gateway_messages.ConnectRequest(status=resources.GatewayStatus()))
        elif which == "nothing":
            await call.write(gateway_messages.ConnectRequest())
        else:
            await call.write(hello)
            await call.write(hello)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await to_the_end(call)
    assert reason(caught) == "HELLO_MISSING"


async def test_a_person_cannot_speak_for_a_gateway(onboarding: Onboarding) -> None:
    await ready(onboarding)
    credentials = grpc.ssl_channel_credentials(await onboarding.ca_pem())
    async with grpc.aio.secure_channel(onboarding.settings.gateway_listen, credentials) as channel:
        call = channel.unary_unary(
            "/dualspan.onboarding.v1.GatewayService/RenewCertificate",
            request_serializer=gateway_messages.RenewCertificateRequest.SerializeToString,
            response_deserializer=gateway_messages.RenewCertificateResponse.FromString,
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(gateway_messages.RenewCertificateRequest(), metadata=onboarding.engineer, timeout=5)
    assert caught.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED}
