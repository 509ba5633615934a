"""`dualspan apps …`: make an app, check it, run it against a simulated plant."""

from __future__ import annotations

import typer

from dualspan_cli.commands.apps.new import new
from dualspan_cli.commands.apps.run import run
from dualspan_cli.commands.apps.validate import validate

apps = typer.Typer(help="Make an app, check it, run it against a simulated plant.", no_args_is_help=True)
apps.command("new")(new)
apps.command("validate")(validate)
apps.command("run")(run)
