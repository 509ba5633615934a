"""Every RPC of every service, as a person and as a gateway of another tenant: refusal or emptiness, and no trace.

The requests are made from the contracts, so that a method that is new tomorrow is walked too.
"""

import asyncio
import importlib
import pkgutil
import re
import uuid
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import grpc.aio
import numpy as np
import pytest
from google.longrunning import operations_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from integration.identity.running import Identity, identity_settings, run_identity
from integration.onboarding.running import (
    GATEWAY,
    SERVER,
    TENANT,
    Box,
    Onboarding,
    found,
    run_historian,
    run_onboarding,
)

import dualspan
from dualspan.historian.v1 import service_pb2 as historian_messages
from dualspan.historian.v1.repair_pb2 import Coverage, ListRepairableGapsRequest, Repair, RepairableGap
from dualspan.historian.v1.resources_pb2 import AGGREGATE_AVERAGE
from dualspan.historian.v1.service_pb2_grpc import IngestServiceStub
from dualspan.identity.v1 import resources_pb2 as identity_resources
from dualspan.identity.v1 import service_pb2 as identity_messages
from dualspan.onboarding.v1 import asset_service_pb2 as asset_messages
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway_messages
from dualspan.onboarding.v1 import mapping_service_pb2 as mapping_messages
from dualspan.onboarding.v1 import notice_pb2, trust_pb2, writes_pb2
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import service_pb2 as onboarding_messages
from dualspan.onboarding.v1.asset_service_pb2_grpc import AssetServiceStub
from dualspan.onboarding.v1.mapping_service_pb2_grpc import MappingServiceStub
from dualspan.onboarding.v1.notice_pb2_grpc import NoticeServiceStub
from dualspan.onboarding.v1.trust_pb2_grpc import TrustServiceStub
from dualspan.onboarding.v1.writes_pb2_grpc import WriteServiceStub
from dualspan_frame import Block, Frame, ValueKind, encode_frame
from dualspan_runtime.channels import open_channel
from dualspan_runtime.errors import error_info
from dualspan_runtime.server import ListenerKind, Server
from harness.certificates import Wanted, certificate, der
from harness.databases import SERVICES, ClonedDatabase

REFUSALS = {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.NOT_FOUND}
# Offered where gateways connect, with their certificate or, to enrol, without.
GATEWAY_SERVICES = {
    "dualspan.onboarding.v1.EnrolmentService",
    "dualspan.onboarding.v1.GatewayService",
    "dualspan.historian.v1.IngestService",
}
ALL_ROLES = (
    identity_resources.ROLE_ADMIN,
    identity_resources.ROLE_ENGINEER,
    identity_resources.ROLE_PUBLISHER,
)


@dataclass(frozen=True)
class Platform:
    """All services, a tenant with something of everything, and strangers who want it.

    Attributes:
        channels: By the first part of the service's full name.
        stranger: A person of another tenant who may do everything there.
        box: The tenant's own gateway.
        tag_id: A tag of the tenant that has a sample.
        names: What stands for each collection in the tenant's resource names.
    """

    database: ClonedDatabase
    onboarding: Onboarding
    identity: Identity
    historian: Server
    channels: dict[str, grpc.aio.Channel]
    stranger: grpc.aio.Metadata
    box: Box
    tag_id: int
    names: dict[str, str]


def services() -> Iterator[ServiceDescriptor]:
    """Every service that the contracts have, and that of long-running operations."""
    for module in pkgutil.walk_packages(dualspan.__path__, "dualspan."):
        if module.name.endswith("_pb2"):
            yield from importlib.import_module(module.name).DESCRIPTOR.services_by_name.values()
    yield operations_pb2.DESCRIPTOR.services_by_name["Operations"]


def methods(*, of_gateways: bool = False) -> list[MethodDescriptor]:
    return [
        method
        for service in services()
        if (service.full_name in GATEWAY_SERVICES) is of_gateways
        for method in service.methods
        if method.full_name != "google.longrunning.Operations.DeleteOperation"  # not offered
    ]


def template_of(method: MethodDescriptor) -> dict[str, str]:
    """Field path → pattern of resource name, from the method's HTTP binding."""
    rule = next((value for option, value in method.GetOptions().ListFields() if option.name == "http"), None)
    if rule is None or method.full_name.startswith("google."):  # whose names are not ours
        return {}
    path = getattr(rule, rule.WhichOneof("pattern"))
    return dict(re.findall(r"\{([a-z_.]+)=([^}]+)\}", path))


