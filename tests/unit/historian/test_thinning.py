"""What a chart is drawn of, held against the plain way to choose it."""

from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dualspan_historian.read.thinning import columns_of, thin

BAD, UNCERTAIN = 0x80000000, 0x40000000
SAMPLES = st.lists(
    st.tuples(
        st.integers(0, 999),
        st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0, np.inf, np.nan]),
        st.sampled_from([0, 0, 0, UNCERTAIN, BAD]),
    ),
    max_size=60,
)


def plain(ts: list[int], value: list[float], status: list[int], edges: list[int]) -> set[int]:
    """Row by row: of each column the first, the last, the first of the worst quality and the first of each extreme."""
    rows: set[int] = set()
    for low, high in pairwise(edges):
        mine = [row for row, t in enumerate(ts) if low <= t < high]
        if not mine:
            continue
        severity = {row: 3 if status[row] >= BAD or np.isnan(value[row]) else status[row] >> 30 for row in mine}
        rows |= {mine[0], mine[-1]}
        if worst := max(severity.values()):
            rows.add(next(row for row in mine if severity[row] == worst))
        good = [row for row in mine if severity[row] < 3]
        if good:
            rows |= {min(good, key=lambda row: value[row]), max(good, key=lambda row: value[row])}
    return rows


def arrays(samples: list[tuple[int, float, int]]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    ordered = sorted(samples, key=lambda sample: sample[0])
    ts, value, status = zip(*ordered, strict=True) if ordered else ((), (), ())
    return np.array(ts, np.int64), np.array(value, np.float64), np.array(status, np.uint32)


@given(SAMPLES, st.integers(1, 30))
def test_it_is_what_the_plain_way_chooses(samples: list[tuple[int, float, int]], points: int) -> None:
    ts, value, status = arrays(samples)
    edges = columns_of(0, 1000, points)
    chosen = set(thin(ts, value, status, edges).tolist())
    wanted = plain(ts.tolist(), value.tolist(), status.tolist(), edges.tolist())
    assert wanted <= chosen
    # Where a column's quality is good throughout, its first sample stands for it: nothing is added.
    assert chosen <= wanted | {int(row) for row in np.searchsorted(ts, edges[:-1]) if row < len(ts)}
    assert len(chosen) <= 5 * points


@given(SAMPLES, st.integers(1, 30))
def test_what_has_no_order_keeps_ends_and_quality(samples: list[tuple[int, float, int]], points: int) -> None:
    ts, _, status = arrays(samples)
    edges = columns_of(0, 1000, points)
    numbers = np.zeros(len(ts))
    chosen = set(thin(ts, None, status, edges).tolist())
    ends = plain(ts.tolist(), numbers.tolist(), status.tolist(), edges.tolist())
    assert chosen <= ends
    assert {0, len(ts) - 1} <= chosen or not len(ts)


def test_columns_of_centuries_do_not_overflow() -> None:
    start, end = -62_135_596_800_000_000, 253_402_300_799_000_000
    edges = columns_of(start, end, 10_000)
    assert (edges[0], edges[-1], len(edges)) == (start, end, 10_001)
    assert (np.diff(edges) > 0).all()
