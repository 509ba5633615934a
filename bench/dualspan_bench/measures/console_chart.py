"""Milliseconds from a click to the drawn chart of a day of ten tags at 1 Hz."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from playwright.async_api import Page

from dualspan_bench.measures.console_first_page import LEFT_OUT
from dualspan_bench.model import PRODUCT, Better, Outcome, Reading
from dualspan_bench.product.browser import find_chromium, open_browser, until
from dualspan_bench.product.platform import open_platform
from dualspan_bench.product.streaming import open_streaming
from dualspan_bench.workbench import Workbench

_UNIT = "ms from click to drawn (median)"
_TAGS, _DAY_MS, _SHORT_MS = 10, 86_400_000, 600_000
# The chart asks for half a span more on the side of the past, so that moving it shows what is there already.
_PAST_SECONDS = 36 * 3600
_STORED = 86_000
# The chart says when it has drawn what it asked for; the frame with it is painted before the next message is heard.
_WATCH = """(() => {
  let clicked = 0;
  addEventListener("click", (event) => {
    if (event.target.closest("[data-span]")) { clicked = event.timeStamp; window.drawnAfter = 0; }
  }, true);
  new MutationObserver(() => {
    if (!clicked) return;
    const since = clicked;
    clicked = 0;
    requestAnimationFrame(() => setTimeout(() => { window.drawnAfter = performance.now() - since; }));
  }).observe(document, {subtree: true, attributes: true, attributeFilter: ["data-drawn"]});
})()"""


async def console_chart(bench: Workbench) -> Sequence[Outcome]:
    """In Explore, from the last ten minutes to the last day and back, live values coming in meanwhile."""
    if find_chromium() is None:
        return [Outcome(_UNIT, Better.LOWER, [Reading(PRODUCT, None, LEFT_OUT)])]
    times = 3 if bench.quick else 20
    async with open_platform(bench, "console-chart") as platform:
        bench.note("a day and a half of samples, into the historian")
        signing = platform.here.sign_in
        async with (
            open_streaming(platform, tags=_TAGS, with_past=_TAGS, past_seconds=_PAST_SECONDS) as ids,
            open_browser(platform.here.platform.console_url, signing.email, signing.password) as people,
            people.person(_WATCH) as page,
        ):
            lines = ",".join(f"tag/{tag}" for tag in ids)
            await page.goto(f"{people.console}/explore?s={lines}&last={_SHORT_MS}")
            await until(page, "document.querySelector('.chart[data-drawn]')")
            spent, points = [], 0
            for _ in range(times + 1):
                milliseconds, points = await _choose(page, _DAY_MS)
                spent.append(milliseconds)
                await _choose(page, _SHORT_MS)
            conditions = (
                f"from the click on the span to the painted frame: asked of the historian through the console, "
                f"{_TAGS} × {_DAY_MS // 1000:,} samples of the day and the half before it, sealed, thinned to "
                f"{points:,} that keep extremes, drawn; {times} times after one that does not count, "
                f"{min(spent[1:]):.0f} to {max(spent[1:]):.0f} ms; {people.version}, headless; {bench.machine}"
            )
    return [Outcome(_UNIT, Better.LOWER, [Reading(PRODUCT, statistics.median(spent[1:]), conditions)])]


async def _choose(page: Page, span: int) -> tuple[float, int]:
    """Milliseconds until it is drawn, and how many samples came for it.

    Raises:
        RuntimeError: The answer is not of the whole span.
    """
    await page.click(".explored .menu.left > button")
    async with page.expect_response(lambda answer: "samples:readChart" in answer.url) as asked:
        await page.click(f"[data-span='{span}']")
    spent = float(await until(page, "window.drawnAfter"))
    series = (await (await asked.value).json())["series"]
    if span == _DAY_MS and any(int(each["storedSamples"]) < _STORED for each in series):
        raise RuntimeError("the chart is not of a whole day")
    return spent, sum(len(each["samples"]["time"]) for each in series if "samples" in each)
