"""Values that a client takes from the wire for each second of CPU time, 5000 values in a notification."""

import importlib.metadata
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dualspan_bench.clients.run import WARM_UP_SECONDS, result_of, start_client
from dualspan_bench.model import PRODUCT, Better, Outcome, Reading
from dualspan_bench.peers.install import PeerUnavailableError, from_npm
from dualspan_bench.product.load import start_load
from dualspan_bench.workbench import Workbench

_ITEMS = 5000
_REPEATS = 3
_CLIENTS = Path(__file__).parents[1] / "clients"
_THINGSBOARD = (
    "left out: its OPC UA connector is a handler of a Python OPC UA library with a converter behind it, and it runs "
    "only against a ThingsBoard server, which pip, npm and apt do not have: without one the figure would be unfair"
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
        version, command, environment = node_opcua_command(bench)
        readings.append(await _measure(bench, _Client("node-opcua", version, command, 40, environment)))
    except PeerUnavailableError as err:
        readings.append(Reading("node-opcua", None, f"left out: {err}"))
    readings.append(Reading("thingsboard-gateway", None, _THINGSBOARD))
    return [Outcome("values per CPU second", Better.HIGHER, readings)]


def node_opcua_command(bench: Workbench) -> tuple[str, list[str], dict[str, str]]:
    """Install node-opcua; its version, the client program and the environment that it needs."""
    installed = from_npm(bench.software, "node-opcua-client", "2")
    version = f"node-opcua-client {installed.version}, ClientMonitoredItemGroup that counts"
    environment = {"NODE_PATH": str(installed.folder / "node_modules")}
    return version, ["node", str(_CLIENTS / "node_opcua.js")], environment


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
        child = start_client(
            bench,
            [*client.command, load.endpoint_url],
            load,
            interval_ms=1000 / client.notifications,
            seconds=seconds,
            environment=client.environment,
        )
        result = await result_of(child)
        rates.append(result["values"] / result["cpu"])
        lags.append(result["values"] / result["wall"])
    load.child.stop(10)
    conditions = (
        f"{client.version}; client process's user and system time while {sorted(lags)[repeats // 2]:,.0f} values/s "
        f"arrive, {_ITEMS} a notification, doubles, no message security; {seconds:g} s after {WARM_UP_SECONDS:g} s to "
        f"warm up, median of {repeats}; nothing stored; {bench.machine}"
    )
    return Reading(client.name, sorted(rates)[repeats // 2], conditions)
