"""Milliseconds from a change in the PLC to a client of Subscribe."""

import asyncio
import importlib.metadata
import sys
import time
from collections.abc import Sequence

import numpy as np

from dualspan_bench.clients.run import WARM_UP_SECONDS, result_of, start_client
from dualspan_bench.model import PRODUCT, Better, Outcome, Reading
from dualspan_bench.product import platform
from dualspan_bench.product.load import start_load
from dualspan_bench.product.platform import open_platform
from dualspan_bench.product.site import Site, open_site
from dualspan_bench.workbench import Workbench

# A tick of 95 ms: against 100 ms publishing, changes fall on every phase of it, as in a plant.
_RATE, _ITEMS, _PUBLISHING_MS = 10_000, 950, 100
_CHANGES = f"{_RATE:,} values/s, each tag every 95 ms, {_PUBLISHING_MS} ms publishing"
_PEER = "asyncua handler alone"


async def change_to_subscriber(bench: Workbench) -> Sequence[Outcome]:
    """Median and 99th percentile; the peer has no platform behind it, only the network before it."""
    ages, conditions = await _product(bench)
    peer, peer_conditions = await _asyncua(bench)
    return [
        Outcome(
            f"ms (p{percent})",
            Better.LOWER,
            [
                Reading(f"{PRODUCT} p{percent}", float(np.percentile(ages, percent)), conditions),
                Reading(f"{_PEER} p{percent}", peer[f"p{percent}"], peer_conditions),
            ],
        )
        for percent in (50, 99)
    ]


async def _product(bench: Workbench) -> tuple[list[float], str]:
    bench.note(PRODUCT)
    seconds = _seconds(bench)
    async with open_platform(bench, "change-to-subscriber") as running:
        load = await start_load(bench, rate=_RATE, items=_ITEMS, interval_ms=_PUBLISHING_MS, secure=True)
        try:
            async with open_site(bench, running, load, publishing_ms=_PUBLISHING_MS) as site:
                await asyncio.sleep(WARM_UP_SECONDS)
                ages, skipped = await _listen(site, seconds)
        finally:
            load.child.stop(15)
    conditions = (
        f"from the source timestamp to the SDK's Subscribe iterator, decoded, {len(ages):,} samples in {seconds:g} s, "
        f"{skipped} frames skipped; gateway (fsync) → historian (commit) → Redis → gRPC; {_CHANGES}, Basic256Sha256 "
        f"SignAndEncrypt; {platform.FSYNC}; {bench.machine}"
    )
    return ages, conditions


async def _listen(site: Site, seconds: float) -> tuple[list[float], int]:
    """Ages in milliseconds at arrival, and how many frames were skipped."""
    ages: list[float] = []
    skipped = 0

    async def read() -> None:
        nonlocal skipped
        async for update in site.platform.client.subscribe(site.tag_ids):
            now = time.time_ns() // 1000
            skipped += update.skipped_frames
            for block in update.frame.blocks:
                ages.extend(((now - block.timestamp) / 1000).tolist())

    reader = asyncio.ensure_future(read())
    await asyncio.wait([reader], timeout=seconds)
    reader.cancel()
    if not ages:
        raise RuntimeError("nothing came through Subscribe")
    return ages, skipped


async def _asyncua(bench: Workbench) -> tuple[dict[str, float], str]:
    bench.note(_PEER)
    seconds = _seconds(bench)
    load = await start_load(bench, rate=_RATE, items=_ITEMS, interval_ms=_PUBLISHING_MS, secure=False)
    command = [sys.executable, "-m", "dualspan_bench.clients.asyncua_latency", load.endpoint_url]
    result = await result_of(start_client(bench, command, load, interval_ms=_PUBLISHING_MS, seconds=seconds))
    load.child.stop(15)
    conditions = (
        f"asyncua {importlib.metadata.version('asyncua')}, from the source timestamp to the call of its handler, in "
        f"the process that subscribes: nothing is stored or forwarded; {result['values']:,.0f} samples in "
        f"{seconds:g} s; {_CHANGES}, no message security; {bench.machine}"
    )
    return result, conditions


def _seconds(bench: Workbench) -> float:
    return 1.0 if bench.quick else 30.0
