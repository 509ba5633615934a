"""`dualspan demo`: from nothing to three plants in the console."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from dualspan_cli.commands.options import DataOption, settings_with
from dualspan_cli.commands.run import PortBaseOption
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, messages, print_json
from dualspan_cli.session import choose_access
from dualspan_cli.settings import CliSettings
from dualspan_cli.stopping import run_until_stopped
from dualspan_cli.times import parse_time

_EXIT_NOT_HELD = 10
# Servers are asked for their history again and again, each time after a longer while.
_FILLED_SECONDS = 180.0


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Let data flow for half a minute, verify all of it, stop, print JSON.")
    ] = False,
    elsewhere: Annotated[
        bool,
        typer.Option("--elsewhere", help="With --once: verify the one on the environment's platform, such as compose."),
    ] = False,
    since: Annotated[
        str,
        typer.Option("--since", help="With --elsewhere: since when all must be there, 2026-05-04T08:00:00Z or -10m."),
    ] = "",
    data: DataOption = None,
    port_base: PortBaseOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Run three simulated plants, a gateway and the whole platform, and an app that shows the plants' machines.

    With --once, the exit code is 0 only if every sample that the plants sent is stored exactly once, and the app shows
    machines of all three. It runs as a container where a Docker Engine of this machine answers, else as a process.
    """
    if elsewhere:
        _check_elsewhere(since, once=once)
        return
    from dualspan_cli.demo.run import Demo, Report

    folder, is_temporary = _folder(data, once=once)
    reports: list[Report] = []

    async def main() -> None:
        report = await Demo(folder, port_base, as_json=as_json).run(once=once)
        if report is not None:
            reports.append(report)

    run_until_stopped(main())
    if not once:
        return
    if not reports:
        raise CommandError("INTERRUPTED", "Stopped before the check was done.", exit_code=130)
    (report,) = reports
    for problem in report.problems:
        if as_json:
            print_json({"event": "problem", "detail": problem, "logs": str(folder / "logs")})
        else:
            messages.print(f"[red]✘[/] {problem}", soft_wrap=True)
    if report.problems and not as_json:
        messages.print(f"The logs are in {folder / 'logs'}.")
    elif is_temporary and not report.problems:
        shutil.rmtree(folder, ignore_errors=True)
    print_json({"event": "report", **report.as_json()} if as_json else report.as_json())
    if report.problems:
        raise typer.Exit(_EXIT_NOT_HELD)


def _check_elsewhere(since: str, *, once: bool) -> None:
    from dualspan_cli.demo.checking import check_elsewhere

    if not once:
        raise CommandError("ONCE_ONLY", "--elsewhere starts nothing and shows nothing: add --once.", exit_code=2)
    moment = datetime.fromtimestamp(parse_time(since, datetime.now(UTC)) / 1e6, UTC) if since else None
    checked = asyncio.run(check_elsewhere(choose_access(CliSettings()), moment, _FILLED_SECONDS))
    for problem in checked.problems:
        messages.print(f"[red]✘[/] {problem}", soft_wrap=True)
    print_json(asdict(checked))
    if checked.problems:
        raise typer.Exit(_EXIT_NOT_HELD)


def _folder(data: Path | None, *, once: bool) -> tuple[Path, bool]:
    """The data folder, and whether it is only for this run."""
    if data is not None:
        return data.absolute(), False
    parent = settings_with(None).data_dir
    if not once:
        return parent / "demo", False
    parent.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="demo-once-", dir=parent)), True
