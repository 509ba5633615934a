"""The table of measured ratios in the README, made from the file of results and from nothing else."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dualspan_bench.model import PRODUCT

BEGIN, END = "<!-- measured: make bench writes this table -->\n", "<!-- end of measured -->\n"
_WORDS = {
    "opcua_decode": "OPC UA notifications decoded, 5000 values each, per core",
    "opcua_to_committed": "OPC UA socket to committed on disk, SignAndEncrypt, 60 s, nothing lost",
    "stored_bytes": "stored on disk, 1000 tags at 10 Hz",
    "read_processed_24h": "one tag, 24 h at 1 Hz, as 1-minute averages (median)",
    "gateway_memory": "gateway's memory at 100 k values/s",
    "change_to_subscriber": "a change in the PLC to a subscriber",
    "browse_100k": "100 000 nodes browsed and stored, with types, units and ranges, while 10 k values/s stream on",
    "alarm_rules": "evaluating 10 000 alarm rules on 100 000 values/s, without calls and commits, share of a core",
    "oee": "OEE of 100 machines over 30 days by machine and shift, 4.8 M samples (median)",
    "historian_replicas": "frames into the historian, four gateways, two cores for all",
    "subscribe_10k": "10 000 variables accepted and subscribed",
    "console_first_page": "the console's first page on the demo, cold cache",
    "console_chart": "a chart of 10 tags over 24 h at 1 Hz",
    "console_watchers": "50 browsers that watch live values, the platform's side",
    "subscriptions": "an app subscribed until it is well, its image present; a sweep over 100 running apps",
}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table: a line per measure and subject of ours, with how many times better it is than each peer."""
    lines = ["| what | DualSpan | times better than |", "|---|---|---|"]
    for measure, words in _WORDS.items():
        mine = [row for row in rows if row["measure"] == measure and row["subject"].startswith(PRODUCT)]
        for subject, unit in dict.fromkeys((row["subject"], row["unit"]) for row in mine):
            same = [row for row in mine if (row["subject"], row["unit"]) == (subject, unit)]
            peers = ", ".join(f"{row['ratio_to']} × {row['ratio']:,.3g}" for row in same if row["ratio"] is not None)
            part = subject.removeprefix(PRODUCT).strip(", ")
            what = f"{words}, {part}" if part else words
            lines.append(f"| {what} | {_figure(same[0]['value'])} {unit} | {peers or '–'} |")
    return "\n".join(lines) + "\n"


def write(readme: Path, results: Path) -> None:
    """Put the table of some results between the README's two marks."""
    text = readme.read_text()
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    readme.write_text(f"{before}{BEGIN}{table(json.loads(results.read_text()))}{END}{after}")


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.3g}"
