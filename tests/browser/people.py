"""A person at the console: a real Chromium with clicks, keys and fingers, and a judge of how accessible a page is."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, async_playwright, expect

from browser.chromium import find_chromium
from dualspan_console.client_files import FOLDER

AXE = Path(__file__).parents[1] / "data" / "axe" / "axe.min.js"
# Where to keep what is seen, for docs/pictures; nowhere if it is not set.
PICTURES = os.environ.get("DUALSPAN_TEST_PICTURES", "")
DESK = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
LOCALES = {"en": "en-GB", "zh": "zh-CN"}
# WCAG 2.2 AA, and what axe calls best practice is left to taste.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
Size = Literal["desk", "phone"]
Seat = tuple[str, Size]
"""A person's language and the size of their screen."""
# A journey is walked at a desk in English; the others of these repeat it.
SEATS = (
    pytest.param(("en", "desk"), id="en-desk"),
    pytest.param(("zh", "phone"), id="zh-phone", marks=pytest.mark.long),
    pytest.param(("zh", "desk"), id="zh-desk", marks=pytest.mark.long),
    pytest.param(("en", "phone"), id="en-phone", marks=pytest.mark.long),
)
_PATIENCE_MS = 20_000
# What is expected to be seen is waited for as long as what is to be clicked: a busy machine is late with both.
expect.set_options(timeout=_PATIENCE_MS)
# What a link of the application does: no page is loaded anew, only the one of the address is shown.
_GO = """([address]) => {
  if (new URL(address, location.href).pathname !== location.pathname)
    document.querySelectorAll('main h1').forEach((each) => each.setAttribute('data-left', ''));
  history.pushState(null, '', address);
  dispatchEvent(new PopStateEvent('popstate'));
}"""


def words_of(language: str) -> dict[str, str]:
    """What the console says in a language, by `<file>.<key>`."""
    place = ["en", "zh"].index(language)
    return {
        f"{path.stem}.{key}": pair[place]
        for path in (FOLDER / "words").glob("*.json")
        for key, pair in json.loads(path.read_text("utf-8")).items()
    }


