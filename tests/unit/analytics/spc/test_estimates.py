"""Estimates of spread: unbiased whatever the sizes, with intervals that cover as often as they say."""

import numpy as np
import pytest

from dualspan_analytics.spc.capability import Specification, capability
from dualspan_analytics.spc.model import ChartError, ChartKind, Estimate, Subgroups, Tuning
from dualspan_analytics.spc.variables import estimate_variables
from dualspan_runtime.errors import InvalidArgument

SEED = 7


def subgroups(values: np.ndarray, sizes: np.ndarray) -> Subgroups:
    at = np.arange(len(sizes), dtype=np.int64)
    return Subgroups(at, at, np.concatenate([[0], np.cumsum(sizes)]), values, np.zeros(len(sizes), np.int64))


@pytest.mark.parametrize("kind", [ChartKind.XBAR_R, ChartKind.XBAR_S, ChartKind.INDIVIDUALS])
def test_sigma_and_its_degrees_of_freedom_are_right_on_average(kind: ChartKind) -> None:
    random = np.random.default_rng(SEED)
    sizes = np.ones(30, np.int64) if kind is ChartKind.INDIVIDUALS else random.integers(2, 9, 30)
    included, tuning = np.ones(30, np.bool_), Tuning(is_exact=True)
    found = [
        estimate_variables(kind, subgroups(random.normal(10.0, 2.0, int(sizes.sum())), sizes), included, tuning)
        for _ in range(1500)
    ]
    sigmas = np.array([estimate.sigma for estimate in found])
    assert sigmas.mean() == pytest.approx(2.0, rel=0.01)
    # A chi with ν degrees of freedom varies by about 1/√2ν of itself.
    assert sigmas.std() / 2.0 == pytest.approx(1 / np.sqrt(2 * found[0].degrees), rel=0.08)


def test_intervals_cover_the_true_index_as_often_as_they_say() -> None:
    random = np.random.default_rng(SEED)
    specification, covered = Specification(-4.0, 4.0), np.zeros(4)
    sizes = np.full(20, 5)
    for _ in range(600):
        data = subgroups(random.normal(1.0, 1.0, 100), sizes)
        estimate = estimate_variables(ChartKind.XBAR_R, data, np.ones(20, np.bool_), Tuning(is_exact=True))
        found = capability(data.values, estimate, specification, confidence=0.9)
        for at, (index, true) in enumerate(((found.cp, 8 / 6), (found.cpk, 1.0), (found.pp, 8 / 6), (found.ppk, 1.0))):
            covered[at] += index.lower <= true <= index.upper
    assert covered / 600 == pytest.approx(0.9, abs=0.04)


def test_one_limit_has_no_potential_and_what_lies_outside_is_counted() -> None:
    values = np.random.default_rng(SEED).normal(0.0, 1.0, 200)
    found = capability(values, Estimate(0.0, 1.0), Specification(upper=1.0), violations=3)
    assert np.isnan(found.cp.value)
    assert np.isnan(found.pp.upper)
    assert found.cpk.value == pytest.approx((1.0 - values.mean()) / 3)
    assert found.outside == int((values > 1.0).sum())
    assert found.notes == (
        "The chart breaks 3 run rules: a process that is not in control has no capability to state.",
    )


def test_what_is_not_normal_or_few_is_said() -> None:
    random = np.random.default_rng(SEED)
    skewed = capability(random.exponential(1.0, 200), Estimate(1.0, 1.0), Specification(upper=5.0))
    assert len(skewed.notes) == 1
    assert skewed.notes[0].startswith("The values are not normally distributed")
    few = capability(random.normal(size=10), Estimate(0.0, 1.0), Specification(upper=5.0))
    assert few.notes == ("10 values are few; the intervals say how little is known.",)


@pytest.mark.parametrize(
    ("specification", "confidence", "reason"),
    [
        (Specification(), 0.95, "SPECIFICATION_MISSING"),
        (Specification(2.0, 1.0), 0.95, "SPECIFICATION_EMPTY"),
        (Specification(1.0, 2.0), 1.0, "CONFIDENCE_OUT_OF_RANGE"),
    ],
)
def test_what_cannot_be_held_against_is_refused(specification: Specification, confidence: float, reason: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        capability(np.arange(50.0), Estimate(0.0, 1.0), specification, confidence=confidence)
    assert caught.value.reason == reason


def test_subgroups_of_one_have_no_range() -> None:
    data = subgroups(np.arange(5.0), np.ones(5, np.int64))
    with pytest.raises(ChartError, match="individuals"):
        estimate_variables(ChartKind.XBAR_R, data, np.ones(5, np.bool_), Tuning())
