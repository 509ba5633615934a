"""The pages of the apps that we publish, in a real browser, over simulated machines."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from browser.chromium import find_chromium
from browser.people import person

pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed"),
]
APPS = Path(__file__).parents[3] / "apps"
ROWS = {
    "oee-board": "#machines tr[data-machine]",
    "energy-carbon": "#machines tr[data-machine]",
    "spc-studio": "#charts tr.picked",
    "predictive-maintenance": "#machines tr",
}


@asynccontextmanager
async def running(app: str) -> AsyncGenerator[str]:
    """The app over simulated machines; its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dualspan_cli", "apps", "run", str(APPS / app),
        "--plant=packaging", "--port=0", "--from=2026-11-20T21:00:00Z", "--json",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(90):
            line = await process.stdout.readline()
        yield json.loads(line)["url"]
    finally:
        process.terminate()
        await process.wait()


# The board stands for all in every run: how a page reaches its machines is the same code in each of them.
@pytest.mark.parametrize("app", ["oee-board", *(pytest.param(app, marks=pytest.mark.long) for app in list(ROWS)[1:])])
async def test_pages_show_machines_in_both_languages(app: str, browser: Browser) -> None:
    async with running(app) as url, person(browser, url) as visitor:
        page, rows = visitor.page, visitor.page.locator(ROWS[app])
        await page.goto(url)
        await expect(rows.first).to_be_visible(timeout=60_000)
        english = await page.inner_text("h1")
        await page.click("#language")
        await page.wait_for_selector("html[lang=zh]")
        await expect(rows.first).to_be_visible(timeout=60_000)
        assert await page.inner_text("h1") != english
        assert await page.locator("#problem").text_content() == ""
