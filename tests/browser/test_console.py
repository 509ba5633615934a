"""The console in a real browser, with the demonstration's plants streaming into it."""

import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from browser.chromium import Page, chromium, find_chromium

from harness.up import environment, free_row

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed"),
]
START_SECONDS = 120


@dataclass(frozen=True)
class Demonstration:
    """A running demonstration: where it is and who may sign in."""

    console: str
    email: str
    password: str


@pytest.fixture(scope="module")
def demonstration() -> Iterator[Demonstration]:
    folder = Path(tempfile.mkdtemp(prefix="dualspan-browser-"))
    log = folder / "demo.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dualspan_cli", "demo", f"--data={folder}", f"--port-base={free_row()}"],
            env=environment(folder),
            stdout=output,
            stderr=output,
        )
    try:
        yield wait_for(process, log)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(process: subprocess.Popen[bytes], log: Path) -> Demonstration:
    """Reads what the command tells a person."""
    for _ in range(START_SECONDS * 2):
        words = dict(line.split(maxsplit=1) for line in log.read_text().splitlines() if len(line.split()) == 2)
        if {"Console", "E-mail", "Password"} <= words.keys():
            return Demonstration(words["Console"], words["E-mail"], words["Password"])
        try:
            process.wait(0.5)
        except subprocess.TimeoutExpired:
            continue
        break
    raise AssertionError(log.read_text())


@pytest_asyncio.fixture
async def page() -> AsyncGenerator[Page]:
    command = find_chromium()
    assert command
    async with chromium(command) as browser:
        page = await browser.page()
        yield page
        assert not page.problems, "the page or its security policy complained"


@pytest_asyncio.fixture
async def signed_in(demonstration: Demonstration, page: Page) -> Page:
    await page.open(demonstration.console)
    await page.fill("input[name=email]", demonstration.email)
    await page.fill("input[name=password]", demonstration.password)
    await page.click("button.primary")
    await page.until("location.pathname === '/plants' && document.readyState === 'complete'")
    return page


async def test_the_plants_are_connected(signed_in: Page) -> None:
    assert await signed_in.evaluate("document.querySelectorAll('tbody .badge.connected').length") == 3
    assert await signed_in.text("h2") == "Demonstration site"


async def test_tags_are_found_and_their_values_move(demonstration: Demonstration, signed_in: Page) -> None:
    await signed_in.open(f"{demonstration.console}/tags?q=Bowl/Pressure")
    assert await signed_in.evaluate("document.querySelectorAll('tr[data-tag]').length") >= 2
    await signed_in.until("document.querySelector('#live').textContent === 'live'")
    await signed_in.until("!['–', ''].includes(document.querySelector('.value').textContent)")
    before = await signed_in.text(".when")
    await signed_in.until(f"document.querySelector('.when').textContent !== '{before}'")


async def test_the_chart_draws_and_grows(demonstration: Demonstration, signed_in: Page) -> None:
    await signed_in.open(f"{demonstration.console}/tags?q=Bowl/Pressure")
    await signed_in.click("tr[data-tag] a")
    await signed_in.until("!!document.querySelector('.uplot canvas')")
    await signed_in.until("Number(document.getElementById('samples').textContent.replace(/\\D/g, '')) > 0")
    samples = "Number(document.getElementById('samples').textContent.replace(/\\D/g, ''))"
    before = await signed_in.evaluate(samples)
    await signed_in.until(f"{samples} > {before}")
    # Something is drawn: not every pixel of the canvas is the same.
    drawn = """(() => {
      const canvas = document.querySelector('.uplot canvas');
      const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      return new Set(new Uint32Array(pixels.buffer)).size;
    })()"""
    assert await signed_in.evaluate(drawn) > 10


async def test_a_tag_that_has_not_changed_for_hours_is_a_line(demonstration: Demonstration, signed_in: Page) -> None:
    # Nobody changes this setpoint: the only sample there is came before the span.
    await signed_in.open(f"{demonstration.console}/tags?q=Washer/Setpoints/CausticTemperature")
    await signed_in.click("tr[data-tag] a")
    await signed_in.until("!!document.querySelector('.uplot canvas')")
    await signed_in.until("document.getElementById('value').textContent !== '–'")
    line = """(() => {
      const canvas = document.querySelector('.uplot canvas');
      const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
      const probe = document.createElement('canvas').getContext('2d');
      probe.fillStyle = getComputedStyle(document.documentElement).getPropertyValue('--accent').trim();
      probe.fillRect(0, 0, 1, 1);
      const [red, green, blue] = probe.getImageData(0, 0, 1, 1).data;
      let found = 0;
      for (let at = 0; at < pixels.length; at += 4)
        if (pixels[at] === red && pixels[at + 1] === green && pixels[at + 2] === blue) found += 1;
      return found;
    })()"""
    await signed_in.until(f"{line} > 200")
    assert await signed_in.text("#samples") == "0"
    assert await signed_in.evaluate("document.getElementById('empty').hidden")


async def test_arrays_are_told_by_their_elements(demonstration: Demonstration, signed_in: Page) -> None:
    await signed_in.open(f"{demonstration.console}/tags?q=FillLevels")
    await signed_in.until("/^\\[[0-9]/.test(document.querySelector('.value').textContent)")
    await signed_in.click("tr[data-tag] a")
    await signed_in.until("/\\[[0-9., -]+\\]$/.test(document.querySelector('#events li')?.textContent ?? '')")
    assert await signed_in.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing stands out"


async def test_longer_spans_show_minimum_and_maximum(demonstration: Demonstration, signed_in: Page) -> None:
    await signed_in.open(f"{demonstration.console}/tags?q=Bowl/Pressure")
    await signed_in.click("tr[data-tag] a")
    await signed_in.until("!!document.querySelector('.uplot canvas')")
    await signed_in.click("[data-seconds='86400']")
    await signed_in.until("document.querySelectorAll('.u-legend .u-series').length === 4")
    await signed_in.until("document.getElementById('maximum').textContent !== '–'")


async def test_the_theme_and_the_language_are_chosen(demonstration: Demonstration, signed_in: Page) -> None:
    await signed_in.click("#theme")
    assert await signed_in.evaluate("document.documentElement.dataset.theme") == "dark"
    await signed_in.click("form[action='/language'] button")
    await signed_in.until("document.documentElement.lang === 'zh-CN' && document.readyState === 'complete'")
    assert await signed_in.text("nav a[aria-current]") == "工厂"
    assert await signed_in.evaluate("document.documentElement.dataset.theme") == "dark"


async def test_a_hidden_page_does_not_listen(demonstration: Demonstration, signed_in: Page) -> None:
    await signed_in.open(f"{demonstration.console}/tags?q=Bowl/Pressure")
    await signed_in.until("document.querySelector('#live').textContent === 'live'")
    await signed_in.evaluate(
        "Object.defineProperty(document, 'hidden', { value: true });"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    await asyncio.sleep(1)
    before = await signed_in.text(".when")
    await asyncio.sleep(2)
    assert await signed_in.text(".when") == before