# Without these a method would refuse before it looks for anything.
_FIELDS: dict[str, Callable[[Any], object]] = {
    "start_time": lambda request: request.start_time.FromSeconds(1_600_000_000),
    "end_time": lambda request: request.end_time.FromSeconds(1_800_000_000),
    "aggregates": lambda request: request.aggregates.append(AGGREGATE_AVERAGE),
    "certificate_sha256": lambda request: setattr(request, "certificate_sha256", "0" * 64),
    "scope": lambda request: request.scope.addresses.append("plc7"),
    "server_id": lambda request: setattr(request, "server_id", "press-1"),
    "asset_id": lambda request: setattr(request, "asset_id", "theirs"),
    "group": lambda request: setattr(request, "group", "1"),
    "write_guard": lambda request: setattr(
        request.write_guard, "tag", f"{request.write_guard.name.partition('/writeGuards')[0]}/tags/1"
    ),
    "write_command": lambda request: request.write_command.MergeFrom(
        writes_pb2.WriteCommand(guard=f"{request.parent}/writeGuards/setpoint", value=writes_pb2.WriteValue(number="1"))
    ),
    "browse_path_prefix": lambda request: setattr(request, "browse_path_prefix", "/"),
}
_NAME_FIELDS = ("parent", "name", "gateway", "server")


def fill(request: Message, method: MethodDescriptor, tenant: str, names: dict[str, str]) -> Message:
    """A request about the things of a tenant: every field that can name one does."""
    for path, pattern in template_of(method).items():
        *parents, field = path.split(".")
        target = request
        for parent in parents:
            target = getattr(target, parent)
        segments = [segment if segment != "*" else None for segment in pattern.split("/")]
        collections = [s for s in segments if s]
        setattr(target, field, "/".join(f"{c}/{tenant if c == 'tenants' else names[c]}" for c in collections))
    _fill_fields(request, method.input_type, tenant, names)
    return request


def _fill_fields(request: Message, descriptor: Descriptor, tenant: str, names: dict[str, str]) -> None:
    for field in descriptor.fields:
        text = field.type == FieldDescriptor.TYPE_STRING
        if text and field.name in _NAME_FIELDS and not getattr(request, field.name):
            setattr(request, field.name, _default_name(descriptor, field.name, tenant, names))
        elif text and field.name == "names":
            getattr(request, field.name).append(f"tenants/{tenant}/tags/{names['tags']}")
        elif field.name == "tag_ids":
            getattr(request, field.name).append(int(names["tags"]))
        elif field.name in _FIELDS:
            _FIELDS[field.name](request)


def _default_name(descriptor: Descriptor, field: str, tenant: str, names: dict[str, str]) -> str:
    operation = descriptor.file.package == "google.longrunning" and "List" not in descriptor.name
    tail = {
        "parent": "",
        "name": f"/operations/{names['operations']}" if operation else "",
        "gateway": f"/gateways/{names['gateways']}",
        "server": f"/gateways/{names['gateways']}/servers/{names['servers']}",
    }[field]
    return f"tenants/{tenant}{tail}"


@dataclass(frozen=True)
class Answer:
    """How a call ended."""

    code: grpc.StatusCode
    reason: str
    response: Message | None


async def call(
    channel: grpc.aio.Channel, method: MethodDescriptor, request: Message, metadata: grpc.aio.Metadata | None
) -> Answer:
    path = f"/{method.containing_service.full_name}/{method.name}"
    serialise = type(request).SerializeToString
    parse = message_factory.GetMessageClass(method.output_type).FromString
    try:
        if method.server_streaming:
            stream = channel.unary_stream(path, serialise, parse)(request, metadata=metadata, timeout=3)
            response = await anext(aiter(stream), None)
            stream.cancel()
        else:
            response = await channel.unary_unary(path, serialise, parse)(request, metadata=metadata, timeout=20)
    except grpc.aio.AioRpcError as error:
        info = error_info(error)
        return Answer(error.code(), info.reason if info else "", None)
    return Answer(grpc.StatusCode.OK, "", response)


