import asyncio
import uuid
from typing import TYPE_CHECKING

import pytest
from integration.onboarding.running import GATEWAY, SERVER, TENANT, Onboarding

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway_messages
from dualspan.onboarding.v1 import notice_pb2
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import service_pb2 as messages
from dualspan.onboarding.v1.notice_pb2_grpc import NoticeServiceStub
from dualspan_onboarding.model import Session
from dualspan_onboarding.names import GatewayName, NoticeName, ServerName
from dualspan_onboarding.notices import GatewayNotice, Notice, NoticeCursor, NoticeQuery, Severity
from dualspan_onboarding.store.notices import raise_notice, resolve_notice
from dualspan_runtime.errors import FailedPrecondition, NotFound
from harness.onboarding import UseCases

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.onboarding.v1.notice_pb2_grpc import NoticeServiceAsyncStub

EVERYTHING = NoticeQuery("", 0, show_resolved=True)
UNRESOLVED = NoticeQuery("", 0, show_resolved=False)


async def listed(use_cases: UseCases, query: NoticeQuery = UNRESOLVED, tenant: str = "acme") -> list[Notice]:
    return list(await use_cases.notices.page(tenant, query, None, 100))


async def put(use_cases: UseCases, text: str = "It ends soon.", **changes: object) -> None:
    stated: dict[str, object] = {
        "kind": "CERTIFICATE_EXPIRES",
        "severity": Severity.WARNING,
        "resource": SERVER,
        "text": text,
        "remedy": "Renew it.",
        "details": {"sha256": "ab"},
    }
    async with use_cases.database.transaction("acme") as connection:
        await raise_notice(connection, "acme", **(stated | changes))  # pyright: ignore[reportArgumentType]


async def test_a_reason_has_one_notice_however_often_it_is_found(use_cases: UseCases) -> None:
    for _ in range(3):
        await put(use_cases)
    (notice,) = await listed(use_cases)
    assert (notice.kind, notice.text, notice.details) == ("CERTIFICATE_EXPIRES", "It ends soon.", {"sha256": "ab"})
    async with use_cases.database.transaction("acme") as connection:
        await resolve_notice(connection, "acme", "CERTIFICATE_EXPIRES", SERVER)
    assert await listed(use_cases) == []
    await put(use_cases)
    again, before = await listed(use_cases, EVERYTHING)
    assert (again.resolved_at, before.resolved_at is not None) == (None, True)


async def test_what_is_acknowledged_stays_so_until_it_says_something_else(use_cases: UseCases) -> None:
    await put(use_cases)
    (notice,) = await listed(use_cases)
    await use_cases.notices.acknowledge(notice.name, "on it")
    await put(use_cases)
    (same,) = await listed(use_cases)
    assert (same.acknowledged_at is not None, same.acknowledge_note) == (True, "on it")
    await put(use_cases, "It has ended.", severity=Severity.CRITICAL)
    (other,) = await listed(use_cases)
    assert (other.name, other.acknowledged_at, other.acknowledge_note) == (notice.name, None, "")
    async with use_cases.database.transaction("acme") as connection:
        await resolve_notice(connection, "acme", "CERTIFICATE_EXPIRES", SERVER)
    with pytest.raises(FailedPrecondition, match="NOTICE_RESOLVED"):
        await use_cases.notices.acknowledge(notice.name, "")
    with pytest.raises(NotFound, match="NOTICE_NOT_FOUND"):
        await use_cases.notices.acknowledge(NoticeName("acme", uuid.uuid4()), "")


async def test_a_gateway_replaces_what_it_said_and_nothing_else(use_cases: UseCases) -> None:
    gateway = await use_cases.gateway()
    session = await use_cases.sessions.open(gateway, "1.0", 0)
    await put(use_cases, "the platform's own")
    first = [_raised("LIMITS_WRONG", "press-1"), _raised("CLOCK_WRONG", ""), _raised("CERTIFICATE_EXPIRES", "press-1")]
    await use_cases.notices.keep_of_gateway(session, first)
    found = {(n.kind, n.resource): n for n in await listed(use_cases)}
    assert set(found) == {("LIMITS_WRONG", SERVER), ("CLOCK_WRONG", GATEWAY), ("CERTIFICATE_EXPIRES", SERVER)}
    assert found["CERTIFICATE_EXPIRES", SERVER].text == "the platform's own"
    await use_cases.notices.keep_of_gateway(session, [_raised("CLOCK_WRONG", "")])
    assert {n.kind for n in await listed(use_cases)} == {"CLOCK_WRONG", "CERTIFICATE_EXPIRES"}
    await use_cases.gateways.create("acme", "g2", "", "")
    other = Session(GatewayName("acme", "g2"), uuid.uuid4())
    await use_cases.notices.keep_of_gateway(other, [])
    assert {n.kind for n in await listed(use_cases)} == {"CLOCK_WRONG", "CERTIFICATE_EXPIRES"}


