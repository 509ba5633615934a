import numpy as np
import pytest

from dualspan_analytics.columns import Series
from dualspan_analytics.intervals import Intervals
from dualspan_analytics.kpis.machine import packml_values
from dualspan_analytics.states.losses import failure_starts, pareto, unseen_starts, within
from dualspan_analytics.states.model import PACKML, PACKML_WAYS_OUT, Element, State, StopNote, StopReason, element_of
from dualspan_analytics.states.stops import LATE_US, stops_of, with_minor_stops, with_notes, with_reasons
from dualspan_analytics.states.timeline import Timeline, coded, from_rules, from_values, labels, steps, with_ways_out

GOOD, BAD = 0, 0x80000000
RUN, SETUP, FAULT, WAIT = (
    State("running", "Running", Element.APT),
    State("setup", "Setup", Element.AUST),
    State("fault", "Fault", Element.ADOT),
    State("starved", "Starved", Element.ADET),
)
VALUES: dict[int | str, State] = {0: RUN, 1: SETUP, 3: FAULT, 4: WAIT}


def series(*samples: tuple[int, object] | tuple[int, object, int], kind: object = None) -> Series:
    t = np.array([sample[0] for sample in samples], np.int64)
    value = np.array([sample[1] for sample in samples], kind)  # type: ignore[arg-type]
    status = np.array([sample[2] if len(sample) == 3 else GOOD for sample in samples], np.uint32)
    return Series(t, value, status, "")


def shown(line: Timeline) -> list[tuple[int, int, str]]:
    assert (line.start[1:] == line.end[:-1]).all()
    return [
        (int(begin), int(end), line.states[state].id)
        for begin, end, state in zip(line.start, line.end, line.state, strict=True)
    ]


def test_states_hold_until_the_next_and_bad_is_unknown() -> None:
    tag = series((-5, 0), (10, 3), (20, 3), (30, 0, BAD), (40, 0), (50, 77), (60, 1))
    assert shown(from_values(tag, VALUES, 0, 100)) == [
        (0, 10, "running"),
        (10, 30, "fault"),
        (30, 40, "unknown"),
        (40, 50, "running"),
        (50, 60, "unknown"),  # 77 is no state
        (60, 100, "setup"),
    ]


def test_nothing_is_known_before_the_first_sample_nor_without_any() -> None:
    assert shown(from_values(series((40, 0)), VALUES, 0, 100)) == [(0, 40, "unknown"), (40, 100, "running")]
    assert shown(from_values(None, VALUES, 0, 100)) == [(0, 100, "unknown")]


def test_states_may_be_numbers_with_a_point_text_or_nan() -> None:
    tag = series((0, 0.0), (10, 3.0), (20, 3.5), (30, float("nan")), (40, 1.0))
    found = shown(from_values(tag, VALUES, 0, 50))
    assert [state for _, _, state in found] == ["running", "fault", "unknown", "setup"]
    words = series((0, " RUN "), (10, "stop"), (20, "?"), kind=object)
    found = shown(from_values(words, {"RUN": RUN, "stop": FAULT}, 0, 30))
    assert [state for _, _, state in found] == ["running", "fault", "unknown"]


def test_of_samples_at_one_time_the_last_counts() -> None:
    assert shown(from_values(series((0, 3), (0, 0), (10, 0), (10, 1)), VALUES, 0, 20)) == [
        (0, 10, "running"),
        (10, 20, "setup"),
    ]


def test_packml_states_have_the_standards_numbers() -> None:
    assert PACKML[6].element is Element.APT
    assert PACKML[9].id == "aborted"
    assert PACKML[5].element is Element.ADET
    assert sorted(PACKML) == list(range(1, 18))
    assert element_of("PMT") is Element.PDOT
    assert element_of("nonsense") is Element.UNKNOWN


def test_the_first_rule_that_holds_counts_and_an_unknown_one_hides_those_after_it() -> None:
    def flag(*pairs: tuple[int, int]) -> object:
        tag = series(*pairs)
        return steps(tag, tag.value.astype(np.int32), -1, 0, 60)

    rules = [(FAULT, flag((0, 0), (10, 1), (20, 0), (30, -1))), (RUN, flag((0, 1), (40, 0)))]
    found = shown(from_rules(rules, WAIT, 0, 60))  # type: ignore[arg-type]
    assert found == [(0, 10, "running"), (10, 20, "fault"), (20, 30, "running"), (30, 60, "unknown")]
    found = shown(from_rules([rules[1]], None, 0, 60))  # type: ignore[arg-type]
    assert found == [(0, 40, "running"), (40, 60, "unknown")]


