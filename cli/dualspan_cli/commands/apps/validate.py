"""`dualspan apps validate`: what is wrong with an app, before anybody else sees it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from dualspan_cli.output import JsonFlag, print_json, screen

FolderArgument = Annotated[Path, typer.Argument(help="The app's folder.", file_okay=False)]


def validate(folder: FolderArgument = Path(), as_json: JsonFlag = False) -> None:
    """Check app.yaml: every problem with its line and what to do; and on which simulated machines the app would run.

    Exit codes: 0 valid, 2 not valid.
    """
    from dualspan_cli.harness.granting import granted
    from dualspan_cli.harness.machines import machines_of
    from dualspan_cli.publishing.source import AppSource
    from plc_sim.plants import PLANT_NAMES

    source = AppSource.load(folder)
    manifest = source.manifest
    fits = {plant: granted(machines_of([plant], 1), manifest.requires)[1] for plant in PLANT_NAMES}
    if as_json:
        found = {plant: {fit.role: list(fit.assets) for fit in each} for plant, each in fits.items()}
        print_json({"id": manifest.id, "version": manifest.version, "valid": True, "machines": found})
        return
    screen.print(f"[green]✔[/] {manifest.id} {manifest.version} is valid.")
    for plant, each in fits.items():
        for fit in each:
            words = f"{len(fit.assets)} machines" if fit.assets else f"none: {_lacking(fit.missing)}"
            screen.print(f"  {plant}: {fit.role}: {words}", soft_wrap=True)


def _lacking(missing: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{count} lack {name}" for name, count in missing[:3]) or "no machine is of these models"