def request_of(method: MethodDescriptor) -> Message:
    return message_factory.GetMessageClass(method.input_type)()


async def everything_of(database: ClonedDatabase, tenant: str) -> dict[str, str]:
    """A digest of all rows of a tenant, by table."""
    connection = await asyncpg.connect(database.admin_url)
    try:
        tables = await connection.fetch(
            "SELECT table_schema || '.' || table_name AS name FROM information_schema.columns"
            " WHERE column_name = 'tenant_id' AND table_schema = ANY($1::text[])",
            list(SERVICES),
        )
        return {
            table["name"]: await connection.fetchval(
                f"SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '')"
                f" FROM {table['name']} AS t WHERE tenant_id = $1",
                tenant,
            )
            for table in tables
        }
    finally:
        await connection.close()


async def settled(database: ClonedDatabase, tenant: str) -> dict[str, str]:
    """The same, once what was still to be told to other services has been told.

    Table after table is read, so an event that is delivered meanwhile could be missing on both sides: what is read
    twice alike has settled.
    """
    before: dict[str, str] = {}
    for _ in range(200):
        now = await everything_of(database, tenant)
        if now == before and now["onboarding.audit_outbox"].startswith("0 "):
            return now
        before = now
        await asyncio.sleep(0.1)
    raise AssertionError("audit events were not delivered")


async def set_up(onboarding: Onboarding, historian: Server) -> tuple[Box, int, str]:
    """A gateway with a server, a browse, a tag, and a sample of it."""
    await onboarding.create_gateway()
    server = resources.OpcUaServer(endpoint_url="opc.tcp://plc:4840")
    await onboarding.stub.CreateOpcUaServer(
        onboarding_messages.CreateOpcUaServerRequest(parent=GATEWAY, opc_ua_server=server, opc_ua_server_id="press-1"),
        metadata=onboarding.engineer,
    )
    box = await onboarding.box()
    async with box.connected() as stream:
        first = await stream.configuration()
        operation = await onboarding.stub.BrowseServer(
            onboarding_messages.BrowseServerRequest(name=SERVER), metadata=onboarding.engineer
        )
        await stream.answer_browse([found(1)])
        await onboarding.operations.WaitOperation(
            operations_pb2.WaitOperationRequest(name=operation.name), metadata=onboarding.engineer
        )
        accepted = await onboarding.stub.AcceptVariables(
            onboarding_messages.AcceptVariablesRequest(server=SERVER, browse_path_prefix="/"),
            metadata=onboarding.engineer,
        )
        configuration = await stream.configuration(first.revision + 1)
        await stream.report(configuration)
        await stream.status()
    (tag_id,) = accepted.tag_ids
    await send_sample(box, historian, tag_id)
    return box, tag_id, operation.name.rpartition("/")[2]


async def send_sample(box: Box, historian: Server, tag_id: int) -> historian_messages.IngestResponse.Ack:
    """Sends one sample as a gateway; returns the acknowledgement."""
    block = Block(
        ValueKind.FLOAT64,
        np.array([tag_id], np.int64),
        np.array([1_700_000_000_000_000], np.int64),
        np.zeros(1, np.uint32),
        np.array([42.0]),
    )
    request = historian_messages.IngestRequest
    async with grpc.aio.secure_channel(
        f"127.0.0.1:{historian.port(ListenerKind.GATEWAYS)}", box.credentials
    ) as channel:
        stream = IngestServiceStub(channel).Ingest()
        await stream.write(request(open=request.Open(epoch=1)))
        await stream.write(request(upload=request.Upload(sequence=1, frame=encode_frame(Frame((block,))))))
        async for response in stream:
            if response.WhichOneof("message") == "ack":
                stream.cancel()
                return response.ack
    raise AssertionError("no acknowledgement came")


async def repairable(box: Box, historian: Server, server: str) -> list[RepairableGap]:
    """What a gateway may fill."""
    async with grpc.aio.secure_channel(
        f"127.0.0.1:{historian.port(ListenerKind.GATEWAYS)}", box.credentials
    ) as channel:
        answer = await IngestServiceStub(channel).ListRepairableGaps(ListRepairableGapsRequest(server=server))
    return list(answer.gaps)


