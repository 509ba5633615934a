"""Who runs the platform, who makes apps for it, and who reviews them, each in a browser of their own."""

import json
import re
import uuid
from pathlib import Path

import oidc_provider_mock
import pytest
from playwright.async_api import Browser, Page, expect

from browser.chromium import find_chromium
from browser.conftest import Demonstration
from browser.people import SEATS, Person, Seat, person
from browser.publishers import Publisher, invite_publisher
from harness.identity_provider import serve_provider

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed"),
]
MANIFEST = (Path(__file__).parents[1] / "data" / "manifests" / "oee-board.yaml").read_text("utf-8")
OWN_PASSWORD = "a password of one's own"
WANG = "wang@works.example"
# What markup made of texts would let run, or at least appear.
HOSTILE = "<img src=x onerror=alert(1)>"
MADE_OF_TEXT = (
    "document.querySelectorAll('img[src=x], [onerror], [onload], script:not([src]), a[href^=javascript]').length"
)


async def keep(visitor: Person, name: str) -> None:
    """Keeps a picture under the name of what is seen, and of who sees it."""
    await visitor.keep(f"console-{name}-{visitor.language}-{visitor.size}")


async def invite(page: Page, email: str, name: str = "") -> str:
    """Adds a viewer; returns the first password."""
    await page.locator("[data-do=invite]").click()
    await page.fill("input[name=person-email]", email)
    await page.fill("input[name=person-name]", name)
    await page.locator("dialog [data-do=create]").click()
    code = page.locator("dialog .copy code")
    await expect(code).to_have_text(re.compile(r"^[a-z2-9]{20}$"))
    password = await code.text_content()
    await page.locator("[data-do=done]").click()
    return password or ""


async def add_publisher(root: Person, tenant: str) -> Publisher:
    """Adds an enterprise and its first person, by clicks."""
    page = root.page
    await root.go("/admin/tenants")
    await page.locator("[data-do=make]").click()
    await page.fill("input[name=tenant-name]", tenant.title())
    await page.fill("input[name=tenant-id]", tenant)
    await page.locator("[data-do=create]").click()
    await page.wait_for_url(f"**/admin/tenants/{tenant}")

    async def look_at_it() -> None:
        assert await root.violations() == []
        await keep(root, "admin-invite")

    return await invite_publisher(root, tenant, f"dev@{tenant}.example", look_at_it)


@pytest.mark.parametrize("admin", SEATS, indirect=True)
async def test_an_enterprise_gets_people_and_everything_is_in_the_audit_log(admin: Person) -> None:
    page, email = admin.page, f"{uuid.uuid4().hex[:8]}@demo.example"
    await admin.open("/admin/people")
    await invite(page, email, f"Lin {HOSTILE}")
    row = page.locator("tbody tr", has_text=email)
    await expect(row).to_contain_text(HOSTILE)
    assert await page.evaluate(MADE_OF_TEXT) == 0
    await row.locator(".menu button").first.click()
    await page.locator("[data-do=access]").click()
    await expect(row).to_contain_text(admin.says("admin.no_access"))
    await admin.undo()
    await expect(row).to_contain_text(admin.says("admin.has_access"))
    await admin.go("/admin/audit")
    await page.locator("input[name=action]").fill("user")
    await page.locator("input[name=action]").press("Enter")
    await page.wait_for_url("**/admin/audit?action=user")
    await page.locator(".narrow-to", has_text="user.create").first.click()
    await page.wait_for_url("**/admin/audit?action=user.create")
    await expect(page.locator("tbody tr").first).to_contain_text("users/")
    async with page.expect_download() as file:
        await page.locator("[data-do=save]").click()
    lines = (await (await file.value).path()).read_text("utf-8-sig").splitlines()
    assert lines[0] == "event_time,actor,action,resource,details,request_id"
    assert lines[1:]
    assert all(",user.create," in line for line in lines[1:])


