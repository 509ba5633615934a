"""A hall that nobody has connected yet: a box without a gateway's identity, and a PLC that refuses clients."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from dualspan_cli.settings import child_environment
from plc_sim.model.plant import Machine, Plant
from plc_sim.opcua import certificate
from plc_sim.opcua.server import ServerOptions
from plc_sim.plant_server import PlantServer
from plc_sim.plants import make_plant

USER, PASSWORD = "operator", "a password"
# What somebody who may name machines would try; it has none of the characters that paths are made of.
SCRIPT = "<img src=x onerror=alert(1)>"
PRESSES = 2
_HOSTS = ("localhost", "127.0.0.1")
_URI = "urn:dualspan:plc-sim:hall"


@dataclass
class Box:
    """A box on which a person types commands.

    Attributes:
        folder: Where its gateway keeps everything.
    """

    folder: Path
    _running: list[asyncio.subprocess.Process] = field(default_factory=list[asyncio.subprocess.Process])

    async def type(self, command: str) -> tuple[int, str]:
        """One command as it was copied, to its end; the exit code and what it said."""
        process = await self._start(command)
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    async def start(self, command: str) -> None:
        """One that goes on."""
        self._running.append(await self._start(command))

    async def stop(self) -> None:
        """Ends what goes on."""
        for process in self._running:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.communicate()

    async def _start(self, command: str) -> asyncio.subprocess.Process:
        program, *arguments = shlex.split(command)
        if program != "dualspan-gateway":
            raise AssertionError(f"a box has no {program}")
        # A person's patience would only make the test long.
        settings = {"RECONNECT_FIRST_SECONDS": "0.2", "RECONNECT_LONGEST_SECONDS": "1", "LOG_LEVEL": "error"}
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "dualspan_edge", *arguments,
            env=child_environment(
                {"DUALSPAN_GATEWAY_DATA_DIR": str(self.folder)}
                | {f"DUALSPAN_GATEWAY_{name}": value for name, value in settings.items()}
            ),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip


def _machines() -> tuple[Machine, ...]:
    """Two presses, one of which has a name that is a script."""
    *others, last = make_plant("curing", 1).machines[:PRESSES]
    return (*others, replace(last, name=f"Press9 {SCRIPT}", label=f"Press 9 {SCRIPT}"))


@asynccontextmanager
async def hall(folder: Path) -> AsyncGenerator[PlantServer]:
    """A hall whose server trusts one client, and that is not ours."""
    options = ServerOptions(
        name="Hall 7",
        application_uri=_URI,
        product_uri="urn:dualspan:plc-sim",
        bind_host="127.0.0.1",
        advertised_host="127.0.0.1",
        port=0,
        username=USER,
        password=PASSWORD,
        enforce_trust=True,
    )
    certificate.load_or_create(folder, _URI, options.name, _HOSTS)
    server = PlantServer(Plant("hall", "Hall 7", "七号车间", 1, _machines()), options, folder, _HOSTS)
    server.trust_list.replace([server.identity.certificate_der])
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@asynccontextmanager
async def box(folder: Path) -> AsyncGenerator[Box]:
    """A box; what runs on it ends with the block."""
    found = Box(folder)
    try:
        yield found
    finally:
        await found.stop()
