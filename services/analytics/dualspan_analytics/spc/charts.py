"""A chart from subgroups: phase I, in which limits are estimated, and phase II, in which they are fixed."""

from collections.abc import Sequence

import numpy as np

from dualspan_analytics.spc import weighted
from dualspan_analytics.spc.attributes import check_counts, counts_panel, estimate_counts
from dualspan_analytics.spc.model import (
    COUNTING,
    ChartError,
    ChartKind,
    Counts,
    Drawn,
    Estimate,
    Exclusion,
    Flags,
    Panel,
    Shift,
    Subgroups,
    Tuning,
)
from dualspan_analytics.spc.rules import Rule, Violation, violations
from dualspan_analytics.spc.variables import estimate_variables, individuals, mean_and_deviation, mean_and_range

_ENOUGH = 20
_WITH_MEMORY = frozenset({ChartKind.EWMA, ChartKind.CUSUM})


def draw(
    kind: ChartKind,
    data: Subgroups | Counts,
    tuning: Tuning,
    *,
    fixed: Estimate | None = None,
    exclusions: Sequence[Exclusion] = (),
) -> Drawn:
    """Draw a chart.

    Args:
        kind: Of the chart.
        data: `Counts` for P, NP, C and U, `Subgroups` for any other.
        tuning: What is set about it.
        fixed: Limits of phase II; estimated from the data, as phase I has it, if None.
        exclusions: Points that limits are not made from and rules do not look at.

    Raises:
        ChartError: It cannot be drawn; the text says why.
    """
    tuning.check()
    excluded = reasons(data, exclusions)
    included = np.array([not reason for reason in excluded], np.bool_)
    if isinstance(data, Counts) != (kind in COUNTING):
        raise ChartError("WRONG_DATA", "Charts of counts need counts, charts of values need values.")
    shifts: list[Shift] = []
    if isinstance(data, Counts):
        estimate = fixed or estimate_counts(kind, data, included)
        check_counts(kind, data)
        panels: tuple[Panel, ...] = (counts_panel(kind, data, estimate, tuning),)
    else:
        estimate = fixed or estimate_variables(kind, data, included, tuning)
        # What has a memory must not remember what is left out.
        plotted = data.emptied(~included) if kind in _WITH_MEMORY else data
        panels = _panels(kind, plotted, estimate, tuning)
        shifts = weighted.shifts(plotted, estimate, tuning) if kind is ChartKind.CUSUM else shifts
    notes = _notes(data, included, estimate, is_fixed=fixed is not None)
    return Drawn(panels, estimate, excluded, notes, tuple(shifts))


def broken_rules(drawn: Drawn, rules: Sequence[Rule]) -> list[Violation]:
    """What breaks the rules on any panel of a chart, in the order of the points."""
    included = np.array([not reason for reason in drawn.excluded], np.bool_)
    found = [violation for panel in drawn.panels for violation in violations(panel, rules, included)]
    return sorted(found, key=lambda violation: violation.signalled)


def reasons(data: Subgroups | Counts, exclusions: Sequence[Exclusion]) -> tuple[str, ...]:
    """Why each point is excluded, "" where it is not; the first exclusion that has it counts."""
    result = np.full(len(data), "", object)
    for exclusion in reversed(exclusions):
        result[(data.start >= exclusion.start) & (data.start < exclusion.end)] = exclusion.reason or "excluded"
    return tuple(result.tolist())


def _panels(kind: ChartKind, data: Subgroups, estimate: Estimate, tuning: Tuning) -> tuple[Panel, ...]:
    if kind is ChartKind.INDIVIDUALS:
        return individuals(data, estimate, tuning)
    if kind is ChartKind.XBAR_R:
        return mean_and_range(data, estimate, tuning)
    if kind is ChartKind.XBAR_S:
        return mean_and_deviation(data, estimate, tuning)
    if kind is ChartKind.EWMA:
        return (weighted.ewma(data, estimate, tuning),)
    return weighted.cusum(data, estimate, tuning)


def _notes(data: Subgroups | Counts, included: Flags, estimate: Estimate, *, is_fixed: bool) -> tuple[str, ...]:
    notes: list[str] = []
    left_out = int(data.left_out.sum())
    if left_out:
        notes.append(f"{left_out} samples were Bad or not a number and are left out.")
    if isinstance(data, Subgroups) and data.spare:
        notes.append(f"{data.spare} samples do not fill a subgroup and wait for the next.")
    if isinstance(data, Counts) and data.resets:
        notes.append(
            f"Counters were reset, set back or showed what cannot be true {data.resets} times; what they counted then "
            "is not in the counts."
        )
    empty = int((~(data.size > 0)).sum())
    if empty:
        notes.append(f"{empty} points have no usable sample and are not drawn; runs do not reach across them.")
    if not included.all():
        notes.append(f"{int((~included).sum())} points are excluded; limits are not made from them.")
    if not is_fixed and estimate.points < _ENOUGH:
        notes.append(
            f"The limits are made from {estimate.points} points; {_ENOUGH} or more are needed to rely on them."
        )
    return tuple(notes)