# The provider calls a library in a way that this warns of.
@pytest.mark.filterwarnings("ignore:get_jwt_config:DeprecationWarning")
async def test_people_sign_in_where_they_work(demonstration: Demonstration, browser: Browser, admin: Person) -> None:
    if demonstration.folder is None:
        pytest.skip("this demonstration trusts no identity provider of ours")
    page, wang = admin.page, oidc_provider_mock.User(sub="0815", claims={"email": WANG, "email_verified": True})
    await admin.open("/admin/people")
    await invite(page, WANG)
    with serve_provider(demonstration.folder, wang) as issuer:
        await page.locator("[data-do=add-provider]").click()
        given = {
            "displayName": "Works",
            "id": "works",
            "issuer": issuer,
            "clientId": "dualspan",
            "clientSecret": "s",
            "domains": "works.example",
        }
        for name, value in given.items():
            await page.fill(f"input[name=provider-{name}]", value)
        await admin.keep("console-admin-provider-en-desk")
        await page.locator("dialog [data-do=create]").click()
        await expect(page.locator("[data-row=works]")).to_contain_text("works.example")
        async with person(browser, demonstration.console, trusting=True) as visitor:
            await visitor.page.goto(demonstration.console)
            await visitor.page.fill("input[name=email]", WANG)
            leads = visitor.page.get_by_role("link", name=visitor.says("sign_in.with", name="Works"))
            await expect(leads).to_be_visible()
            await visitor.keep("console-sign-in-provider-en-desk")
            await leads.click()
            await visitor.page.get_by_role("button", name="Deny").click()
            # Of a refusal this provider does not say whose it is, which the standard wants (RFC 6749, 4.1.2.1).
            await expect(visitor.page.get_by_role("alert")).to_contain_text(
                visitor.says("sign_in.problem_OIDC_SIGN_IN_EXPIRED")
            )
            await visitor.page.fill("input[name=email]", WANG)
            await leads.click()
            await visitor.page.locator("button[value='0815']").click()
            await visitor.page.wait_for_selector(".shell main h1")
            await expect(visitor.page.locator(".person")).to_contain_text(WANG)
            visitor.problems.clear()  # the provider's own page has no icon
    await admin.button("admin.remove_provider", name="Works").click()
    await page.locator("[data-do=really-remove]").click()
    await expect(page.locator("[data-row=works]")).to_have_count(0)


@pytest.mark.parametrize("admin", SEATS, indirect=True)
async def test_a_token_is_made_shown_once_and_revoked(admin: Person) -> None:
    page, name = admin.page, f"Nightly report {uuid.uuid4().hex[:4]}"
    await admin.open("/admin/tokens")
    await page.locator("[data-do=make]").click()
    await page.fill("input[name=token-name]", name)
    await page.locator("[data-do=create]").click()
    await expect(page.locator("dialog .copy code")).to_have_text(re.compile("^dsa1"))
    await keep(admin, "admin-token")
    await page.locator("[data-do=done]").click()
    row = page.locator("tbody tr", has_text=name)
    await row.locator("[data-do=revoke]").click()
    await page.locator("[data-do=really-revoke]").click()
    await expect(row.locator(".badge")).to_have_text(admin.says("admin.token_void"))


