"""Trust lists and the calendar: what people decide, what gateways are told and say, and what follows."""

import asyncio
import datetime as dt

import pytest
from google.longrunning.operations_pb2 import WaitOperationRequest
from integration.onboarding.running import GATEWAY, SERVER, TENANT, Box, Onboarding, Stream

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway_messages
from dualspan.onboarding.v1 import notice_pb2, trust_pb2
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import service_pb2 as messages
from dualspan.onboarding.v1.notice_pb2_grpc import NoticeServiceStub
from dualspan.onboarding.v1.trust_pb2_grpc import TrustServiceStub
from dualspan_onboarding.certificates import facts_of_der
from dualspan_onboarding.known import CHANGED, DOUBTFUL, WAITING, GatewayCertificates, SeenCertificate, Verdict
from dualspan_onboarding.model import Session
from dualspan_onboarding.names import ServerName
from dualspan_onboarding.notices import Notice, NoticeQuery
from dualspan_onboarding.servicer.trust_mapping import new_trust, trust_list
from dualspan_runtime.errors import AlreadyExists, InvalidArgument, NotFound
from harness.certificates import DAY, NOW, Authority, Wanted, certificate, der, key
from harness.onboarding import UseCases

ROOT = Authority.root()
NAME = ServerName("acme", "g1", "press-1")
FIRST, SECOND = der(certificate(Wanted())), der(certificate(Wanted(key=key(30))))


def stated(one: Authority = ROOT, gateway: str = "", crl: bytes = b"") -> trust_pb2.TrustedCertificate:
    return trust_pb2.TrustedCertificate(
        gateway=gateway,
        use=trust_pb2.TRUSTED_CERTIFICATE_USE_AUTHORITY,
        certificate=der(one.certificate),
        revocation_list=crl,
    )


async def told(use_cases: UseCases, session: Session) -> trust_pb2.TrustList:
    configuration = (await use_cases.sessions.orders(session, 0)).configuration
    assert configuration is not None
    return trust_list(configuration.anchors)


async def test_gateways_are_told_whom_to_trust_for_themselves_and_for_all(use_cases: UseCases) -> None:
    sessions = [await use_cases.sessions.open(await use_cases.gateway(gateway=one), "1.0", 0) for one in ("g1", "g2")]
    everywhere = await use_cases.trust.add("acme", new_trust("acme", stated(crl=ROOT.revocation_list(number=5))))
    other = Authority.root("Line CA", 2)
    await use_cases.trust.add("acme", new_trust("acme", stated(other, GATEWAY)))
    lists = [await told(use_cases, session) for session in sessions]
    assert [len(one.authorities) for one in lists] == [2, 1]
    (entry,) = lists[1].authorities
    assert (entry.certificate, entry.trusted) == (der(ROOT.certificate), True)
    assert entry.revocation_list == ROOT.revocation_list(number=5)
    revisions = [(await use_cases.gateways.get(session.gateway)).desired_revision for session in sessions]
    newer = ROOT.revocation_list(ROOT.issue(Wanted()), number=6)
    changed = await use_cases.trust.update_revocation_list(everywhere.name, newer)
    assert (changed.crl_number, changed.crl_revoked) == (6, 1)
    after = [(await use_cases.gateways.get(session.gateway)).desired_revision for session in sessions]
    assert [late - early for late, early in zip(after, revisions, strict=True)] == [1, 1]
    await use_cases.trust.remove(everywhere.name)
    assert [len((await told(use_cases, session)).authorities) for session in sessions] == [1, 0]


async def test_a_trust_list_refuses_what_would_weaken_it(use_cases: UseCases) -> None:
    await use_cases.gateway()
    entry = await use_cases.trust.add("acme", new_trust("acme", stated(crl=ROOT.revocation_list(number=5))))
    with pytest.raises(AlreadyExists, match="TRUSTED_CERTIFICATE_EXISTS"):
        await use_cases.trust.add("acme", new_trust("acme", stated()))
    older = ROOT.revocation_list(number=4)
    wrong = Authority.root("Other CA", 2).revocation_list(number=9)
    for crl, words in ((older, "older than the one"), (wrong, "issued by CN=Other CA"), (b"x", "no CRL")):
        with pytest.raises(InvalidArgument, match=words):
            await use_cases.trust.update_revocation_list(entry.name, crl)
    assert (await use_cases.trust.get(entry.name)).crl_number == 5
    with pytest.raises(NotFound, match="GATEWAY_NOT_FOUND"):
        await use_cases.trust.add("acme", new_trust("acme", stated(gateway=f"{TENANT}/gateways/nowhere")))
    with pytest.raises(InvalidArgument, match="FOREIGN_NAME"):
        new_trust("acme", stated(gateway="tenants/rival/gateways/g1"))
    with pytest.raises(NotFound):
        await use_cases.trust.get(type(entry.name)("rival", entry.name.uid))


