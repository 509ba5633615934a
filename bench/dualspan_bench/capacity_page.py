"""The capacity model's figures and the tables of its page, made from the file of results and from nothing else."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dualspan_cli.scaling.capacity import MEASURES, Figures, Part, Plants, size
from dualspan_cli.scaling.words import amount

BEGIN, END = "<!-- computed: make bench writes these tables -->\n", "<!-- end of computed -->\n"
_COUNTS = (1, 10, 100, 1_000, 10_000)
_KINDS = {
    "a workshop: 200 tags at 1 Hz": (200, 1.0),
    "a plant: 1,000 tags at 1 Hz": (1_000, 1.0),
    "a fast line: 10,000 tags at 10 Hz": (10_000, 10.0),
}


def figures(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows that the model goes by, as the CLI carries them."""
    kept: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        mine = row["measure"] == "capacity_costs" or row["subject"] == "DualSpan"
        if row["measure"] in MEASURES and mine:
            known = ("measure", "subject", "value", "unit", "conditions")
            kept[row["measure"], row["subject"]] = {name: row[name] for name in known}
    return json.dumps(list(kept.values()), indent=2, ensure_ascii=False) + "\n"


def tables(rows: Sequence[dict[str, Any]]) -> str:
    """Return what was measured, what it means for plants of three kinds, and how far the model was off."""
    known = Figures.of(rows)
    lines = ["| part | CPU for a frame | CPU for a sample | CPU a second for a tag |", "|---|---|---|---|"]
    for part, cost in known.costs.items():
        lines.append(
            f"| {part.value} | {cost.frame * 1e6:,.0f} µs | {cost.sample * 1e9:,.0f} ns | {cost.tag * 1e6:,.2f} µs |"
        )
    of_a_sample = (
        f"A sample takes {known.wire_bytes:.2f} B on the wire, {known.log_bytes:.2f} B of PostgreSQL's log and "
        f"{known.stored_bytes:.2f} B on disk once it is sealed. A connected gateway takes "
        f"{amount(known.gateway_bytes)} of the historian's memory."
    )
    lines += ["", of_a_sample, ""]
    for words, (tags, rate) in _KINDS.items():
        lines += [
            f"**{words[0].upper()}{words[1:]}**, a frame a second, kept for a year:",
            "",
            "| plants | samples/s | cores | memory | disk | written | network | historians | sealing workers |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        lines += [_line(Plants(count, tags, rate), known) for count in _COUNTS]
        limits = {need.part: need.limit for need in size(Plants(1, tags, rate), known).needs}
        bears = ", ".join(f"{part.value} {limits[part]:,}" for part in Part)
        lines += ["", f"Plants of this kind that one of each bears: {bears}.", ""]
    return "\n".join([*lines, _check(rows), ""])


def _check(rows: Sequence[dict[str, Any]]) -> str:
    found = {row["subject"]: row for row in rows if row["measure"] == "capacity_costs" and row["unit"] == "cores"}
    model, measured = found["DualSpan, cores of the model"], found["DualSpan, cores measured"]
    return (
        f"The check: the model said {model['value']:.3f} cores of {measured['conditions']}. Measured were "
        f"{measured['value']:.3f}: it was off by {100 * (model['value'] / measured['value'] - 1):+.0f} %."
    )


def _line(plants: Plants, known: Figures) -> str:
    found = size(plants, known)
    replicas = {need.part: need.replicas for need in found.needs}
    cells = [
        f"{plants.count:,}",
        f"{found.samples:,.0f}",
        f"{found.cores:,.2f}",
        amount(found.memory_bytes),
        amount(found.disk_bytes),
        f"{amount(found.disk_write)}/s",
        f"{amount(found.network)}/s",
        f"{replicas[Part.HISTORIAN]:,}",
        f"{replicas[Part.SEALING]:,}",
    ]
    return f"| {' | '.join(cells)} |"


def write(page: Path, carried: Path, results: Path) -> None:
    """Put the tables of some results between the page's two marks, and the figures where the CLI has them."""
    rows = json.loads(results.read_text("utf-8"))
    before, rest = page.read_text("utf-8").split(BEGIN, 1)
    _, after = rest.split(END, 1)
    page.write_text(f"{before}{BEGIN}\n{tables(rows)}{END}{after}", "utf-8")
    carried.write_text(figures(rows), "utf-8")
