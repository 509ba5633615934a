"""Share of a core that the platform spends on 50 browsers that watch live values."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from playwright.async_api import Page

from dualspan_bench.measures.console_first_page import LEFT_OUT
from dualspan_bench.model import PRODUCT, Better, Outcome, Reading
from dualspan_bench.product.browser import People, find_chromium, open_browser, until
from dualspan_bench.product.platform import Platform, open_platform
from dualspan_bench.product.streaming import FRAMES_PER_SECOND, open_streaming
from dualspan_bench.workbench import Workbench

_UNIT = "% of one core"
_BROWSERS, _LINES, _TAGS = 50, 10, 1000
_SPAN_MS = 600_000
_ROUNDS = 3
_OPENING_AT_ONCE = 4
_SETTLE_SECONDS = 10.0
_NEWEST = "[...document.querySelectorAll('[data-series] .value')].map((each) => each.textContent).join()"


@dataclass(frozen=True, slots=True)
class _Spent:
    """Percent of one core while there were browsers and while there were none, and which processes took most of it."""

    watched: Sequence[float]
    alone: Sequence[float]
    shares: str

    @property
    def cost(self) -> float:
        """What the browsers cost."""
        return statistics.median(self.watched) - statistics.mean(self.alone)


async def console_watchers(bench: Workbench) -> Sequence[Outcome]:
    """Each a chart of ten lines of its own choice, with every value as it comes."""
    if find_chromium() is None:
        return [Outcome(_UNIT, Better.LOWER, [Reading(PRODUCT, None, LEFT_OUT)])]
    browsers = 5 if bench.quick else _BROWSERS
    async with open_platform(bench, "console-watchers") as platform:
        signing = platform.here.sign_in
        async with (
            open_streaming(platform, tags=_TAGS, with_past=_LINES, past_seconds=_SPAN_MS // 1000) as ids,
            open_browser(platform.here.platform.console_url, signing.email, signing.password) as people,
        ):
            spent = await _watch(bench, platform, people, ids, browsers)
            version = people.version
    conditions = (
        f"CPU time of all processes of the platform (services, workers, PostgreSQL, Redis) with {browsers} browsers "
        f"less that without, {_seconds(bench):g} s each: with {_words(spent.watched)}, without, before and after, "
        f"{_words(spent.alone)} %; {spent.shares}; each browser a chart of {_LINES} of {_TAGS:,} tags that stream at "
        f"1 Hz in {FRAMES_PER_SECOND} frames/s, every value as it comes; the browsers' own time is not counted; "
        f"{version}, headless, on the same cores; {bench.machine}"
    )
    return [Outcome(_UNIT, Better.LOWER, [Reading(PRODUCT, spent.cost, conditions)])]


async def _watch(bench: Workbench, platform: Platform, people: People, ids: Sequence[int], browsers: int) -> _Spent:
    bench.note("nobody watches")
    alone = [sum((await _spend(bench, platform)).values())]
    bench.note(f"{browsers} browsers")
    async with AsyncExitStack() as open_ones:
        pages = await _open(people, open_ones, ids, browsers)
        await asyncio.sleep(_settle(bench))
        before = [await page.evaluate(_NEWEST) for page in pages]
        rounds = [await _spend(bench, platform) for _ in range(_ROUNDS)]
        after = [await page.evaluate(_NEWEST) for page in pages]
    if any(first == last for first, last in zip(before, after, strict=True)):
        raise RuntimeError("not every browser shows what comes")
    await asyncio.sleep(_settle(bench))
    bench.note("nobody watches")
    last = await _spend(bench, platform)
    alone.append(sum(last.values()))
    more = {name: statistics.median(each[name] for each in rounds) - last[name] for name in last}
    greatest = sorted(more.items(), key=lambda item: -item[1])[:4]
    shares = "most of it in " + ", ".join(f"{name} {share:.1f} %" for name, share in greatest)
    return _Spent([sum(each.values()) for each in rounds], alone, shares)


async def _open(people: People, stack: AsyncExitStack, ids: Sequence[int], browsers: int) -> list[Page]:
    gate = asyncio.Semaphore(_OPENING_AT_ONCE)

    async def opened(number: int) -> Page:
        first = number * _LINES % len(ids)
        lines = ",".join(f"tag/{tag}" for tag in ids[first : first + _LINES])
        async with gate:
            page = await stack.enter_async_context(people.person())
            await page.goto(f"{people.console}/explore?s={lines}&last={_SPAN_MS}")
            await until(page, "document.querySelector('.live.good')")
        return page

    return list(await asyncio.gather(*(opened(number) for number in range(browsers))))


async def _spend(bench: Workbench, platform: Platform) -> Mapping[str, float]:
    """Percent of one core that each member of the platform takes for a while."""
    begin, before = time.perf_counter(), platform.cpu_seconds()
    await asyncio.sleep(_seconds(bench))
    after, seconds = platform.cpu_seconds(), time.perf_counter() - begin
    return {name: 100 * (after[name] - before[name]) / seconds for name in after}


def _words(shares: Sequence[float]) -> str:
    return ", ".join(f"{share:.1f}" for share in shares)


def _seconds(bench: Workbench) -> float:
    return 3.0 if bench.quick else 20.0


def _settle(bench: Workbench) -> float:
    return 1.0 if bench.quick else _SETTLE_SECONDS
