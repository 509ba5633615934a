"""What is shown of enterprises' figures gives none of them away."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_analytics.sharing.disclosure import (
    BAND,
    DOMINATED,
    NESTED,
    P_PERCENT,
    Quartiles,
    Refusal,
    bands,
    quartiles,
    rounded,
    tells_of_few,
    too_few,
)
from dualspan_analytics.sharing.model import Benchmark, Group, GroupKind, closed_month, month_of, month_span
from dualspan_analytics.sharing.publication import Gathered, publication
from dualspan_runtime.errors import InvalidArgument

MOULDING = Group(GroupKind.MODEL, "injection-moulding-machine")
PLASTICS = Group(GroupKind.INDUSTRY, "injection-moulding")


def test_below_the_minimum_nothing_is_shown() -> None:
    assert quartiles(np.array([0.6, 0.65, 0.7, 0.75]), 5) == too_few(5)
    assert isinstance(quartiles(np.array([0.6, 0.65, 0.7, 0.75, 0.8]), 5), Quartiles)
    assert "Fewer than 5 enterprises" in too_few(5).reason


def test_quartiles_are_means_of_three_rounded() -> None:
    found = quartiles(np.array([0.80, 0.55, 0.62, 0.71, 0.66, 0.68]), 5)
    assert found == Quartiles(lower=0.61, median=0.67, upper=0.73, at_least=5)
    nine = quartiles(np.arange(1, 10) / 10, 5)
    assert nine == Quartiles(lower=0.3, median=0.5, upper=0.7, at_least=5)


@pytest.mark.parametrize("count", range(5, 60))
def test_nobody_can_solve_for_another(count: int) -> None:
    """Who takes the own figure and all means that are shown knows no linear combination that is one other's figure."""
    shown = np.zeros((len(bands(count)), count))
    for row, band in zip(shown, bands(count), strict=True):
        assert len(range(count)[band]) == BAND
        row[band] = 1.0
    for asker in range(count):
        known = np.vstack([shown, np.eye(count)[asker]])
        rank = np.linalg.matrix_rank(known)
        for other in set(range(count)) - {asker}:
            assert np.linalg.matrix_rank(np.vstack([known, np.eye(count)[other]])) == rank + 1, (asker, other)


def test_a_figure_that_dominates_its_quartile_is_refused() -> None:
    """The p% rule: of 0, 0.001 and 0.5 the second, who takes the own off the total, has the largest to within 10 %."""
    assert quartiles(np.array([0.0, 0.0, 0.0, 0.001, 0.5]), 5) == DOMINATED
    assert quartiles(np.array([-3.0, 0.1, 0.1, 0.1, 0.1]), 5) == DOMINATED
    # All nothing: the mean would tell each one's figure.
    assert quartiles(np.zeros(12), 5) == DOMINATED


@given(st.lists(st.floats(0.001, 1.0), min_size=5, max_size=40))
def test_what_is_shown_obeys_the_p_percent_rule_and_lies_within(values: list[float]) -> None:
    found = quartiles(np.array(values), 5)
    ascending = sorted(values)
    if isinstance(found, Refusal):
        for band in bands(len(values)):
            third, second, first = ascending[band]
            if (first + second + third) - second < first * (1 + P_PERCENT / 100):
                return
        pytest.fail("refused although no figure dominates")
    assert rounded(ascending[0]) <= found.lower <= found.median <= found.upper <= rounded(ascending[-1])
    assert found.at_least <= len(values) < found.at_least + 5
    for shown in (found.lower, found.median, found.upper):
        assert shown == round(shown, 2)


def test_rounding() -> None:
    assert [rounded(value) for value in (0.81234, 0.0123, 35.27, 1234.5, 0.0, -0.55555)] == [
        0.81,
        0.01,
        35.0,
        1200.0,
        0.0,
        -0.56,
    ]


def test_groups_that_differ_by_one_or_two_are_not_both_shown() -> None:
    names = [f"t{number}" for number in range(9)]
    assert not tells_of_few(set(names), set(names))
    for fewer, told in ((1, True), (2, True), (3, False)):
        assert tells_of_few(set(names[fewer:]), set(names)) is told
        assert tells_of_few(set(names), set(names[fewer:])) is told


def figures(members: int) -> dict[str, float]:
    return {f"t{number}": 0.5 + number / 50 for number in range(members)}


@pytest.mark.parametrize(("wider", "refused"), [(6, False), (7, True), (8, True), (9, False)])
def test_the_wider_group_is_refused_where_the_difference_tells(wider: int, refused: bool) -> None:
    gathered = [Gathered("oee", PLASTICS, figures(wider)), Gathered("oee", MOULDING, figures(6))]
    decided = {benchmark.group: (benchmark, members) for benchmark, members in publication("2026-09", gathered, 5)}
    assert decided[MOULDING][0].refusal == ""
    assert decided[MOULDING][1] == figures(6).keys()
    assert decided[PLASTICS][0].refusal == (NESTED.reason if refused else "")


def test_a_refused_group_shows_no_figure() -> None:
    ((benchmark, members),) = publication("2026-09", [Gathered("oee", MOULDING, figures(4))], 5)
    assert benchmark == Benchmark(MOULDING, "oee", "2026-09", 0, None, None, None, too_few(5).reason)
    assert len(members) == 4


def test_other_kpis_are_no_reason_to_refuse() -> None:
    gathered = [Gathered("oee", MOULDING, figures(6)), Gathered("availability", PLASTICS, figures(7))]
    assert [each.refusal for each, _ in publication("2026-09", gathered, 5)] == ["", ""]


def test_months() -> None:
    start, end = month_span("2026-12")
    assert (month_of(start), month_of(end - 1), month_of(end)) == ("2026-12", "2026-12", "2027-01")
    for wrong in ("2026-13", "2026-1", "", "2026-00", "26-01"):
        with pytest.raises(InvalidArgument) as raised:
            month_span(wrong)
        assert raised.value.reason == "BAD_MONTH"


def test_a_month_is_due_some_days_after_it_ended() -> None:
    day, january = 86_400_000_000, month_span("2027-01")[0]
    for days in (0, 3):
        assert closed_month(january + days * day, timedelta(days=days)) == "2026-12"
        assert closed_month(january + days * day - 1, timedelta(days=days)) == "2026-11"
