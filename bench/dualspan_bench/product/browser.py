"""People at the console: a real Chromium, driven by Playwright."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from playwright.async_api import Browser, Page, async_playwright

if TYPE_CHECKING:
    from playwright.async_api import StorageState

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_WINDOW = {"width": 1280, "height": 860}
_PATIENCE_SECONDS = 60.0


def find_chromium() -> str | None:
    """The command of an installed Chromium; None if there is none."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


@dataclass(frozen=True, slots=True)
class People:
    """Whoever sits at browsers: each with a cache and cookies of their own.

    Attributes:
        browser: The running Chromium.
        console: Address of the console.
        cookies: Of somebody who is signed in.
    """

    browser: Browser
    console: str
    cookies: StorageState

    @property
    def version(self) -> str:
        """The browser's, for the conditions."""
        return f"Chromium {self.browser.version}, window of {_WINDOW['width']} × {_WINDOW['height']}"

    @asynccontextmanager
    async def person(self, script: str = "") -> AsyncGenerator[Page]:
        """Somebody signed in, whose cache is empty, while the block lasts.

        Args:
            script: Runs in each document before any of its own.
        """
        context = await self.browser.new_context(
            viewport={"width": _WINDOW["width"], "height": _WINDOW["height"]},
            storage_state=self.cookies,
            locale="en-GB",
        )
        try:
            page = await context.new_page()
            if script:
                await page.add_init_script(script)
            yield page
        finally:
            await context.close()


@asynccontextmanager
async def open_browser(console: str, email: str, password: str) -> AsyncGenerator[People]:
    """Start Debian's Chromium, headless, and sign in once."""
    async with async_playwright() as driver:
        # Root has no sandbox; the pages are our own.
        browser = await driver.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        try:
            context = await browser.new_context()
            page = await context.new_page()
            await page.goto(console)
            await page.fill("input[name=email]", email)
            await page.fill("input[name=password]", password)
            await page.click("form button.primary")
            await page.wait_for_selector(".shell main h1")
            cookies = await context.storage_state()
            await context.close()
            yield People(browser, console, cookies)
        finally:
            await browser.close()


async def until(page: Page, expression: str) -> Any:
    """Wait until an expression is true in a page, and return it: its policy lets no script of ours wait there.

    Raises:
        TimeoutError: It is not within a minute.
    """
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not (found := await page.evaluate(expression)):  # noqa: ASYNC110 - a page has no event of ours
            await asyncio.sleep(0.02)
    return found
