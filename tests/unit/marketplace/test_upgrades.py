"""Upgrades: from whatever is there to an end, and whether two versions write the same."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_manifest import Comparison
from dualspan_marketplace.subscriptions.life import State
from dualspan_marketplace.upgrades.comparison import Compared, Series, compare, judge
from dualspan_marketplace.upgrades.model import (
    PATIENCE,
    SWITCH_SECONDS,
    Abandon,
    Begin,
    Canary,
    EndCanary,
    Finish,
    Judge,
    Mark,
    Outcome,
    Phase,
    Place,
    Revert,
    RollBack,
    Seen,
    Settled,
    Shelve,
    Step,
    Switch,
    Verdict,
    Wait,
    next_step,
)

SPAN = 10.0
CANARIES = st.builds(
    Canary,
    state=st.sampled_from(State),
    since=st.none() | st.floats(0, 100),
    answers=st.booleans(),
    trouble=st.sampled_from(["", "It ended."]),
    problem=st.sampled_from(["", "No data."]),
)
PLACES = st.builds(Place, seconds=st.floats(0, 300), is_well=st.booleans(), attempts=st.integers(0, 5))
VERDICTS = st.none() | st.builds(Verdict, st.sampled_from(Outcome), st.just("words"))
SEEN = st.builds(
    Seen,
    phase=st.sampled_from(Phase),
    state=st.sampled_from(State),
    canary=st.none() | CANARIES,
    place=PLACES,
    span=st.just(SPAN),
    called_off=st.booleans(),
    withdrawn=st.booleans(),
    outdated=st.booleans(),
    verdict=VERDICTS,
)


def after(seen: Seen, step: Step, luck: bool, outcome: Outcome) -> Seen:
    """What is there after a step, in a world that does as it is told: apps start, or do not."""
    canary, then = seen.canary, seen
    match step:
        case Begin() if canary:
            then = replace(seen, canary=replace(canary, state=State.PROVISIONING))
        case Mark() if canary:
            then = replace(seen, canary=replace(canary, since=0.0, answers=luck))
        case Judge():
            then = replace(seen, verdict=Verdict(outcome, "words"))
        case Switch():
            then = replace(seen, phase=Phase.SWITCHING, canary=canary and replace(canary, state=State.CANCELLING))
        case Finish():
            then = replace(seen, phase=Phase.SWITCHED, state=State.ACTIVE)
        case RollBack() | Revert():
            then = replace(seen, phase=Phase.ROLLED_BACK, state=State.ACTIVE)
        case Shelve():
            then = replace(seen, phase=Phase.ROLLED_BACK, state=State.SUSPENDED)
        case Abandon():
            then = replace(seen, phase=Phase.ABANDONED)
        case EndCanary() if canary:
            then = replace(seen, canary=replace(canary, state=State.CANCELLING))
        case Wait(seconds):
            then = _later(seen, seconds, luck=luck)
        case _:
            pass
    return then


def _later(seen: Seen, seconds: float, *, luck: bool) -> Seen:
    canary, place = seen.canary, seen.place
    if canary and canary.state is State.PROVISIONING:
        canary = replace(canary, state=State.ACTIVE if luck else State.FAILED)
    if canary and canary.since is not None:
        trouble = canary.trouble or ("" if luck else "It ended.")
        canary = replace(canary, since=canary.since + seconds, answers=luck, trouble=trouble)
    if seen.phase is Phase.SWITCHING:
        place = replace(place, seconds=place.seconds + seconds, is_well=luck, attempts=place.attempts + (not luck))
    return replace(seen, canary=canary, place=place, verdict=None)


@given(SEEN, st.lists(st.booleans(), min_size=60, max_size=60), st.sampled_from(Outcome))
def test_from_everywhere_it_comes_to_an_end(seen: Seen, luck: list[bool], outcome: Outcome) -> None:
    for turn, lucky in enumerate(luck):
        step = next_step(seen)
        if isinstance(step, Settled):
            assert seen.phase.is_over
            assert seen.canary is None or seen.canary.state.is_over
            return
        then = after(seen, step, lucky, outcome)
        # The old one's place is given away for a comparison that was good, and for nothing else.
        if then.phase is Phase.SWITCHING is not seen.phase and not seen.outdated:
            assert seen.verdict is not None
            assert seen.verdict.outcome is Outcome.ALIKE
        # What must not run is not put back to run.
        if isinstance(step, Revert):
            assert not seen.outdated
        assert turn < 59, (seen, step)
        seen = then


@given(SEEN)
def test_what_follows_says_why(seen: Seen) -> None:
    step = next_step(seen)
    if isinstance(step, Switch | RollBack | Revert | Shelve):
        assert step.why
    if isinstance(step, Wait):
        assert step.seconds > 0


def test_it_is_waited_for_something_to_compare_but_not_for_ever() -> None:
    silent = Verdict(Outcome.SILENT, "nothing")
    seen = Seen(Phase.CANARY, State.UPGRADING, Canary(State.ACTIVE, SPAN, answers=True), span=SPAN, verdict=silent)
    assert isinstance(next_step(seen), Wait)
    late = replace(seen, canary=Canary(State.ACTIVE, PATIENCE * SPAN, answers=True))
    assert next_step(late) == RollBack("nothing")


def test_one_that_its_publisher_withdraws_does_not_take_the_place() -> None:
    alike = Verdict(Outcome.ALIKE, "same")
    beside = Seen(Phase.CANARY, State.UPGRADING, Canary(State.ACTIVE, SPAN, answers=True), span=SPAN, verdict=alike)
    assert isinstance(next_step(beside), Switch)
    assert isinstance(next_step(replace(beside, withdrawn=True)), RollBack)
    place = Seen(Phase.SWITCHING, State.UPGRADING, None, Place(seconds=1, is_well=True), withdrawn=True)
    assert isinstance(next_step(place), Revert)


def test_an_old_version_that_is_withdrawn_gives_its_place_to_one_that_is_well() -> None:
    well = Canary(State.ACTIVE, 1.0, answers=True)
    seen = Seen(Phase.CANARY, State.UPGRADING, well, span=SPAN, outdated=True)
    assert isinstance(next_step(seen), Switch)
    assert isinstance(next_step(replace(seen, canary=replace(well, answers=False))), Wait)
    assert isinstance(next_step(replace(seen, canary=replace(well, trouble="It ended."))), RollBack)
    assert isinstance(next_step(replace(seen, withdrawn=True)), RollBack)
    place = Seen(Phase.SWITCHING, State.UPGRADING, None, Place(seconds=10, attempts=3), outdated=True)
    assert isinstance(next_step(place), Shelve)


def test_one_that_is_not_well_in_the_place_goes_back() -> None:
    seen = Seen(Phase.SWITCHING, State.UPGRADING, None, Place(seconds=10, attempts=2, words="no disk"))
    assert isinstance(next_step(seen), Wait)
    tried = next_step(replace(seen, place=replace(seen.place, attempts=3)))
    assert isinstance(tried, Revert)
    assert tried.why.endswith("started 3 times and never was well. Its last words: no disk")
    assert isinstance(next_step(replace(seen, place=Place(seconds=SWITCH_SECONDS))), Revert)
    assert next_step(replace(seen, place=Place(seconds=SWITCH_SECONDS, is_well=True))) == Finish()


def test_what_it_says_of_itself_counts_in_the_end() -> None:
    starting = Canary(State.ACTIVE, 1.0, answers=True, problem="starting")
    seen = Seen(Phase.CANARY, State.UPGRADING, starting, span=SPAN)
    assert isinstance(next_step(seen), Wait)
    assert isinstance(next_step(replace(seen, canary=replace(starting, since=SPAN))), Wait)
    assert isinstance(next_step(replace(seen, canary=replace(starting, since=SPAN, problem=""))), Judge)
    step = next_step(replace(seen, canary=replace(starting, since=PATIENCE * SPAN)))
    assert isinstance(step, RollBack)
    assert "says: starting" in step.why


RULE = Comparison("oee", tolerance=0.5, relative=0.0, share=0.9)


def series(times: list[int], values: list[float], bad: tuple[int, ...] = ()) -> Series:
    good = np.ones(len(times), np.bool_)
    good[list(bad)] = False
    return Series(np.array(times, np.int64), np.array(values, np.float64), good)


def slow(old: Series, new: Series, rule: Comparison, span: tuple[int, int]) -> tuple[int, int, int]:
    """The same, sample by sample: samples, within, missing."""
    begin, end = span
    length = end - begin
    first = int(new.time[0]) if len(new.time) else end
    begin, end = min(first, begin + round(length * 0.5)), end - round(length * 0.1)
    rows = [at for at, time in enumerate(old.time.tolist()) if begin <= time < end and old.good[at]]
    times = [int(old.time[at]) for at in rows]
    steps = sorted(later - time for time, later in itertools.pairwise(times))
    step = length
    if steps:
        half = len(steps) // 2
        step = int(steps[half] if len(steps) % 2 else (steps[half - 1] + steps[half]) / 2)
    within = missing = 0
    for at, time in zip(rows, times, strict=True):
        near = min(range(len(new.time)), key=lambda row: abs(int(new.time[row]) - time), default=-1)
        if near < 0 or abs(int(new.time[near]) - time) > step // 2:
            missing += 1
            continue
        was, now = float(old.value[at]), float(new.value[near])
        same = was == now or (math.isnan(was) and math.isnan(now))
        apart = abs(now - was)
        # 0 of infinity is no number, and no reason to agree either.
        allowed = max(rule.tolerance, rule.relative * abs(was) if rule.relative else 0.0)
        same = same or (math.isfinite(apart) and apart <= allowed)
        within += same and bool(new.good[near])
    return len(rows), within, missing


TIMES = st.lists(st.integers(0, 1000), unique=True, max_size=30).map(sorted)
VALUES = st.sampled_from([0.0, 0.25, 1.0, 100.0, math.nan, math.inf, -math.inf])


@given(TIMES, TIMES, st.data(), st.sampled_from([0.0, 0.5]), st.sampled_from([0.0, 0.01]))
def test_columns_agree_with_sample_by_sample(
    old: list[int], new: list[int], data: st.DataObject, tolerance: float, relative: float
) -> None:
    # Of two that are equally near one is as good as the other: here no new one is between two old ones' halves.
    new = [2 * time + 1 for time in new]
    old = [4 * time for time in old]
    rule = Comparison("oee", tolerance, relative, 0.9)
    before = series(old, data.draw(st.lists(VALUES, min_size=len(old), max_size=len(old))))
    constant = data.draw(VALUES)
    after_ = series(new, [constant] * len(new))
    found = compare(before, after_, rule, "press-1", (0, 4000))
    assert (found.samples, found.within, found.missing) == slow(before, after_, rule, (0, 4000))


def test_a_difference_is_seen_and_said() -> None:
    times = list(range(0, 1000, 10))
    old, new = series(times, [80.0] * 100), series(times, [80.0] * 40 + [81.0] * 60)
    found = compare(old, new, RULE, "press-1", (0, 1000))
    assert (found.samples, found.within, found.missing, found.largest) == (90, 40, 0, 1.0)
    assert not found.passed
    verdict = judge([found], 300)
    assert verdict.outcome is Outcome.DIFFERENT
    assert "oee of press-1: 40 of 90 samples (44.4%) agree, 90.0% are needed" in verdict.words
    assert "the largest difference is 1." in verdict.words


def test_one_that_writes_nothing_is_different_and_one_that_stops_too() -> None:
    times = list(range(0, 1000, 10))
    old = series(times, [80.0] * 100)
    assert compare(old, series([], []), RULE, "", (0, 1000)).missing == 40
    stopped = compare(old, series(times[:50], [80.0] * 50), RULE, "", (0, 1000))
    assert not stopped.passed


def test_it_may_begin_late_and_be_about_to_write() -> None:
    times = list(range(0, 1000, 10))
    old = series(times, [80.0] * 100)
    assert compare(old, series(times[30:92], [80.2] * 62), RULE, "", (0, 1000)).passed


def test_results_of_hours_that_had_gone_are_compared() -> None:
    old = series([-3000, -2000, -1000], [80.0, 81.0, 82.0])
    found = compare(old, series([-2000, -1000], [81.0, 82.0]), RULE, "", (0, 1000))
    assert (found.samples, found.within) == (2, 2)
    assert not compare(old, series([-2000, -1000], [81.0, 92.0]), RULE, "", (0, 1000)).passed


def test_bad_samples_are_none_to_compare_with_and_none_that_agree() -> None:
    times = list(range(0, 1000, 10))
    old = series(times, [80.0] * 100, bad=tuple(range(50)))
    new = series(times, [80.0] * 100, bad=(60, 61))
    found = compare(old, new, RULE, "", (0, 1000))
    assert (found.samples, found.within) == (40, 38)


@pytest.mark.parametrize("kind", [object, np.bool_])
def test_what_is_no_number_must_be_equal(kind: type) -> None:
    times = np.arange(0, 1000, 10)
    values = np.array(["run", "stop"] * 50, object) if kind is object else np.array([True, False] * 50)
    good = np.ones(100, np.bool_)
    rule = Comparison("state", 0, 0, 1.0)
    assert compare(Series(times, values, good), Series(times, values, good), rule, "", (0, 1000)).passed
    found = compare(Series(times, values, good), Series(times, values[::-1], good), rule, "", (0, 1000))
    assert found.within == 0


def test_nothing_to_compare_is_said() -> None:
    assert judge([], 60).outcome is Outcome.ALIKE
    nothing = Compared("oee", "press-1", 0, 0, 0, 0.0, 0.9)
    assert judge([nothing], 60).outcome is Outcome.SILENT
    good = Compared("oee", "press-2", 10, 10, 0, 0.0, 0.9)
    alike = judge([nothing, good], 60)
    assert alike.outcome is Outcome.ALIKE
    assert alike.words.endswith("within the tolerances: 10 of 10 samples of oee agree.")
    nearly = Compared("oee", "press-4", 10, 9, 0, 2.0, 0.9)
    assert "19 of 20 samples of oee agree. oee of press-4: 9 of 10" in judge([good, nearly], 60).words
    bad = Compared("oee", "press-3", 10, 8, 0, 2.0, 0.9)
    assert judge([nothing, good, bad], 60).outcome is Outcome.DIFFERENT