async def claim_repair(box: Box, historian: Server, tag_id: int) -> None:
    """Says that every gap that there may be is filled, and that a tag is recorded."""
    request = historian_messages.IngestRequest
    repairs = [Repair(gap=f"tenants/acme/gaps/{number}", tag_id=tag_id, done=True) for number in range(1, 20)]
    coverage = Coverage(server="press-1", starts=[Coverage.Start(tag_id=tag_id)], holes_changed=True)
    coverage.holes.add(tag_id=tag_id, detail="mine")
    async with grpc.aio.secure_channel(
        f"127.0.0.1:{historian.port(ListenerKind.GATEWAYS)}", box.credentials
    ) as channel:
        stream = IngestServiceStub(channel).Ingest()
        await stream.write(request(open=request.Open(epoch=2)))
        await stream.write(request(upload=request.Upload(sequence=1, repairs=repairs, coverage=[coverage])))
        async for response in stream:
            if response.WhichOneof("message") == "ack":
                stream.cancel()
                return


async def trust_of(onboarding: Onboarding, box: Box) -> dict[str, str]:
    """A trusted certificate and a notice; the ids that stand for their collections."""
    trusted = trust_pb2.TrustedCertificate(
        use=trust_pb2.TRUSTED_CERTIFICATE_USE_SERVER, certificate=der(certificate(Wanted()))
    )
    create = trust_pb2.CreateTrustedCertificateRequest(parent=TENANT, trusted_certificate=trusted)
    entry = await TrustServiceStub(onboarding.channel).CreateTrustedCertificate(create, metadata=onboarding.engineer)
    raised = notice_pb2.GatewayNotices.Entry(kind="CLOCK_WRONG", severity=notice_pb2.NOTICE_SEVERITY_INFO, text="mine")
    notices = NoticeServiceStub(onboarding.channel)
    async with box.connected() as stream:
        await stream.call.write(gateway_messages.ConnectRequest(notices=notice_pb2.GatewayNotices(entries=[raised])))
        async with asyncio.timeout(10):
            while True:
                request = notice_pb2.ListNoticesRequest(parent=TENANT)
                found = (await notices.ListNotices(request, metadata=onboarding.engineer)).notices
                if found:
                    break
                await asyncio.sleep(0.05)
    return {
        "notices": found[0].name.rpartition("/")[2],
        "trustedCertificates": entry.name.rpartition("/")[2],
    }


OWN_MODEL = """
schema: dualspan.asset-model/1
id: mine
version: 1.0.0
industry: general
names: {en: acme model, zh: acme}
extends: [production-machine]
"""


async def assets_of(onboarding: Onboarding, database: ClonedDatabase, tag_id: int) -> dict[str, str]:
    """An asset model, an asset with a bound tag, a proposal with a match, an application; their ids by collection."""
    assets, who = AssetServiceStub(onboarding.channel), onboarding.engineer
    create = asset_messages.CreateAssetModelRequest(parent=TENANT, source=OWN_MODEL)
    await assets.CreateAssetModel(create, metadata=who)
    machine = asset_messages.Asset(level=asset_messages.ASSET_LEVEL_MACHINE, model="mine")
    await assets.CreateAsset(
        asset_messages.CreateAssetRequest(parent=TENANT, asset=machine, asset_id="mill"), metadata=who
    )
    bind = asset_messages.BindPropertiesRequest(name=f"{TENANT}/assets/mill")
    bind.bindings.add(property="good-count", tag=f"{TENANT}/tags/{tag_id}")
    await assets.BindProperties(bind, metadata=who)
    proposal = await MappingServiceStub(onboarding.channel).ProposeMapping(
        mapping_messages.ProposeMappingRequest(server=SERVER), metadata=who
    )
    ids = {"proposal": proposal.name.rpartition("/")[2], "application": str(uuid.uuid4())}
    connection = await asyncpg.connect(database.admin_url)
    try:
        # One variable is no machine: what a larger server would be proposed as is written down here.
        await connection.execute(
            "INSERT INTO onboarding.mapping_group VALUES ('acme', $1, 1, 'acme', 'acme', 'acme-1', 'mine', '1.0.0', 1,"
            " 'acme', 0, '{}', NULL)",
            ids["proposal"],
        )
        await connection.execute(
            "INSERT INTO onboarding.mapping_match"
            " VALUES ('acme', $1, 1, 'i=1', 'good-count', 0, 'acme', 1, 'acme', '', 1, 0, true)",
            ids["proposal"],
        )
        await connection.execute(
            "INSERT INTO onboarding.mapping_application VALUES ('acme', $1, $2, now(), NULL, '{mill}', '{}', '{1}')",
            ids["application"],
            ids["proposal"],
        )
        await connection.execute(
            "INSERT INTO onboarding.mapping_change VALUES ('acme', $1, 'mill', 'good-count', 0, $2)",
            ids["application"],
            tag_id,
        )
    finally:
        await connection.close()
    return {
        "assetModels": "mine",
        "assets": "mill",
        "mappingProposals": ids["proposal"],
        "mappingApplications": ids["application"],
    }


