"""What the command computes with, and what the page says, is what was measured."""

import json
from pathlib import Path

from dualspan_bench.capacity_page import BEGIN, END, figures, tables

ROOT = Path(__file__).parents[3]
ROWS = json.loads((ROOT / "bench/results/latest.json").read_text("utf-8"))


def test_the_page_shows_what_was_measured() -> None:
    text = (ROOT / "docs/operations/capacity.md").read_text("utf-8")
    assert text.split(BEGIN)[1].split(END)[0] == f"\n{tables(ROWS)}"


def test_the_command_carries_what_was_measured() -> None:
    assert (ROOT / "cli/dualspan_cli/scaling/figures.json").read_text("utf-8") == figures(ROWS)