@pytest.mark.parametrize("admin", SEATS, indirect=True)
async def test_the_platform_says_how_it_is_and_shows_its_breadth(admin: Person) -> None:
    page = admin.page
    await admin.open("/admin/platform")
    for service in ("identity", "onboarding", "historian", "analytics", "marketplace"):
        await expect(page.locator(f"[data-row={service}] .badge").first).to_have_text(admin.says("admin.answers"))
    await expect(page.locator("[data-row='historian.frame']")).to_contain_text("B")
    await admin.go("/admin/evidence")
    await expect(page.locator("[data-kind=devices] strong")).to_have_text(re.compile(r"^[3-9]$"))
    await page.locator("[data-kind=industries]").click()
    await expect(page.locator("tbody")).to_contain_text(admin.says("industry.injection-moulding"))
    async with page.expect_download() as file:
        await admin.button("admin.save_file").click()
        await page.locator("[data-do=json]").click()
    told = json.loads((await (await file.value).path()).read_text("utf-8"))
    kinds = {each["kind"]: each for each in told["evidence"]}
    assert int(kinds["apps"]["count"]) >= 1
    assert {each["id"] for each in kinds["protocols"]["items"]} == {"opc.tcp"}
    assert int(kinds["users-active"]["count"]) >= 1


async def change_password(visitor: Person, old: str, new: str) -> None:
    """Exchanges one's password on the page of one's account, and is still signed in."""
    page = visitor.page
    await page.locator("[data-do=password]").click()
    await page.fill("input[name=current-password]", old)
    await page.fill("input[name=next-password]", new)
    await page.locator("[data-do=change]").click()
    await expect(page.locator(".toast")).to_contain_text(visitor.says("account.password_changed"), timeout=20_000)
    await expect(page.locator("tbody tr")).to_have_count(1)


async def hand_in(page: Page, folder: Path) -> None:
    await page.locator("[data-do=hand-in]").click()
    await page.set_input_files("input[name=folder]", folder)
    await expect(page.locator("dialog .note.good")).to_be_visible()
    await page.locator("[data-do=send]").click()
    await page.wait_for_selector("[data-check=manifest]")


@pytest.mark.parametrize("admin", SEATS, indirect=True)
async def test_a_version_goes_from_a_folder_to_everybody(admin: Person, browser: Browser, tmp_path: Path) -> None:
    # The same demonstration has this journey in another language, too.
    turn = uuid.uuid4().hex[:6]
    app, folder = f"shift-board-{turn}", tmp_path / "shift-board"
    folder.mkdir()
    text = MANIFEST.replace("id: oee-board", f"id: {app}", 1)
    text = text.replace("names: {en: OEE board, zh: OEE 看板}", "names: {en: Shift board, zh: 班次看板}", 1)
    text = text.replace("license:", f"description: {{en: '{HOSTILE}', zh: '{HOSTILE}'}}\nlicense:", 1)
    (folder / "app.yaml").write_text(text.replace("license: Apache-2.0", "license: no licence", 1), "utf-8")
    await admin.open("/")
    maker = await add_publisher(admin, f"maker-{turn}")
    async with person(
        browser, admin.console, language=admin.language, size=admin.size, dark=admin.language == "zh"
    ) as publisher:
        desk = publisher.page
        await publisher.sign_in(maker.email, maker.password, "/account")
        await change_password(publisher, maker.password, OWN_PASSWORD)
        await publisher.go("/publisher")
        await introduce(publisher)
        await hand_in(desk, folder)
        await expect(desk.locator("[data-outcome=failed]").first).to_be_visible(timeout=60_000)
        await look(publisher, "publisher-failed")
        (folder / "app.yaml").write_text(text, "utf-8")
        await publisher.go("/publisher")
        await hand_in(desk, folder)
        state = desk.locator(".badge").first
        await expect(state).to_have_text(publisher.says("publisher.state_IN_REVIEW"), timeout=60_000)
        await look(publisher, "publisher-version")
        await review(admin, f"tenants/{maker.tenant}/apps/{app}/appVersions/1.2.0")
        await desk.reload()
        await desk.locator("[data-do=publish]").click()
        await expect(state).to_have_text(publisher.says("publisher.state_PUBLISHED"))
        await publisher.go("/publisher")
        await look(publisher, "publisher")
        await publisher.go(f"/publisher/{app}")
        await offer_a_plan(publisher)
        await look(publisher, "publisher-app")
    await admin.go(f"/market/{app}")
    await expect(admin.page.locator(".markdown")).to_contain_text(HOSTILE)
    assert await admin.page.evaluate(MADE_OF_TEXT) == 0


