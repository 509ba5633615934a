"""Which quarters gaps reach into, whatever a gateway says of them."""

import tracemalloc
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dualspan_historian.ingest.touching import quarters_of, quarters_within
from dualspan_historian.model import Gap
from dualspan_historian.storage.touch_store import QUARTER_US

NOW_US = 1_795_392_000_000_000
NOW = NOW_US // QUARTER_US
YEAR = 366 * 96
SPANS = st.lists(st.tuples(st.integers(NOW - 300, NOW + 300), st.integers(0, 150)), max_size=12)


def gap(start: datetime, end: datetime) -> Gap:
    return Gap(0, 1, "g", "s", start, end, 1, 0, "")


@given(SPANS)
def test_each_quarter_of_any_span_is_there_once_and_in_order(drawn: list[tuple[int, int]]) -> None:
    spans = [(first, first + length) for first, length in drawn]
    expected = {quarter for first, last in spans for quarter in range(first, last + 1) if quarter <= NOW + 96}
    assert quarters_within(spans, NOW_US).tolist() == sorted(expected)


def test_of_spans_without_end_the_newest_year_counts() -> None:
    found = quarters_within([(-(10**9), 10**9), (NOW - 2 * YEAR, NOW)], NOW_US)
    assert (found[0], found[-1], len(found)) == (NOW + 96 - YEAR + 1, NOW + 96, YEAR)


def test_many_gaps_of_all_time_take_no_more_memory_than_one() -> None:
    first, last = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)
    recent = datetime.fromtimestamp(NOW_US / 1e6, UTC) - timedelta(hours=1)
    gaps = [gap(first, last), gap(recent, last)] * 500
    tracemalloc.start()
    found = quarters_of([], gaps, NOW_US)
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found) == YEAR
    assert most_bytes < 8 << 20