def line_with_reasons(
    states: Series, reasons: Series, end: int, catalogue: dict[str, StopReason] | None = None
) -> Timeline:
    codes, texts = labels(reasons)
    return with_reasons(from_values(states, VALUES, 0, end), steps(reasons, codes, 0, 0, end), texts, catalogue or {})


def stops(line: Timeline) -> list[tuple[int, int, str, str]]:
    found = stops_of(line)
    return [
        (int(begin), int(end), Element(int(element)).name, line.reasons[reason])
        for begin, end, element, reason in zip(found.start, found.end, found.element, found.reason, strict=True)
    ]


def test_a_reason_told_late_or_gone_early_is_the_reason_of_the_whole_stop() -> None:
    states = series((0, 0), (10, 3), (30, 0), (50, 3), (60, 1), (70, 0))
    reasons = series((0, 0), (12, 205), (28, 0), (50, 204), (55, 207), (65, 901), (72, 0))
    line = line_with_reasons(states, reasons, 100)
    assert stops(line) == [
        (10, 30, "ADOT", "205"),
        (50, 55, "ADOT", "204"),
        (55, 60, "ADOT", "207"),
        (60, 65, "AUST", "207"),
        (65, 70, "AUST", "901"),
    ]


def test_a_reason_while_running_is_none() -> None:
    line = line_with_reasons(series((0, 0), (50, 3)), series((0, 205), (60, 0)), 100)
    assert stops(line) == [(50, 100, "ADOT", "205")]
    assert line.reason[line.element == Element.APT].tolist() == [0]


def test_the_catalogue_says_what_a_reason_counts_as() -> None:
    catalogue = {"902": StopReason("902", "Maintenance", Element.PDOT)}
    line = line_with_reasons(series((0, 0), (10, 3), (40, 0)), series((10, 902), (40, 0)), 50, catalogue)
    assert stops(line) == [(10, 40, "PDOT", "902")]


def test_packml_stop_of_many_states_is_one_stop() -> None:
    states = series((0, 6), (10, 8), (12, 9), (50, 1), (55, 15), (60, 3), (65, 6))
    line = with_ways_out(from_values(states, packml_values({}), 0, 100), PACKML_WAYS_OUT)
    reasons = series((0, 0), (11, 321), (64, 0))
    codes, texts = labels(reasons)
    line = with_reasons(line, steps(reasons, codes, 0, 0, 100), texts, {})
    found = stops_of(line)
    assert stops(line) == [(10, 65, "ADOT", "321")]
    assert line.states[found.state[0]].id == "aborted"  # the longest


def test_batches_of_packml_are_no_failures() -> None:
    batch = (6, 16, 17, 15, 4, 3)  # Execute, Completing, Complete, Resetting, Idle, Starting
    states = series(*((10 * n, batch[n % 6]) for n in range(61)))
    line = with_ways_out(from_values(states, packml_values({}), 0, 610), PACKML_WAYS_OUT)
    assert len(failure_starts(line)) == 0
    assert [Element(each).name for each in line.element[:6]] == ["APT", "AUST", "ADET", "AUST", "ADET", "AUST"]
    own = {"completing": State("completing", "Draining", Element.PDOT)}
    assert {packml_values(own)[key].element for key in (16, "Completing")} == {Element.PDOT}  # type: ignore[index]


def test_people_go_before_the_tag_but_do_not_stop_what_ran() -> None:
    line = line_with_reasons(series((0, 0), (10, 3), (30, 0), (50, 0, BAD), (60, 3)), series((10, 205), (30, 0)), 100)
    notes = [StopNote(5, 90, "lunch"), StopNote(20, 25, "206")]
    found = with_notes(line, notes, {"lunch": StopReason("lunch", "Lunch", Element.PDOT)})
    assert stops(found) == [
        (10, 20, "PDOT", "lunch"),
        (20, 25, "ADOT", "206"),
        (25, 30, "PDOT", "lunch"),
        (60, 90, "PDOT", "lunch"),
        (90, 100, "ADOT", ""),
    ]
    assert found.by_hand.sum() == 4
    assert found.element[found.start == 50].tolist() == [Element.UNKNOWN]