def seen(chain: bytes, verdict: Verdict, detail: str = "") -> GatewayCertificates:
    one = SeenCertificate("press-1", chain, facts_of_der(chain), verdict, detail)
    return GatewayCertificates((), b"", (one,))


async def notices_of(use_cases: UseCases) -> dict[str, Notice]:
    found = await use_cases.notices.page("acme", NoticeQuery(SERVER, 0, show_resolved=False), None, 100)
    return {notice.kind: notice for notice in found}


async def test_a_changed_certificate_is_a_notice_with_both_until_somebody_decides(use_cases: UseCases) -> None:
    await use_cases.server(await use_cases.gateway())
    session = await use_cases.sessions.open(NAME.parent, "1.0", 0)
    await use_cases.trust.keep_of_gateway(session, seen(FIRST, Verdict.UNTRUSTED, "nobody approved it"))
    waiting = (await notices_of(use_cases))[WAITING]
    assert facts_of_der(FIRST).sha256 in waiting.text
    await use_cases.trust.keep_of_gateway(session, seen(FIRST, Verdict.APPROVED))
    assert await notices_of(use_cases) == {}
    await use_cases.trust.keep_of_gateway(session, seen(SECOND, Verdict.UNTRUSTED, "another one"))
    (changed,) = (await notices_of(use_cases)).values()
    old, new = facts_of_der(FIRST), facts_of_der(SECOND)
    assert (changed.kind, changed.severity) == (CHANGED, 3)
    assert (changed.details["old_sha256"], changed.details["new_sha256"]) == (old.sha256, new.sha256)
    assert changed.details["new_issuer"] == "CN=press-1"
    assert all(part in changed.text for part in (old.sha256, new.sha256, f"{NOW + 365 * DAY:%Y-%m-%d}"))
    await use_cases.servers.approve_certificate(NAME, new.sha256)
    assert await notices_of(use_cases) == {}
    await use_cases.trust.keep_of_gateway(session, seen(SECOND, Verdict.APPROVED, "it ended yesterday"))
    assert set(await notices_of(use_cases)) == {DOUBTFUL}
    # The old one comes back: that too is a change.
    await use_cases.trust.keep_of_gateway(session, seen(FIRST, Verdict.UNTRUSTED))
    assert (await notices_of(use_cases))[CHANGED].details["old_sha256"] == new.sha256


async def test_what_a_gateway_says_of_servers_that_are_not_its_own_is_passed_over(use_cases: UseCases) -> None:
    session = await use_cases.sessions.open(await use_cases.gateway(), "1.0", 0)
    await use_cases.trust.keep_of_gateway(session, seen(FIRST, Verdict.UNTRUSTED))
    async with use_cases.database.transaction("acme") as connection:
        assert await connection.fetchval("SELECT count(*) FROM known_certificate") == 0


async def connected(onboarding: Onboarding) -> Box:
    await onboarding.create_gateway()
    server = resources.OpcUaServer(endpoint_url="opc.tcp://plc:4840")
    request = messages.CreateOpcUaServerRequest(parent=GATEWAY, opc_ua_server=server, opc_ua_server_id="press-1")
    await onboarding.stub.CreateOpcUaServer(request, metadata=onboarding.engineer)
    return await onboarding.box()


async def tell(stream: Stream, own: bytes, server: bytes) -> None:
    certificates = trust_pb2.GatewayCertificates
    message = certificates(
        applications=[certificates.Own(certificate=own, role=trust_pb2.APPLICATION_CERTIFICATE_ROLE_IN_USE)],
        tls=own,
        servers=[
            certificates.Server(
                server="press-1",
                chain=server,
                verdict=trust_pb2.TRUST_VERDICT_APPROVED,
                refuses_sha256=[facts_of_der(own).sha256],
            )
        ],
    )
    await stream.call.write(gateway_messages.ConnectRequest(certificates=message))


