"""Runs a client program against a load server and reads its one line of result."""

import json
from collections.abc import Mapping, Sequence

from dualspan_bench.product.load import Load
from dualspan_bench.workbench import Workbench, ended
from dualspan_cli.processes import ChildProcess

WARM_UP_SECONDS = 3.0


def start_client(
    bench: Workbench,
    command: Sequence[str],
    load: Load,
    *,
    interval_ms: float,
    seconds: float,
    environment: Mapping[str, str] | None = None,
    queue: int = 100,
) -> ChildProcess:
    """Start a client that subscribes to every variable, and ends by itself."""
    options = {
        "--items": load.plan.items,
        "--first": load.first_node_id,
        "--queue": queue,
        "--interval-ms": interval_ms,
        "--warm-up": WARM_UP_SECONDS,
        "--seconds": seconds,
    }
    arguments = [str(part) for pair in options.items() for part in pair]
    return bench.start(f"client-{load.child.pid}", [*command, *arguments], environment)


async def result_of(child: ChildProcess) -> dict[str, float]:
    """Wait for the client's end; what it found."""
    await ended(child)
    lines = [line for line in child.log_since_start().splitlines() if line.startswith('{"values"')]
    if child.exit_code != 0 or not lines:
        raise RuntimeError(f"a client ended with {child.exit_code}:\n{child.log_tail()}")
    return json.loads(lines[-1])
