"""A tenant that has something of everything, and its rows."""

import asyncio
import uuid

import asyncpg
import grpc.aio
import numpy as np
from google.longrunning import operations_pb2
from integration.onboarding.running import GATEWAY, SERVER, TENANT, Box, Onboarding, found

from dualspan.historian.v1 import service_pb2 as historian_messages
from dualspan.historian.v1.repair_pb2 import Coverage, ListRepairableGapsRequest, Repair, RepairableGap
from dualspan.historian.v1.service_pb2_grpc import IngestServiceStub
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
from dualspan_runtime.server import ListenerKind, Server
from harness.certificates import Wanted, certificate, der
from harness.databases import SERVICES, ClonedDatabase


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
