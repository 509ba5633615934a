"""Opening an app, from a signed-in session to its pages and to the end of it, on real services."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import grpc.aio
import pytest
import pytest_asyncio
from aiohttp import web
from integration.identity.running import PASSWORD, bearer, reason

from dualspan.identity.v1 import resources_pb2 as resources
from dualspan.identity.v1 import service_pb2 as messages
from dualspan.marketplace.v1 import access_pb2 as contract
from dualspan.marketplace.v1.access_pb2_grpc import AccessServiceStub
from dualspan_runtime.channels import open_channel
from harness.app_doors import BOARD, EMAIL, Doors, running_app, running_doors
from harness.databases import ClonedDatabase

HTML = {"Accept": "text/html"}


@pytest_asyncio.fixture
async def doors(database: ClonedDatabase, redis_url: str, free_port: Callable[[], int]) -> AsyncGenerator[Doors]:
    async with running_doors(database, redis_url, free_port) as doors:
        yield doors


@pytest_asyncio.fixture
async def page() -> AsyncGenerator[str]:
    """Pages that say who they are told is there."""

    async def tells(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text=f"{request.headers['Remote-User']} {request.headers['Remote-Groups']}")

    runner = web.ServerRunner(web.Server(tells, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def audited(doors: Doors) -> list[tuple[str, str, str]]:
    request = messages.ListAuditEventsRequest(parent="tenants/acme")
    events = await doors.identity.stub.ListAuditEvents(request, metadata=await doors.identity.bearer())
    return [(each.actor, each.action, each.resource) for each in events.audit_events]


async def refused(call: Awaitable[object]) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return reason(raised)


async def test_an_opening_is_one_audited_event_and_the_app_is_told_who(doors: Doors, page: str) -> None:
    await doors.subscribe("oee", page)
    viewer = await doors.identity.add_user("acme", "vera@acme.example", resources.ROLE_VIEWER)
    uri = await doors.open("oee", viewer)
    assert uri.startswith(f"http://oee--acme.apps.localhost:{doors.access_port}/.dualspan/open?ticket=acme.")
    visit = await doors.enter(uri)
    answers = [await visit.get() for _ in range(3)]
    assert [status for status, _, _ in answers] == [200] * 3
    text = answers[0][2]
    user = text.split()[0]
    assert user.startswith("users/")
    assert text.endswith(" viewer")
    assert (await doors.get(uri))[0] == 410
    opened: list[tuple[str, str, str]] = []
    for _ in range(50):
        opened = [each for each in await audited(doors) if each[1] == "app.open"]
        if opened:
            break
        await asyncio.sleep(0.1)
    assert opened == [(user, "app.open", "tenants/acme/subscriptions/oee")]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ("DELETE FROM identity.session", 401),
        ("UPDATE identity.account SET disabled_at = now()", 401),
        ("UPDATE identity.account SET roles = '{publisher}'", 403),
        ("UPDATE marketplace.subscription SET state = 'suspended', cause = 'asked'", 503),
        ("UPDATE marketplace.subscription SET state = 'cancelling'", 401),
        ("UPDATE marketplace.access SET expire_time = now()", 401),
        ("DELETE FROM marketplace.subscription", 401),
    ],
)
async def test_what_ends_an_access(doors: Doors, page: str, change: str, status: int) -> None:
    await doors.subscribe("oee", page)
    visit = await doors.enter(await doors.open("oee", await doors.identity.bearer()))
    assert (await visit.get())[0] == 200
    await doors.execute(change)
    assert await visit.shut() == status


async def test_signing_out_ends_what_was_opened_in_that_session_only(doors: Doors, page: str) -> None:
    await doors.subscribe("oee", page)
    signed_in = await doors.identity.sign_in()
    visit = await doors.enter(await doors.open("oee", bearer(signed_in.access_token)))
    other = await doors.enter(await doors.open("oee", await doors.identity.bearer()))
    await doors.identity.stub.SignOut(messages.SignOutRequest(refresh_token=signed_in.refresh_token))
    assert await visit.shut() == 401
    assert (await other.get())[0] == 200


async def test_an_api_token_opens_until_it_is_revoked(doors: Doors, page: str) -> None:
    await doors.subscribe("oee", page)
    who = await doors.identity.bearer()
    new = resources.ApiToken(display_name="x", roles=[resources.ROLE_VIEWER])
    new.expire_time.FromDatetime(datetime.now(UTC) + timedelta(days=1))
    made = await doors.identity.stub.CreateApiToken(
        messages.CreateApiTokenRequest(parent="tenants/acme", api_token=new), metadata=who
    )
    exchanged = await doors.identity.stub.ExchangeToken(messages.ExchangeTokenRequest(token=made.secret))
    visit = await doors.enter(await doors.open("oee", bearer(exchanged.access_token)))
    assert (await visit.get())[2].startswith("apiTokens/")
    await doors.identity.stub.RevokeApiToken(messages.RevokeApiTokenRequest(name=made.api_token.name), metadata=who)
    assert await visit.shut() == 401


async def test_who_may_open_what(doors: Doors, page: str) -> None:
    await doors.subscribe("oee", page)
    silent = "\n".join(line for line in BOARD.splitlines() if not line.startswith("ui:"))
    await doors.subscribe("silent", page, silent)
    await doors.subscribe("gone", page)
    await doors.execute("UPDATE marketplace.subscription SET state = 'cancelled' WHERE subscription_id = 'gone'")
    await doors.subscribe("canary", page)
    await doors.execute("UPDATE marketplace.subscription SET canary_of = 'oee' WHERE subscription_id = 'canary'")
    ada = await doors.identity.bearer()
    stranger = await doors.identity.add_user("rival", "mallory@rival.example", resources.ROLE_ADMIN)
    publisher = await doors.identity.add_user("acme", "grace@acme.example", resources.ROLE_PUBLISHER)
    assert await refused(doors.open("oee", stranger)) == "FOREIGN_TENANT"
    assert await refused(doors.open("oee", stranger, "rival")) == "SUBSCRIPTION_NOT_FOUND"
    assert await refused(doors.open("oee", publisher)) == "PERMISSION_MISSING"
    assert await refused(doors.open("silent", ada)) == "APP_HAS_NO_PAGES"
    assert await refused(doors.open("gone", ada)) == "SUBSCRIPTION_OVER"
    assert await refused(doors.open("canary", ada)) == "SUBSCRIPTION_NOT_FOUND"
    request = contract.ListOpenableAppsRequest(parent="tenants/acme")
    listed = (await doors.stub.ListOpenableApps(request, metadata=ada)).openable_apps
    assert [(each.name.rpartition("/")[2], each.running, each.display_name.zh) for each in listed] == [
        ("oee", True, "OEE 看板")
    ]
    secret = doors.identity.settings.platform.service_secret
    # A service is nobody who could answer for what is done in an app.
    async with open_channel(doors.marketplace, service="cli", secret=secret) as channel:
        as_service = AccessServiceStub(channel).OpenApp(contract.OpenAppRequest(name="tenants/acme/subscriptions/oee"))
        assert await refused(as_service) == "NOT_A_PERSON"


async def test_a_ticket_is_of_its_app_and_of_its_minute(doors: Doors, page: str) -> None:
    await doors.subscribe("oee", page)
    await doors.subscribe("other", page)
    who = await doors.identity.bearer()
    uri = await doors.open("oee", who)
    assert (await doors.get(uri.replace("oee--acme", "other--acme")))[0] == 410
    assert (await doors.get(uri))[0] == 303
    late = await doors.open("oee", who)
    await doors.execute("UPDATE marketplace.access SET expire_time = now() WHERE ticket_digest IS NOT NULL")
    assert (await doors.get(late))[0] == 410
    both = await doors.open("oee", who)
    answers = await asyncio.gather(*(doors.get(both) for _ in range(5)))
    assert sorted(status for status, _, _ in answers) == [303, 410, 410, 410, 410]


async def test_who_signed_out_meanwhile_opens_nothing_and_nothing_is_audited(doors: Doors, page: str) -> None:
    await doors.subscribe("oee", page)
    uri = await doors.open("oee", await doors.identity.bearer())
    await doors.execute("DELETE FROM identity.session")
    assert (await doors.get(uri))[0] == 410
    assert await doors.rows("SELECT FROM marketplace.audit_outbox WHERE action = 'app.open'") == []
    assert [each for each in await audited(doors) if each[1] == "app.open"] == []


async def test_nothing_that_opens_is_stored_in_clear(doors: Doors, page: str) -> None:
    await doors.subscribe("oee", page)
    who = await doors.identity.bearer()
    uri = await doors.open("oee", who)
    visit = await doors.enter(await doors.open("oee", who))
    rows = str(await doors.rows("SELECT access::text FROM marketplace.access AS access"))
    for secret in (uri.rpartition("=")[2], visit.cookie.rpartition("=")[2]):
        assert secret.rpartition(".")[2] not in rows


async def test_the_console_leads_into_the_board(doors: Doors) -> None:
    async with running_app("oee-board") as address:
        await doors.subscribe("oee-board", address)
        signed_in = await doors.identity.sign_in(EMAIL, PASSWORD)
        visit = await doors.enter(await doors.open("oee-board", bearer(signed_in.access_token)))
        status, headers, text = await visit.get("/", **HTML)
        assert status == 200
        assert "<h1" in text
        assert "frame-ancestors" in str(headers.getall("Content-Security-Policy"))
        status, headers, _ = await visit.get("/healthz")
        assert status == 200
