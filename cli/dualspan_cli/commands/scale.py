"""`dualspan scale`: what a platform of a size needs, and spreading its tables over machines."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from dualspan_cli.commands.options import admin_settings
from dualspan_cli.output import JsonFlag, messages, print_json, screen

scale = typer.Typer(help="Past one machine: what a size needs, and how tables are spread.", no_args_is_help=True)


@scale.command("citus")
def citus(
    plan: Annotated[bool, typer.Option("--plan", help="Print the SQL and change nothing.")] = False,
    as_json: JsonFlag = False,
) -> None:
    """Spread the tables of DUALSPAN_ADMIN_DATABASE_URL over a Citus cluster by tenant. Safe to repeat.

    Run it once Citus is in PostgreSQL and its nodes are known, and after each `dualspan migrate`.
    """
    from dualspan_cli.scaling.citus import plan_of, spread

    admin_url = admin_settings().admin_database_url
    if plan:
        statements = asyncio.run(plan_of(admin_url))
        if as_json:
            print_json({"statements": statements})
        else:
            screen.print("\n".join(f"{each};" for each in statements), markup=False, soft_wrap=True)
        return

    def report(statement: str) -> None:
        if not as_json:
            messages.print(f"[green]✔[/] {statement}", soft_wrap=True)

    done = asyncio.run(spread(admin_url, report))
    if as_json:
        print_json({"statements": done})
    elif not done:
        messages.print("Every table is where it belongs.")