def _raised(kind: str, server: str, text: str = "…") -> GatewayNotice:
    return GatewayNotice(kind, server, Severity.WARNING, text, "")


async def test_what_a_gateway_says_is_bounded(use_cases: UseCases) -> None:
    session = await use_cases.sessions.open(await use_cases.gateway(), "1.0", 0)
    bad = [_raised("lower case", ""), _raised("", ""), _raised("KIND", "../g2"), _raised("KIND", "a\x00b")]
    many = [_raised(f"KIND_{number}", "") for number in range(2000)]
    long = GatewayNotice("LONG", "", Severity.INFO, "x\x00\ud800" * 10_000, "y" * 10_000, {"k" * 100: "v" * 10_000})
    await use_cases.notices.keep_of_gateway(session, [*bad, long, *many])
    found = list(await use_cases.notices.page("acme", UNRESOLVED, None, 5000))
    assert len(found) == 996
    (kept,) = [notice for notice in found if notice.kind == "LONG"]
    assert (len(kept.text), len(kept.remedy)) == (2000, 2000)
    assert {(len(key), len(value)) for key, value in kept.details.items()} == {(60, 500)}


async def test_pages_and_choices(use_cases: UseCases) -> None:
    for number in range(7):
        severity = Severity.CRITICAL if number == 3 else Severity.INFO
        await put(use_cases, resource=f"{GATEWAY}/servers/s{number}", severity=severity)
    await put(use_cases, resource=f"{TENANT}/gateways/g10", severity=Severity.WARNING)
    seen: list[str] = []
    after = None
    while page := await use_cases.notices.page("acme", UNRESOLVED, after, 3):
        seen += [notice.resource for notice in page]
        after = NoticeCursor(page[-1].created_at, page[-1].name.uid)
    assert seen == [f"{TENANT}/gateways/g10", *(f"{GATEWAY}/servers/s{number}" for number in range(6, -1, -1))]
    assert len(await listed(use_cases, NoticeQuery(GATEWAY, 0, show_resolved=False))) == 7
    assert [n.resource for n in await listed(use_cases, NoticeQuery("", 3, show_resolved=False))] == [
        f"{GATEWAY}/servers/s3"
    ]
    assert await listed(use_cases, EVERYTHING, "rival") == []


async def test_a_server_that_goes_takes_its_notices_along(use_cases: UseCases) -> None:
    name = await use_cases.server(await use_cases.gateway())
    await put(use_cases)
    await put(use_cases, resource=GATEWAY)
    await use_cases.servers.delete(ServerName("acme", "g1", "press-1"))
    assert [n.resource for n in await listed(use_cases)] == [GATEWAY]
    assert str(name) == SERVER


async def test_from_a_gateways_stream_to_the_person(onboarding: Onboarding) -> None:
    await onboarding.create_gateway()
    server = resources.OpcUaServer(endpoint_url="opc.tcp://plc:4840")
    request = messages.CreateOpcUaServerRequest(parent=GATEWAY, opc_ua_server=server, opc_ua_server_id="press-1")
    await onboarding.stub.CreateOpcUaServer(request, metadata=onboarding.engineer)
    box = await onboarding.box()
    stub: NoticeServiceAsyncStub = NoticeServiceStub(onboarding.channel)
    entry = notice_pb2.GatewayNotices.Entry(
        kind="LIMITS_WRONG",
        server="press-1",
        severity=notice_pb2.NOTICE_SEVERITY_WARNING,
        text="It lies.",
        remedy="Ask.",
    )
    async with box.connected() as stream:
        await stream.configuration()
        raised = notice_pb2.GatewayNotices(entries=[entry])
        await stream.call.write(gateway_messages.ConnectRequest(notices=raised))
        (notice,) = await _until(stub, onboarding, 1)
        assert (notice.kind, notice.resource, notice.raised_by) == ("LIMITS_WRONG", SERVER, "gateways/g1")
        assert (notice.state, notice.text) == (notice_pb2.NOTICE_STATE_OPEN, "It lies.")
        acknowledge = notice_pb2.AcknowledgeNoticeRequest(name=notice.name, note="asked")
        answer = await stub.AcknowledgeNotice(acknowledge, metadata=onboarding.engineer)
        assert (answer.state, answer.acknowledged_by) == (notice_pb2.NOTICE_STATE_ACKNOWLEDGED, "users/ada")
        await stream.call.write(gateway_messages.ConnectRequest(notices=notice_pb2.GatewayNotices()))
        await _until(stub, onboarding, 0)


async def _until(stub: "NoticeServiceAsyncStub", onboarding: Onboarding, count: int) -> list[notice_pb2.Notice]:
    async with asyncio.timeout(10):
        while True:
            request = notice_pb2.ListNoticesRequest(parent=TENANT, page_size=1)
            found = (await stub.ListNotices(request, metadata=onboarding.engineer)).notices
            if len(found) == count:
                return list(found)
            await asyncio.sleep(0.05)
