"""Seconds to browse 100 000 nodes, and the gateway's memory, while its stream goes on."""

import importlib.metadata
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from dualspan_bench.model import PRODUCT, Better, Outcome, Reading
from dualspan_bench.peers.install import PeerUnavailableError, from_npm
from dualspan_bench.product.load import Load, start_load
from dualspan_bench.product.platform import open_platform
from dualspan_bench.product.site import ConnectedGateway, Window, open_gateway
from dualspan_bench.workbench import Workbench, ended
from dualspan_cli.processes import ChildProcess

_CLIENTS = Path(__file__).parents[1] / "clients"
# With 200 cells and their folder: 100 001 nodes, and two properties of every tenth variable.
_ITEMS, _QUICK_ITEMS = 99_799, 2_000
_STREAMED, _TICK_MS = 1_000, 100
_LIMITS = ("--cells", "--max-nodes", "1000", "--max-references", "1000", "--continuation-points", "10")
_SERVER = "1000 nodes a call, 1000 references an answer, 10 continuation points"
# Cells that a client of one call a node browses; its time grows with their number.
_PEER_CELLS, _QUICK_CELLS = 20, 1
_CELL_ITEMS = 500


async def browse_100k(bench: Workbench) -> Sequence[Outcome]:
    """The product with all that it does around a browse; the peers only read what a browse reads."""
    items = _QUICK_ITEMS if bench.quick else _ITEMS
    seconds, memory, conditions = await _product(bench, items)
    readings, megabytes = [Reading(PRODUCT, seconds, conditions)], [Reading(PRODUCT, memory, conditions)]
    for peer in (_asyncua, _node_opcua):
        try:
            in_time, in_memory = await peer(bench, items)
        except PeerUnavailableError as err:
            in_time = in_memory = Reading("node-opcua crawler", None, f"left out: {err}")
        readings.append(in_time)
        megabytes.append(in_memory)
    return [Outcome("s", Better.LOWER, readings), Outcome("MB", Better.LOWER, megabytes)]


async def _load(bench: Workbench, items: int, *, secure: bool) -> Load:
    rate = items * 1000 / _TICK_MS
    return await start_load(bench, rate=rate, items=items, interval_ms=_TICK_MS, secure=secure, more=_LIMITS)


async def _product(bench: Workbench, items: int) -> tuple[float, float, str]:
    bench.note(PRODUCT)
    async with open_platform(bench, "browse") as running:
        load = await _load(bench, items, secure=True)
        try:
            async with open_gateway(bench, running, load) as gateway:
                return await _browse_twice(bench, gateway)
        finally:
            load.child.stop(15)


async def _browse_twice(bench: Workbench, gateway: ConnectedGateway) -> tuple[float, float, str]:
    """First with nothing beside it; then, for the figure, while 10 000 values a second stream."""
    started = time.perf_counter()
    await gateway.browse()
    alone = time.perf_counter() - started
    site = await gateway.accept(_STREAMED, _TICK_MS)
    seconds, nodes = 0.0, 0

    async def browse() -> None:
        nonlocal seconds, nodes
        started = time.perf_counter()
        nodes = (await gateway.browse()).nodes
        seconds = time.perf_counter() - started

    window = await site.watch_while(browse())
    memory = peak_megabytes(gateway.process)
    return seconds, memory, _conditions(bench, nodes, alone, memory, window)


def _conditions(bench: Workbench, nodes: int, alone: float, memory: float, window: Window) -> str:
    return (
        f"{nodes:,} nodes with types, attributes, units and ranges, from the call to the stored snapshot that can be "
        f"listed; {_SERVER}; SignAndEncrypt; meanwhile {_STREAMED:,} variables at {1000 // _TICK_MS} Hz: "
        f"{window.due:,} samples due, {window.stored:,} stored, {window.dropped} dropped by the server, {window.gaps} "
        f"gaps; without them {alone:.1f} s; the gateway's resident memory was {memory:.0f} MB at the most; the "
        f"simulated server is what takes longest; {bench.machine}"
    )


def peak_megabytes(child: ChildProcess) -> float:
    """The most resident memory that a process has had so far, in MB (10^6 bytes)."""
    for line in Path(f"/proc/{child.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024 / 1e6
    return psutil.Process(child.pid).memory_info().rss / 1e6


async def _asyncua(bench: Workbench, items: int) -> tuple[Reading, Reading]:
    name = "asyncua"
    cells = min(_QUICK_CELLS if bench.quick else _PEER_CELLS, items // _CELL_ITEMS)
    command = [sys.executable, "-m", "dualspan_bench.clients.asyncua_browse"]
    found = await _client(bench, name, command, items, cells, {})
    scale = items / (cells * _CELL_ITEMS)
    conditions = (
        f"asyncua {importlib.metadata.version('asyncua')}: get_children_descriptions of each node, one after the "
        f"other, and read_attributes in thousands for the same attributes, units and ranges; {found['nodes']:,.0f} "
        f"nodes took {found['seconds']:.1f} s, the figure is extrapolated to {items:,} variables; no message "
        f"security, nothing stored; {bench.machine}"
    )
    return Reading(name, found["seconds"] * scale, conditions), Reading(name, None, "left out: it browsed a part")


async def _node_opcua(bench: Workbench, items: int) -> tuple[Reading, Reading]:
    name = "node-opcua crawler"
    client = from_npm(bench.software, "node-opcua-client", "2")
    crawler = from_npm(bench.software, "node-opcua-client-crawler", "2")
    paths = ":".join(str(installed.folder / "node_modules") for installed in (crawler, client))
    command = ["node", str(_CLIENTS / "node_opcua_browse.js")]
    found = await _client(bench, name, command, items, 0, {"NODE_PATH": paths})
    conditions = (
        f"node-opcua-client {client.version}, NodeCrawler {crawler.version} from the folder of the variables on: "
        f"{found['nodes']:,.0f} nodes, with properties, types and what types have; {_SERVER}; no message "
        f"security, nothing stored; {bench.machine}"
    )
    return Reading(name, found["seconds"], conditions), Reading(name, found["peak_mb"], conditions)


async def _client(
    bench: Workbench, name: str, command: Sequence[str], items: int, cells: int, environment: Mapping[str, str]
) -> dict[str, float]:
    """Runs a client against a server of its own; its line of result."""
    bench.note(name)
    load = await _load(bench, items, secure=False)
    try:
        arguments = [load.endpoint_url, str(cells)]
        child = bench.start(f"browse-{load.child.pid}", [*command, *arguments], environment)
        await ended(child)
    finally:
        load.child.stop(15)
    lines = [line for line in child.log_since_start().splitlines() if line.startswith('{"nodes"')]
    if child.exit_code != 0 or not lines:
        raise RuntimeError(f"a client ended with {child.exit_code}:\n{child.log_tail()}")
    return json.loads(lines[-1])