async def writes_of(onboarding: Onboarding, tag_id: int) -> dict[str, str]:
    """A guard of the tenant, and a write that waits for approval."""
    stub = WriteServiceStub(onboarding.channel)
    guard = writes_pb2.WriteGuard(
        name=f"{TENANT}/writeGuards/setpoint", tag=f"{TENANT}/tags/{tag_id}", enabled=True, needs_approval=True
    )
    update = writes_pb2.UpdateWriteGuardRequest(write_guard=guard, allow_missing=True)
    await stub.UpdateWriteGuard(update, metadata=onboarding.engineer)
    command = writes_pb2.WriteCommand(guard=guard.name, value=writes_pb2.WriteValue(number="1"))
    create = writes_pb2.CreateWriteCommandRequest(parent=TENANT, write_command=command)
    made = await stub.CreateWriteCommand(create, metadata=onboarding.engineer)
    return {"writeGuards": "setpoint", "writeCommands": made.name.rpartition("/")[2]}


@asynccontextmanager
async def running(database: ClonedDatabase, redis_url: str, free_port: Callable[[], int]) -> AsyncGenerator[Platform]:
    address = f"127.0.0.1:{free_port()}"
    async with (
        run_identity(identity_settings(database)) as identity,
        run_historian(database, identity, redis_url, address) as historian,
        run_onboarding(database, identity, address, free_port) as onboarding,
        open_channel(address) as to_historian,
        open_channel(identity.address) as to_identity,
    ):
        box, tag_id, operation = await set_up(onboarding, historian)
        request = identity_messages.CreateApiTokenRequest(
            parent=TENANT, api_token=identity_resources.ApiToken(display_name="x", roles=[ALL_ROLES[1]])
        )
        request.api_token.expire_time.FromDatetime(datetime.now(UTC) + timedelta(days=1))
        token = (await identity.stub.CreateApiToken(request, metadata=await identity.bearer())).api_token
        yield Platform(
            database=database,
            onboarding=onboarding,
            identity=identity,
            historian=historian,
            channels={
                "dualspan.identity": to_identity,
                "dualspan.onboarding": onboarding.channel,
                "dualspan.historian": to_historian,
                "google.longrunning": onboarding.channel,
            },
            stranger=await identity.add_user("rival", "mallory@rival.example", *ALL_ROLES),
            box=box,
            tag_id=tag_id,
            names={
                "gateways": "g1",
                "servers": "press-1",
                "snapshots": "1",
                "tags": str(tag_id),
                "operations": operation,
                **await trust_of(onboarding, box),
                **await assets_of(onboarding, database, tag_id),
                **await writes_of(onboarding, tag_id),
                "users": "ada",
                "apiTokens": token.name.rpartition("/")[2],
            },
        )


@pytest.fixture
async def platform(database: ClonedDatabase, redis_url: str, free_port: Callable[[], int]) -> AsyncGenerator[Platform]:
    async with running(database, redis_url, free_port) as everything:
        yield everything


def channel_of(platform: Platform, method: MethodDescriptor) -> grpc.aio.Channel:
    package = ".".join(method.containing_service.full_name.split(".")[:2])
    assert package in platform.channels, f"{method.full_name} is of a service that this walk does not run: add it"
    return platform.channels[package]


def names_no_tenant(request: Message) -> bool:
    return b"tenants/" not in request.SerializeToString()


