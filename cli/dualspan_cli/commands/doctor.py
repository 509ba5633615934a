"""`dualspan doctor`: look at a platform, say what is wrong and what to do."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from dualspan_cli.commands.options import DataOption, settings_with
from dualspan_cli.output import JsonFlag, print_json, screen

if TYPE_CHECKING:
    from dualspan_cli.doctor.model import Finding

_MARKS = {"well": "[green]✔[/]", "unknown": "[dim]?[/]", "warning": "[yellow]![/]", "error": "[bold red]✘[/]"}


def doctor(
    everything: Annotated[bool, typer.Option("--all", help="Also show what is well.")] = False,
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Look at a platform and say what is wrong and what to do: this machine's, or the one of the environment.

    Of a platform elsewhere it looks at what the environment names, as its services would: DUALSPAN_*_DATABASE_URL,
    DUALSPAN_ADMIN_DATABASE_URL, DUALSPAN_REDIS_URL, DUALSPAN_*_ADDRESS, DUALSPAN_SERVICE_SECRET.

    Exit codes: 0 all is well, 3 somebody should look at it, 10 something does not work.
    """
    from dualspan_cli.doctor.examination import examine
    from dualspan_cli.doctor.model import State, exit_code, worst_first

    findings = asyncio.run(examine(settings_with(data), is_named=data is not None, now=datetime.now(UTC)))
    code = exit_code(findings)
    if as_json:
        print_json({"exit_code": code, "findings": [asdict(finding) for finding in worst_first(findings)]})
    else:
        shown = [one for one in worst_first(findings) if everything or one.state is not State.WELL]
        for finding in shown:
            _say(finding)
        well = sum(finding.state is State.WELL for finding in findings)
        screen.print(f"{well} of {len(findings)} checks are well." + ("" if everything else " --all shows them."))
    if code:
        raise typer.Exit(code)


def _say(finding: Finding) -> None:
    subject = f" [bold]{finding.subject}[/]" if finding.subject else ""
    screen.print(f"{_MARKS[finding.state]} {finding.check}{subject}: ", end="", soft_wrap=True)
    screen.print(finding.message.rstrip(".") + ".", markup=False, soft_wrap=True)
    if finding.advice:
        screen.print(f"    → {finding.advice}", markup=False, soft_wrap=True)
