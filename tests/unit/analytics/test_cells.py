"""Cells against a plain count, one unit of time after the other."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_analytics.calendars.expansion import Shifts
from dualspan_analytics.columns import Series
from dualspan_analytics.intervals import Intervals
from dualspan_analytics.kpis.cells import Cells, Counted, Frame, RunTime, cells
from dualspan_analytics.kpis.counters import difference, increments
from dualspan_analytics.kpis.measures import TIME_ELEMENTS, Measure
from dualspan_analytics.kpis.ratios import figures
from dualspan_analytics.kpis.slots import NO_SHIFT, Slots, slots_of
from dualspan_analytics.states.model import Element, State
from dualspan_analytics.states.timeline import Steps, from_values

END = 120
STATES: dict[int | str, State] = {int(each): State(each.name, each.name, each) for each in Element if each}


def steps(pairs: list[tuple[int, int]]) -> Steps:
    found = dict(sorted(pairs)) | {0: dict(pairs).get(0, 0)}
    start = np.array(sorted(found), np.int64)
    return Steps(start, np.array([found[int(each)] for each in start], np.int32))


@dataclass(frozen=True)
class Story:
    states: list[tuple[int, int]]
    shifts: list[tuple[int, int]]
    stops: list[tuple[int, int]]
    products: list[tuple[int, int]]
    good: list[int]

    def series(self) -> Series:
        found = dict(sorted(self.states))
        t = np.array(sorted(found), np.int64)
        return Series(t, np.array([found[int(each)] for each in t], np.int64), np.zeros(len(t), np.uint32), "")

    def slots(self) -> Slots:
        start = np.array([begin for begin, _ in self.shifts], np.int64)
        end = np.array([end for _, end in self.shifts], np.int64)
        which = np.arange(len(start), dtype=np.int16)
        return slots_of(Shifts(start, end, which, which.astype(np.int32)), 0, END)

    def frame(self) -> Frame:
        slots = self.slots()
        in_shift = slots.shift != NO_SHIFT
        return Frame(slots.start, slots.end, in_shift, Intervals.of(self.stops), steps(self.products), steps([]))

    def counter(self) -> Series:
        t = np.array([0, *self.good], np.int64)
        return Series(t, np.arange(len(t)), np.zeros(len(t), np.uint32), "")


def run(story: Story, run_time: float = 2.0) -> Cells:
    line = from_values(story.series(), STATES, 0, END)
    counted = Counted(
        {Measure.GOOD: increments(story.counter(), 0, END)},
        RunTime(np.array([0], np.int64), np.array([run_time])),
        None,
    )
    return cells(line, story.frame(), counted)


def plain(story: Story) -> dict[tuple[int, int], dict[str, float]]:
    """By (shift, product)."""
    found: dict[tuple[int, int], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    state = dict(story.states)
    product = dict(story.products)
    element, made = Element.UNKNOWN, 0
    for tick in range(END):
        element = Element(state.get(tick, element))
        made = product.get(tick, made)
        shift = next((n for n, (begin, end) in enumerate(story.shifts) if begin <= tick < end), NO_SHIFT)
        stop = any(begin <= tick < end for begin, end in story.stops)
        counts = Element.PDOT if stop and element not in {Element.APT, Element.AUST} else element
        cell = found[shift, made]
        cell["UNSCHEDULED" if shift == NO_SHIFT else counts.name] += 1
        cell["GOOD"] += tick in story.good
    return found


EDGES = st.lists(st.integers(0, END), unique=True, min_size=0, max_size=6).map(sorted)
SPANS = EDGES.map(lambda edges: list(zip(edges[::2], edges[1::2], strict=False)))
STORIES = st.builds(
    Story,
    states=st.lists(st.tuples(st.integers(0, END - 1), st.integers(1, 5)), unique_by=lambda pair: pair[0], max_size=8),
    shifts=SPANS,
    stops=SPANS,
    products=st.lists(
        st.tuples(st.integers(0, END - 1), st.integers(0, 2)), unique_by=lambda pair: pair[0], max_size=4
    ),
    good=st.lists(st.integers(1, END - 1), unique=True, max_size=20).map(sorted),
)


@given(STORIES)
def test_cells_add_up_what_happened_in_each_unit_of_time(story: Story) -> None:
    found, slots = run(story), story.slots()
    wanted = plain(story)
    here: dict[tuple[int, int], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in range(len(found)):
        key = (int(slots.shift[found.slot[row]]), int(found.product[row]))
        for measure in (*TIME_ELEMENTS, Measure.UNSCHEDULED, Measure.GOOD):
            here[key][measure.name] += found.measures[row, measure]
    for key in wanted.keys() | here.keys():
        for name in {*wanted[key], *here[key]}:
            assert here[key][name] == wanted[key][name], (key, name)
    # What is counted, or not, against time never gets lost.
    made = found.measures[:, Measure.GOOD]
    assert found.measures[:, Measure.TIMED] + found.measures[:, Measure.BLIND] == pytest.approx(made)
    assert found.measures[:, Measure.IDEAL] == pytest.approx(2.0 * found.measures[:, Measure.TIMED])


def story(**changes: object) -> Story:
    given_: dict[str, object] = {
        "states": [(0, 1)],
        "shifts": [(0, 60), (60, 120)],
        "stops": [],
        "products": [],
        "good": [],
    }
    return Story(**(given_ | changes))  # type: ignore[arg-type]


def test_a_break_that_was_worked_through_is_no_planned_stop() -> None:
    found = run(story(stops=[(10, 20), (70, 80)], states=[(0, 1), (60, 4)]))
    assert found.measures[:, Measure.APT].tolist() == [60, 0]
    assert found.measures[:, Measure.PDOT].tolist() == [0, 10]
    assert found.measures[:, Measure.ADOT].tolist() == [0, 50]


def test_pieces_of_unknown_time_are_made_but_not_held_against_production_time() -> None:
    line = from_values(
        Series(np.array([0, 20, 40]), np.array([1, 1, 1]), np.array([0, 0x80000000, 0], np.uint32), ""), STATES, 0, END
    )
    made = Series(np.array([0, 10, 50]), np.array([0, 10, 50]), np.zeros(3, np.uint32), "")
    counted = Counted({Measure.GOOD: increments(made, 0, END)}, RunTime(np.array([0]), np.array([1.0])), None)
    found = cells(line, story(shifts=[(0, 120)]).frame(), counted)
    assert found.measures[0, Measure.GOOD] == 50
    # 40 pieces in 10..50, half of which nobody knows the state of.
    assert found.measures[0, Measure.BLIND] == 20
    assert found.measures[0, Measure.TIMED] == 30
    assert found.measures[0, Measure.UNKNOWN] == 20
    assert found.measures[0, Measure.EITHER_BAD] == 20


def test_production_time_whose_pieces_nobody_counted_is_not_held_against_those_that_were() -> None:
    line = from_values(Series(np.array([0]), np.array([1]), np.zeros(1, np.uint32), ""), STATES, 0, END)
    made = Series(np.array([60, 80, 110]), np.array([0, 20, 50]), np.zeros(3, np.uint32), "")
    counted = Counted({Measure.GOOD: increments(made, 0, END)}, RunTime(np.array([0]), np.array([1.2])), None)
    found = cells(line, story(shifts=[(0, 120)]).frame(), counted)
    assert found.measures[0, [Measure.APT, Measure.UNCOUNTED, Measure.IDEAL]].tolist() == [120, 60, 60]
    oee = figures("oee", found.measures)
    assert (oee.value[0], oee.good_share[0]) == (1.0, 0.5)


def test_a_machine_that_counts_nothing_is_marked_and_does_not_halve_its_line() -> None:
    line = from_values(Series(np.array([0]), np.array([1]), np.zeros(1, np.uint32), ""), STATES, 0, END)
    made, pace = Series(np.array([0, END - 1]), np.array([0, 60]), np.zeros(2, np.uint32), ""), np.array([2.0])
    counting = Counted({Measure.GOOD: increments(made, 0, END)}, RunTime(np.array([0]), pace), None)
    both = [
        cells(line, story(shifts=[(0, END)]).frame(), each).measures
        for each in (counting, Counted({}, RunTime(np.array([0]), pace), None))
    ]
    assert both[1][0, [Measure.UNCOUNTED, Measure.QUANTITY_BAD, Measure.EITHER_BAD]].tolist() == [END] * 3
    found = figures("effectiveness", np.sum(both, axis=0))
    assert (found.value[0], found.good_share[0]) == (1.0, 0.5)


def test_failures_belong_to_the_shift_in_which_they_begin() -> None:
    found = run(story(states=[(0, 1), (50, 4), (70, 1), (100, 4), (110, 1)]))
    assert found.measures[:, Measure.FAILURES].tolist() == [1, 1]
    assert found.measures[:, Measure.ADOT].tolist() == [10, 20]


def test_slots_are_the_shifts_and_the_times_between() -> None:
    found = story(shifts=[(-30, 30), (40, 200)]).slots()
    assert list(zip(found.start.tolist(), found.end.tolist(), found.shift.tolist(), strict=True)) == [
        (0, 30, 0),
        (30, 40, NO_SHIFT),
        (40, 120, 1),
    ]


def test_what_is_doubtful_of_counters_is_in_the_cell_where_it_was_seen() -> None:
    def counter(*values: int) -> Series:
        t = np.arange(len(values), dtype=np.int64) * 10
        return Series(t, np.array(values), np.zeros(len(t), np.uint32), "")

    given = story(shifts=[(0, 60), (60, 120)])
    # Of all pieces and of scrap, both reset at 30; a PLC that shows 0 at 80.
    total = increments(counter(500, 501, 502, 0, 1, 2, 3, 4, 0, 5), 0, END)
    scrap = increments(counter(50, 51, 52, 0, 0, 0, 0, 0, 0, 0), 0, END)
    energy = increments(counter(5000, 5001, 5002, 5003, 5004, 5005, 5006, 5007, 0, 5008), 0, END)
    counted = Counted(
        {Measure.GOOD: difference(total, scrap), Measure.SCRAP: scrap},
        RunTime(np.array([0], np.int64), np.array([2.0])),
        energy,
    )
    found = cells(from_values(given.series(), STATES, 0, END), given.frame(), counted)
    columns = [Measure.RESETS, Measure.BACKWARDS, Measure.METER_DOUBTS, Measure.ENERGY]
    assert found.measures[:, columns].tolist() == [[1, 0, 0, 5], [1, 0, 1, 3]]
