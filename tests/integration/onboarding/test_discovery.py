"""Discovery and connection tests as operations: sent over the gateway's stream, kept, and seen by nobody else."""

import grpc
import pytest
from google.longrunning.operations_pb2 import Operation, WaitOperationRequest
from google.protobuf.message import Message
from integration.onboarding.running import GATEWAY, Onboarding, Stream

from dualspan.onboarding.v1 import discovery_pb2, resources_pb2, service_pb2
from dualspan.onboarding.v1.discovery_pb2_grpc import DiscoveryServiceStub
from dualspan.onboarding.v1.gateway_service_pb2 import ConnectRequest, ConnectResponse
from dualspan_onboarding.model import SecurityMode, SecurityPolicy, ServerSettings
from dualspan_onboarding.rules import check_settings
from dualspan_runtime.errors import InvalidArgument, error_info

URL = "opc.tcp://10.0.0.5:4840"


def server_at(url: str, **fields: object) -> discovery_pb2.DiscoveredServer:
    return discovery_pb2.DiscoveredServer(discovery_url=url, reached=True, **fields)  # pyright: ignore[reportArgumentType]


async def answer(stream: Stream, kind: str, outcome: Message) -> ConnectResponse.Command:
    """What a gateway does: it says how far it is, then what came of it."""
    command = (await stream.next("command")).command
    assert command.WhichOneof("work") == kind
    report = ConnectRequest.CommandReport(command_id=command.command_id, step="at it", percent=50)
    await stream.call.write(ConnectRequest(command_report=report))
    done = ConnectRequest.CommandReport(command_id=command.command_id, done=True)
    getattr(done, kind).CopyFrom(outcome)
    await stream.call.write(ConnectRequest(command_report=done))
    return command


async def ended(onboarding: Onboarding, operation: Operation) -> Operation:
    wait = WaitOperationRequest(name=operation.name)
    done = await onboarding.operations.WaitOperation(wait, metadata=onboarding.engineer)
    assert done.done
    return done


async def add_server(onboarding: Onboarding, **fields: object) -> None:
    server = resources_pb2.OpcUaServer(endpoint_url=URL, **fields)  # pyright: ignore[reportArgumentType]
    request = service_pb2.CreateOpcUaServerRequest(parent=GATEWAY, opc_ua_server=server, opc_ua_server_id="press-1")
    await onboarding.stub.CreateOpcUaServer(request, metadata=onboarding.engineer)


async def test_what_a_gateway_finds_is_answered_and_kept_as_it_was_seen_last(onboarding: Onboarding) -> None:
    await onboarding.create_gateway()
    await add_server(onboarding)
    stub, box = DiscoveryServiceStub(onboarding.channel), await onboarding.box()
    scope = discovery_pb2.DiscoveryScope(addresses=["10.0.0.0/24"], ports=[4840])
    request = discovery_pb2.DiscoverServersRequest(parent=GATEWAY, scope=scope)
    listing = discovery_pb2.ListDiscoveredServersRequest(parent=GATEWAY, page_size=2)
    async with box.connected() as stream:
        await stream.configuration()
        for detail in ("first", "second"):
            operation = await stub.DiscoverServers(request, metadata=onboarding.engineer)
            found = [server_at(f"opc.tcp://10.0.0.{n}:4840", detail=detail) for n in (7, 5, 6)]
            outcome = discovery_pb2.DiscoverServersResponse(servers=found, asked_addresses=254)
            command = await answer(stream, "discover", outcome)
            assert command.discover == scope
            done, response = await ended(onboarding, operation), discovery_pb2.DiscoverServersResponse()
            assert done.response.Unpack(response)
            assert response.asked_addresses == 254
    first = await stub.ListDiscoveredServers(listing, metadata=onboarding.engineer)
    listing.page_token = first.next_page_token
    second = await stub.ListDiscoveredServers(listing, metadata=onboarding.engineer)
    servers = [*first.discovered_servers, *second.discovered_servers]
    assert [one.discovery_url[-6:] for one in servers] == ["5:4840", "6:4840", "7:4840"]
    assert {one.detail for one in servers} == {"second"}
    assert [one.server for one in servers] == [f"{GATEWAY}/servers/press-1", "", ""], "which is configured already"
    assert not second.next_page_token


async def test_a_search_needs_a_gateway_that_is_there(onboarding: Onboarding) -> None:
    await onboarding.create_gateway()
    stub = DiscoveryServiceStub(onboarding.channel)
    request = discovery_pb2.DiscoverServersRequest(parent=GATEWAY)
    for scope, code, reason in (
        (discovery_pb2.DiscoveryScope(), grpc.StatusCode.INVALID_ARGUMENT, "SCOPE_EMPTY"),
        (discovery_pb2.DiscoveryScope(addresses=["plc"]), grpc.StatusCode.FAILED_PRECONDITION, "GATEWAY_OFFLINE"),
    ):
        request.scope.CopyFrom(scope)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.DiscoverServers(request, metadata=onboarding.engineer)
        info = error_info(refused.value)
        assert info is not None
        assert (refused.value.code(), info.reason) == (code, reason)


