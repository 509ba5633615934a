"""Values that a client takes from the wire for each second of CPU time, 5000 values in a notification."""

import importlib.metadata
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dualspan_bench.model import PRODUCT, Better, Outcome, Reading
from dualspan_bench.peers.install import PeerUnavailableError, from_npm
from dualspan_bench.product.load import start_load
from dualspan_bench.workbench import Workbench, ended

_ITEMS = 5000
_REPEATS = 3
_CLIENTS = Path(__file__).parents[1] / "clients"
_THINGSBOARD = (
    "left out: its OPC UA connector is asyncua's handler with a converter behind it, and it runs only against a "
    "ThingsBoard server, which pip, npm and apt do not have; without one its figure would be asyncua's or unfair"
)


@dataclass(frozen=True, slots=True)
class _Client:
    """A client program, and the load that it is measured under: well below what it can bear.

    Attributes:
        name: What the table calls it.
        version: Which it is.
        command: How it is started.
        notifications: A second, 5000 values in each.
        environment: What it needs.
    """

    name: str
    version: str
    command: Sequence[str]
    notifications: int
    environment: Mapping[str, str]


async def opcua_decode(bench: Workbench) -> Sequence[Outcome]:
    """Each client alone, against the same load server, without message security (which costs all of them the same)."""
    python = [sys.executable, "-m"]
    ours = _Client(PRODUCT, "the gateway's client", [*python, "dualspan_bench.clients.columnar"], 200, {})
    asyncua = _Client(
        "asyncua handler",
        f"asyncua {importlib.metadata.version('asyncua')}, datachange_notification that counts",
        [*python, "dualspan_bench.clients.asyncua_handler"],
        5,
        {},
    )
    readings = [await _measure(bench, ours), await _measure(bench, asyncua)]
    try:
        readings.append(await _measure(bench, _node_opcua(bench)))
    except PeerUnavailableError as err:
        readings.append(Reading("node-opcua", None, f"left out: {err}"))
    readings.append(Reading("thingsboard-gateway", None, _THINGSBOARD))
    return [Outcome("values per CPU second", Better.HIGHER, readings)]


def _node_opcua(bench: Workbench) -> _Client:
    installed = from_npm(bench.software, "node-opcua-client", "2")
    return _Client(
        "node-opcua",
        f"node-opcua-client {installed.version}, ClientMonitoredItemGroup that counts",
        ["node", str(_CLIENTS / "node_opcua.js")],
        40,
        {"NODE_PATH": str(installed.folder / "node_modules")},
    )


async def _measure(bench: Workbench, client: _Client) -> Reading:
    bench.note(client.name)
    repeats, seconds = (1, 1.0) if bench.quick else (_REPEATS, 6.0)
    load = await start_load(
        bench,
        rate=_ITEMS * client.notifications,
        items=_ITEMS,
        interval_ms=1000 / client.notifications,
        secure=False,
    )
    rates: list[float] = []
    lags: list[float] = []
    for _ in range(repeats):
        result = await _run(bench, client, load.endpoint_url, load.first_node_id, seconds)
        rates.append(result["values"] / result["cpu"])
        lags.append(result["values"] / result["wall"])
    load.child.stop(10)
    conditions = (
        f"{client.version}; client process's user and system time while {sorted(lags)[repeats // 2]:,.0f} values/s "
        f"arrive, {_ITEMS} a notification, doubles, no message security; {seconds:g} s after 3 s to warm up, median "
        f"of {repeats}; nothing stored; {bench.machine}"
    )
    return Reading(client.name, sorted(rates)[repeats // 2], conditions)


async def _run(bench: Workbench, client: _Client, url: str, first: int, seconds: float) -> dict[str, float]:
    options = {
        "--items": _ITEMS,
        "--first": first,
        "--queue": 100,
        "--interval-ms": 1000 / client.notifications,
        "--warm-up": 3,
        "--seconds": seconds,
    }
    arguments = [url, *(str(part) for pair in options.items() for part in pair)]
    child = bench.start(f"client-{client.name.split()[0]}", [*client.command, *arguments], client.environment)
    await ended(child)
    lines = [line for line in child.log_since_start().splitlines() if line.startswith('{"values"')]
    if child.exit_code != 0 or not lines:
        raise RuntimeError(f"{client.name} ended with {child.exit_code}:\n{child.log_tail()}")
    return json.loads(lines[-1])
