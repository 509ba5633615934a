"""Run rules: what is improbable in a process that only common causes act on.

Western Electric (Statistical Quality Control Handbook, 1956) and Nelson (Journal of Quality Technology 16, 1984,
237-239), over whole charts at once. A point without a value ends every run: rules speak of consecutive points.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.spc.model import Flags, Floats, Panel


class Rule(IntEnum):
    """A run rule; the numbers of the contract."""

    BEYOND_LIMITS = 1
    WE_TWO_OF_THREE = 2
    WE_FOUR_OF_FIVE = 3
    WE_EIGHT_ON_ONE_SIDE = 4
    NELSON_NINE_ON_ONE_SIDE = 12
    NELSON_SIX_TREND = 13
    NELSON_FOURTEEN_ALTERNATING = 14
    NELSON_TWO_OF_THREE = 15
    NELSON_FOUR_OF_FIVE = 16
    NELSON_FIFTEEN_NEAR = 17
    NELSON_EIGHT_FAR = 18


WESTERN_ELECTRIC = (
    Rule.BEYOND_LIMITS,
    Rule.WE_TWO_OF_THREE,
    Rule.WE_FOUR_OF_FIVE,
    Rule.WE_EIGHT_ON_ONE_SIDE,
)
NELSON = (
    Rule.BEYOND_LIMITS,
    Rule.NELSON_NINE_ON_ONE_SIDE,
    Rule.NELSON_SIX_TREND,
    Rule.NELSON_FOURTEEN_ALTERNATING,
    Rule.NELSON_TWO_OF_THREE,
    Rule.NELSON_FOUR_OF_FIVE,
    Rule.NELSON_FIFTEEN_NEAR,
    Rule.NELSON_EIGHT_FAR,
)
_TITLES = {
    Rule.BEYOND_LIMITS: "Western Electric 1, Nelson 1",
    Rule.WE_TWO_OF_THREE: "Western Electric 2",
    Rule.WE_FOUR_OF_FIVE: "Western Electric 3",
    Rule.WE_EIGHT_ON_ONE_SIDE: "Western Electric 4",
    Rule.NELSON_NINE_ON_ONE_SIDE: "Nelson 2",
    Rule.NELSON_SIX_TREND: "Nelson 3",
    Rule.NELSON_FOURTEEN_ALTERNATING: "Nelson 4",
    Rule.NELSON_TWO_OF_THREE: "Nelson 5",
    Rule.NELSON_FOUR_OF_FIVE: "Nelson 6",
    Rule.NELSON_FIFTEEN_NEAR: "Nelson 7",
    Rule.NELSON_EIGHT_FAR: "Nelson 8",
}

# Zones presuppose a symmetric, nearly normal statistic; ranges, standard deviations and counts are neither.
_OF_ASYMMETRIC = frozenset(
    {
        Rule.BEYOND_LIMITS,
        Rule.WE_EIGHT_ON_ONE_SIDE,
        Rule.NELSON_NINE_ON_ONE_SIDE,
        Rule.NELSON_SIX_TREND,
        Rule.NELSON_FOURTEEN_ALTERNATING,
    }
)
# Neighbours of these are correlated by construction, so runs say nothing.
_ONLY_LIMITS = frozenset({"moving range", "ewma", "upper sum", "lower sum"})
_SYMMETRIC = frozenset({"individuals", "mean"})


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that the points of a panel break.

    Attributes:
        panel: Name of the panel.
        rule: Which one.
        signalled: Index of the point at which the rule was broken first.
        points: Indices of all points concerned, ascending; a run that goes on is one violation.
        text: What is there to see, in words.
    """

    panel: str
    rule: Rule
    signalled: int
    points: tuple[int, ...]
    text: str


