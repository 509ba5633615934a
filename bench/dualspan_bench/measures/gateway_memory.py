"""Resident memory of the gateway at 100 000 values a second."""

import asyncio
import statistics
from collections.abc import Sequence

import psutil

from dualspan_bench.clients.run import start_client
from dualspan_bench.measures.opcua_decode import node_opcua_command
from dualspan_bench.model import PRODUCT, Better, Outcome, Reading
from dualspan_bench.peers.install import PeerUnavailableError
from dualspan_bench.product.load import start_load
from dualspan_bench.product.platform import open_platform
from dualspan_bench.product.site import open_site
from dualspan_bench.workbench import Workbench
from dualspan_cli.processes import ChildProcess

_RATE, _ITEMS, _PUBLISHING_MS = 100_000, 10_000, 100
_SETTLE_SECONDS = 20.0


async def gateway_memory(bench: Workbench) -> Sequence[Outcome]:
    """The gateway with its buffer and its stream; node-opcua, which only subscribes."""
    readings = [await _gateway(bench)]
    try:
        readings.append(await _node_opcua(bench))
    except PeerUnavailableError as err:
        readings.append(Reading("node-opcua client alone", None, f"left out: {err}"))
    return [Outcome("MB", Better.LOWER, readings)]


async def _gateway(bench: Workbench) -> Reading:
    bench.note(PRODUCT)
    async with open_platform(bench, "gateway-memory") as running:
        load = await start_load(bench, rate=_RATE, items=_ITEMS, interval_ms=_PUBLISHING_MS, secure=True)
        try:
            async with open_site(bench, running, load, publishing_ms=_PUBLISHING_MS) as site:
                megabytes = await _watch(bench, site.gateway)
                window = await site.watch(3.0)
        finally:
            load.child.stop(15)
    conditions = (
        f"{_describe(megabytes)}; {_RATE:,} values/s, {_ITEMS:,} doubles, Basic256Sha256 SignAndEncrypt, durable "
        f"buffer and stream to the historian at work: of the last {window.seconds:.0f} s {window.due:,} samples due, "
        f"{window.stored:,} stored, {window.dropped} dropped by the server, {window.gaps} gaps; "
        f"{bench.machine}"
    )
    return Reading(PRODUCT, max(megabytes), conditions)


async def _node_opcua(bench: Workbench) -> Reading:
    name = "node-opcua client alone"
    version, command, environment = node_opcua_command(bench)
    bench.note(name)
    load = await start_load(bench, rate=_RATE, items=_ITEMS, interval_ms=_PUBLISHING_MS, secure=False)
    child = start_client(
        bench,
        [*command, load.endpoint_url],
        load,
        interval_ms=_PUBLISHING_MS,
        seconds=300,
        environment=environment,
    )
    try:
        megabytes = await _watch(bench, child)
    finally:
        child.stop(5)
        load.child.stop(15)
    conditions = (
        f"{version}; {_describe(megabytes)}; {_RATE:,} values/s, {_ITEMS:,} doubles, no message security; it counts "
        f"the values and keeps none of them; {bench.machine}"
    )
    return Reading(name, max(megabytes), conditions)


async def _watch(bench: Workbench, child: ChildProcess) -> list[float]:
    """Resident memory in MB (10^6 bytes) of the process and its children, once a second for a minute."""
    await asyncio.sleep(2.0 if bench.quick else _SETTLE_SECONDS)
    found: list[float] = []
    for _ in range(3 if bench.quick else 60):
        await asyncio.sleep(1)
        process = psutil.Process(child.pid)
        found.append(sum(part.memory_info().rss for part in [process, *process.children(recursive=True)]) / 1e6)
    return found


def _describe(megabytes: Sequence[float]) -> str:
    third = max(1, len(megabytes) // 3)
    first, last = statistics.median(megabytes[:third]), statistics.median(megabytes[-third:])
    return (
        f"the most of {len(megabytes)} readings of resident memory, one a second, after {_SETTLE_SECONDS:g} s; median "
        f"of the first third {first:.1f} MB, of the last {last:.1f} MB"
    )
