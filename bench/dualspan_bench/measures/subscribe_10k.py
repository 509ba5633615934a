"""Seconds until 10 000 variables are subscribed."""

import importlib.metadata
import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from dualspan_bench.model import PRODUCT, Better, Outcome, Reading
from dualspan_bench.peers.install import PeerUnavailableError, from_npm
from dualspan_bench.product.load import Load, start_load
from dualspan_bench.product.platform import open_platform
from dualspan_bench.product.site import open_gateway
from dualspan_bench.workbench import Workbench, ended

_CLIENTS = Path(__file__).parents[1] / "clients"
_ITEMS, _QUICK_ITEMS, _PUBLISHING_MS = 10_000, 500, 1000
_REPEATS = 3


async def subscribe_10k(bench: Workbench) -> Sequence[Outcome]:
    """The product from a person's choice to the last confirmed tag; clients from subscription to the last item."""
    python = [sys.executable, "-m"]
    whole = await _product(bench)
    readings = [
        await _client(
            bench,
            f"{PRODUCT}, the gateway's client alone",
            "data types read first, items made in calls under way together",
            [*python, "dualspan_bench.clients.columnar_subscribe"],
            {},
        ),
        await _client(
            bench,
            "asyncua",
            f"asyncua {importlib.metadata.version('asyncua')}, subscribe_data_change in thousands",
            [*python, "dualspan_bench.clients.asyncua_subscribe"],
            {},
        ),
    ]
    try:
        installed = from_npm(bench.software, "node-opcua-client", "2")
        environment = {"NODE_PATH": str(installed.folder / "node_modules")}
        words = f"node-opcua-client {installed.version}, ClientMonitoredItemGroup of a thousand each"
        command = ["node", str(_CLIENTS / "node_opcua_subscribe.js")]
        readings.append(await _client(bench, "node-opcua", words, command, environment))
    except PeerUnavailableError as err:
        readings.append(Reading("node-opcua", None, f"left out: {err}"))
    return [Outcome("s", Better.LOWER, [whole]), Outcome("s", Better.LOWER, readings)]


def _items(bench: Workbench) -> int:
    return _QUICK_ITEMS if bench.quick else _ITEMS


async def _load(bench: Workbench, *, secure: bool) -> Load:
    return await start_load(bench, rate=_items(bench), items=_items(bench), interval_ms=_PUBLISHING_MS, secure=secure)


async def _product(bench: Workbench) -> Reading:
    bench.note(PRODUCT)
    async with open_platform(bench, "subscribe") as running:
        load = await _load(bench, secure=True)
        try:
            async with open_gateway(bench, running, load) as gateway:
                await gateway.browse()
                started = time.perf_counter()
                await gateway.accept(_items(bench), _PUBLISHING_MS)
                seconds = time.perf_counter() - started
        finally:
            load.child.stop(15)
    conditions = (
        f"AcceptVariables → tags stored, registered at the historian, configuration sent, {_items(bench):,} items made "
        f"at the server, every tag confirmed ACTIVE (asked every 0.25 s); SignAndEncrypt; once; {bench.machine}"
    )
    return Reading(PRODUCT, seconds, conditions)


async def _client(
    bench: Workbench, name: str, words: str, command: Sequence[str], environment: Mapping[str, str]
) -> Reading:
    bench.note(name)
    load = await _load(bench, secure=False)
    seconds: list[float] = []
    try:
        for repeat in range(1 if bench.quick else _REPEATS):
            arguments = [load.endpoint_url, str(_items(bench)), str(load.first_node_id)]
            child = bench.start(f"subscribe-{load.child.pid}-{repeat}", [*command, *arguments], environment)
            await ended(child)
            lines = [line for line in child.log_since_start().splitlines() if line.startswith('{"seconds"')]
            if child.exit_code != 0 or not lines:
                raise RuntimeError(f"a client ended with {child.exit_code}:\n{child.log_tail()}")
            seconds.append(json.loads(lines[-1])["seconds"])
    finally:
        load.child.stop(15)
    conditions = (
        f"{words}; session open before; {_items(bench):,} doubles, no message security; median of {len(seconds)}; "
        f"{bench.machine}"
    )
    return Reading(name, statistics.median(seconds), conditions)
