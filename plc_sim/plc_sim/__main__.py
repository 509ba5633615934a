"""`python -m plc_sim`: simulated plants, or a load server."""

import argparse
import asyncio
import contextlib
import gc
import json
import logging
import signal
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from plc_sim import credentials
from plc_sim.control import ControlServer
from plc_sim.load import LoadPlan
from plc_sim.load_server import LoadServer
from plc_sim.opcua import certificate
from plc_sim.opcua.server import ServerOptions
from plc_sim.opcua.subscription_service import SubscriptionLimits
from plc_sim.plant_control import PlantControl
from plc_sim.plant_server import PlantServer
from plc_sim.plants import PLANT_NAMES, make_plant


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: 0 to 65535")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="plc-sim", description="OPC UA servers that behave like plants.")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--host", default="127.0.0.1", help="address to listen on")
    shared.add_argument("--advertise-host", help="host of the endpoint URLs (default: that of --host)")
    shared.add_argument("--data", type=Path, help="folder that keeps certificates, password and the fault journal")
    shared.add_argument("--username", help="user name (default: operator)")
    shared.add_argument("--password", help="password (default: made up once, kept in --data, printed)")
    shared.add_argument("--control-port", type=_port, default=0, help="loopback port of the control channel (0: any)")
    shared.add_argument("--seed", type=int, default=1, help="the same seed tells the same story")
    shared.add_argument(
        "--call", action="append", default=[], metavar="HOST:PORT", help="call a client that listens (reverse connect)"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    plants = commands.add_parser("plants", parents=[shared], help="plants of three industries")
    plants.add_argument("--port-base", type=_port, default=4840, help="port of the first plant (0: any free port each)")
    plants.add_argument("--plants", default=",".join(PLANT_NAMES), help="which, separated by commas")
    plants.add_argument("--allow-none", action="store_true", help="also offer an endpoint without security")
    plants.add_argument("--trust-clients", action="store_true", help="refuse clients that are not in the trust list")
    plants.add_argument("--max-references", type=int, default=0, help="references of a node in one answer (0: all)")
    load = commands.add_parser("load", parents=[shared], help="prepared notifications at a stated rate")
    load.add_argument("--port", type=_port, default=4850, help="port (0: any free port)")
    load.add_argument("--rate", type=float, default=100_000.0, help="values per second")
    load.add_argument("--items", type=int, default=5000, help="variables")
    load.add_argument("--interval-ms", type=float, default=100.0, help="publishing interval, whatever is asked for")
    load.add_argument("--cells", action="store_true", help="typed objects, units and ranges, instead of plain folders")
    load.add_argument("--max-nodes", type=int, default=10_000, help="nodes per Read and Browse call")
    load.add_argument("--max-references", type=int, default=1000, help="references of a node in one answer")
    load.add_argument("--continuation-points", type=int, default=10, help="that a session may hold")
    load.add_argument("--security", choices=("sign-and-encrypt", "none"), default="sign-and-encrypt")
    return parser


def _options(arguments: argparse.Namespace, user: credentials.Credentials, name: str, port: int) -> ServerOptions:
    host = arguments.advertise_host or ("localhost" if arguments.host in {"0.0.0.0", "::"} else arguments.host)
    return ServerOptions(
        name=f"DualSpan simulated plant: {name}",
        application_uri=f"urn:dualspan:plc-sim:{name}",
        product_uri="urn:dualspan:plc-sim",
        bind_host=arguments.host,
        advertised_host=host,
        port=port,
        username=user.username,
        password=user.password,
        calls=tuple(arguments.call),
    )


def _hosts(options: ServerOptions) -> tuple[str, ...]:
    return tuple(dict.fromkeys([options.advertised_host, "localhost", "127.0.0.1"]))


def _ready(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


def _stop_signal() -> asyncio.Event:
    """Set by SIGINT and SIGTERM; listened for before anybody is told that we are ready."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped


async def _until(stopped: asyncio.Event) -> None:
    # What is there now stays: keep the collector from walking a hundred thousand nodes again and again.
    gc.collect()
    gc.freeze()
    await stopped.wait()


async def _load(arguments: argparse.Namespace, folder: Path) -> None:
    user = credentials.load_or_create(folder, arguments.username, arguments.password)
    plan = LoadPlan.of(arguments.rate, arguments.items, arguments.seed)
    options = replace(
        _options(arguments, user, "load", arguments.port),
        allow_none=arguments.security == "none",
        max_nodes=arguments.max_nodes,
        max_references=arguments.max_references,
        max_continuation_points=arguments.continuation_points,
        subscriptions=SubscriptionLimits(fixed_publishing_ms=arguments.interval_ms, max_items=10_000),
    )
    identity = certificate.load_or_create(folder / "load", options.application_uri, options.name, _hosts(options))
    server = LoadServer(plan, options, identity, cells=arguments.cells)
    control = ControlServer({"load": server}, arguments.control_port)
    stopped = _stop_signal()
    await server.start()
    await control.start()
    _ready(
        {
            "plant": "load",
            "endpoint_url": server.endpoint_url,
            "certificate_sha256": identity.sha256,
            "variables": plan.items,
            "username": user.username,
            "password": user.password,
            "control": control.address,
            "rate": plan.rate,
            "tick_us": plan.tick_us,
        }
    )
    await _until(stopped)
    await control.stop()
    await server.stop()
    _ready({"plant": "load", "statistics": server.report(per_item=False)})


async def _plants(arguments: argparse.Namespace, folder: Path) -> None:
    user = credentials.load_or_create(folder, arguments.username, arguments.password)
    servers: dict[str, PlantServer] = {}
    for index, name in enumerate(arguments.plants.split(",")):
        port = arguments.port_base + index if arguments.port_base else 0
        options = replace(_options(arguments, user, name, port), allow_none=arguments.allow_none)
        options = replace(options, enforce_trust=arguments.trust_clients)
        options = replace(options, max_nodes=500, max_references=arguments.max_references, max_continuation_points=10)
        plant = make_plant(name, arguments.seed, folder / name / "overlays.jsonl")
        servers[name] = PlantServer(plant, options, folder / name, _hosts(options))
    control = ControlServer({name: PlantControl(server) for name, server in servers.items()}, arguments.control_port)
    await control.start()
    stopped = _stop_signal()
    for name, server in servers.items():
        await server.start()
        _ready(
            {
                "plant": name,
                "endpoint_url": server.endpoint_url,
                "certificate_sha256": server.identity.sha256,
                "variables": len(server.plant.variables),
                "username": user.username,
                "password": user.password,
                "control": control.address,
            }
        )
    await _until(stopped)
    await control.stop()
    for server in servers.values():
        await server.stop()


def main() -> int:
    """Run until SIGINT or SIGTERM."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("asyncua").setLevel(logging.ERROR)
    with contextlib.ExitStack() as stack:
        folder = arguments.data or Path(stack.enter_context(TemporaryDirectory(prefix="plc-sim-")))
        try:
            asyncio.run((_plants if arguments.command == "plants" else _load)(arguments, folder))
        except (ValueError, OSError) as err:
            print(f"plc-sim: {err}", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
