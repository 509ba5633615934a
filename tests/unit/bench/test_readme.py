"""The README shows the figures of the file of results, and no others."""

import json
from pathlib import Path

from dualspan_bench.readme import BEGIN, END, table, write

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "bench" / "results" / "latest.json"


def test_the_readme_shows_what_was_measured() -> None:
    text = (ROOT / "README.md").read_text()
    assert text.split(BEGIN)[1].split(END)[0] == table(json.loads(RESULTS.read_text()))


def test_a_table_says_how_many_times_better_than_whom(tmp_path: Path) -> None:
    row = {"measure": "stored_bytes", "unit": "B/sample", "conditions": "…"}
    rows = [
        {**row, "subject": "DualSpan", "value": 2.0, "ratio_to": "rows", "ratio": 50.123},
        {**row, "subject": "rows", "value": 100.246, "ratio_to": "DualSpan", "ratio": 0.02},
    ]
    results, readme = tmp_path / "latest.json", tmp_path / "README.md"
    results.write_text(json.dumps(rows))
    readme.write_text(f"before\n{BEGIN}old\n{END}after\n")
    write(readme, results)
    text = readme.read_text()
    assert "| stored on disk, 1000 tags at 10 Hz | 2 B/sample | rows × 50.1 |" in text
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("after\n")
