"""Milliseconds until the console's first page can be used on the demonstration, and how much script that takes."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from dualspan_bench.model import PRODUCT, Better, Outcome, Reading
from dualspan_bench.product.browser import People, find_chromium, open_browser, until
from dualspan_bench.product.demonstration import open_demonstration
from dualspan_bench.workbench import Workbench

LEFT_OUT = "left out: no Chromium is installed"
_UNIT, _SCRIPT_UNIT = "ms to interactive (median)", "kB of script, compressed"
# Times count from the navigation's beginning. The page can be used when it has its heading, waits for no answer any
# more, was painted, and runs something that was put last in its queue: the same place where a click would wait.
_WATCH = """(() => {
  const ready = () => document.querySelector("main h1") && !document.querySelector("[aria-busy=true]");
  const look = () => {
    if (!ready()) return;
    watch.disconnect();
    requestAnimationFrame(() => setTimeout(() => { window.usableAfter = performance.now(); }));
  };
  const watch = new MutationObserver(look);
  watch.observe(document, {subtree: true, childList: true, attributes: true});
})()"""
_SCRIPTS = """performance.getEntriesByType("resource").filter(({name}) => new URL(name).pathname.endsWith(".js"))
  .reduce((sum, {encodedBodySize}) => sum + encodedBodySize, 0)"""


async def console_first_page(bench: Workbench) -> Sequence[Outcome]:
    """Home, as somebody who is signed in opens it in a browser that has nothing of it yet."""
    if find_chromium() is None:
        return [Outcome(unit, Better.LOWER, [Reading(PRODUCT, None, LEFT_OUT)]) for unit in (_UNIT, _SCRIPT_UNIT)]
    times = 3 if bench.quick else 15
    async with (
        open_demonstration(bench) as demo,
        open_browser(demo.console, demo.email, demo.password) as people,
    ):
        await _open(people)
        seen = [await _open(people) for _ in range(times)]
        given = (
            f"`dualspan demo` with its three plants streaming; home, signed in; {people.version}, headless, empty "
            f"cache each time, the console over HTTP/1.1 on the same machine; {bench.machine}"
        )
    spent, scripts = [milliseconds for milliseconds, _ in seen], max(size for _, size in seen)
    script_words = f"all scripts fetched until then; {given}"
    spread = f"{times} times after one that does not count, {min(spent):.0f} to {max(spent):.0f} ms"
    words = "from the navigation's beginning until heading and all figures are there, painted, and the thread is free"
    return [
        Outcome(_UNIT, Better.LOWER, [Reading(PRODUCT, statistics.median(spent), f"{words}; {spread}; {given}")]),
        Outcome(_SCRIPT_UNIT, Better.LOWER, [Reading(PRODUCT, scripts / 1000, script_words)]),
    ]


async def _open(people: People) -> tuple[float, int]:
    """Milliseconds until it can be used, and bytes of script as they were sent."""
    async with people.person(_WATCH) as page:
        await page.goto(people.console, wait_until="commit")
        spent = float(await until(page, "window.usableAfter"))
        return spent, int(await page.evaluate(_SCRIPTS))
