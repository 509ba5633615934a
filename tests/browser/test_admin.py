"""Who runs the platform, who makes apps for it, and who reviews them, each in a browser of their own."""

import json
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import oidc_provider_mock
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from browser.chromium import find_chromium
from browser.conftest import Demonstration
from browser.people import Person, person
from harness.identity_provider import serve_provider

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed"),
]
MANIFEST = (Path(__file__).parents[1] / "data" / "manifests" / "oee-board.yaml").read_text("utf-8")
DESK = {
    "publisher": "/publisher",
    "publisher-app": "/publisher/shift-board",
    "publisher-version": "/publisher/shift-board/1.2.0",
}
OWN_PASSWORD = "a password of one's own"
WANG = "wang@works.example"
# What markup made of texts would let run, or at least appear.
HOSTILE = "<img src=x onerror=alert(1)>"
MADE_OF_TEXT = (
    "document.querySelectorAll('img[src=x], [onerror], [onload], script:not([src]), a[href^=javascript]').length"
)


@dataclass(frozen=True)
class Publisher:
    """An enterprise that makes apps, and its one person."""

    tenant: str
    email: str
    password: str


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def root(demonstration: Demonstration, browser: Browser) -> AsyncGenerator[Person]:
    """Who runs the platform, and is the administrator of an enterprise on it."""
    async with person(browser, demonstration.console) as visitor:
        await visitor.sign_in(demonstration.email, demonstration.password)
        yield visitor


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
    page, email = root.page, f"dev@{tenant}.example"
    await root.open("/admin/tenants")
    await page.locator("[data-do=make]").click()
    await page.fill("input[name=tenant-name]", tenant.title())
    await page.fill("input[name=tenant-id]", tenant)
    await page.locator("[data-do=create]").click()
    await page.wait_for_url(f"**/admin/tenants/{tenant}")
    await page.locator("[data-do=invite]").click()
    await page.fill("input[name=person-email]", email)
    await page.uncheck("input[name=role-viewer]")
    await page.check("input[name=role-publisher]")
    await root.keep("console-admin-invite-en-desk")
    await page.locator("[data-do=create]").click()
    password = await page.locator("dialog .copy code").text_content()
    await page.locator("[data-do=done]").click()
    await expect(page.locator("tbody tr")).to_contain_text(email)
    return Publisher(tenant, email, password or "")


async def test_an_enterprise_gets_people_and_everything_is_in_the_audit_log(root: Person) -> None:
    page = root.page
    await root.open("/admin/people")
    await invite(page, "lin@demo.example", f"Lin {HOSTILE}")
    row = page.locator("tbody tr", has_text="lin@demo.example")
    await expect(row).to_contain_text(HOSTILE)
    assert await page.evaluate(MADE_OF_TEXT) == 0
    await row.locator(".menu button").first.click()
    await page.locator("[data-do=access]").click()
    await expect(row).to_contain_text("kept out")
    await page.get_by_role("button", name="Undo").click()
    await expect(row).to_contain_text("may sign in")
    await root.open("/admin/audit")
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
async def test_people_sign_in_where_they_work(demonstration: Demonstration, browser: Browser, root: Person) -> None:
    if demonstration.folder is None:
        pytest.skip("this demonstration trusts no identity provider of ours")
    page, wang = root.page, oidc_provider_mock.User(sub="0815", claims={"email": WANG, "email_verified": True})
    await root.open("/admin/people")
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
        await root.keep("console-admin-provider-en-desk")
        await page.locator("dialog [data-do=create]").click()
        await expect(page.locator("[data-row=works]")).to_contain_text("works.example")
        async with person(browser, demonstration.console, trusting=True) as visitor:
            await visitor.page.goto(demonstration.console)
            await visitor.page.fill("input[name=email]", WANG)
            leads = visitor.page.get_by_role("link", name="Sign in with Works")
            await expect(leads).to_be_visible()
            await visitor.keep("console-sign-in-provider-en-desk")
            await leads.click()
            await visitor.page.get_by_role("button", name="Deny").click()
            # Of a refusal this provider does not say whose it is, which the standard wants (RFC 6749, 4.1.2.1).
            await expect(visitor.page.get_by_role("alert")).to_contain_text("began in another browser")
            await visitor.page.fill("input[name=email]", WANG)
            await leads.click()
            await visitor.page.locator("button[value='0815']").click()
            await visitor.page.wait_for_selector(".shell main h1")
            await expect(visitor.page.locator(".person")).to_contain_text(WANG)
            visitor.problems.clear()  # the provider's own page has no icon
    await page.get_by_role("button", name="Remove Works").click()
    await page.locator("[data-do=really-remove]").click()
    await expect(page.locator("[data-row=works]")).to_have_count(0)


async def test_a_token_is_made_shown_once_and_revoked(root: Person) -> None:
    page = root.page
    await root.open("/admin/tokens")
    await page.locator("[data-do=make]").click()
    await page.fill("input[name=token-name]", "Nightly report")
    await page.locator("[data-do=create]").click()
    await expect(page.locator("dialog .copy code")).to_have_text(re.compile("^dsa1"))
    await root.keep("console-admin-token-en-desk")
    await page.locator("[data-do=done]").click()
    row = page.locator("tbody tr", has_text="Nightly report")
    await row.locator("[data-do=revoke]").click()
    await page.locator("[data-do=really-revoke]").click()
    await expect(row.locator(".badge")).to_have_text("revoked")


