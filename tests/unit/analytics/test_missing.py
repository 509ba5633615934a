import numpy as np

from dualspan_analytics.columns import Series
from dualspan_analytics.missing import BAD_NO_DATA, MissingSpan, missing_time, with_missing

NOW = 10**15


def series(*samples: tuple[int, float]) -> Series:
    times = np.array([time for time, _ in samples], np.int64)
    return Series(
        times, np.array([value for _, value in samples], np.float64), np.zeros(len(samples), np.uint32), "bar"
    )


def lost(start: int, end: int, *, resumed: bool = True) -> MissingSpan:
    return MissingSpan(start, end, pending=False, resumed=resumed)


def rows(found: Series) -> list[tuple[int, float | None]]:
    columns = zip(found.timestamp.tolist(), found.value.tolist(), found.status.tolist(), strict=True)
    return [(time, None if status == BAD_NO_DATA else value) for time, value, status in columns]


def test_nothing_missing_changes_nothing() -> None:
    whole = series((1, 1.0), (5, 2.0))
    assert with_missing(whole, [], NOW) is whole


def test_the_value_comes_back_at_the_end_of_a_span() -> None:
    found = with_missing(series((1, 1.0), (30, 2.0)), [lost(10, 20)], NOW)
    assert rows(found) == [(1, 1.0), (10, None), (20, 1.0), (30, 2.0)]
    assert np.isnan(found.value[1])


def test_it_does_not_where_nobody_knows_it() -> None:
    found = with_missing(series((1, 1.0), (30, 2.0)), [lost(10, 20, resumed=False)], NOW)
    assert rows(found) == [(1, 1.0), (10, None), (30, 2.0)]


def test_a_sample_within_a_span_is_what_is_known_from_then_on() -> None:
    found = with_missing(series((1, 1.0), (15, 2.0)), [lost(10, 20)], NOW)
    assert rows(found) == [(1, 1.0), (10, None), (15, 2.0)]


def test_a_sample_at_the_very_beginning_stays_what_it_is() -> None:
    found = with_missing(series((10, 1.0)), [lost(10, 20)], NOW)
    assert rows(found) == [(10, 1.0), (11, None), (20, 1.0)]


def test_without_samples_a_span_is_bad_and_nothing_comes_back() -> None:
    assert rows(with_missing(series(), [lost(10, 20), lost(30, 40)], NOW)) == [(10, None), (30, None)]
    text = Series(np.empty(0, np.int64), np.empty(0, object), np.empty(0, np.uint32), "")
    assert with_missing(text, [lost(10, 20)], NOW).status.tolist() == [BAD_NO_DATA]


def test_counts_and_text_keep_their_dtype() -> None:
    count = Series(np.array([1]), np.array([2**60 + 1]), np.zeros(1, np.uint32), "{piece}")
    found = with_missing(count, [lost(10, 20)], NOW)
    assert found.value.tolist() == [2**60 + 1, 0, 2**60 + 1]
    text = Series(np.array([1]), np.array(["a"], object), np.zeros(1, np.uint32), "")
    assert with_missing(text, [lost(10, 20)], NOW).value.tolist() == ["a", "", "a"]


def test_what_was_not_told_for_a_minute_is_missing_from_the_last_sample_on() -> None:
    minute = 60_000_000
    told = MissingSpan(10, 100 * minute, pending=True, resumed=False)
    whole = series((1, 1.0), (15, 2.0))
    assert with_missing(whole, [told], 16 + minute) is whole
    assert rows(with_missing(whole, [told], 17 + minute)) == [(1, 1.0), (15, 2.0), (16, None)]


def test_missing_time_is_joined_and_what_is_pending_counts_when_it_is_old() -> None:
    pending = MissingSpan(NOW - 1000, NOW, pending=True, resumed=False)
    found = missing_time([lost(10, 20), lost(15, 30), pending], NOW)
    assert list(zip(found.start.tolist(), found.end.tolist(), strict=True)) == [(10, 30)]
    assert missing_time([pending], NOW + 60_000_001).total == 1000