async def test_a_configured_server_is_tested_with_its_password(onboarding: Onboarding) -> None:
    await onboarding.create_gateway()
    await add_server(onboarding, username="operator", password="secret")
    stub, box = DiscoveryServiceStub(onboarding.channel), await onboarding.box()
    request = discovery_pb2.TestConnectionRequest(parent=GATEWAY, server_id="press-1")
    check = discovery_pb2.ConnectionCheck(finding="10.0.0.5 is an address already")
    async with box.connected() as stream:
        await stream.configuration()
        operation = await stub.TestConnection(request, metadata=onboarding.engineer)
        outcome = discovery_pb2.TestConnectionResponse(checks=[check] * 60)
        command = await answer(stream, "test_connection", outcome)
        way = command.test_connection.opc_ua_server
        assert (way.endpoint_url, way.username, way.password) == (URL, "operator", "secret")
        assert way.name == f"{GATEWAY}/servers/press-1"
        done, response = await ended(onboarding, operation), discovery_pb2.TestConnectionResponse()
        assert done.response.Unpack(response)
        assert len(response.checks) == 50, "a gateway cannot fill the database"
        assert b"secret" not in done.SerializeToString()


async def test_stated_settings_are_tested_without_being_kept(onboarding: Onboarding) -> None:
    await onboarding.create_gateway()
    stub, box = DiscoveryServiceStub(onboarding.channel), await onboarding.box()
    stated = resources_pb2.OpcUaServer(endpoint_url=URL, username="operator", password="secret")
    request = discovery_pb2.TestConnectionRequest(parent=GATEWAY, opc_ua_server=stated)
    async with box.connected() as stream:
        await stream.configuration()
        operation = await stub.TestConnection(request, metadata=onboarding.engineer)
        command = await answer(stream, "test_connection", discovery_pb2.TestConnectionResponse())
        assert command.test_connection.opc_ua_server.password == "secret"
        await ended(onboarding, operation)
    servers = await onboarding.stub.ListOpcUaServers(
        service_pb2.ListOpcUaServersRequest(parent=GATEWAY), metadata=onboarding.engineer
    )
    assert not servers.opc_ua_servers


async def test_a_test_has_one_subject(onboarding: Onboarding) -> None:
    await onboarding.create_gateway()
    stub = DiscoveryServiceStub(onboarding.channel)
    stated = resources_pb2.OpcUaServer(endpoint_url=URL)
    for request, reason in (
        (discovery_pb2.TestConnectionRequest(parent=GATEWAY), "SUBJECT_MISSING"),
        (
            discovery_pb2.TestConnectionRequest(parent=GATEWAY, server_id="press-1", opc_ua_server=stated),
            "SUBJECT_MISSING",
        ),
        (discovery_pb2.TestConnectionRequest(parent=GATEWAY, server_id="press-9"), "SERVER_NOT_FOUND"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.TestConnection(request, metadata=onboarding.engineer)
        info = error_info(refused.value)
        assert info is not None
        assert info.reason == reason


async def test_a_server_that_calls_is_configured_with_who_it_is(onboarding: Onboarding) -> None:
    await onboarding.create_gateway()
    await add_server(onboarding, reverse_connect=True, server_uri="urn:others:machine")
    box = await onboarding.box()
    async with box.connected() as stream:
        (server,) = (await stream.configuration()).servers
        assert server.reverse_connect
        assert server.server_uri == "urn:others:machine"
        change = resources_pb2.OpcUaServer(name=f"{GATEWAY}/servers/press-1", reverse_connect=False)
        request = service_pb2.UpdateOpcUaServerRequest(opc_ua_server=change)
        request.update_mask.paths.append("reverse_connect")
        changed = await onboarding.stub.UpdateOpcUaServer(request, metadata=onboarding.engineer)
        assert not changed.reverse_connect
        assert changed.server_uri == "urn:others:machine"


def test_a_server_that_calls_needs_its_application_uri() -> None:
    settings = ServerSettings(
        display_name="",
        endpoint_url=URL,
        security_mode=SecurityMode.SIGN_AND_ENCRYPT,
        security_policy=SecurityPolicy.STRONGEST,
        username="",
        trusted_certificate_sha256="",
        reverse_connect=True,
    )
    with pytest.raises(InvalidArgument, match="SERVER_URI_MISSING"):
        check_settings(settings)
