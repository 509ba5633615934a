"""`dualspan apps …`: make an app, check it, run it against a simulated plant, publish it; find others'."""

from __future__ import annotations

import typer

from dualspan_cli.commands.apps import catalogue, lives, plans
from dualspan_cli.commands.apps.image import image
from dualspan_cli.commands.apps.new import new
from dualspan_cli.commands.apps.run import run
from dualspan_cli.commands.apps.validate import validate

apps = typer.Typer(
    help="Make an app, check it, run it against a simulated plant, publish it; find others'.", no_args_is_help=True
)
apps.command("new")(new)
apps.command("validate")(validate)
apps.command("run")(run)
apps.command("image")(image)
for command in (
    lives.publisher,
    lives.submit,
    lives.review,
    lives.publish,
    lives.deprecate,
    lives.withdraw,
    plans.plan,
    plans.plans,
    plans.retire_plan,
    catalogue.search,
    catalogue.show,
):
    apps.command()(command)
apps.command("list")(lives.list_versions)
