import json
from pathlib import Path

import numpy as np
import pytest

from dualspan_bench.data import temperatures
from dualspan_bench.model import Better, Outcome, Reading, Row, rows_of
from dualspan_bench.peers.line_protocol import line_protocol
from dualspan_bench.peers.row_table import copy_rows
from dualspan_bench.results import merge


@pytest.mark.parametrize(("better", "ratio"), [(Better.HIGHER, 4.0), (Better.LOWER, 0.25)])
def test_above_one_is_better_whatever_the_unit(better: Better, ratio: float) -> None:
    outcome = Outcome("unit", better, [Reading("DualSpan", 8.0, "a"), Reading("peer", 2.0, "b")])
    product, peer = rows_of("measure", outcome)
    assert (product.subject, product.ratio_to, product.ratio) == ("DualSpan", "peer", ratio)
    assert (peer.subject, peer.ratio_to, peer.ratio) == ("peer", "DualSpan", 1 / ratio)
    assert (peer.conditions, peer.value) == ("b", 2.0)


def test_what_was_left_out_has_its_reason_and_no_ratio() -> None:
    readings = [Reading("DualSpan", 8.0, "a"), Reading("one", 2.0, "b"), Reading("other", None, "left out: no npm")]
    rows = rows_of("measure", Outcome("unit", Better.HIGHER, readings))
    other = [row for row in rows if row.subject == "other"]
    assert [(row.value, row.ratio, row.conditions) for row in other] == [(None, None, "left out: no npm")]
    assert all(row.ratio_to != "other" for row in rows)


def test_rows_of_other_measures_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "results" / "latest.json"
    row = Row("a", "DualSpan", 1.0, "ms", "quiet", None, None)
    merge(path, [row, Row("b", "DualSpan", 2.0, "ms", "quiet", None, None)])
    merge(path, [Row("b", "DualSpan", 3.0, "ms", "quiet", None, None)])
    kept = json.loads(path.read_text())
    assert kept == [row.as_json(), {**row.as_json(), "measure": "b", "value": 3.0}]
    assert set(kept[0]) == {"measure", "subject", "value", "unit", "conditions", "ratio_to", "ratio"}


def test_every_subject_gets_the_same_samples() -> None:
    table = temperatures(0, tags=3, seconds=2, hertz=10, jitter_us=500)
    frames = list(table.frames())
    assert [frame.sample_count for frame in frames] == [30, 30]
    block = frames[0].blocks[0]
    assert block.tag[:4].tolist() == [1, 2, 3, 1]
    assert np.array_equal(block.timestamp, table.timestamp[:10].ravel())
    lines = b"\n".join(line_protocol(table, divide_us=1)).decode().splitlines()
    assert len(lines) == table.samples
    assert lines[1] == f"temperature,tag=2 value={float(table.value[0, 1])!r} {table.timestamp[0, 1]}"
    rows = copy_rows(block.tag, block.timestamp, table.value[:10].ravel())
    assert rows.startswith(b"PGCOPY\n\xff\r\n\0")
    assert len(rows) == 19 + 30 * 42 + 2


def test_jitter_stays_on_whole_milliseconds_when_asked() -> None:
    table = temperatures(0, tags=5, seconds=1, hertz=10, jitter_us=1000, unit_us=1000)
    assert not (table.timestamp % 1000).any()
    assert set(np.unique(table.timestamp - np.arange(10)[:, None] * 100_000).tolist()) <= {-1000, 0, 1000}