@dataclass
class Person:
    """Somebody with a browser.

    Attributes:
        page: The tab.
        console: Address of the console.
        language: Theirs: `en` or `zh`.
        size: Of their screen.
        problems: What the page or its policy complained about.
    """

    page: Page
    console: str
    language: str = "en"
    size: Size = "desk"
    problems: list[str] = field(default_factory=list[str])
    _words: dict[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._words = words_of(self.language)

    def says(self, key: str, **values: object) -> str:
        """What the console says to this person under a key, such as `home.title`."""
        text = self._words[key]
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text

    def button(self, key: str, **values: object) -> Locator:
        """The buttons that say this, wholly."""
        return self.page.get_by_role("button", name=self.says(key, **values), exact=True)

    async def open(self, path: str) -> None:
        """Goes to an address and waits until the page has something to show."""
        await self.page.goto(self.console + path)
        await self.page.wait_for_selector("main h1")

    async def go(self, path: str) -> None:
        """Goes to another page as a link of the application does, which loads nothing anew."""
        await self.page.evaluate(_GO, [path])
        await self.page.wait_for_selector("main h1:not([data-left])")

    async def choose(self, section: str) -> None:
        """Chooses a line of the navigation, which a phone has behind a button."""
        if self.size == "phone":
            await self.button("nav.menu").click()
        await self.page.get_by_role("navigation").get_by_role("link", name=self.says(section), exact=True).click()

    async def undo(self) -> None:
        """Takes back what was done last."""
        await self.page.locator(".toast").last.get_by_role("button", name=self.says("core.undo"), exact=True).click()

    async def leave(self) -> None:
        """Leaves for nowhere: pages that nobody looks at ask for nothing."""
        await self.page.goto("about:blank")

    async def sign_in(self, email: str, password: str, path: str = "/") -> None:
        """Signs in where one is asked to, and is then at the address that was asked for."""
        await self.page.goto(self.console + path)
        await self.page.fill("input[name=email]", email)
        await self.page.fill("input[name=password]", password)
        await self.page.click("form button.primary")
        await self.page.wait_for_selector(".shell main h1")

    async def settled(self) -> None:
        """Waits until nothing is waited for any more."""
        await self.page.wait_for_selector("[aria-busy=true]", state="detached")

    async def until(self, condition: str) -> None:
        """Waits until an expression is true; the page's policy lets Playwright evaluate none of its own accord."""
        async with asyncio.timeout(_PATIENCE_MS / 1000):
            while not await self.page.evaluate(condition):  # noqa: ASYNC110 - a page has no event of ours
                await asyncio.sleep(0.05)

    async def violations(self) -> list[str]:
        """What axe finds wrong that is serious or worse, with the elements that it is about."""
        if not await self.page.evaluate("typeof window.axe === 'object'"):
            # As an extension would: the page's own policy allows no script of ours.
            await self.page.evaluate(AXE.read_text("utf-8"))
        # What has scrolled half under the bar at the top is no smaller for it, yet axe measures what one still sees.
        await self.page.evaluate("scrollTo(0, 0)")
        options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
        found: dict[str, Any] = await self.page.evaluate(f"axe.run(document, {json.dumps(options)})")
        return [
            f"{each['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
            for each in found["violations"]
            if each["impact"] in {"serious", "critical"}
            for node in each["nodes"]
        ]

    async def stands_out(self) -> bool:
        """Whether something is wider than the window."""
        return await self.page.evaluate("document.documentElement.scrollWidth > innerWidth")

    async def keep(self, name: str) -> None:
        """Keeps a picture of what is seen."""
        if PICTURES:
            await self.page.screenshot(path=Path(PICTURES) / f"{name}.png")

    def listen(self, message: ConsoleMessage) -> None:
        """Writes down what the page's console says is wrong."""
        # Containers of other tests come and go on this machine: the page asks again.
        if message.type == "error" and "net::ERR_NETWORK_CHANGED" not in message.text:
            self.problems.append(f"{message.text} {message.location.get('url', '')}")


@asynccontextmanager
async def chromium() -> AsyncGenerator[Browser]:
    """Debian's Chromium, driven by Playwright; no browser of its own is needed."""
    async with async_playwright() as driver:
        # Root has no sandbox; the pages are our own. A graphics processor that is only computed costs time.
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-software-rasterizer"]
        browser = await driver.chromium.launch(executable_path=find_chromium(), args=arguments)
        yield browser
        await browser.close()


@asynccontextmanager
async def person(
    browser: Browser,
    console: str,
    *,
    language: str = "en",
    size: Size = "desk",
    dark: bool = False,
    trusting: bool = False,
    zone: str = "Asia/Shanghai",
) -> AsyncGenerator[Person]:
    """Somebody with a browser of their own; the block fails if a page complained.

    Args:
        browser: Which one.
        console: Address of the console.
        language: Of the person: `en` or `zh`.
        size: Of the screen.
        dark: They like it dark.
        trusting: They take any certificate.
        zone: The time zone that they are in.
    """
    context = await browser.new_context(
        viewport={"width": DESK["width"], "height": DESK["height"]}
        if size == "desk"
        else {"width": PHONE["width"], "height": PHONE["height"]},
        locale=LOCALES[language],
        timezone_id=zone,
        color_scheme="dark" if dark else "light",
        has_touch=size == "phone",
        reduced_motion="reduce",
        ignore_https_errors=trusting,
    )
    context.set_default_timeout(_PATIENCE_MS)
    page = await context.new_page()
    visitor = Person(page, console, language, size)
    page.on("console", visitor.listen)
    page.on("pageerror", lambda error: visitor.problems.append(str(error)))
    try:
        yield visitor
        assert not visitor.problems, f"a page or its policy complained: {visitor.problems}"
    finally:
        await context.close()
