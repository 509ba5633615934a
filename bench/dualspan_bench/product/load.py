"""The load server: notifications made by NumPy at a stated rate, so that the source is never what limits."""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from dualspan_bench.workbench import Workbench, free_port
from dualspan_cli.processes import ChildProcess
from plc_sim.load import FIRST_NODE_ID, LoadPlan

# A hundred thousand nodes take half a minute to be made.
_READY_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Load:
    """A load server that runs.

    Attributes:
        child: Its process.
        plan: What it produces.
        endpoint_url: Where clients connect.
        certificate_sha256: Of its certificate.
        username: The only user.
        password: Its password.
        control: host:port that tells what was sent.
    """

    child: ChildProcess
    plan: LoadPlan
    endpoint_url: str
    certificate_sha256: str
    username: str
    password: str
    control: str

    @property
    def first_node_id(self) -> int:
        """Numeric identifier of the first variable; the others follow."""
        return FIRST_NODE_ID


async def start_load(
    bench: Workbench, *, rate: float, items: int, interval_ms: float, secure: bool, more: Sequence[str] = ()
) -> Load:
    """Start one; the tick of its items is `items / rate`, and `more` are further options of it."""
    name = f"load-{free_port()}"
    options = {
        "--port": "0",
        "--rate": str(rate),
        "--items": str(items),
        "--interval-ms": str(interval_ms),
        "--security": "sign-and-encrypt" if secure else "none",
        "--data": str(bench.scratch / name),
    }
    command = [sys.executable, "-m", "plc_sim", "load", *(part for pair in options.items() for part in pair), *more]
    child = bench.start(name, command)
    deadline = time.monotonic() + _READY_SECONDS
    while not (lines := [line for line in child.log_since_start().splitlines() if line.startswith('{"plant"')]):
        if child.exit_code is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the load server did not start:\n{child.log_tail()}")
        await asyncio.sleep(0.05)
    ready = json.loads(lines[0])
    known = ("endpoint_url", "certificate_sha256", "username", "password", "control")
    return Load(child, LoadPlan.of(rate, items), **{field: ready[field] for field in known})
