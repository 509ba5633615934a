"""The console in a real browser, with the demonstration's plants streaming into it."""

import csv
import io
import re
import time
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from browser.chromium import find_chromium
from browser.conftest import Demonstration
from browser.people import Person, person

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed"),
]
FIRST_MINUTES = Path(__file__).parents[2] / "docs" / "guides" / "first-minutes.md"
# Each page, by the name of its picture.
PAGES = {
    "home": "/",
    "explore": "/explore?s=imm01/nozzle-temperature,imm01/injection-pressure&last=600000",
    "states": "/states",
    "oee": "/oee",
    "losses": "/losses",
    "spc": "/spc?chart=part-weight",
    "alarms": "/alarms",
    "alarms-quality": "/alarms?tab=quality",
    "energy": "/energy",
    "assets": "/assets",
    "asset": "/assets/imm01",
    "dashboards": "/dashboards",
    "dashboard": "/dashboards/moulding-shop",
    "dashboard-compose": "/dashboards/moulding-shop?edit=1",
    "dashboard-kiosk": "/dashboards/moulding-shop/kiosk?then=packaging-hall",
    "plants": "/plants",
    "gateways": "/gateways",
    "gateways-gateway": "/gateways/demo-gateway",
    "connect-flow": "/gateways/demo-gateway/connect?server=packaging",
    "tags": "/tags?q=Temperature",
    "market": "/market",
    "market-app": "/market/oee-board",
    "market-subscribe": "/market/oee-board/subscribe",
    "apps": "/apps",
    "apps-state": "/apps/oee-board",
    "apps-settings": "/apps/oee-board?tab=settings",
    "apps-grant": "/apps/oee-board?tab=grant",
    "apps-usage": "/apps/oee-board?tab=usage",
    "reviews": "/reviews",
    "admin-people": "/admin/people",
    "admin-tokens": "/admin/tokens",
    "admin-quotas": "/admin/quotas",
    "admin-audit": "/admin/audit",
    "admin-tenants": "/admin/tenants",
    "admin-tenant": "/admin/tenants/dualspan",
    "admin-platform": "/admin/platform",
    "admin-evidence": "/admin/evidence?kind=industries",
    "account": "/account",
    "nothing": "/nothing/here",
}
COLOURS = """(() => {
  const canvas = document.querySelector('.uplot canvas');
  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  return new Set(new Uint32Array(pixels.buffer)).size;
})()"""


@pytest_asyncio.fixture(loop_scope="session")
async def admin(demonstration: Demonstration, browser: Browser) -> AsyncGenerator[Person]:
    async with person(browser, demonstration.console) as visitor:
        await visitor.sign_in(demonstration.email, demonstration.password)
        yield visitor


async def drawn(visitor: Person) -> None:
    """Waits until a chart has a line."""
    await visitor.page.wait_for_selector(".chart[data-drawn] canvas")
    await visitor.until(f"{COLOURS} > 10")


async def test_the_first_minutes_are_these_clicks(demonstration: Demonstration, browser: Browser) -> None:
    guide = FIRST_MINUTES.read_text("utf-8")
    begun = time.monotonic()
    async with person(browser, demonstration.console) as visitor:
        page = visitor.page
        await page.goto(demonstration.console)
        await page.get_by_label("E-mail address").fill(demonstration.email)
        await page.get_by_label("Password").fill(demonstration.password)
        for number, (role, name) in enumerate(
            [("button", "Sign in"), ("link", "Explore the data"), ("searchbox", "Search machines and values")], 1
        ):
            assert f"**{name}**" in guide, f"click {number} is in the guide"
            await page.get_by_role(role, name=name, exact=True).click()  # pyright: ignore[reportArgumentType]
        await page.keyboard.type("imm01 nozzle temperature")
        assert "`imm01 nozzle temperature`" in guide
        assert "**Nozzle temperature**" in guide
        await page.get_by_role("treeitem", name="Nozzle temperature").first.click()
        await drawn(visitor)
        value = page.locator("[data-series='imm01/nozzle-temperature'] .value")
        await expect(value).to_have_text(re.compile(r"\d"))
        assert time.monotonic() - begun < 60
        await visitor.keep("console-first-minutes")


