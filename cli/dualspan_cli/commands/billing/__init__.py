"""`dualspan usage …` and `dualspan statements …`: what subscriptions used, and what that costs."""

from __future__ import annotations

import typer

from dualspan_cli.commands.billing import statements as stating
from dualspan_cli.commands.billing import using

usage = typer.Typer(help="What subscriptions used, and which KPI is compared.", no_args_is_help=True)
usage.command("show")(using.show)
usage.command("baseline")(using.baseline)

statements = typer.Typer(help="Monthly statements: list, read, download, adjust.", no_args_is_help=True)
statements.command("list")(stating.list_all)
statements.command("show")(stating.show)
statements.command("download")(stating.download)
statements.command("time-zone")(stating.time_zone)
statements.command("adjust")(stating.adjust)