def applicable(panel: str, rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Those of the rules that mean something on a panel."""
    if panel in _ONLY_LIMITS:
        return tuple(rule for rule in rules if rule is Rule.BEYOND_LIMITS)
    if panel in _SYMMETRIC:
        return tuple(rules)
    return tuple(rule for rule in rules if rule in _OF_ASYMMETRIC)


def violations(panel: Panel, rules: Sequence[Rule], included: Flags) -> list[Violation]:
    """What breaks the applicable rules, in the order of the points.

    Args:
        panel: Of k points.
        rules: Which to check.
        included: bool[k]: points left out of it end runs and break no rule.
    """
    zone = np.where(included, panel.zone, np.nan)
    found = [
        Violation(panel.name, rule, run.signalled, tuple(run.points.tolist()), run.text)
        for rule in dict.fromkeys(applicable(panel.name, rules))
        for run in (_beyond(panel, included) if rule is Rule.BEYOND_LIMITS else _RUNS[rule](zone))
    ]
    return sorted(found, key=lambda violation: (violation.signalled, violation.rule))


def title(rule: Rule) -> str:
    """How people call it."""
    return _TITLES[rule]


@dataclass(frozen=True, slots=True)
class _Run:
    """Points that break a rule together, and the one at which they first did."""

    signalled: int
    points: NDArray[np.int64]
    text: str


def _beyond(panel: Panel, included: Flags) -> list[_Run]:
    runs: list[_Run] = []
    for index in np.flatnonzero(panel.is_beyond & included).tolist():
        is_above = panel.value[index] > panel.upper[index]
        limit = panel.upper[index] if is_above else panel.lower[index]
        text = f"{panel.value[index]:.6g} is {'above the upper' if is_above else 'below the lower'} limit {limit:.6g}"
        runs.append(_Run(index, np.array([index]), text))
    return runs


def _one_side(zone: Floats, length: int) -> list[_Run]:
    return [
        _Run(signalled, points, f"{len(points)} points in a row {word} the centre line")
        for side, word in ((zone > 0, "above"), (zone < 0, "below"))
        for signalled, points in _found(side, length, length)
    ]


def _some_of(zone: Floats, needed: int, length: int, beyond: float) -> list[_Run]:
    text = f"{needed} of {length} points in a row more than {beyond:g} sigma"
    return [
        _Run(signalled, points, f"{text} {word} the centre line")
        for side, word in ((zone > beyond, "above"), (zone < -beyond, "below"))
        for signalled, points in _found(side, needed, length, ends=np.isnan(zone))
    ]


def _trend(zone: Floats) -> list[_Run]:
    steps = np.diff(zone)
    runs: list[_Run] = []
    for side, word in ((steps > 0, "rising"), (steps < 0, "falling")):
        for signalled, at in _found(side, 5, 5):  # six points have five steps
            points = np.append(at, at[-1] + 1)
            runs.append(_Run(signalled + 1, points, f"{len(points)} points in a row {word}"))
    return runs


def _alternating(zone: Floats) -> list[_Run]:
    steps = np.sign(np.diff(zone))
    turns = steps[1:] * steps[:-1] < 0
    runs: list[_Run] = []
    for signalled, at in _found(turns, 12, 12):  # fourteen points have twelve turns, each at the middle of three
        points = np.arange(at[0], at[-1] + 3)
        runs.append(_Run(signalled + 2, points, f"{len(points)} points in a row up and down in turn"))
    return runs


def _near(zone: Floats) -> list[_Run]:
    return [
        _Run(signalled, points, f"{len(points)} points in a row within 1 sigma of the centre line")
        for signalled, points in _found(np.abs(zone) < 1, 15, 15)
    ]


def _far(zone: Floats) -> list[_Run]:
    flags = np.abs(zone) > 1
    above = np.r_[0, np.cumsum(zone > 0)]
    length = 8
    ends = np.arange(len(zone)) + 1
    begins = np.maximum(ends - length, 0)
    high = above[ends] - above[begins]
    text = "points in a row more than 1 sigma from the centre line, on both sides of it"
    return [
        _Run(signalled, points, f"{len(points)} {text}")
        for signalled, points in _found(flags, length, length, only=(high > 0) & (high < length))
    ]


def _found(
    flags: Flags, needed: int, length: int, *, ends: Flags | None = None, only: Flags | None = None
) -> list[tuple[int, NDArray[np.int64]]]:
    """Where at least `needed` of the last `length` flags are set, the last one among them.

    Args:
        flags: bool[k].
        needed: So many flags break a rule.
        length: Among so many in a row.
        ends: bool[k]: what lies before a point set here does not count after it.
        only: bool[k]: flags at which a rule can be broken; everywhere by default.

    Returns:
        For each run of overlapping findings: where the rule was broken first, and all flags concerned.
    """
    index = np.arange(len(flags))
    begins = np.maximum(index - length + 1, 0)
    if ends is not None and len(ends):
        begins = np.maximum(begins, np.maximum.accumulate(np.where(ends, index + 1, 0)))
    total = np.r_[0, np.cumsum(flags)]
    broken = flags & (total[index + 1] - total[np.minimum(begins, index + 1)] >= needed)
    if only is not None:
        broken &= only
    at = np.flatnonzero(broken)
    if not len(at):
        return []
    # Two findings are one run if the later one reaches back to the earlier one.
    starts = np.r_[True, begins[at[1:]] > at[:-1]]
    groups = np.split(at, np.flatnonzero(starts)[1:])
    return [(int(group[0]), _set(flags, int(begins[group[0]]), int(group[-1]))) for group in groups]


def _set(flags: Flags, first: int, last: int) -> NDArray[np.int64]:
    return first + np.flatnonzero(flags[first : last + 1])


_RUNS: dict[Rule, Callable[[Floats], list[_Run]]] = {
    Rule.WE_TWO_OF_THREE: lambda zone: _some_of(zone, 2, 3, 2.0),
    Rule.WE_FOUR_OF_FIVE: lambda zone: _some_of(zone, 4, 5, 1.0),
    Rule.WE_EIGHT_ON_ONE_SIDE: lambda zone: _one_side(zone, 8),
    Rule.NELSON_NINE_ON_ONE_SIDE: lambda zone: _one_side(zone, 9),
    Rule.NELSON_SIX_TREND: _trend,
    Rule.NELSON_FOURTEEN_ALTERNATING: _alternating,
    Rule.NELSON_TWO_OF_THREE: lambda zone: _some_of(zone, 2, 3, 2.0),
    Rule.NELSON_FOUR_OF_FIVE: lambda zone: _some_of(zone, 4, 5, 1.0),
    Rule.NELSON_FIFTEEN_NEAR: _near,
    Rule.NELSON_EIGHT_FAR: _far,
}