@pytest.mark.parametrize(
    ("language", "size"),
    [
        ("zh", "phone"),
        pytest.param("en", "desk", marks=pytest.mark.long),
        pytest.param("zh", "desk", marks=pytest.mark.long),
        pytest.param("en", "phone", marks=pytest.mark.long),
    ],
)
async def test_every_page_can_be_used_by_everybody(
    demonstration: Demonstration, browser: Browser, language: str, size: str
) -> None:
    wrong: dict[str, list[str]] = {}
    async with person(browser, demonstration.console, language=language, size=size, dark=language == "zh") as visitor:  # pyright: ignore[reportArgumentType]
        await visitor.page.goto(demonstration.console)
        await visitor.page.wait_for_selector("form input")
        wrong["sign-in"] = await visitor.violations()
        await visitor.keep(f"console-sign-in-{language}-{size}")
        await visitor.sign_in(demonstration.email, demonstration.password)
        for name, path in PAGES.items():
            await visitor.open(path)
            await visitor.settled()
            if name == "explore":
                await drawn(visitor)
            wrong[name] = await visitor.violations()
            if await visitor.stands_out():
                wrong[name].append("something is wider than the window")
            await visitor.keep(f"console-{name}-{language}-{size}")
        assert {name: found for name, found in wrong.items() if found} == {}


async def test_home_says_what_needs_me_and_how_plants_are(admin: Person) -> None:
    await admin.settled()
    await expect(admin.page.get_by_role("heading", name="Needs you now")).to_be_visible()
    await expect(admin.page.locator(".site").first).to_contain_text("3 of 3")


async def test_tags_are_found_and_their_values_move(admin: Person) -> None:
    await admin.open("/tags")
    await admin.page.get_by_label("Search by name or path").fill("Bowl/Pressure")
    await admin.page.wait_for_url("**/tags?q=Bowl%2FPressure")
    value = admin.page.locator("tbody tr").first.locator("td").nth(2)
    await expect(value).to_have_text(re.compile(r"\d"))
    before = await value.text_content()
    await expect(value).not_to_have_text(before or "")


async def test_a_chart_is_zoomed_moved_compared_and_shared(admin: Person) -> None:
    page = admin.page
    await admin.open("/explore?s=imm01/nozzle-temperature&last=600000")
    await drawn(admin)
    await expect(page.locator(".live")).to_have_text("live")
    box = await page.locator(".u-over").bounding_box()
    assert box
    await page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 80)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] * 0.98, box["y"] + 120, steps=4)
    await page.mouse.up()
    await page.wait_for_url("**from=*")
    zoomed = page.url
    await page.locator(".chart").focus()
    await page.keyboard.press("ArrowLeft")
    await page.wait_for_url(lambda url: url != zoomed)
    await page.get_by_role("button", name="To now").click()
    await page.wait_for_url("**last=*")
    await page.get_by_role("button", name="Compare Nozzle temperature").click()
    await page.get_by_role("button", name="With another machine").click()
    await page.locator("dialog [data-asset=imm02]").click()
    await expect(page.locator("[data-series]")).to_have_count(2)
    await page.get_by_role("button", name="Take away Nozzle temperature").nth(1).click()
    await expect(page.locator("[data-series]")).to_have_count(1)
    await page.get_by_role("button", name="Undo").click()
    await expect(page.locator("[data-series]")).to_have_count(2)
    async with page.expect_download() as image:
        await page.get_by_role("button", name="Share").click()
        await page.get_by_role("button", name="Save as image").click()
    assert (await (await image.value).path()).read_bytes().startswith(b"\x89PNG")
    await page.get_by_role("button", name="Share").click()
    await page.get_by_role("button", name="Save the data").click()
    await admin.keep("console-explore-file")
    async with page.expect_download() as table:
        await page.get_by_role("button", name="Download", exact=True).click()
    rows = list(csv.reader(io.StringIO((await (await table.value).path()).read_text("utf-8-sig"))))
    assert rows[0][1] == "imm01/nozzle-temperature"
    assert len(rows) > 2


