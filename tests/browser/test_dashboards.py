"""Dashboards are composed, kept and shown at the line; notes are written beside values."""

import re

import pytest
from playwright.async_api import Locator, expect

from browser.chromium import find_chromium
from browser.people import SEATS, Person

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed"),
]
# What another person does with the dashboard meanwhile: over HTTP, in the same session.
ANOTHER_CHANGES = """async (path) => {
  const session = await (await fetch('/v1/session')).json();
  const answer = await fetch(`/v1/${session.tenant}/dashboards/${path}`, {
    method: 'PATCH',
    headers: { 'x-csrf-token': session.csrf, 'content-type': 'application/json' },
    body: JSON.stringify({ description: 'of somebody else' }),
  });
  return answer.status;
}"""


def panel(visitor: Person, identifier: str) -> Locator:
    return visitor.page.locator(f"[data-panel={identifier}]")


async def pick(visitor: Person, words: str, key: str) -> None:
    """Finds a value in the dialog's tree, and takes it."""
    await visitor.page.get_by_label(visitor.says("explore.search")).fill(words)
    await visitor.page.locator(f"dialog [data-node='{key}']").click()


async def take(visitor: Person) -> None:
    await visitor.page.locator("[data-do=take]").click()
    await expect(visitor.page.locator("dialog")).to_have_count(0)


async def place_of(visitor: Person, identifier: str) -> tuple[str, ...]:
    style = await panel(visitor, identifier).get_attribute("style") or ""
    return tuple(re.findall(r"--\w+: (\d+)", style))


async def compose(visitor: Person) -> None:
    """A chart, a value and words, put on a new dashboard."""
    page = visitor.page
    await visitor.open("/dashboards")
    await page.locator(".actions [data-do=new]").click()
    await page.locator("dialog input[name=name]").fill("Line 1")
    await page.locator("dialog input[name=usual]").uncheck()
    await page.locator("[data-do=make]").click()
    await page.wait_for_url("**/dashboards/*?edit=1")
    await page.locator("[data-add=chart]").click()
    await pick(visitor, "imm01 nozzle temperature", "imm01/nozzle-temperature")
    await pick(visitor, "imm02 nozzle temperature", "imm02/nozzle-temperature")
    await page.locator("dialog select[name=span]").select_option("600000")
    await take(visitor)
    await page.locator("[data-add=value]").click()
    await pick(visitor, "imm01 nozzle temperature", "imm01/nozzle-temperature")
    await page.locator("dialog input[name=high]").fill("1")
    await take(visitor)
    await page.locator("[data-add=text]").click()
    await page.locator("dialog textarea").fill("Call **112** in a fire.")
    await page.locator("dialog input[name=title]").fill("Help")
    await take(visitor)


async def drag(visitor: Person, which: Locator) -> None:
    """Pulls a panel to the left and down by its handle."""
    mouse = visitor.page.mouse
    handle = await which.locator(".handle").bounding_box()
    assert handle
    await mouse.move(handle["x"] + 5, handle["y"] + 5)
    await mouse.down()
    await mouse.move(handle["x"] - 400, handle["y"] + 300, steps=5)
    await mouse.up()


async def move_up(visitor: Person, which: Locator) -> None:
    """Moves a panel by its menu, which needs no dragging."""
    await which.locator(".menu > button").click()
    await which.locator("[data-do=up]").click()


