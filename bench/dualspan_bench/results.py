"""The table on the screen and the file that keeps the figures."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dualspan_bench.model import PRODUCT, Row


def merge(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows, and keep those of measures that were not run this time."""
    measured = {row.measure for row in rows}
    kept = [row for row in json.loads(path.read_text()) if row["measure"] not in measured] if path.exists() else []
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps([*kept, *(row.as_json() for row in rows)], indent=2, ensure_ascii=False) + "\n")
    unfinished.replace(path)


def show(console: Console, rows: Sequence[Row]) -> None:
    """Print the rows as a table: the product beside each peer, and under it what each figure holds under."""
    table = Table(title="DualSpan beside its peers", header_style="bold")
    table.add_column("measure", no_wrap=True)
    table.add_column("subject")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("unit", no_wrap=True)
    table.add_column("DualSpan is", justify="right", no_wrap=True)
    seen: set[tuple[str, str, str]] = set()
    for row in rows:
        if (row.measure, row.subject, row.unit) in seen:
            continue
        if row.measure not in {measure for measure, _, _ in seen}:
            table.add_section()
        seen.add((row.measure, row.subject, row.unit))
        table.add_row(row.measure, row.subject, _figure(row), row.unit, _ratio_of(rows, row))
    console.print(table)
    for (_, subject), conditions in {(row.measure, row.subject): row.conditions for row in rows}.items():
        console.print(f"[bold]{subject}[/bold]: {conditions}", highlight=False)


def _figure(row: Row) -> str:
    if row.value is None:
        return "left out"
    return f"{row.value:,.0f}" if row.value >= 1000 else f"{row.value:,.3g}"


def _ratio_of(rows: Sequence[Row], peer: Row) -> str:
    """How many times better the product is than this subject, where the subject is a peer."""
    for row in rows:
        same = (row.measure, row.unit, row.ratio_to) == (peer.measure, peer.unit, peer.subject)
        if same and row.subject.startswith(PRODUCT):
            return "" if row.ratio is None else f"{row.ratio:,.3g} × better"
    return ""
