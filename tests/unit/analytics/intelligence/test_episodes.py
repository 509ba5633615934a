"""Alarms from scores, and what they are worth."""

import math

import numpy as np

from dualspan_analytics.intelligence.episodes import Detection, Episode, Event, detection, episodes, together

MINUTE = 60_000_000
TIMES = np.arange(1, 101) * MINUTE


def scored(*hot: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    score = np.full(100, 0.2)
    score[list(hot)] = 1.5
    return score


def test_alarms_that_lie_close_are_one() -> None:
    assert episodes(TIMES, scored(10, 12, 30), 5) == [
        Episode(11 * MINUTE, 13 * MINUTE),
        Episode(31 * MINUTE, 31 * MINUTE),
    ]
    assert len(episodes(TIMES, scored(10, 12, 30), 50)) == 1
    assert episodes(TIMES, scored(), 5) == []


def test_steps_without_a_score_neither_raise_nor_clear() -> None:
    score = scored(10, 30)
    score[11:30] = np.nan
    assert episodes(TIMES, score, 5) == [Episode(11 * MINUTE, 31 * MINUTE)]


def test_figures() -> None:
    events = [Event(10 * MINUTE, 20 * MINUTE, 30 * MINUTE), Event(60 * MINUTE, 70 * MINUTE, 80 * MINUTE)]
    alarms = [
        Episode(15 * MINUTE, 25 * MINUTE),
        Episode(28 * MINUTE, 29 * MINUTE),
        Episode(40 * MINUTE, 45 * MINUTE),
    ]
    found = detection(events, alarms, 7 * 24 * 60 * MINUTE)
    assert found == Detection(2, 1, 3, 1, (5 * MINUTE,), 1.0)
    assert (found.recall, found.false_per_machine_week) == (0.5, 1.0)
    assert math.isclose(found.f1, 2 / (2 + 1 + 1))
    both = together([found, found])
    assert (both.events, both.machine_weeks, both.false_per_machine_week) == (4, 2.0, 1.0)
    nothing = detection([], [], 0)
    assert math.isnan(nothing.f1)
    assert math.isnan(nothing.precision)
