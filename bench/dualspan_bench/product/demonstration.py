"""`dualspan demo`, as a person runs it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from dualspan_bench.workbench import Workbench
from dualspan_cli.local import RunningPlatform
from dualspan_cli.session import SIGN_IN_FILE

_READY_SECONDS = 240.0
_READY_WORDS = "The OEE board runs"


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A demonstration that runs: where its console is, and who may sign in."""

    console: str
    email: str
    password: str


@asynccontextmanager
async def open_demonstration(bench: Workbench) -> AsyncGenerator[Demonstration]:
    """Run it in a folder of the run until the block ends, from when its app runs.

    Raises:
        RuntimeError: It does not come up; with the end of its log.
    """
    folder = bench.folder("demo")
    child = bench.start("demo", [sys.executable, "-m", "dualspan_cli", "demo", f"--data={folder}"])
    try:
        async with asyncio.timeout(_READY_SECONDS):
            while _READY_WORDS not in child.log_since_start():
                if child.exit_code is not None:
                    raise RuntimeError(f"the demonstration ended:\n{child.log_tail()}")
                await asyncio.sleep(0.5)
        running = RunningPlatform.find(folder)
        if running is None:
            raise RuntimeError(f"the demonstration is not to be found:\n{child.log_tail()}")
        sign_in = json.loads((folder / SIGN_IN_FILE).read_text())
        yield Demonstration(running.console_url, sign_in["email"], sign_in["password"])
    finally:
        child.stop(60)
