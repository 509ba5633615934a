"""The console in a real browser, with the demonstration's plants streaming into it."""

import csv
import io
import re
import time
from pathlib import Path

import pytest
from playwright.async_api import Browser, Response, expect

from browser.chromium import find_chromium
from browser.conftest import Demonstration
from browser.people import SEATS, Person, Seat, person, words_of

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


async def drawn(visitor: Person) -> None:
    """Waits until a chart has a line."""
    await visitor.page.wait_for_selector(".chart[data-drawn] canvas")
    await visitor.until(f"{COLOURS} > 10")


@pytest.mark.parametrize("seat", SEATS)
async def test_the_first_minutes_are_these_clicks(demonstration: Demonstration, browser: Browser, seat: Seat) -> None:
    guide = FIRST_MINUTES.read_text("utf-8")
    begun = time.monotonic()
    language, size = seat
    async with person(browser, demonstration.console, language=language, size=size) as visitor:
        page = visitor.page
        await page.goto(demonstration.console)
        await page.get_by_label(visitor.says("sign_in.email")).fill(demonstration.email)
        await page.get_by_label(visitor.says("sign_in.password")).fill(demonstration.password)
        for number, (role, key) in enumerate(
            [("button", "sign_in.title"), ("link", "home.to_explore"), ("searchbox", "explore.search")], 1
        ):
            assert language != "en" or f"**{visitor.says(key)}**" in guide, f"click {number} is in the guide"
            name = visitor.says(key)
            await page.get_by_role(role, name=name, exact=True).click()  # pyright: ignore[reportArgumentType]
        await page.keyboard.type("imm01 nozzle temperature")
        assert "`imm01 nozzle temperature`" in guide
        assert "**Nozzle temperature**" in guide
        await page.locator("[role=treeitem][data-node='imm01/nozzle-temperature']").click()
        if size == "phone":
            await visitor.button("explore.done").click()
        await drawn(visitor)
        value = page.locator("[data-series='imm01/nozzle-temperature'] .value")
        await expect(value).to_have_text(re.compile(r"\d"))
        assert time.monotonic() - begun < 60
        if seat == ("en", "desk"):
            await visitor.keep("console-first-minutes")


async def test_the_first_page_is_small(demonstration: Demonstration, browser: Browser) -> None:
    sizes: list[int] = []

    async def count(response: Response) -> None:
        sizes.append((await response.request.sizes())["responseBodySize"])

    async with person(browser, demonstration.console) as visitor:
        visitor.page.on("response", count)
        await visitor.page.goto(demonstration.console)
        await visitor.page.wait_for_selector("form input[name=email]")
        assert 0 < sum(sizes) < 300 * 1024


@pytest.mark.parametrize(
    "admin",
    [
        pytest.param(("zh", "phone"), id="zh-phone"),
        pytest.param(("en", "desk"), id="en-desk", marks=pytest.mark.long),
        pytest.param(("zh", "desk"), id="zh-desk", marks=pytest.mark.long),
        pytest.param(("en", "phone"), id="en-phone", marks=pytest.mark.long),
    ],
    indirect=True,
)
async def test_every_page_can_be_used_by_everybody(admin: Person) -> None:
    wrong: dict[str, list[str]] = {}
    await admin.open("/")
    for name, path in PAGES.items():
        await admin.go(path)
        await admin.settled()
        if name == "explore":
            await drawn(admin)
        wrong[name] = await admin.violations()
        if await admin.stands_out():
            wrong[name].append("something is wider than the window")
        await admin.keep(f"console-{name}-{admin.language}-{admin.size}")
    assert {name: found for name, found in wrong.items() if found} == {}


@pytest.mark.parametrize("seat", SEATS[:2])
async def test_signing_in_can_be_used_by_everybody(demonstration: Demonstration, browser: Browser, seat: Seat) -> None:
    language, size = seat
    async with person(browser, demonstration.console, language=language, size=size, dark=language == "zh") as visitor:
        await visitor.page.goto(demonstration.console)
        await visitor.page.wait_for_selector("form input")
        assert await visitor.violations() == []
        assert not await visitor.stands_out()
        await visitor.keep(f"console-sign-in-{language}-{size}")


async def test_home_says_what_needs_me_and_how_plants_are(admin: Person) -> None:
    await admin.open("/")
    await expect(admin.page.get_by_role("heading", name=admin.says("home.needs"))).to_be_visible()
    await expect(admin.page.locator(".site").first).to_contain_text("3 of 3")