async def lines(onboarding: Onboarding) -> list[trust_pb2.Certificate]:
    stub, found, token = TrustServiceStub(onboarding.channel), list[trust_pb2.Certificate](), ""
    while True:
        request = trust_pb2.ListCertificatesRequest(parent=TENANT, page_size=2, page_token=token)
        page = await stub.ListCertificates(request, metadata=onboarding.engineer)
        found += page.certificates
        token = page.next_page_token
        if not token:
            return found


async def test_the_calendar_has_everything_in_the_order_in_which_it_ends(onboarding: Onboarding) -> None:
    box = await connected(onboarding)
    stub = TrustServiceStub(onboarding.channel)
    own = der(certificate(Wanted("box", end=NOW + 900 * DAY)))
    near = der(certificate(Wanted(key=key(30), end=NOW + 5 * DAY)))
    request = trust_pb2.CreateTrustedCertificateRequest(
        parent=TENANT, trusted_certificate=stated(crl=ROOT.revocation_list())
    )
    entry = await stub.CreateTrustedCertificate(request, metadata=onboarding.engineer)
    assert entry.revocation_list_facts.revoked_count == 0
    async with box.connected() as stream:
        await stream.configuration()
        await tell(stream, own, near)
        async with asyncio.timeout(10):
            while not any(line.use == trust_pb2.CERTIFICATE_USE_SERVER for line in await lines(onboarding)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        found = await lines(onboarding)
        uses = [trust_pb2.CertificateUse.Name(line.use).removeprefix("CERTIFICATE_USE_") for line in found]
        assert uses[:3] == ["SERVER", "REVOCATION_LIST", "TRUSTED"]
        assert set(uses[3:]) == {"GATEWAY_TLS", "GATEWAY_APPLICATION", "PLATFORM_CA"}
        assert (found[0].state, found[0].resource) == (trust_pb2.CERTIFICATE_STATE_EXPIRING, SERVER)
        assert "approve" in found[0].action
        ends = [line.facts.not_after_time.seconds for line in found]
        assert ends == sorted(ends)
        notices = NoticeServiceStub(onboarding.channel)
        async with asyncio.timeout(10):
            while True:
                wanted = notice_pb2.ListNoticesRequest(parent=TENANT, resource=SERVER)
                raised = (await notices.ListNotices(wanted, metadata=onboarding.engineer)).notices
                if raised:
                    break
                await asyncio.sleep(0.1)
        assert (raised[0].kind, raised[0].severity) == ("SERVER_EXPIRES", notice_pb2.NOTICE_SEVERITY_WARNING)
        assert f"{NOW + 5 * DAY:%Y-%m-%d}" in raised[0].text
        shown = await stub.GetApplicationCertificates(
            trust_pb2.GetApplicationCertificatesRequest(name=GATEWAY), metadata=onboarding.engineer
        )
        (one,) = shown.certificates
        assert (one.certificate, list(one.refusing_servers)) == (own, ["press-1"])
        assert len(shown.trust_steps) == 4


async def test_a_push_goes_to_the_gateway_and_comes_back(onboarding: Onboarding) -> None:
    box = await connected(onboarding)
    stub = TrustServiceStub(onboarding.channel)
    request = trust_pb2.PushTrustRequest(name=SERVER, username="admin", password="secret")
    async with box.connected() as stream:
        await stream.configuration()
        operation = await stub.PushTrust(request, metadata=onboarding.engineer)
        command = (await stream.next("command")).command
        assert (command.push_trust.server, command.push_trust.username) == ("press-1", "admin")
        assert command.push_trust.password == "secret"
        report = gateway_messages.ConnectRequest.CommandReport(command_id=command.command_id, done=True)
        report.push_trust.CopyFrom(trust_pb2.PushTrustResponse(added_sha256=["ab" * 32], applied=True, detail="Done."))
        await stream.call.write(gateway_messages.ConnectRequest(command_report=report))
        wait = WaitOperationRequest(name=operation.name)
        wait.timeout.FromTimedelta(dt.timedelta(seconds=10))
        ended = await onboarding.operations.WaitOperation(wait, metadata=onboarding.engineer)
    response = trust_pb2.PushTrustResponse()
    assert ended.response.Unpack(response)
    assert (list(response.added_sha256), response.detail) == (["ab" * 32], "Done.")
