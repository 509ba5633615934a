"""An app as a child process beside simulated plants."""

from __future__ import annotations

import asyncio
import http.client
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dualspan_cli.errors import CommandError
from dualspan_cli.harness import Fit, local_plant
from dualspan_cli.local import LOOPBACK, free_port, port_is_free
from dualspan_cli.output import print_json, screen
from dualspan_cli.processes import ChildProcess
from dualspan_cli.publishing.source import AppSource
from dualspan_cli.settings import child_environment

_HEALTHY_SECONDS = 60.0
_POLL_SECONDS = 0.2
_NO_MACHINE = 5
_NOT_HEALTHY = 6


class LocalRun:
    """One run.

    Args:
        source: The app.
        configuration: What a subscriber would choose.
        plants: Which simulated plants.
        speed: How many seconds pass there in one.
        start: What time it is there, seconds since 1970.
    """

    def __init__(
        self, source: AppSource, configuration: Mapping[str, Any], plants: Sequence[str], *, speed: float, start: float
    ) -> None:
        self._source = source
        self._configuration = configuration
        self._plants = plants
        self._speed = speed
        self._start = datetime.fromtimestamp(start, UTC)

    async def run(self, port: int, *, check: bool, as_json: bool) -> None:
        """Run until the app ends or this is cancelled; with `check`, until it is healthy.

        Raises:
            CommandError: No machine fits, the port is taken, the app ended or is not healthy in time.
        """
        port = _port(port)
        with tempfile.TemporaryDirectory(prefix="dualspan-apps-run-") as folder:
            async with local_plant(
                self._plants,
                self._source.manifest.requires,
                self._source.manifest.outputs,
                start=self._start,
                speed=self._speed,
                configuration=self._configuration,
                port=port,
                folder=Path(folder),
            ) as plant:
                _check_fits(plant.fits)
                app = self._child(plant.environment, Path(folder) / "app.log")
                app.start()
                try:
                    await self._until_healthy(app, port)
                    self._announce(plant.fits, port, as_json=as_json)
                    if not check:
                        await _until_ended(app)
                finally:
                    await asyncio.to_thread(app.stop, 5.0)

    def _child(self, environment: Mapping[str, str], log: Path) -> ChildProcess:
        folder = str(self._source.folder)
        path = os.pathsep.join(filter(None, [folder, child_environment({}).get("PYTHONPATH", "")]))
        return ChildProcess(
            name=self._source.manifest.id,
            command=[sys.executable, "-m", self._source.module],
            log_path=log,
            environment=child_environment({**environment, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}),
            working_directory=self._source.folder,
        )

    async def _until_healthy(self, app: ChildProcess, port: int) -> None:
        path = self._source.manifest.health.path
        deadline, said = time.monotonic() + _HEALTHY_SECONDS, "it does not listen"
        while time.monotonic() < deadline:
            if app.pid is None:
                raise _failed(f"The app ended with exit code {app.exit_code}.", app)
            status, said = await asyncio.to_thread(_ask, port, path)
            if status == 200:
                return
            await asyncio.sleep(_POLL_SECONDS)
        raise _failed(f"{path} was not healthy within {_HEALTHY_SECONDS:.0f} s: {said}", app)

    def _announce(self, fits: Sequence[Fit], port: int, *, as_json: bool) -> None:
        manifest, url = self._source.manifest, f"http://127.0.0.1:{port}{self._source.page}"
        if as_json:
            print_json({"app": manifest.id, "url": url, "machines": {fit.role: list(fit.assets) for fit in fits}})
            return
        machines = ", ".join(f"{len(fit.assets)} as {fit.role}" for fit in fits) or "none are asked for"
        screen.print(f"[green]✔[/] {manifest.names.en} {manifest.version} is healthy: {url}", soft_wrap=True)
        screen.print(f"  Simulated plants: {', '.join(self._plants)}. Machines: {machines}. Ctrl-C stops.")


def _port(port: int) -> int:
    if port == 0:
        return free_port()
    if not port_is_free(port):
        raise CommandError("PORT_TAKEN", f"Port {port} is in use. Choose another with --port, 0 for a free one.")
    return port


def _check_fits(fits: Sequence[Fit]) -> None:
    for fit in fits:
        if not fit.is_met:
            lacking = ", ".join(f"{count} machines lack {name}" for name, count in fit.missing[:3])
            raise CommandError(
                "NO_MACHINE_FITS",
                f"{fit.role}: {len(fit.assets)} machines fit, {fit.minimum} are needed"
                + (f" ({lacking})" if lacking else "")
                + ". Make properties optional in app.yaml, or choose other plants with --plant.",
                exit_code=_NO_MACHINE,
            )


async def _until_ended(app: ChildProcess) -> None:
    while True:
        if app.pid is None:
            break
        await asyncio.sleep(_POLL_SECONDS)
    raise _failed(f"The app ended with exit code {app.exit_code}.", app)


def _failed(words: str, app: ChildProcess) -> CommandError:
    tail = app.log_tail()
    return CommandError("APP_FAILED", words + (f" It said:\n{tail}" if tail else ""), exit_code=_NOT_HEALTHY)


def _ask(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(500).decode(errors="replace")
    except (OSError, http.client.HTTPException) as err:
        return 0, f"it does not answer ({err})"
    finally:
        connection.close()