async def test_tags_are_found_and_their_values_move(admin: Person) -> None:
    await admin.open("/tags")
    await admin.page.get_by_label(admin.says("tags.search")).fill("Bowl/Pressure")
    await admin.page.wait_for_url("**/tags?q=Bowl%2FPressure")
    value = admin.page.locator("tbody tr").first.locator("td").nth(2)
    await expect(value).to_have_text(re.compile(r"\d"))
    before = await value.text_content()
    await expect(value).not_to_have_text(before or "")


@pytest.mark.parametrize("admin", SEATS, indirect=True)
async def test_a_chart_is_zoomed_moved_compared_and_shared(admin: Person) -> None:
    page = admin.page
    await admin.open("/explore?s=imm01/nozzle-temperature&last=600000")
    await drawn(admin)
    await expect(page.locator(".live")).to_have_text(admin.says("explore.live"))
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
    await admin.button("explore.to_now").click()
    await page.wait_for_url("**last=*")
    series = page.locator("[data-series]")
    await series.first.locator(".menu > button").click()
    await page.locator("[data-do=compare-other]").click()
    await page.locator("dialog [data-asset=imm02]").click()
    await expect(series).to_have_count(2)
    await series.nth(1).locator(".tools > button").click()
    await expect(series).to_have_count(1)
    await admin.undo()
    await expect(series).to_have_count(2)
    async with page.expect_download() as image:
        await admin.button("explore.share").click()
        await page.locator("[data-do=image]").click()
    assert (await (await image.value).path()).read_bytes().startswith(b"\x89PNG")
    await admin.button("explore.share").click()
    await page.locator("[data-do=file]").click()
    if admin.language == "en" and admin.size == "desk":
        await admin.keep("console-explore-file")
    async with page.expect_download() as table:
        await page.locator("[data-do=download]").click()
    rows = list(csv.reader(io.StringIO((await (await table.value).path()).read_text("utf-8-sig"))))
    assert rows[0][1] == "imm01/nozzle-temperature"
    assert len(rows) > 2


async def test_everything_is_reached_by_keys(admin: Person) -> None:
    page = admin.page
    await admin.open("/")
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


@pytest.mark.parametrize("admin", SEATS, indirect=True)
async def test_an_app_is_subscribed_to_and_cancelled(admin: Person) -> None:
    page = admin.page
    await admin.open("/market")
    await page.locator("[data-app=oee-board]").click()
    await expect(page.get_by_role("heading", name=admin.says("market.preview"))).to_be_visible()
    await page.locator("[data-do=subscribe]").click()
    shift = page.locator("input[name='shifts.0']")
    await expect(shift).to_have_value("06:00")
    await shift.fill("6")
    await page.locator("[data-do=go]").click()
    await expect(page.locator(".wrong").first).to_be_visible()
    await shift.fill("07:00")
    await page.locator("[data-do=go]").click()
    await page.wait_for_url("**/apps/oee-board-*")
    await expect(page.locator(".steps li").first).to_be_visible(timeout=60_000)
    if admin.language == "en" and admin.size == "desk":
        await admin.keep("console-provisioning")
    await page.get_by_role("tab", name=admin.says("apps.tab_settings")).click()
    await expect(page.locator("input[name='shifts.0']")).to_have_value("07:00")
    assert await admin.violations() == []
    await admin.button("apps.manage").click()
    await page.locator("[data-do=cancel]").click()
    await page.locator("[data-do=really-cancel]").click()
    ends = [admin.says(f"apps.state_{state}") for state in ("CANCELLING", "CANCELLED")]
    await expect(page.locator(".page-head .badge")).to_have_text(re.compile("|".join(ends)))


async def test_the_theme_the_language_and_the_end_of_a_session(demonstration: Demonstration, browser: Browser) -> None:
    async with person(browser, demonstration.console) as visitor:
        page = visitor.page
        await visitor.sign_in(demonstration.email, demonstration.password)
        await page.locator(".person").click()
        await page.locator("[data-do=theme]").click()
        assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
        await page.locator(".person").click()
        await page.locator("[data-do=language]").click()
        await page.wait_for_selector("html[lang=zh-CN] .shell")
        await expect(page.locator("nav a[aria-current]").first).to_have_text("首页")
        assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
        await page.context.clear_cookies()
        await visitor.go("/plants")
        # Where nobody is signed in one is asked to, and is then where one wanted to be.
        await page.wait_for_selector("form input[name=email]", timeout=30_000)
        await page.fill("input[name=email]", demonstration.email)
        await page.fill("input[name=password]", demonstration.password)
        await page.click("form button.primary")
        await expect(page.get_by_role("heading", name=words_of("zh")["plants.title"], exact=True)).to_be_visible()
        visitor.problems.clear()  # the browser's own word for an answer of 401
