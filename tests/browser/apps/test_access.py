"""Apps opened from the console in a real browser: the board is seen, and a hostile neighbour gets nowhere."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from integration.identity.running import EMAIL, PASSWORD

from browser.chromium import Page, chromium, find_chromium
from harness.app_doors import Doors, running_app, running_doors
from harness.databases import ClonedDatabase

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed"),
]
# Where to keep what is seen, for the guides; nowhere if it is not set.
PICTURES = os.environ.get("DUALSPAN_TEST_PICTURES", "")

# What a page tries that belongs to an app which means harm.
ATTEMPTS = """
async function tried(attempt) { try { return String(await attempt()); } catch (error) { return 'refused'; } }
async function attempts(console_, neighbour) {
  document.cookie = 'dualspan-access=planted; path=/';
  document.cookie = 'dualspan-access=planted; domain=apps.localhost; path=/';
  document.cookie = 'dualspan-session=planted; domain=localhost; path=/';
  return {
    cookies: document.cookie,
    console: await tried(async () => (await fetch(console_ + '/plants', { credentials: 'include' })).status),
    neighbour: await tried(async () => (await fetch(neighbour, { credentials: 'include' })).status),
    blind: await tried(async () => (await fetch(neighbour, { credentials: 'include', mode: 'no-cors' })).type),
    outside: await tried(async () => (await fetch('http://192.0.2.1/', { mode: 'no-cors' })).type),
    frame: await tried(() => new Promise((resolve) => {
      const frame = document.createElement('iframe');
      // Whatever the browser shows in it: the neighbour must not hear of it.
      frame.onload = () => resolve('tried');
      frame.src = neighbour;
      document.body.append(frame);
      setTimeout(() => resolve('tried'), 1500);
    })),
    script: await tried(() => new Promise((resolve) => {
      const script = document.createElement('script');
      script.onload = () => resolve('ran');
      script.onerror = () => resolve('refused');
      script.src = neighbour + '/static/app.js';
      document.body.append(script);
    })),
    domain: await tried(() => { document.domain = 'apps.localhost'; return document.domain; }),
    worker: await tried(async () => (await navigator.serviceWorker.register('/worker.js')).scope),
    own: await tried(async () => (await fetch('/seen')).text()),
  };
}
"""


@pytest_asyncio.fixture
async def doors(database: ClonedDatabase, redis_url: str, free_port: Callable[[], int]) -> AsyncGenerator[Doors]:
    async with running_doors(database, redis_url, free_port) as doors:
        yield doors


@pytest_asyncio.fixture
async def page() -> AsyncGenerator[Page]:
    command = find_chromium()
    assert command
    async with chromium(command) as browser:
        yield await browser.page()


async def open_from_console(doors: Doors, page: Page, subscription: str) -> None:
    """Clicks `open`, in this very tab."""
    await page.open(f"{doors.console}/apps")
    await page.until("!!document.querySelector('main form, main h1')")
    if await page.evaluate("!!document.querySelector('input[name=password]')"):
        await page.fill("input[name=email]", EMAIL)
        await page.fill("input[name=password]", PASSWORD)
        await page.click("form button.primary")
    button = f"[data-app={json.dumps(subscription)}] [data-do=open]:not([disabled])"
    await page.until(f"!!document.querySelector({json.dumps(button)})")
    page.problems.clear()
    await page.click(button)
    await page.until(f"location.hostname === '{subscription}--acme.apps.localhost'")


async def seen(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(Path(PICTURES) / name)


async def test_the_board_is_opened_from_the_console_and_ends_with_the_session(doors: Doors, page: Page) -> None:
    async with running_app("oee-board") as address:
        await doors.subscribe("oee-board", address)
        await doors.subscribe("stopped", "")
        await doors.execute(
            "UPDATE marketplace.subscription SET state = 'suspended', cause = 'trial-over'"
            " WHERE subscription_id = 'stopped'"
        )
        await open_from_console(doors, page, "oee-board")
        await page.until("document.querySelectorAll('#machines tr[data-machine]').length > 0", 60)
        assert await page.evaluate("location.pathname + location.search") == "/", "no ticket stays in the address"
        assert await page.evaluate("document.cookie") == ""
        assert await page.text("#problem") == ""
        assert page.problems == [], "neither the page nor a policy complained"
        await seen(page, "app-through-the-platform.png")
        await page.open(f"{doors.console}/apps")
        await page.until("document.querySelectorAll('[data-app]').length === 2")
        assert await page.text("[data-app=stopped] .badge") == "suspended"
        await seen(page, "app-suspended.png")
        await open_from_console(doors, page, "stopped")
        await page.until("document.querySelector('h1').textContent === 'The app is not running'")
        assert "a plan that is paid is needed" in await page.text(".detail")
        await seen(page, "app-not-running.png")
        await doors.execute("DELETE FROM identity.session")
        await asyncio.sleep(1)
        await page.open(f"http://oee-board--acme.apps.localhost:{doors.access_port}/")
        assert await page.text("h1") == "Signed out"
        await seen(page, "app-signed-out.png")


async def test_a_page_that_means_harm_gets_nowhere(doors: Doors, page: Page) -> None:
    heard: list[str] = []

    async def neighbour(request: web.BaseRequest) -> web.StreamResponse:
        if request.raw_path != "/favicon.ico":  # which its own page asks for, later
            heard.append(request.raw_path)
        return web.Response(text="secret = 1;", content_type="text/javascript")

    async def hostile(request: web.BaseRequest) -> web.StreamResponse:
        if request.raw_path == "/seen":
            return web.Response(text=request.headers.get("Cookie", ""))
        if request.raw_path == "/worker.js":
            return web.Response(text="addEventListener('fetch', () => {});", content_type="text/javascript")
        text = f"<!doctype html><title>x</title><body><script>{ATTEMPTS}</script>"
        return web.Response(text=text, content_type="text/html", headers={"Set-Cookie": "own=1; Domain=apps.localhost"})

    runners: list[web.ServerRunner] = []
    for subscription, app in (("neighbour", neighbour), ("hostile", hostile)):
        runner = web.ServerRunner(web.Server(app, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        await doors.subscribe(subscription, f"127.0.0.1:{runner.addresses[0][1]}")
    await open_from_console(doors, page, "neighbour")
    heard.clear()
    await open_from_console(doors, page, "hostile")
    other = f"http://neighbour--acme.apps.localhost:{doors.access_port}"
    found = json.loads(
        await page.evaluate(f"attempts('{doors.console}', '{other}').then((found) => JSON.stringify(found))")
    )
    await seen(page, "hostile.png")
    assert found == {
        # Without TLS a browser lets a page speak for its parent's name; the neighbour is opened below all the same.
        "cookies": "own=1; dualspan-access=planted",
        "console": "refused",
        "neighbour": "refused",
        "blind": "refused",
        "outside": "refused",
        "frame": "tried",
        "script": "refused",
        "worker": "refused",
        "domain": "hostile--acme.apps.localhost",
        "own": "own=1",
    }
    assert heard == [], "nothing has reached the neighbour"
    # What was planted shuts nobody out of the neighbour, nor of the console.
    await open_from_console(doors, page, "neighbour")
    assert heard
    for runner in runners:
        await runner.cleanup()