@pytest.mark.parametrize("admin", SEATS, indirect=True)
async def test_a_dashboard_is_composed_kept_and_shown_at_the_line(admin: Person) -> None:
    page = admin.page
    await compose(admin)
    before = await place_of(admin, "p2")
    await panel(admin, "p2").locator(".handle").press("ArrowDown")
    await panel(admin, "p2").locator(".handle").press("Shift+ArrowRight")
    assert await place_of(admin, "p2") != before
    unmoved = await place_of(admin, "p3")
    await (move_up if admin.size == "phone" else drag)(admin, panel(admin, "p3"))
    moved = await place_of(admin, "p3")
    assert moved != unmoved
    # What waits to be kept is there after a look at another page.
    await admin.choose("nav.home")
    await expect(page.locator("[data-panel]")).to_have_count(0)
    await page.go_back()
    await expect(page.locator("[data-panel]")).to_have_count(3)
    assert await admin.violations() == []
    await page.locator("[data-do=keep]").click()
    await page.wait_for_url(lambda url: "edit" not in url)
    await page.reload()
    await expect(page.locator("[data-panel]")).to_have_count(3)
    assert await place_of(admin, "p3") == moved
    await expect(panel(admin, "p2").locator("strong")).to_have_text(re.compile(r"\d"))
    await expect(panel(admin, "p2")).to_contain_text(admin.says("dashboards.high", limit=1))
    await expect(panel(admin, "p1").locator(".live")).to_have_text(admin.says("explore.live"))
    await expect(panel(admin, "p3").locator("strong")).to_have_text("112")
    await page.locator("[data-do=kiosk]").click()
    await page.locator("dialog input[name=moulding-shop]").check()
    await page.locator("[data-do=start]").click()
    await page.wait_for_url("**/kiosk?then=moulding-shop&every=30")
    await expect(page.locator(".side")).to_have_count(0)
    await expect(page.locator(".kiosk [data-panel]")).to_have_count(3)
    await admin.button("dashboards.next").click()
    await expect(page.get_by_role("heading", name="Moulding shop", exact=True).first).to_be_visible()
    await admin.button("dashboards.exit").click()
    await expect(page.locator(".shell")).to_be_visible()


async def test_nobody_overwrites_unseen_and_what_is_deleted_comes_back(admin: Person) -> None:
    page = admin.page
    await admin.open("/dashboards/packaging-hall?edit=1")
    await page.locator("input[name=description]").fill("mine")
    assert await page.evaluate(f"({ANOTHER_CHANGES})('packaging-hall')") == 200
    await page.locator("[data-do=keep]").click()
    await expect(page.locator("dialog")).to_contain_text(admin.says("dashboards.late"))
    admin.problems.clear()  # the browser's own word for an answer of 409
    await page.locator("[data-do=theirs]").click()
    await expect(page.locator(".says")).to_have_text("of somebody else")
    await page.locator("[data-do=edit]").click()
    await page.locator("input[name=description]").fill("mine after all")
    assert await page.evaluate(f"({ANOTHER_CHANGES})('packaging-hall')") == 200
    await page.locator("[data-do=keep]").click()
    await page.locator("[data-do=mine]").click()
    await expect(page.locator(".says")).to_have_text("mine after all")
    admin.problems.clear()
    await admin.open("/dashboards")
    card = page.locator("[data-dashboard=packaging-hall]")
    await card.get_by_role("button").click()
    await expect(card).to_have_count(0)
    await admin.undo()
    await expect(card).to_be_visible()
    await card.get_by_role("button").click()
    await page.locator("details.card > summary").click()
    await page.locator("[data-back=packaging-hall]").click()
    await expect(card).to_be_visible()


async def test_a_note_is_written_beside_values_changed_and_taken_away(admin: Person) -> None:
    page = admin.page
    await admin.open("/explore?s=imm02/nozzle-temperature&last=600000")
    await page.wait_for_selector(".chart[data-drawn]")
    await page.keyboard.press("n")
    await page.locator("dialog textarea").fill("Heater band 3 is new")
    await page.locator("[data-do=keep-note]").click()
    note = page.locator("[data-note]", has_text="Heater band 3 is new")
    await expect(note).to_contain_text("IMM02")
    await expect(page.locator(".lane .mark")).not_to_have_count(0)
    await note.get_by_role("button", name=admin.says("explore.note_change")).click()
    await page.locator("dialog textarea").fill("Heater band 4 is new")
    await page.locator("[data-do=keep-note]").click()
    note = page.locator("[data-note]", has_text="Heater band 4 is new")
    await admin.keep("console-explore-note")
    await note.locator("[data-do=drop-note]").click()
    await expect(note).to_have_count(0)


async def test_a_chart_asks_for_what_it_missed_when_its_stream_comes_back(admin: Person) -> None:
    page = admin.page
    await admin.open("/explore?s=imm02/nozzle-temperature&last=600000")
    await expect(page.locator(".chart-box .live")).to_have_text(admin.says("explore.live"))
    await page.wait_for_selector(".chart[data-drawn]")
    # As when a tab was hidden for a while: by itself so long a chart is asked for again in four minutes.
    async with page.expect_request(lambda request: "samples:readChart" in request.url, timeout=15_000):
        await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
