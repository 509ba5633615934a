"""The formulas of the OEE board, held against cases that can be done in the head."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_appkit.machine_time import Element, chosen_states, meanings, timeline
from dualspan_sdk import Columns, DualSpanError, Model, PropertyRef, State
from oee_board.oee import counted, figures, planned_pieces, seconds_per_piece, stops
from oee_board.shifts import Shifts

HOUR = 3_600_000_000
SECOND = 1_000_000


def columns(times: list[int], values: list[object], status: int = 0) -> Columns:
    value = np.array(values, object if values and isinstance(values[0], str) else None)
    return Columns(PropertyRef("m", "p"), "", np.array(times, np.int64), value, np.full(len(times), status, np.uint32))


def model(*ids: str) -> Model:
    words = {"running": "APT", "execute": "APT", "setup": "AUST", "fault": "ADOT", "break": "POT", "clearing": "ADOT"}
    states = tuple(State(each, each, each, "", words[each]) for each in ids)
    return Model("m", "1.0.0", "general", "M", "M", {}, states)


def test_numbers_of_states_are_those_of_the_model() -> None:
    assert meanings(model("running", "setup"), {}) == {0: Element.PRODUCTION, 1: Element.SETUP}
    assert meanings(model("clearing", "execute"), {}) == {1: Element.DOWN, 2: Element.PRODUCTION}
    assert meanings(model("running"), chosen_states(["7=ADET", "0 = ADOT", "x=APT"])) == {
        0: Element.DOWN,
        7: Element.DELAY,
    }
    assert meanings(None, {}) == {}


def test_time_without_good_data_is_neither_running_nor_stopped() -> None:
    state = columns([-HOUR, HOUR, 2 * HOUR], [0, 1, 0])
    line = timeline(state, {0: Element.PRODUCTION, 1: Element.DOWN}, 0, 4 * HOUR)
    assert line.seconds(Element.PRODUCTION) == 3 * 3600
    assert line.seconds(Element.DOWN) == 3600
    unknown = timeline(columns([HOUR], [0]), {0: Element.PRODUCTION}, 0, 2 * HOUR)
    assert unknown.seconds(Element.UNKNOWN) == 3600
    bad = timeline(columns([0], [0], 0x80000000), {0: Element.PRODUCTION}, 0, HOUR)
    assert bad.seconds(Element.PRODUCTION) == 0
    shown = figures(bad, 0.0, 0.0, float("nan"))
    assert (shown.availability, shown.effectiveness, shown.quality, shown.oee) == (None, None, None, None)


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 4)), max_size=30))
def test_a_timeline_has_no_hole(samples: list[tuple[int, int]]) -> None:
    ordered = sorted(samples)
    state = columns([time for time, _ in ordered], [value for _, value in ordered])
    line = timeline(state, {value: Element(value) for value in range(5)}, 10, 90)
    assert line.start[0] == 10
    assert line.end[-1] == 90
    assert np.array_equal(line.start[1:], line.end[:-1])
    assert bool((line.element[1:] != line.element[:-1]).all())


def test_a_counter_that_falls_began_again() -> None:
    assert counted(columns([0, 1, 2, 3], [98, 100, 3, 5])) == 7
    assert counted(columns([0], [98])) == 0
    assert counted(None) == 0


def test_a_set_speed_counts_while_the_machine_produces() -> None:
    line = timeline(columns([0, 2 * HOUR], [0, 1]), {0: Element.PRODUCTION, 1: Element.DOWN}, 0, 4 * HOUR)
    speed = columns([0, HOUR], [1000.0, 500.0])
    assert planned_pieces(speed, line) == pytest.approx(1500)
    assert np.isnan(planned_pieces(None, line))


def test_the_best_pace_is_that_of_each_product() -> None:
    slow = [n * 20 * SECOND for n in range(60)]
    quick = [slow[-1] + (n + 1) * 10 * SECOND for n in range(60)]
    counter = columns(slow + quick, list(range(120)))
    product = columns([0, slow[-1] + SECOND], ["slow", "quick"])
    whole = (0, quick[-1] + 1)
    assert seconds_per_piece(counter, product, whole) == pytest.approx((59 * 20 + 60 * 10) / 119)
    assert seconds_per_piece(counter, product, (quick[0], quick[-1])) == pytest.approx(10)
    assert np.isnan(seconds_per_piece(columns([0, 1], [0, 1]), None, whole))


def test_oee_is_the_product_of_three() -> None:
    line = timeline(columns([0, 3 * HOUR], [0, 1]), {0: Element.PRODUCTION, 1: Element.DOWN}, 0, 4 * HOUR)
    shown = figures(line, 90.0, 10.0, 0.8)
    assert (shown.availability, shown.quality, shown.oee) == (0.75, 0.9, pytest.approx(0.54))


def test_stops_have_the_reason_that_was_given_while_the_machine_stood() -> None:
    means = {0: Element.PRODUCTION, 1: Element.DOWN, 2: Element.PLANNED}
    line = timeline(columns([0, 10, 20, 30, 40, 50], [0, 1, 0, 1, 2, 0]), means, 0, 60)
    reason = columns([0, 12, 20, 31], ["", "Jam", "", "Heater"])
    assert stops(line, reason) == [("Jam", 1, 1e-5), ("Heater", 1, 1e-5)]
    assert stops(line, None) == [("", 2, 2e-5)]


def test_shifts_are_by_the_clock_of_the_plant() -> None:
    shifts = Shifts.parse(["06:00", "14:00", "22:00"], ZoneInfo("Asia/Shanghai"))
    now = datetime(2026, 11, 20, 3, tzinfo=UTC)  # 11:00 in Shanghai
    assert shifts.around(now) == (datetime(2026, 11, 19, 22, tzinfo=UTC), datetime(2026, 11, 19, 14, tzinfo=UTC))
    with pytest.raises(DualSpanError, match="MALFORMED_SHIFT"):
        Shifts.parse(["six"], ZoneInfo("UTC"))
