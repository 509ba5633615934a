"""The simulated plants as a child process, and the gateway that connects to them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dualspan_cli.errors import CommandError
from dualspan_cli.local import port_is_free
from dualspan_cli.processes import ChildProcess
from dualspan_cli.settings import child_environment
from dualspan_cli.supervisor import Member, Service
from plc_sim.model.plant import Plant
from plc_sim.plants import make_plant

PLANTS = ("moulding", "curing", "packaging")
SEED = 1
_FIRST_PORT = 4840
_START_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class PlantServer:
    """What the simulator printed about one plant: what an engineer reads on the PLC's own display."""

    plant: str
    endpoint_url: str
    certificate_sha256: str
    variables: int
    username: str
    password: str


class SimulatedPlants:
    """`python -m plc_sim plants` as a child."""

    def __init__(self, folder: Path, log_path: Path) -> None:
        command = [sys.executable, "-m", "plc_sim", "plants", f"--data={folder}", f"--seed={SEED}"]
        folder.mkdir(parents=True, exist_ok=True)
        self.child = ChildProcess(
            name="plants",
            command=[*command, f"--port-base={_free_row(len(PLANTS))}"],
            log_path=log_path,
            environment=child_environment({}),
            working_directory=folder,
        )

    def member(self) -> Member:
        """For the supervisor."""

        async def is_ready() -> bool:
            return len(self._lines()) == len(PLANTS)

        return Member(Service(self.child), is_ready, start_timeout=_START_TIMEOUT_S)

    def servers(self) -> Sequence[PlantServer]:
        """The plants that are ready."""
        fields = PlantServer.__slots__
        return [PlantServer(**{name: line[name] for name in fields}) for line in self._lines()]

    def _lines(self) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        for text in self.child.log_since_start().splitlines():
            if text.startswith("{") and text.endswith("}"):
                line = json.loads(text)
                if "endpoint_url" in line:
                    found.append(line)
        return found


class DemoGateway:
    """`dualspan-gateway` as a child, with a data folder of its own."""

    def __init__(self, folder: Path, log_folder: Path, platform: str) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._platform = platform
        # A certificate comes with the addresses of the platform, which a start on other ports makes stale.
        self._enrolled_at = folder / "enrolled-at"
        self._environment = child_environment({"DUALSPAN_GATEWAY_DATA_DIR": str(folder)})
        self._folder = folder
        self.child = self._process("run", "gateway", log_folder / "gateway.log")

    def member(self) -> Member:
        """For the supervisor; that it is online, onboarding says."""
        return Member(Service(self.child))

    @property
    def knows_platform(self) -> bool:
        """Whether it was enrolled at the addresses that the platform has now."""
        return self._enrolled_at.exists() and self._enrolled_at.read_text() == self._platform

    async def enrol(self, token: str) -> None:
        """Exchanges an enrolment token for a certificate; what it has buffered stays.

        Raises:
            CommandError: The gateway's own words.
        """
        process = await asyncio.create_subprocess_exec(
            *self._command("enroll", token),
            env=self._environment,
            cwd=self._folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise CommandError("ENROLMENT_FAILED", f"The gateway did not enrol: {output.decode(errors='replace')}")
        self._enrolled_at.write_text(self._platform)

    def _process(self, verb: str, name: str, log_path: Path) -> ChildProcess:
        return ChildProcess(
            name=name,
            command=self._command(verb),
            log_path=log_path,
            environment=self._environment,
            working_directory=self._folder,
        )

    @staticmethod
    def _command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "dualspan_edge", *arguments]


def build_plants() -> dict[str, Plant]:
    """The same plants in this process: their signals are functions of the seed and the time."""
    return {name: make_plant(name, SEED) for name in PLANTS}


def _free_row(count: int) -> int:
    """The first port of a row of free ones."""
    for first in range(_FIRST_PORT, 60_000, count):
        if all(port_is_free(first + offset) for offset in range(count)):
            return first
    raise CommandError("NO_FREE_PORTS", f"There is no row of {count} free TCP ports on this machine.")