async def look(visitor: Person, name: str) -> None:
    """Has axe judge the page, and keeps a picture of it."""
    await visitor.settled()
    assert await visitor.violations() == [], name
    assert not await visitor.stands_out(), name
    await keep(visitor, name)


async def introduce(publisher: Person) -> None:
    """Says who makes the apps, which nobody has yet."""
    page = publisher.page
    await page.locator("[data-do=introduce]").click()
    publisher.problems.clear()  # the browser's own word for an answer of 404: nobody has said who they are
    await page.fill("input[name=publisher-en]", "Maker")
    await page.fill("input[name=publisher-zh]", "制造者")
    await page.locator("[data-do=save]").click()


async def offer_a_plan(publisher: Person) -> None:
    """Adds a plan that costs nothing."""
    page = publisher.page
    await page.locator("[data-do=add-plan]").click()
    for name, value in {"id": "free", "en": "Free", "zh": "免费"}.items():
        await page.fill(f"input[name=plan-{name}]", value)
    await page.locator("[data-do=create]").click()
    await expect(page.locator("tbody", has_text="free")).to_contain_text(publisher.says("publisher.plan_OFFERED"))


async def review(reviewer: Person, version: str) -> None:
    """Looks at what the version asks for, and approves it."""
    page = reviewer.page
    await reviewer.go("/reviews")
    await page.locator(f"[data-row='{version}']").click()
    await expect(page.locator(".reaches-out")).to_contain_text("api.example.com:443")
    await expect(page.locator("h1")).to_have_text(
        {"en": "Shift board 1.2.0", "zh": "班次看板 1.2.0"}[reviewer.language]
    )
    await look(reviewer, "reviews-version")
    await page.locator("summary", has_text=reviewer.says("publisher.manifest")).click()
    await expect(page.locator("pre")).to_contain_text(HOSTILE)
    assert await page.evaluate(MADE_OF_TEXT) == 0
    await page.locator("[data-do=approve]").click()
    await page.wait_for_url("**/reviews")


@pytest.mark.long
@pytest.mark.parametrize("seat", SEATS)
async def test_who_may_only_look_is_shown_what_they_may_see(admin: Person, browser: Browser, seat: Seat) -> None:
    language, size = seat
    await admin.open("/admin/people")
    email = f"{uuid.uuid4().hex[:8]}@demo.example"
    password = await invite(admin.page, email)
    async with person(browser, admin.console, language=language, size=size) as viewer:
        page = viewer.page
        await viewer.sign_in(email, password)
        assert await viewer.violations() == []
        sides = await page.locator("nav a").evaluate_all("(all) => all.map((each) => each.getAttribute('href'))")
        assert "/explore" in sides
        assert not [each for each in sides if each.startswith("/admin") or each in {"/reviews", "/publisher"}]
        for path in sides:
            await viewer.go(path)
            await viewer.settled()
            assert await page.get_by_role("alert").count() == 0, path
        await viewer.choose("nav.dashboards")
        shop = page.locator("[data-dashboard=moulding-shop] a")
        await shop.wait_for()
        await expect(page.locator("[data-do=new]")).to_have_count(0)
        await shop.click()
        await expect(page.locator("[data-panel]").first).to_be_visible()
        await expect(page.locator("[data-do=edit]")).to_have_count(0)
        await viewer.choose("nav.states")
        await page.locator(".gantt-row[data-machine]").first.wait_for()
        await viewer.go("/explore?s=imm01/nozzle-temperature&last=600000")
        await page.wait_for_selector(".chart[data-drawn] canvas")
        await expect(page.locator("[data-do=note]")).to_have_count(0)
        await viewer.go("/admin/people")
        await expect(page.locator("h1")).to_have_text(viewer.says("core.not_allowed"))
