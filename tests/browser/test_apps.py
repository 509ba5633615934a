"""The pages of the apps that we publish, in a real browser, over simulated machines."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from browser.chromium import chromium, find_chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed"),
]
APPS = Path(__file__).parents[2] / "apps"
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


@pytest.mark.parametrize("app", ROWS)
async def test_pages_show_machines_in_both_languages(app: str) -> None:
    command = find_chromium()
    assert command is not None
    async with running(app) as url, chromium(command) as browser:
        page = await browser.page()
        await page.open(url)
        await page.until(f"document.querySelectorAll({json.dumps(ROWS[app])}).length > 0", 60)
        english = await page.text("h1")
        await page.click("#language")
        await page.until("document.documentElement.lang === 'zh'", 20)
        await page.until(f"document.querySelectorAll({json.dumps(ROWS[app])}).length > 0", 60)
        assert await page.text("h1") != english
        assert await page.text("#problem") == ""
        assert page.problems == []
