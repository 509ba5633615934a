"""The table on the screen and the file that keeps the figures."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dualspan_bench.model import Row


def merge(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows, and keep those of measures that were not run this time."""
    measured = {row.measure for row in rows}
    kept = [row for row in json.loads(path.read_text()) if row["measure"] not in measured] if path.exists() else []
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps([*kept, *(row.as_json() for row in rows)], indent=2, ensure_ascii=False) + "\n")
    unfinished.replace(path)


def show(console: Console, rows: Sequence[Row]) -> None:
    """Print the rows as a table."""
    table = Table(title="DualSpan beside its peers", show_lines=False, header_style="bold")
    for heading in ("measure", "subject", "value", "unit", "× better", "than"):
        table.add_column(heading, justify="right" if heading in {"value", "× better"} else "left")
    previous = None
    for row in rows:
        if previous not in {None, row.measure}:
            table.add_section()
        table.add_row(
            row.measure if row.measure != previous else "",
            row.subject,
            "left out" if row.value is None else f"{row.value:,.4g}",
            row.unit,
            "" if row.ratio is None else f"{row.ratio:,.4g}",
            row.ratio_to or "",
        )
        previous = row.measure
    console.print(table)
    for subject, conditions in {(row.subject, row.conditions): row.conditions for row in rows}.items():
        console.print(f"[bold]{subject[0]}[/bold]: {conditions}", highlight=False)
