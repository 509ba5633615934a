"""The pages of the apps that we publish, in a real browser, over simulated machines."""

import pytest
from playwright.async_api import Browser, expect

from browser.chromium import find_chromium
from browser.people import person
from harness.app_doors import running_app

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed"),
]
ROWS = {
    "oee-board": "#machines tr[data-machine]",
    "energy-carbon": "#machines tr[data-machine]",
    "spc-studio": "#charts tr.picked",
    "predictive-maintenance": "#machines tr",
}


# The board stands for all in every run: how a page reaches its machines is the same code in each of them.
@pytest.mark.parametrize("app", ["oee-board", *(pytest.param(app, marks=pytest.mark.long) for app in list(ROWS)[1:])])
async def test_pages_show_machines_in_both_languages(app: str, browser: Browser) -> None:
    async with running_app(app) as host, person(browser, f"http://{host}/") as visitor:
        page, rows = visitor.page, visitor.page.locator(ROWS[app])
        await page.goto(visitor.console)
        await expect(rows.first).to_be_visible(timeout=60_000)
        english = await page.inner_text("h1")
        await page.click("#language")
        await page.wait_for_selector("html[lang=zh]")
        await expect(rows.first).to_be_visible(timeout=60_000)
        assert await page.inner_text("h1") != english
        assert await page.locator("#problem").text_content() == ""