async def test_everything_is_reached_by_keys(admin: Person) -> None:
    page = admin.page
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("combobox")).to_be_focused()
    await page.keyboard.type("imm03")
    await expect(page.get_by_role("option").first).to_contain_text("IMM03")
    await admin.keep("console-palette")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/explore?asset=imm03")
    leaf = page.locator("[role=treeitem][data-node^='imm03/']").first
    await expect(leaf).to_be_visible()
    await page.locator("[role=treeitem][tabindex='0']").focus()
    for _ in range(40):
        focused = await page.evaluate("document.activeElement.dataset.node ?? ''")
        if focused.startswith("imm03/"):
            break
        await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**s=imm03*")


async def test_an_app_is_subscribed_to_and_cancelled(admin: Person) -> None:
    page = admin.page
    await admin.open("/market")
    await page.locator("[data-app=oee-board]").click()
    await expect(page.get_by_role("heading", name="In your plants")).to_be_visible()
    await page.locator("[data-do=subscribe]").click()
    shift = page.locator("input[name='shifts.0']")
    await expect(shift).to_have_value("06:00")
    await shift.fill("6")
    await page.locator("[data-do=go]").click()
    await expect(page.locator(".wrong").first).to_be_visible()
    await shift.fill("07:00")
    await page.locator("[data-do=go]").click()
    await page.wait_for_url("**/apps/oee-board-2")
    await expect(page.locator(".steps li").first).to_be_visible(timeout=60_000)
    await admin.keep("console-provisioning")
    await page.get_by_role("tab", name="Settings").click()
    await expect(page.locator("input[name='shifts.0']")).to_have_value("07:00")
    await page.get_by_role("button", name="Manage").click()
    await page.locator("[data-do=cancel]").click()
    await page.locator("[data-do=really-cancel]").click()
    await expect(page.locator(".page-head .badge")).to_have_text(re.compile("ending|ended"))


async def test_the_theme_and_the_language_are_chosen(admin: Person) -> None:
    page = admin.page
    await page.locator(".person").click()
    await page.locator("[data-do=theme]").click()
    assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
    await page.locator(".person").click()
    await page.locator("[data-do=language]").click()
    await page.wait_for_selector("html[lang=zh-CN] .shell")
    await expect(page.locator("nav a[aria-current]").first).to_have_text("首页")
    assert await page.evaluate("document.documentElement.dataset.theme") == "dark"


async def test_a_session_that_ends_asks_to_sign_in_and_comes_back(demonstration: Demonstration, admin: Person) -> None:
    await admin.open("/plants")
    await admin.page.context.clear_cookies()
    await admin.page.wait_for_selector("form input[name=email]", timeout=30_000)
    await admin.page.fill("input[name=email]", demonstration.email)
    await admin.page.fill("input[name=password]", demonstration.password)
    await admin.page.click("form button.primary")
    await expect(admin.page.get_by_role("heading", name="Plants", exact=True)).to_be_visible()
    admin.problems.clear()  # the browser's own word for an answer of 401


async def test_the_first_page_can_be_used_within_a_second_and_is_small(
    demonstration: Demonstration, browser: Browser
) -> None:
    async with person(browser, demonstration.console) as visitor:
        sizes: list[int] = []

        async def count(response: object) -> None:
            sizes.append((await response.request.sizes())["responseBodySize"])  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]

        visitor.page.on("response", count)
        await visitor.page.goto(demonstration.console)
        await visitor.page.wait_for_selector("form input[name=email]")
        assert sum(sizes) < 300 * 1024
