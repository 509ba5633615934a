"""Verdicts: better, not better, unproven; with the figures."""

from dataclasses import replace

import numpy as np

from dualspan_analytics.intelligence import proof
from dualspan_analytics.intelligence.episodes import Detection, Event
from dualspan_analytics.intelligence.forecast import Accuracy
from dualspan_analytics.intelligence.proof import FIXED_LIMITS, MODEL, Verdict
from dualspan_analytics.intelligence.table import Table
from dualspan_analytics.intelligence.watching import AnomalySpec, StateRule, Watched

MINUTE = 60_000_000
N = 6000
HEAT = Watched("heat")
SPEC = AnomalySpec(StateRule("state", ("0",), ("3",)), (HEAT,), guard=120)
NOTHING = Detection(0, 0, 0, 0, (), 1.0)


def table() -> Table:
    rng = np.random.default_rng(3)
    failed = np.zeros(N, np.bool_)
    failed[5000:5030] = True
    runs = (~failed).astype(np.float64)
    heat = 50.0 + 0.3 * rng.normal(size=N)
    heat[4900:5030] += np.minimum(np.arange(130) / 10.0, 8.0)
    return Table(0, MINUTE, runs, failed, {}, {HEAT: heat})


def test_breakdowns_are_what_a_warning_before_counts_for() -> None:
    (found,) = proof.breakdowns(SPEC, table())
    assert found == Event(4880 * MINUTE, 5000 * MINUTE, 5030 * MINUTE)


def test_a_backtest_holds_the_model_beside_fixed_limits() -> None:
    figures = proof.backtest(SPEC, table(), 0, None)
    assert figures[MODEL].events == figures[FIXED_LIMITS].events == 1
    assert figures[MODEL].found == 1
    assert figures[MODEL].false_alarms == 0
    # Somebody looked and there was no fault: then the alarm is in vain.
    assert proof.backtest(SPEC, table(), 0, [])[MODEL].false_alarms == 1


def test_verdicts_have_their_figures() -> None:
    good, poor = Detection(4, 4, 4, 0, (MINUTE,), 1.0), Detection(4, 4, 24, 20, (MINUTE,), 1.0)
    better = proof.judge_detection({MODEL: good, FIXED_LIMITS: poor})
    assert better.verdict is Verdict.BETTER
    assert "F1 1.00 against 0.29" in better.text
    assert proof.judge_detection({MODEL: poor, FIXED_LIMITS: good}).verdict is Verdict.NOT_BETTER
    assert proof.judge_detection({MODEL: good, FIXED_LIMITS: good}).verdict is Verdict.NOT_BETTER
    assert proof.judge_detection({MODEL: NOTHING, FIXED_LIMITS: NOTHING}).verdict is Verdict.UNPROVEN
    silent = Detection(4, 0, 0, 0, (), 1.0)
    assert proof.judge_detection({MODEL: silent, FIXED_LIMITS: poor}).verdict is Verdict.UNPROVEN


def test_a_forecast_must_beat_every_naive_one() -> None:
    model = Accuracy(1.0, 0.8, 0.9, 100)
    worse, better = replace(model, pinball=1.2), replace(model, pinball=0.9)
    assert proof.judge_accuracy({MODEL: model, "a": worse, "b": worse}).verdict is Verdict.BETTER
    assert proof.judge_accuracy({MODEL: model, "a": worse, "b": better}).verdict is Verdict.NOT_BETTER
    nothing = proof.pooled_accuracy([{MODEL: Accuracy(float("nan"), float("nan"), float("nan"), 0)}])
    assert proof.judge_accuracy(nothing).verdict is Verdict.UNPROVEN