def test_a_reason_does_not_hold_for_what_was_more_than_four_days_before() -> None:
    day = LATE_US // 4
    line = from_values(series((0, 0), (day, 3), (7 * day, 0)), VALUES, 0, 8 * day)
    given = series((0, 0), (6 * day, 7), (7 * day, 0))
    codes, texts = labels(given)
    found = with_reasons(line, steps(given, codes, 0, 0, 8 * day), texts, {})
    assert [each[3] for each in stops(found)] == ["", "7"]
    assert [each[1] // day for each in stops(found)] == [2, 7]
    # Alone its first day is the same.
    alone = with_reasons(
        from_values(series((0, 0), (day, 3)), VALUES, 0, 2 * day), steps(given, codes, 0, 0, 2 * day), texts, {}
    )
    assert stops(alone)[0] == stops(found)[0]


def test_minor_stops_are_delays() -> None:
    line = line_with_reasons(series((0, 0), (10, 3), (12, 0), (20, 3), (40, 0)), series((0, 0)), 50)
    assert stops(with_minor_stops(line, 5)) == [(10, 12, "ADET", ""), (20, 40, "ADOT", "")]
    # A reason that changes and a moment without good data do not make short failures of a long one.
    line = line_with_reasons(series((0, 0), (10, 3), (13, 3, BAD), (14, 3), (18, 0)), series((10, 1), (16, 2)), 50)
    assert stops(with_minor_stops(line, 5)) == [(10, 13, "ADOT", "1"), (14, 16, "ADOT", "1"), (16, 18, "ADOT", "2")]


def test_failures_are_unplanned_and_begin_here() -> None:
    line = line_with_reasons(series((0, 3), (10, 0), (20, 3), (30, 0), (40, 1)), series((0, 0)), 50)
    assert failure_starts(line).tolist() == [20]


def test_a_failure_is_one_whatever_is_not_known_of_it() -> None:
    bad = line_with_reasons(series((0, 0), (10, 3), (20, 3, BAD), (30, 3), (50, 0)), series((0, 0)), 60)
    assert failure_starts(bad).tolist() == [10]
    reasons = line_with_reasons(series((0, 0), (10, 3), (50, 0)), series((10, 205), (30, 206)), 60)
    assert failure_starts(reasons).tolist() == [10]
    again = line_with_reasons(series((0, 0), (10, 3), (20, 3, BAD), (30, 0), (40, 3)), series((0, 0)), 60)
    assert failure_starts(again).tolist() == [10, 40]
    unseen = line_with_reasons(series((0, 3, BAD), (10, 3), (20, 0)), series((0, 0)), 60)
    assert len(failure_starts(unseen)) == 0


def test_a_failure_behind_unknown_time_may_have_begun_before() -> None:
    states = series((0, 0), (10, 0, BAD), (20, 3), (30, 0), (40, 3, BAD), (50, 0), (60, 3), (70, 3, BAD), (80, 3))
    line = line_with_reasons(states, series((0, 0)), 90)
    assert unseen_starts(line).start.tolist() == [0, 60]
    assert unseen_starts(line).end.tolist() == [20, 80]
    unknown = unseen_starts(line_with_reasons(series((0, 3, BAD), (10, 3), (20, 0)), series((0, 0)), 60))
    assert (unknown.start.tolist(), unknown.end.tolist()) == ([0], [10])
    assert not len(unseen_starts(line_with_reasons(series((0, 3, BAD)), series((0, 0)), 60)))


def test_pareto_is_sorted_by_time_and_adds_up() -> None:
    found = pareto(np.array([7, 5, 7, 9]), np.array([10, 50, 20, 20]))
    assert found.key.tolist() == [5, 7, 9]
    assert found.count.tolist() == [1, 2, 1]
    assert found.duration.tolist() == [50, 30, 20]
    assert found.cumulative.tolist() == pytest.approx([0.5, 0.8, 1.0])
    nothing = pareto(np.array([1]), np.array([0]))
    assert nothing.share.tolist() == [0.0]


def test_only_time_in_the_windows_is_lost() -> None:
    line = line_with_reasons(series((0, 0), (10, 3), (30, 0)), series((0, 0)), 50)
    assert within(stops_of(line), Intervals.of([(0, 15), (25, 50)])).tolist() == [10]


def test_labels_of_numbers_have_no_point() -> None:
    codes, texts = labels(series((0, 205.0), (1, 0.0), (2, 206.0, BAD)))
    assert [texts[code] for code in codes] == ["205", "0", ""]
    codes, texts = labels(series((0, 205.5), (1, float("inf"))))
    assert [texts[code] for code in codes] == ["205.5", ""]
    assert coded(series((0, True), (1, False)), {1: 5, 0: 6}, 9).tolist() == [5, 6]
