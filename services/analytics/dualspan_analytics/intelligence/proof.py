"""Holding a model against its naive baseline: no model goes live that does not beat it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from dualspan_analytics.intelligence import detector
from dualspan_analytics.intelligence.episodes import Detection, Event, detection, episodes, together
from dualspan_analytics.intelligence.forecast import Accuracy
from dualspan_analytics.intelligence.table import Floats, Table, trailing
from dualspan_analytics.intelligence.watching import AnomalySpec, Summary

MODEL = "model"
FIXED_LIMITS = "fixed limits"
"""The naive way: mean ± 3 standard deviations of every property while the machine runs, with the same delay."""
TRAINED_SHARE = 0.6
"""The backtest trains on this much of a span and judges the rest."""
_NAIVE_SIGMA = 3.0
_HOUR_US = 3600 * 1_000_000


class Verdict(IntEnum):
    """What came of it; the numbers of the contract."""

    BETTER = 1
    NOT_BETTER = 2
    UNPROVEN = 3


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict, and the sentence that says why, with the figures."""

    verdict: Verdict
    text: str


def breakdowns(spec: AnomalySpec, table: Table) -> list[Event]:
    """The breakdowns of a table; a warning counts from the guard before each."""
    edges = np.diff(np.concatenate([[0], table.failed.astype(np.int8), [0]]))
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    guard_us = min(spec.guard, len(table)) * spec.step_us
    spans = zip((table.start_us + begins * spec.step_us).tolist(), (ends - begins).tolist(), strict=True)
    return [Event(begin - guard_us, begin, begin + steps * spec.step_us) for begin, steps in spans]


def fixed_limits(spec: AnomalySpec, table: Table, first: int) -> Floats:
    """float64[n - first]: scores of the naive way; its limits come from the steps before `first`."""
    runs = trailing((table.run_share >= 1.0).astype(np.float64), spec.window, Summary.MINIMUM) == 1.0
    worst = np.full(len(table), np.nan)
    for watched in spec.watched:
        values = np.where(runs, trailing(table.columns[watched], spec.window, watched.summary), np.nan)
        known = values[:first][np.isfinite(values[:first])]
        if len(known) > 1:
            spread = max(float(known.std()), 1e-9)
            worst = np.fmax(worst, np.abs(values - known.mean()) / (_NAIVE_SIGMA * spread))
    # A limit of a person has an on-delay too.
    return trailing(worst, spec.persistence, Summary.MINIMUM)[first:]


def backtest(spec: AnomalySpec, table: Table, first: int, known: Sequence[Event] | None) -> Mapping[str, Detection]:
    """One machine: trained on the first part of a span, judged on the rest, beside fixed limits.

    Args:
        spec: What to watch, and how.
        table: The machine; the steps before `first` are there for what came before.
        first: Where the span begins.
        known: Faults that people confirmed; None: nobody did, so that breakdowns stand in.

    Raises:
        NotEnoughDataError: The first part does not suffice.
    """
    split = first + int((len(table) - first) * TRAINED_SHARE)
    model = detector.train(spec, table.cut(0, split), first)
    scores = detector.score(model, table, split)
    rest = table.cut(split, len(table))
    there = [event for event in (breakdowns(spec, rest) if known is None else known) if event.end_us > rest.start_us]
    watched_us = rest.end_us - rest.start_us
    times, naive = scores.time_us, fixed_limits(spec, table, split)
    return {
        MODEL: detection(there, episodes(times, scores.score, spec.release), watched_us),
        FIXED_LIMITS: detection(there, episodes(times, naive, spec.release), watched_us),
    }


def pooled(parts: Sequence[Mapping[str, Detection]]) -> dict[str, Detection]:
    """The figures of all machines of a definition as one."""
    return {name: together([part[name] for part in parts]) for name in (MODEL, FIXED_LIMITS)}


def judge_detection(figures: Mapping[str, Detection]) -> Judgement:
    """Better if what it finds and what it raises in vain are together better than fixed limits (F1)."""
    model, naive = figures[MODEL], figures[FIXED_LIMITS]
    words = f"{_detected('The model', model)} {_detected('Fixed limits (mean ± 3 σ)', naive)}"
    if not model.events:
        return Judgement(Verdict.UNPROVEN, f"Nothing was there to be found in the span that was held back. {words}")
    if not model.alarms:
        words = f"It raised nothing in the span that was held back, so that nothing is proven. {words}"
        return Judgement(Verdict.UNPROVEN, words)
    if model.f1 > naive.f1:
        return Judgement(Verdict.BETTER, f"Better than fixed limits: F1 {model.f1:.2f} against {naive.f1:.2f}. {words}")
    return Judgement(
        Verdict.NOT_BETTER, f"Not better than fixed limits: F1 {model.f1:.2f} against {naive.f1:.2f}. {words}"
    )


def _detected(who: str, figures: Detection) -> str:
    lead = "" if math.isnan(figures.median_lead_us) else f", {figures.median_lead_us / 60e6:.0f} min ahead"
    return (
        f"{who}: {figures.found} of {figures.events} found{lead},"
        f" {figures.false_per_machine_week:.1f} false alarms per machine and week."
    )


def pooled_accuracy(parts: Sequence[Mapping[str, Accuracy]]) -> dict[str, Accuracy]:
    """The figures of all machines as one; the loss is scaled by machine so that large ones do not count alone."""
    names = list(parts[0]) if parts else []
    return {name: _mean([part[name] for part in parts]) for name in names}


def _mean(parts: Sequence[Accuracy]) -> Accuracy:
    weights = np.array([part.forecasts for part in parts], np.float64)
    if not weights.sum():
        return Accuracy(math.nan, math.nan, math.nan, 0)
    columns = np.array([[part.pinball, part.mase, part.coverage] for part in parts])
    mean = np.average(columns[weights > 0], axis=0, weights=weights[weights > 0])
    return Accuracy(float(mean[0]), float(mean[1]), float(mean[2]), int(weights.sum()))


def judge_accuracy(figures: Mapping[str, Accuracy]) -> Judgement:
    """Better if its quantiles lose less (pinball) than those of every naive forecast."""
    model = figures[MODEL]
    words = " ".join(
        f"{name}: pinball {each.pinball:.4g}, MASE {each.mase:.2f}, {each.coverage:.0%} within 90 %."
        for name, each in figures.items()
    )
    if not model.forecasts:
        return Judgement(Verdict.UNPROVEN, "Nothing could be forecast in the span that was held back.")
    best = min(each.pinball for name, each in figures.items() if name != MODEL)
    if model.pinball < best:
        return Judgement(Verdict.BETTER, f"Better than every naive forecast. {words}")
    return Judgement(Verdict.NOT_BETTER, f"Not better than the best naive forecast. {words}")
