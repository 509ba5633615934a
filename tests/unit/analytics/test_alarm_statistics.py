"""The measures of ISA-18.2 and EEMUA 191, counted by hand on small histories."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_analytics.alarms.rules import Priority
from dualspan_analytics.alarms.state import AlarmState, Cause
from dualspan_analytics.alarms.statistics import History, find_floods, measure

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
A, B, C = AlarmState.NORMAL, AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED


def came(
    alarm: str, at: int, priority: Priority = Priority.LOW, left_out: int = 0
) -> tuple[str, int, int, int, int, int, int]:
    return (alarm, Cause.RAISED, A, B, at, priority, left_out)


def went(alarm: str, at: int) -> tuple[str, int, int, int, int, int, int]:
    return (alarm, Cause.CLEARED, B, A, at, Priority.LOW, 0)


def test_a_quiet_plant_meets_every_target() -> None:
    found = measure(History.of([]), [], 0, 24 * HOUR)
    assert (found.annunciations, found.peak_per_ten_minutes, found.floods) == (0, 0, [])
    assert all(each.is_met for each in found.measures)


def test_rates_are_per_operator() -> None:
    rows = [came(f"a{number}", number * MINUTE) for number in range(120)]
    found = measure(History.of(rows), [], 0, 2 * HOUR, operators=2)
    assert (found.annunciations, found.per_operator_hour, found.per_ten_minutes) == (120, 30.0, 5.0)
    assert found.peak_per_ten_minutes == 5


def test_what_operators_are_not_shown_as_new_is_no_annunciation() -> None:
    rows = [
        came("a", 0),
        ("a", Cause.ACKNOWLEDGED, B, C, SECOND, Priority.LOW, 0),
        ("a", Cause.ESCALATED, B, B, SECOND, Priority.HIGH, 0),
        ("b", Cause.RAISED, AlarmState.SHELVED, AlarmState.SHELVED, SECOND, Priority.LOW, 0),
        ("b", Cause.SHELF_EXPIRED, AlarmState.SHELVED, B, 2 * SECOND, Priority.LOW, 0),
    ]
    assert measure(History.of(rows), [], 0, HOUR).annunciations == 2


def test_chattering_is_three_times_within_a_minute() -> None:
    rows = [came("fast", 0), came("slow", 0), came("fast", 30 * SECOND), came("slow", 40 * SECOND)]
    rows += [came("fast", 60 * SECOND), came("slow", 61 * SECOND)]
    assert measure(History.of(rows), [], 0, HOUR).chattering == ["fast"]


def test_changes_that_were_only_counted_count() -> None:
    found = measure(History.of([came("a", 0, left_out=100)]), [], 0, HOUR)
    assert (found.annunciations, found.chattering) == (51, ["a"])


def test_fleeting_is_gone_before_anybody_could_act() -> None:
    rows = [came("short", 0), came("long", 0), came("seen", 0), went("short", 5 * SECOND), went("long", 15 * SECOND)]
    rows.insert(4, ("seen", Cause.ACKNOWLEDGED, B, C, SECOND, Priority.LOW, 0))
    rows.append(("seen", Cause.CLEARED, C, A, 16 * SECOND, Priority.LOW, 0))
    assert measure(History.of(sorted(rows, key=lambda row: row[4])), [], 0, HOUR).fleeting == ["short"]


def test_the_ten_most_frequent_have_their_share() -> None:
    rows = [came("bad", at * MINUTE) for at in range(10)] + [came(f"a{at:02}", at * MINUTE) for at in range(10)]
    found = measure(History.of(rows), [], 0, HOUR)
    assert (found.top[0].alarm, found.top[0].annunciations, found.top[0].share) == ("bad", 10, 0.5)
    assert (len(found.top), found.top_share) == (10, 0.95)


def test_priorities_have_their_share() -> None:
    rows = [came("a", 0, Priority.LOW)] * 3 + [came("b", 0, Priority.CRITICAL)]
    found = {priority: (count, share) for priority, count, share in measure(History.of(rows), [], 0, HOUR).priorities}
    assert found[Priority.LOW] == (3, 0.75)
    assert found[Priority.CRITICAL] == (1, 0.25)


def test_a_flood_begins_above_ten_and_ends_below_five_in_ten_minutes() -> None:
    counts = [10, 11, 7, 5, 4, 20]
    times = np.repeat(np.arange(6) * 10 * MINUTE, counts)
    floods = find_floods(times, 0, 60 * MINUTE)
    assert [(each.start_us // MINUTE, each.end_us // MINUTE, each.annunciations) for each in floods] == [
        (10, 40, 23),
        (50, 60, 20),
    ]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.integers(1, 3))
def test_floods_are_those_of_a_plain_count(counts: list[int], operators: int) -> None:
    times = np.repeat(np.arange(len(counts), dtype=np.int64) * 10 * MINUTE, counts)
    inside, expected = False, []
    for count in counts:
        inside = count > 10 * operators or (inside and count >= 5 * operators)
        expected.append(inside)
    found = np.zeros(len(counts), bool)
    for each in find_floods(times, 0, len(counts) * 10 * MINUTE, operators):
        found[each.start_us // (10 * MINUTE) : each.end_us // (10 * MINUTE)] = True
    assert found.tolist() == expected


@pytest.mark.parametrize("stale", [0, 6])
def test_measures_are_held_against_their_targets(stale: int) -> None:
    found = measure(History.of([]), [f"a{number}" for number in range(stale)], 0, HOUR)
    met = {each.id: each.is_met for each in found.measures}
    assert met["STALE"] is (stale <= 5)
