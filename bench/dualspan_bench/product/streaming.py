"""A platform that takes a value of each of many tags every second, some of which have a past."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress

import numpy as np

from dualspan_bench.data import temperatures
from dualspan_bench.product.feeder import open_feeder
from dualspan_bench.product.imported_tags import import_tags
from dualspan_bench.product.platform import Platform
from dualspan_frame import Block, Frame, ValueKind

FRAMES_PER_SECOND = 2
_FOR_LONG_SECONDS = 7200.0


@asynccontextmanager
async def open_streaming(
    platform: Platform, *, tags: int, with_past: int, past_seconds: int
) -> AsyncGenerator[Sequence[int]]:
    """Make tags, give the first of them a past at 1 Hz, sealed, and stream all of them at 1 Hz while the block lasts.

    Args:
        platform: Where to.
        tags: How many there are.
        with_past: How many of them have one.
        past_seconds: Its length, up to now.

    Yields:
        The tags' ids, those with a past first.
    """
    wanted = [(f"Hall/Temperature {number:04}", ValueKind.FLOAT64) for number in range(tags)]
    known = await import_tags(platform, "hall", wanted)
    ids = [known[path] for path, _ in wanted]
    async with open_feeder(platform, ids, name="hall") as feeder:
        start = time.time_ns() // 1000 - past_seconds * 1_000_000
        past = temperatures(start, tags=with_past, seconds=past_seconds, hertz=1.0, jitter_us=2000)
        chosen = np.array(ids[:with_past], np.int64)
        await feeder.feed(_renamed(frame, chosen) for frame in past.frames(600.0))
        await platform.all_sealed()
        streaming = asyncio.create_task(feeder.paced(_Ticks(ids), FRAMES_PER_SECOND, _FOR_LONG_SECONDS))
        try:
            yield ids
        finally:
            streaming.cancel()
            with suppress(asyncio.CancelledError):
                await streaming


def _renamed(frame: Frame, ids: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Frame:
    """The same samples under other ids; the table's count from 1."""
    return Frame(
        tuple(Block(each.kind, ids[each.tag - 1], each.timestamp, each.status, each.value) for each in frame.blocks)
    )


class _Ticks:
    """Frames of now, each with its share of the tags in turn, so that every tag has a value a second."""

    def __init__(self, ids: Sequence[int]) -> None:
        self._parts = np.array_split(np.array(ids, np.int64), FRAMES_PER_SECOND)
        self._turn = 0
        self._random = np.random.default_rng(20261123)

    def __call__(self) -> Frame:
        tag = self._parts[self._turn]
        self._turn = (self._turn + 1) % FRAMES_PER_SECOND
        now = np.full(len(tag), time.time_ns() // 1000, np.int64)
        value = self._random.normal(60.0, 2.0, len(tag)).round(2)
        return Frame((Block(ValueKind.FLOAT64, tag, now, np.zeros(len(tag), np.uint32), value),))
