"""`dualspan apps run`: an app against simulated plants, without a platform."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dualspan_cli.commands.apps.validate import FolderArgument
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag
from dualspan_cli.stopping import run_until_stopped


def run(
    folder: FolderArgument = Path(),
    plant: Annotated[
        list[str] | None, typer.Option("--plant", help="moulding, curing or packaging; all by default.")
    ] = None,
    speed: Annotated[float, typer.Option("--speed", min=0.1, max=10_000, help="Seconds that pass there in one.")] = 1.0,
    start: Annotated[str, typer.Option("--from", help="What time it is there: -2h, 2026-11-20T12:00:00Z.")] = "now",
    port: Annotated[int, typer.Option("--port", help="Of the app; the manifest's by default, 0 for a free one.")] = -1,
    settings: Annotated[list[str] | None, typer.Option("--set", help="A setting: name=value.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Stop as soon as the app is healthy.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Run an app against simulated plants as the platform would: it sees what its manifest asks for, and nothing else.

    Exit codes: 0 stopped by you or healthy with --check, 2 the app or the settings are not valid, 5 no machine fits,
    6 the app ended or was not healthy in time.
    """
    from dualspan_cli.publishing.running import LocalRun
    from dualspan_cli.publishing.source import AppSource
    from plc_sim.plants import PLANT_NAMES

    chosen = plant or list(PLANT_NAMES)
    unknown = set(chosen) - set(PLANT_NAMES)
    if unknown:
        words = f"There is no plant {min(unknown)!r}. There are {', '.join(PLANT_NAMES)}."
        raise CommandError("UNKNOWN_PLANT", words, exit_code=2)
    source = AppSource.load(folder)
    local = LocalRun(source, source.configuration(settings or []), chosen, speed=speed, start=_start(start))
    run_until_stopped(local.run(source.port if port < 0 else port, check=check, as_json=as_json))


def _start(text: str) -> float:
    from datetime import UTC, datetime

    from dualspan_cli.times import parse_time

    return parse_time(text, datetime.now(UTC)) / 1e6