async def test_the_platform_says_how_it_is_and_shows_its_breadth(root: Person) -> None:
    page = root.page
    await root.open("/admin/platform")
    for service in ("identity", "onboarding", "historian", "analytics", "marketplace"):
        await expect(page.locator(f"[data-row={service}] .badge").first).to_have_text("answers")
    await expect(page.locator("[data-row='historian.frame']")).to_contain_text("B")
    await root.open("/admin/evidence")
    await expect(page.locator("[data-kind=devices] strong")).to_have_text(re.compile(r"^[3-9]$"))
    await page.locator("[data-kind=industries]").click()
    await expect(page.locator("tbody")).to_contain_text("Injection moulding")
    async with page.expect_download() as file:
        await page.get_by_role("button", name="Save as a file").click()
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
    await expect(page.locator(".toast")).to_contain_text("Password changed.")
    await expect(page.locator("tbody tr")).to_have_count(1)


async def hand_in(page: Page, folder: Path) -> None:
    await page.locator("[data-do=hand-in]").click()
    await page.set_input_files("input[name=folder]", folder)
    await expect(page.locator("dialog .note.good")).to_be_visible()
    await page.locator("[data-do=send]").click()
    await page.wait_for_selector("[data-check=manifest]")


async def test_a_version_goes_from_a_folder_to_everybody(
    demonstration: Demonstration, browser: Browser, root: Person, tmp_path: Path
) -> None:
    maker = await add_publisher(root, "maker")
    folder = tmp_path / "shift-board"
    folder.mkdir()
    text = MANIFEST.replace("id: oee-board", "id: shift-board", 1)
    text = text.replace("names: {en: OEE board, zh: OEE 看板}", "names: {en: Shift board, zh: 班次看板}", 1)
    text = text.replace("license:", f"description: {{en: '{HOSTILE}', zh: '{HOSTILE}'}}\nlicense:", 1)
    (folder / "app.yaml").write_text(text.replace("license: Apache-2.0", "license: no licence", 1), "utf-8")
    async with person(browser, demonstration.console) as publisher:
        desk = publisher.page
        await publisher.sign_in(maker.email, maker.password, "/account")
        await change_password(publisher, maker.password, OWN_PASSWORD)
        await publisher.open("/publisher")
        await desk.locator("[data-do=introduce]").click()
        publisher.problems.clear()  # the browser's own word for an answer of 404: nobody has said who they are
        await desk.fill("input[name=publisher-en]", "Maker")
        await desk.fill("input[name=publisher-zh]", "制造者")
        await desk.locator("[data-do=save]").click()
        await hand_in(desk, folder)
        await expect(desk.locator("[data-outcome=failed]").first).to_be_visible(timeout=60_000)
        await publisher.keep("console-publisher-failed-en-desk")
        (folder / "app.yaml").write_text(text, "utf-8")
        await publisher.open("/publisher")
        await hand_in(desk, folder)
        await expect(desk.locator(".badge").first).to_have_text("in review", timeout=60_000)
        await publisher.keep("console-publisher-version-en-desk")
        await review(root, maker.tenant)
        await desk.reload()
        await desk.locator("[data-do=publish]").click()
        await expect(desk.locator(".badge").first).to_have_text("published")
        await publisher.open("/publisher")
        await publisher.settled()
        assert not await publisher.violations()
        await publisher.keep("console-publisher-en-desk")
        await publisher.open("/publisher/shift-board")
        await desk.locator("[data-do=add-plan]").click()
        for name, value in {"id": "free", "en": "Free", "zh": "免费"}.items():
            await desk.fill(f"input[name=plan-{name}]", value)
        await desk.locator("[data-do=create]").click()
        await expect(desk.locator("tbody", has_text="Free")).to_contain_text("offered")
        await publisher.keep("console-publisher-app-en-desk")
    async with person(browser, demonstration.console, language="zh", size="phone", dark=True) as small:
        await small.sign_in(maker.email, OWN_PASSWORD, "/publisher")
        for name, path in DESK.items():
            await small.open(path)
            await small.settled()
            assert not await small.violations(), path
            assert not await small.stands_out(), path
            await small.keep(f"console-{name}-zh-phone")
    await root.open("/market/shift-board")
    await expect(root.page.locator(".markdown")).to_contain_text(HOSTILE)
    assert await root.page.evaluate(MADE_OF_TEXT) == 0


async def review(root: Person, publisher: str) -> None:
    """Looks at what the version asks for, and approves it."""
    page = root.page
    await root.open("/reviews")
    await page.locator(f"[data-row='tenants/{publisher}/apps/shift-board/appVersions/1.2.0']").click()
    await expect(page.locator(".reaches-out")).to_contain_text("api.example.com:443")
    await expect(page.locator("h1")).to_have_text("Shift board 1.2.0")
    await root.keep("console-reviews-version-en-desk")
    await page.locator("summary", has_text="Manifest").click()
    await expect(page.locator("pre")).to_contain_text(HOSTILE)
    assert await page.evaluate(MADE_OF_TEXT) == 0
    assert not await root.violations()
    await page.locator("[data-do=approve]").click()
    await page.wait_for_url("**/reviews")
