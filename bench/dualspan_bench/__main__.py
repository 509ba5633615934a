"""`python -m dualspan_bench`: run the measures, print the table, write the results."""

import argparse
import asyncio
import os
import shutil
import sys
from pathlib import Path

from rich.console import Console

from dualspan_bench import capacity_page
from dualspan_bench.measures import MEASURES
from dualspan_bench.model import Row, rows_of
from dualspan_bench.readme import write
from dualspan_bench.results import merge, show
from dualspan_bench.workbench import Workbench

_ROOT = Path(__file__).parents[2]
_WORK = _ROOT / ".dualspan" / "bench"
_RESULTS = _ROOT / "bench" / "results" / "latest.json"
_FIGURES = _ROOT / "cli/dualspan_cli/scaling/figures.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="dualspan_bench", description="The product beside its peers, in one run.")
    parser.add_argument("--only", choices=sorted(MEASURES), help="one measure")
    parser.add_argument("--quick", action="store_true", help="little data: shows that it works, and writes nothing")
    parser.add_argument("--results", type=Path, default=_RESULTS, help="the file of results")
    parser.add_argument("--size", type=float, default=1.0, help="gigabytes, for measures of size (backup_restore)")
    arguments = parser.parse_args()
    scratch = _WORK / f"run-{os.getpid()}"
    shutil.rmtree(scratch, ignore_errors=True)
    console = Console()
    try:
        with Workbench(_WORK / "peers", scratch, arguments.quick, console, arguments.size) as bench:
            rows = asyncio.run(_measure(bench, [arguments.only] if arguments.only else list(MEASURES)))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if not arguments.quick:
        merge(arguments.results, rows)
        if arguments.results == _RESULTS:
            write(_ROOT / "README.md", _RESULTS)
            capacity_page.write(_ROOT / "docs/operations/capacity.md", _FIGURES, _RESULTS)
    show(console, rows)
    if not arguments.quick:
        console.print(f"written: {arguments.results}")
    return 0


async def _measure(bench: Workbench, names: list[str]) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        bench.note(f"[bold]{name}[/bold]")
        for outcome in await MEASURES[name](bench):
            rows += rows_of(name, outcome)
    return rows


if __name__ == "__main__":
    sys.exit(main())
