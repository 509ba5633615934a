"""Looking for something in the audit log, and what identity says of itself to whoever runs the platform."""

import asyncio
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from integration.identity.running import Identity, reason

from dualspan.identity.v1 import resources_pb2 as resources
from dualspan.identity.v1 import service_pb2 as messages
from dualspan.runtime.v1.status_pb2 import GetServiceEvidenceRequest, GetServiceStatusRequest
from dualspan.runtime.v1.status_pb2_grpc import StatusServiceStub
from dualspan_runtime.channels import open_channel
from dualspan_runtime.status.service import RELEASE
from harness.databases import ClonedDatabase, execute

ACME = "tenants/acme"
USER = f"{ACME}/users/ivy"


async def test_the_audit_log_is_looked_through_page_by_page(identity: Identity) -> None:
    await identity.add_user("acme", "ivy@acme.example", resources.ROLE_VIEWER)
    root = await identity.bearer()
    for name in ("Ivy", "Ivy B.", "Ivy C."):
        user = resources.User(name=USER, display_name=name)
        request = messages.UpdateUserRequest(user=user)
        request.update_mask.paths.append("display_name")
        await identity.stub.UpdateUser(request, metadata=root)

    async def actions(actor: str = "", action: str = "", resource: str = "") -> list[str]:
        found: list[str] = []
        token = ""
        while True:
            page = messages.ListAuditEventsRequest(
                parent=ACME, page_size=2, page_token=token, actor=actor, action=action, resource=resource
            )
            answer = await identity.stub.ListAuditEvents(page, metadata=root)
            found += [event.action for event in answer.audit_events]
            if not (token := answer.next_page_token):
                return found

    everything = await actions()
    assert len(everything) > 5
    assert await actions(action="user.update") == ["user.update"] * 3
    assert await actions(action="user") == [each for each in everything if each.startswith("user.")]
    assert await actions(action="use") == []
    assert set(await actions(resource=USER)) == {"user.create", "user.sign_in", "user.update"}
    assert await actions(resource=f"{ACME}/users/iv") == []
    assert set(await actions(actor="users/ada")) == {"user.update"}
    assert await actions(actor="users/nobody") == []
    request = messages.ListAuditEventsRequest(parent=ACME)
    request.end_time.FromDatetime(datetime.now(UTC) - timedelta(hours=1))
    assert not (await identity.stub.ListAuditEvents(request, metadata=root)).audit_events
    request = messages.ListAuditEventsRequest(parent=ACME)
    request.start_time.FromDatetime(datetime.now(UTC) - timedelta(hours=1))
    assert len((await identity.stub.ListAuditEvents(request, metadata=root)).audit_events) == len(everything)


async def test_a_page_of_one_search_is_none_of_another(identity: Identity) -> None:
    root = await identity.bearer()
    await identity.add_user("acme", "ivy@acme.example", resources.ROLE_VIEWER)
    first = messages.ListAuditEventsRequest(parent=ACME, page_size=1)
    token = (await identity.stub.ListAuditEvents(first, metadata=root)).next_page_token
    assert token
    other = messages.ListAuditEventsRequest(parent=ACME, page_size=1, page_token=token, action="user")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await identity.stub.ListAuditEvents(other, metadata=root)
    assert reason(raised) == "MALFORMED_PAGE_TOKEN"


async def test_identity_says_how_it_is_and_grows(identity: Identity, database: ClonedDatabase) -> None:
    root = await identity.bearer()
    async with open_channel(identity.address) as channel:
        stub = StatusServiceStub(channel)
        request = GetServiceStatusRequest(name="services/identity/status")
        answer = await stub.GetServiceStatus(request, metadata=root)
        assert answer.version == RELEASE
        async with asyncio.timeout(10):
            while not answer.HasField("readings_since"):
                answer = await stub.GetServiceStatus(request, metadata=root)
        assert not answer.HasField("queue")
        sizes = [table.bytes for table in answer.tables]
        assert sizes == sorted(sizes, reverse=True)
        assert "audit_event" in {table.table for table in answer.tables}
        assert not any(table.HasField("daily_growth_bytes") for table in answer.tables)
        await execute(
            database.admin_url,
            "UPDATE identity.storage_reading SET hour = hour - interval '1 day', read_at = read_at - interval '1 day',"
            " bytes = bytes - 8192",
        )
        grown = await stub.GetServiceStatus(request, metadata=root)
        growth = {table.table: table.daily_growth_bytes for table in grown.tables}
        assert growth["tenant"] == pytest.approx(8192, rel=0.01)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.GetServiceStatus(GetServiceStatusRequest(name="services/historian/status"), metadata=root)
        assert reason(raised) == "SERVICE_NOT_FOUND"


async def test_evidence_counts_everybody_and_is_for_the_platform_alone(identity: Identity) -> None:
    dev = await identity.add_user("maker", "dev@maker.example", resources.ROLE_PUBLISHER)
    root = await identity.bearer()
    async with open_channel(identity.address) as channel:
        stub = StatusServiceStub(channel)
        request = GetServiceEvidenceRequest(name="services/identity/evidence")
        answer = await stub.GetServiceEvidence(request, metadata=root)
        counts = {each.kind: each.count for each in answer.evidence}
        assert counts == {"tenants": 2, "users": 2, "users-active": 2, "developers": 1}
        developers = next(each for each in answer.evidence if each.kind == "developers")
        assert [(each.id, each.count) for each in developers.items] == [("maker", 1)]
        for call in (
            stub.GetServiceEvidence(request, metadata=dev),
            stub.GetServiceStatus(GetServiceStatusRequest(name="services/identity/status"), metadata=dev),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await call
            assert reason(raised) == "PERMISSION_MISSING"
