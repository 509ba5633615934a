from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_cli.errors import CommandError
from dualspan_cli.times import format_time, parse_duration, parse_time, to_microseconds

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("90s", 90), ("15m", 900), ("1h30m", 5400), ("7d", 604800), ("2w", 1209600)]
)
def test_durations_are_what_they_say(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "h", "-1h", "1h 30m", "1x", "1hh", "1h30"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(CommandError, match="1h30m"):
        parse_duration(text)


def test_times_relative_to_now() -> None:
    now = to_microseconds(NOW)
    assert parse_time("now", NOW) == now
    assert parse_time("-1h", NOW) == now - 3_600_000_000
    assert parse_time("+500ms", NOW) == now + 500_000


def test_times_with_a_zone_are_absolute() -> None:
    assert parse_time("2026-05-04T12:00:00Z", NOW) == to_microseconds(NOW)
    assert parse_time("2026-05-04T20:00:00+08:00", NOW) == to_microseconds(NOW)


@pytest.mark.parametrize("text", ["yesterday", "12:30", "-", "2026-13-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(CommandError):
        parse_time(text, NOW)


@given(st.integers(min_value=-(10**15), max_value=4 * 10**15))
def test_what_is_printed_reads_back_to_the_microsecond(microseconds: int) -> None:
    assert parse_time(format_time(microseconds), NOW) == microseconds
