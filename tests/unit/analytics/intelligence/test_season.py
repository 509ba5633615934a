"""Properties that follow the day and the week: what is usual at that hour is no anomaly, and hides none."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dualspan_analytics.intelligence import archive, detector, proof
from dualspan_analytics.intelligence.archive import Archive
from dualspan_analytics.intelligence.episodes import Event
from dualspan_analytics.intelligence.season import Season, course, longest
from dualspan_analytics.intelligence.table import Table
from dualspan_analytics.intelligence.watching import AnomalySpec, StateRule, Watched

STEP = 5 * 60_000_000
DAY = 288
WATER, FLOW = Watched("cooling-water-temperature"), Watched("flow")
SPEC = AnomalySpec(StateRule("state", ("0",), ("3",)), (WATER, FLOW), step_us=STEP, window=1)


def plant(days: int, seed: int = 1, *, weekly: bool = False) -> Table:
    """A machine whose cooling water follows the sun by 4 K to either side, and whose flow follows nothing."""
    rng = np.random.default_rng(seed)
    steps = np.arange(days * DAY)
    hour = 24 * (steps % DAY) / DAY
    water = 18.0 + 4.0 * np.sin(2 * np.pi * (hour - 9) / 24) + 0.3 * rng.normal(size=len(steps))
    if weekly:
        water -= 3.0 * (steps // DAY % 7 >= 5)
    flow = 20.0 + 0.3 * rng.normal(size=len(steps))
    runs = np.where(steps % (DAY // 3) < 3, 0.0, 1.0)
    return Table(0, STEP, runs, np.zeros(len(steps), np.bool_), {}, {WATER: water, FLOW: flow})


def with_fault(table: Table, begin: int, steps: int, kelvin: float) -> Table:
    """The same with warmer cooling water for some steps."""
    water = table.columns[WATER].copy()
    water[begin : begin + steps] += kelvin
    return replace(table, columns={**table.columns, WATER: water})


def test_what_is_usual_in_the_afternoon_is_found_at_night() -> None:
    model = detector.train(SPEC, plant(9, 1))
    assert model.season.tolist() == [Season.DAY, Season.NONE]
    well = plant(9, 2)
    assert np.nanmax(detector.score(model, well).score) < 1.0
    # Three kelvin too many at three in the morning are less than what each afternoon has.
    night = 4 * DAY + 3 * DAY // 24 + 6
    ill = detector.score(model, with_fault(well, night, 36, 3.0))
    assert np.nanmax(ill.score[night : night + 36]) >= 1.0
    assert ill.share[night + 30].argmax() == 0
    assert np.nanmax(np.delete(ill.score, np.s_[night : night + 50])) < 1.0


def test_a_model_that_knows_the_hour_proves_better_where_limits_find_nothing() -> None:
    faults = [7 * DAY + 42, 8 * DAY + 46]
    table = plant(9)
    for begin in faults:
        table = with_fault(table, begin, 36, 3.0)
    events = [Event(begin * STEP, (begin + 36) * STEP, (begin + 36) * STEP) for begin in faults]
    found = proof.backtest(SPEC, table, 0, events)
    assert found[proof.MODEL].found == found[proof.MODEL].alarms == 2
    assert found[proof.FIXED_LIMITS].found == 0
    assert proof.judge_detection(found).verdict is proof.Verdict.BETTER


def test_weekends_are_known_once_there_were_enough_of_them() -> None:
    assert detector.train(SPEC, plant(20, weekly=True)).season[0] == Season.DAY
    model = detector.train(SPEC, plant(28, weekly=True))
    assert model.season.tolist() == [Season.WEEK, Season.NONE]
    assert np.nanmax(detector.score(model, plant(14, 2, weekly=True)).score) < 1.0


@pytest.mark.parametrize(("days", "wanted"), [(3, Season.NONE), (4, Season.DAY), (23, Season.DAY), (24, Season.WEEK)])
def test_a_course_is_learned_of_two_of_its_periods_at_least(days: int, wanted: Season) -> None:
    assert longest(days * DAY, STEP) is wanted


def test_what_wanders_by_itself_is_given_no_course() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        table = plant(7, seed)
        walk = np.cumsum(0.02 * rng.normal(size=len(table)))
        assert detector.train(SPEC, replace(table, columns={**table.columns, WATER: walk})).season[0] == Season.NONE


def test_a_course_repeats_after_its_period() -> None:
    found = course(plant(15), Season.WEEK)
    assert found.shape == (15 * DAY, Season.WEEK.width)
    assert np.allclose(found[: 7 * DAY], found[7 * DAY : 14 * DAY])
    assert np.allclose(found[:DAY, : Season.DAY.width], found[DAY : 2 * DAY, : Season.DAY.width])


def test_a_model_with_courses_is_the_same_after_it_was_stored() -> None:
    model = detector.train(SPEC, plant(9))
    again = archive.load_anomaly(archive.store_anomaly(model))
    assert again.season.tolist() == model.season.tolist()
    first, second = (detector.score(each, plant(9, 3)).score for each in (model, again))
    assert np.array_equal(first, second, equal_nan=True)


def test_a_model_from_before_courses_still_scores() -> None:
    table = replace(plant(9), columns={WATER: plant(9).columns[FLOW], FLOW: plant(9).columns[FLOW]})
    model = detector.train(SPEC, table)
    assert model.longest is Season.NONE
    stored = archive.store_anomaly(model)
    old = archive.load_anomaly(Archive(_without(stored.arrays, "season"), stored.facts))
    first, second = detector.score(model, table).score, detector.score(old, table).score
    assert np.array_equal(first, second, equal_nan=True)


def _without(arrays: bytes, name: str) -> bytes:
    import io

    with np.load(io.BytesIO(arrays)) as found:
        rest: dict[str, NDArray[Any]] = {each: found[each] for each in found.files if each != name}
    target = io.BytesIO()
    np.savez_compressed(target, allow_pickle=False, **rest)
    return target.getvalue()