async def test_a_person_of_another_tenant_is_refused_everywhere(platform: Platform) -> None:
    before = await settled(platform.database, "acme")
    assert sum(not digest.startswith("0 ") for digest in before.values()) >= 12, "there must be something to find"
    refused = 0
    for method in methods():
        request = fill(request_of(method), method, "acme", platform.names)
        answer = await call(channel_of(platform, method), method, request, platform.stranger)
        if names_no_tenant(request):
            assert answer.response is None or b"acme" not in answer.response.SerializeToString(), method.full_name
            continue
        assert answer.code in REFUSALS, f"{method.full_name} answered {answer}"
        refused += 1
    assert refused >= 35
    assert await settled(platform.database, "acme") == before, "what was refused has changed something"


async def test_another_tenants_things_within_ones_own_are_as_if_they_did_not_exist(platform: Platform) -> None:
    """The parent is the caller's own; what it lists within is the other's."""
    before = await settled(platform.database, "acme")
    nothing = platform.names | {"tags": "999999999999"}
    for method in methods():
        own = fill(request_of(method), method, "rival", platform.names)
        foreign = await call(channel_of(platform, method), method, own, platform.stranger)
        missing = await call(
            channel_of(platform, method),
            method,
            fill(request_of(method), method, "rival", nothing),
            platform.stranger,
        )
        assert (foreign.code, foreign.reason) == (missing.code, missing.reason), method.full_name
        if foreign.response is not None:
            assert b"acme" not in foreign.response.SerializeToString(), method.full_name
    assert await settled(platform.database, "acme") == before


async def test_who_shows_no_token_is_refused(platform: Platform) -> None:
    refused = 0
    for method in methods():
        request = fill(request_of(method), method, "acme", platform.names)
        answer = await call(channel_of(platform, method), method, request, None)
        public = any(
            option.name == "permission" and value == "public" for option, value in method.GetOptions().ListFields()
        )
        if not public:
            assert answer.code == grpc.StatusCode.UNAUTHENTICATED, f"{method.full_name} answered {answer}"
            refused += 1
    assert refused >= 35


async def test_a_gateway_of_another_tenant_reaches_nothing(platform: Platform) -> None:
    onboarding = platform.onboarding
    assert {method.full_name for method in methods(of_gateways=True)} == {
        "dualspan.onboarding.v1.EnrolmentService.Enrol",
        "dualspan.onboarding.v1.GatewayService.RenewCertificate",
        "dualspan.onboarding.v1.GatewayService.Connect",
        "dualspan.historian.v1.IngestService.Ingest",
        "dualspan.historian.v1.IngestService.ListRepairableGaps",
    }, "a method for gateways is new: walk it here"
    stranger = "tenants/rival/gateways/g1"
    create = onboarding_messages.CreateGatewayRequest(parent="tenants/rival", gateway_id="g1")
    await onboarding.stub.CreateGateway(create, metadata=platform.stranger)
    token_request = onboarding_messages.CreateEnrolmentTokenRequest(gateway=stranger)
    token = await onboarding.stub.CreateEnrolmentToken(token_request, metadata=platform.stranger)
    box = await onboarding.box_of(token.enrolment_token)
    before = await settled(platform.database, "acme")
    async with box.connected() as stream:
        configuration = await stream.configuration()
        assert not configuration.servers
        report = gateway_messages.TagReport(tag_id=platform.tag_id, state=resources.TAG_STATE_REFUSED, detail="mine")
        await stream.call.write(
            gateway_messages.ConnectRequest(
                configuration_report=gateway_messages.ConnectRequest.ConfigurationReport(revision=1, tags=[report])
            )
        )
        await stream.status(servers=[resources.ServerStatus(server="press-1", detail="mine")])
        server = resources.OpcUaServer(endpoint_url="opc.tcp://plc:4840")
        request = onboarding_messages.CreateOpcUaServerRequest(
            parent=stranger, opc_ua_server=server, opc_ua_server_id="x"
        )
        await onboarding.stub.CreateOpcUaServer(request, metadata=platform.stranger)
        await stream.configuration(configuration.revision + 1)
    ack = await send_sample(box, platform.historian, platform.tag_id)
    assert [each.sequence for each in ack.quarantined] == [1]
    assert not await repairable(box, platform.historian, "press-1")
    await claim_repair(box, platform.historian, platform.tag_id)
    assert await settled(platform.database, "acme") == before
