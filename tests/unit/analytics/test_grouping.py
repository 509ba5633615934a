"""Rows told apart by one number, against NumPy's own way with rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dualspan_analytics.kpis.grouping import _distinct

ROWS = st.lists(
    st.tuples(*[st.integers(-3, 3).map(lambda n: n * 10**15), *[st.integers(0, 3)] * 3, st.just(7)]), max_size=60
)


@given(ROWS)
def test_distinct_combinations_are_in_order_and_every_cell_finds_its_own(rows: list[tuple[int, ...]]) -> None:
    keys = np.array(rows, np.int64).reshape(-1, 5)
    unique, row = _distinct(list(keys.T))
    wanted, places = np.unique(keys, axis=0, return_inverse=True)
    assert unique.tolist() == wanted.tolist()
    assert row.tolist() == places.ravel().tolist()
