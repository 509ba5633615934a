"""Samples a second from the OPC UA socket into a committed database, for a minute, with nothing lost."""

import sys
from collections.abc import Sequence

from dualspan_bench.clients.run import WARM_UP_SECONDS, result_of, start_client
from dualspan_bench.model import PRODUCT, Better, Outcome, Reading
from dualspan_bench.peers import row_table
from dualspan_bench.peers.row_table import RowTable
from dualspan_bench.product import platform
from dualspan_bench.product.load import start_load
from dualspan_bench.product.platform import open_platform
from dualspan_bench.product.site import Window, open_site
from dualspan_bench.workbench import Workbench

_ITEMS = 10_000
_PUBLISHING_MS = 100
# The highest rate at which nothing is lost and sealing keeps up is the figure: up from the first until one is too
# much; where the first is too much already, down until one is borne.
_UPWARDS = (1_000_000, 1_500_000)
_DOWNWARDS = (750_000, 500_000, 250_000, 100_000)
_PROBE_SECONDS = 15.0
_SECURITY = "Basic256Sha256, SignAndEncrypt"
# asyncua's handler and COPY commit less than this on any machine: the server always has more for them.
_PEER_RATE = 60_000


async def opcua_to_committed(bench: Workbench) -> Sequence[Outcome]:
    """The product at the highest rate that it bears; the peer as fast as it can."""
    return [Outcome("samples/s", Better.HIGHER, [await _product(bench), await _asyncua_rows(bench)])]


async def _product(bench: Workbench) -> Reading:
    window = await _highest(bench)
    if window is None:
        return Reading(
            PRODUCT, None, f"not even {_DOWNWARDS[-1]:,} samples/s were borne without a loss; {bench.machine}"
        )
    conditions = (
        f"load server → gateway (fsync per batch) → historian → PostgreSQL, {_SECURITY}, {_ITEMS:,} doubles, "
        f"{_PUBLISHING_MS} ms publishing, queues of 1 s; {window.seconds:.0f} s; {window.due:,} samples due, "
        f"{window.stored:,} stored (counted by ReadProcessed), {window.dropped} dropped, {window.gaps} gaps; sealing "
        f"at work, {window.unsealed:,} unsealed at the end; {platform.FSYNC}; load server included in {bench.machine}"
    )
    return Reading(PRODUCT, window.stored / window.seconds, conditions)


async def _highest(bench: Workbench) -> Window | None:
    if bench.quick:
        return await _try(bench, 20_000, 3.0)
    best: Window | None = None
    for rate in _UPWARDS:
        window = await _try(bench, rate, 60.0)
        if window is None:
            break
        best = window
    for rate in _DOWNWARDS:
        if best is not None:
            break
        best = await _try(bench, rate, 60.0)
    return best


async def _try(bench: Workbench, rate: int, seconds: float) -> Window | None:
    """A minute at this rate; None if it is too much."""
    bench.note(f"{PRODUCT} at {rate:,} samples/s")
    items = 1000 if bench.quick else _ITEMS
    async with open_platform(bench, f"to-committed-{rate}") as running:
        load = await start_load(bench, rate=rate, items=items, interval_ms=_PUBLISHING_MS, secure=True)
        try:
            async with open_site(bench, running, load, publishing_ms=_PUBLISHING_MS) as site:
                probe = await site.watch(min(seconds, _PROBE_SECONDS))
                if not probe.complete:
                    bench.note(f"  too much: {probe}")
                    return None
                window = await site.watch(seconds)
        except TimeoutError as err:
            bench.note(f"  too much: {err}")
            return None
        finally:
            load.child.stop(15)
    if not window.complete or not window.keeps_up:
        bench.note(f"  too much: {window}")
        return None
    return window


async def _asyncua_rows(bench: Workbench) -> Reading:
    name = "asyncua handler + asyncpg COPY"
    bench.note(name)
    seconds = 3.0 if bench.quick else 60.0
    peer = await RowTable.open(bench)
    load = await start_load(bench, rate=_PEER_RATE, items=5000, interval_ms=_PUBLISHING_MS, secure=True)
    try:
        command = [
            *[sys.executable, "-m", "dualspan_bench.clients.asyncua_rows"],
            *["--url", load.endpoint_url, "--username", load.username, "--password", load.password],
            *["--database", peer.url, "--folder", str(bench.folder("asyncua-rows"))],
        ]
        child = start_client(bench, command, load, interval_ms=_PUBLISHING_MS, seconds=seconds, queue=1000)
        result = await result_of(child)
    finally:
        load.child.stop(15)
        await peer.stop()
    conditions = (
        f"{peer.version}; {_SECURITY}, 5,000 doubles, offered {_PEER_RATE:,} samples/s, a COPY every 100 ms; "
        f"{seconds:g} s after {WARM_UP_SECONDS:g} s to warm up; what it cannot take waits in the server or is lost; "
        f"{row_table.FSYNC}; {bench.machine}"
    )
    return Reading(name, result["values"] / result["wall"], conditions)
