"""This machine as a gateway: enrolled if it is none yet, started if it does not run."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from dualspan_cli.errors import CommandError
from dualspan_cli.settings import child_environment

_NOT_SLUG = re.compile(r"[^a-z0-9-]+")
_LONGEST_ID = 40
_START_S = 30.0
_POLL_S = 0.2


def proposed_id() -> str:
    """An id for this machine: what its network calls it, as far as ids allow."""
    name = _NOT_SLUG.sub("-", socket.gethostname().partition(".")[0].lower()).strip("-")
    return (f"gateway-{name}" if name else "gateway")[:_LONGEST_ID].rstrip("-")


@dataclass(frozen=True, slots=True)
class Box:
    """The gateway software of this machine with its data folder.

    Attributes:
        folder: Identity, configuration and buffer of the gateway.
    """

    folder: Path

    @property
    def log(self) -> Path:
        """Where a gateway that is started from here writes."""
        return self.folder / "gateway.log"

    def gateway(self) -> str:
        """`tenants/{tenant}/gateways/{gateway}` that it was enrolled as; empty if it was not."""
        from dualspan_edge.identity import enrolled_as

        return enrolled_as(self.folder) or ""

    def pid(self) -> int:
        """The process id of the gateway that runs on the folder; 0 if none does."""
        from dualspan_edge.local_status import read_status

        status = read_status(self.folder)
        return int(status["pid"]) if status is not None else 0

    async def enrol(self, token: str) -> None:
        """Exchange an enrolment token for a certificate.

        Raises:
            CommandError: The gateway's own words.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        process = await asyncio.create_subprocess_exec(
            *self._command("enroll", token),
            env=self._environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        if process.returncode != 0:
            raise CommandError(
                "ENROLMENT_FAILED", f"The gateway did not enrol: {output.decode(errors='replace').strip()}"
            )

    async def start(self) -> int:
        """Start the gateway so that it outlives this command; its process id.

        Raises:
            CommandError: It ended at once; with the end of its log.
        """
        process = self._spawn()
        for _ in range(round(_START_S / _POLL_S)):
            if self.pid() == process.pid:
                return process.pid
            if process.poll() is not None:
                break
            await asyncio.sleep(_POLL_S)
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        raise CommandError("GATEWAY_FAILED", f"The gateway did not start; the end of {self.log}:\n{tail}")

    def _spawn(self) -> subprocess.Popen[bytes]:
        """The gateway, in a session of its own, so that nothing that ends this command reaches it."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self._command("run"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,
            )

    def _environment(self) -> dict[str, str]:
        return child_environment({"DUALSPAN_GATEWAY_DATA_DIR": str(self.folder)})

    @staticmethod
    def _command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "dualspan_edge", *arguments]
