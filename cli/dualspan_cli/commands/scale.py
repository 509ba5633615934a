"""`dualspan scale`: what a platform of a size needs, and spreading its tables over machines."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from dualspan_cli.commands.options import admin_settings
from dualspan_cli.output import JsonFlag, messages, print_json, print_rows, screen

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


@scale.command("plan")
def plan(
    plants: Annotated[int, typer.Option("--plants", min=1, max=1_000_000, help="How many plants, a gateway each.")] = 1,
    tags: Annotated[int, typer.Option("--tags", min=1, max=10_000_000, help="Tags of each plant.")] = 1000,
    rate: Annotated[float, typer.Option("--rate", min=0.0001, max=10_000, help="Samples a second of each tag.")] = 1.0,
    frame_seconds: Annotated[
        float, typer.Option("--frame-seconds", min=0.01, max=3600, help="A gateway sends a frame every so often.")
    ] = 1.0,
    retention_days: Annotated[float, typer.Option("--retention-days", min=0, help="Samples are kept so long.")] = 365.0,
    as_json: JsonFlag = False,
) -> None:
    """Say what so many plants need, from what was measured, and what is done where a part's limit lies."""
    from dualspan_cli.scaling.capacity import Figures, Plants, size
    from dualspan_cli.scaling.words import amount

    found = size(Plants(plants, tags, rate, frame_seconds, retention_days), Figures.read())
    if as_json:
        print_json(asdict(found))
        return
    screen.print(
        f"{found.samples:,.0f} samples/s from {plants:,} plants\n"
        f"  cores    {found.cores:,.1f}, half of them busy\n"
        f"  memory   {amount(found.memory_bytes)}\n"
        f"  disk     {amount(found.disk_bytes)} for {retention_days:g} days, {amount(found.disk_write)}/s written\n"
        f"  network  {amount(found.network)}/s from the plants\n"
    )
    rows = [
        {
            "part": need.part.value,
            "busy_cores": f"{need.cores:.3f}",
            "replicas": need.replicas,
            "one_bears": f"{need.limit:,} plants",
            "beyond_that": need.beyond,
        }
        for need in found.needs
    ]
    print_rows(rows, as_json=False, columns=("part", "busy_cores", "replicas", "one_bears", "beyond_that"))
