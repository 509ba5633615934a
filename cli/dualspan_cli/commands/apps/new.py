"""`dualspan apps new`: an app that works at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dualspan_cli.output import JsonFlag, print_json, screen


def new(
    name: Annotated[str, typer.Argument(help="Its id: a-z, 0-9 and hyphens.")],
    into: Annotated[Path, typer.Option("--into", help="Where its folder is made.", file_okay=False)] = Path(),
    as_json: JsonFlag = False,
) -> None:
    """Make the folder of an app that works at once: manifest, page, test, Dockerfile."""
    from dualspan_cli.publishing.template import write_app

    folder, files = write_app(name, into)
    if as_json:
        print_json({"id": name, "folder": str(folder), "files": files})
        return
    for file in files:
        screen.print(f"  {folder / file}", soft_wrap=True)
    screen.print(f"\n[green]✔[/] {name} is there. See it run: dualspan apps run {folder}", soft_wrap=True)
