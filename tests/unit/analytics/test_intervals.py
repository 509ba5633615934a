import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dualspan_analytics.intervals import Intervals

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


def minutes(spans: list[tuple[int, int]]) -> set[int]:
    """The plain way: every unit of time by itself."""
    return {each for begin, end in spans for each in range(begin, end)}


def of(intervals: Intervals) -> set[int]:
    assert (intervals.end > intervals.start).all()
    assert (intervals.start[1:] > intervals.end[:-1]).all()
    return minutes(list(zip(intervals.start.tolist(), intervals.end.tolist(), strict=True)))


@given(SPANS, SPANS, SPANS)
def test_spans_are_sets_of_time(
    one: list[tuple[int, int]], other: list[tuple[int, int]], asked: list[tuple[int, int]]
) -> None:
    first, second = Intervals.of(one), Intervals.of(other)
    assert of(first) == minutes(one)
    assert of(first.without(second)) == minutes(one) - minutes(other)
    assert of(first.common(second)) == minutes(one) & minutes(other)
    assert first.total == len(minutes(one))
    assert of(first.clipped(10, 20)) == {each for each in minutes(one) if 10 <= each < 20}
    t = np.arange(61)
    assert first.contains(t).tolist() == [each in minutes(one) for each in range(61)]
    spans = sorted((min(pair), max(pair)) for pair in asked)
    start, end = (np.array([pair[side] for pair in spans], np.int64) for side in (0, 1))
    wanted = [len(minutes(one) & set(range(*pair))) for pair in spans]
    assert first.covered(start, end).tolist() == wanted
