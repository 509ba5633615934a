"""What a process can hold: Cp, Cpk, Pp and Ppk, with confidence intervals.

Cp and Cpk from the standard deviation within subgroups, Pp and Ppk from that of all values (ISO 22514-2; Montgomery,
8.3 and 8.4). Intervals: Cp and Pp from chi-square (Kane 1986; Montgomery 8.3.4), Cpk and Ppk after Bissell (1990,
"How reliable is your capability index?", Applied Statistics 39; Montgomery 8.3.4).
"""

import math
from dataclasses import dataclass

import numpy as np

from dualspan_analytics.spc.model import ChartError, Estimate, Floats
from dualspan_runtime.errors import InvalidArgument

_FEW = 50
# Below this, a normal process looks like this one so seldom that the indices should not be read as for a normal one.
_SUSPICIOUS = 0.01
# D'Agostino and Pearson's test is an approximation that needs so many values.
_TESTABLE = 20


@dataclass(frozen=True, slots=True)
class Specification:
    """What values may be; NaN where there is no limit."""

    lower: float = math.nan
    upper: float = math.nan

    @property
    def is_stated(self) -> bool:
        """Whether there is a limit at all."""
        return not (math.isnan(self.lower) and math.isnan(self.upper))

    def check(self) -> "Specification":
        """Return it; raises InvalidArgument `SPECIFICATION_EMPTY` if no value could satisfy it."""
        if self.lower >= self.upper or math.isinf(self.lower) or math.isinf(self.upper):
            words = f"The lower specification limit {self.lower:g} must be below the upper one, {self.upper:g}."
            raise InvalidArgument("SPECIFICATION_EMPTY", words)
        return self


@dataclass(frozen=True, slots=True)
class Index:
    """A capability index and the interval that covers it with the confidence asked for; NaN where it has no meaning."""

    value: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Capability:
    """How a process stands to its specification.

    Attributes:
        specification: What it was held against.
        cp: Of the spread within subgroups; NaN with one limit.
        cpk: The same, off the middle as it is.
        pp: Of the spread of all values; NaN with one limit.
        ppk: The same, off the middle as it is.
        mean: Of all values.
        within: Standard deviation within subgroups.
        overall: Sample standard deviation of all values.
        values: How many there were.
        outside: How many lay outside the specification.
        confidence: Of the intervals.
        notes: What a reader must know before believing the numbers.
    """

    specification: Specification
    cp: Index
    cpk: Index
    pp: Index
    ppk: Index
    mean: float
    within: float
    overall: float
    values: int
    outside: int
    confidence: float
    notes: tuple[str, ...]


def capability(
    values: Floats, estimate: Estimate, specification: Specification, *, confidence: float = 0.95, violations: int = 0
) -> Capability:
    """Hold a process against its specification.

    Args:
        values: float64[n], finite: all values that count, not means of subgroups.
        estimate: Has the standard deviation within subgroups, and its degrees of freedom.
        specification: What values may be.
        confidence: Of the intervals, in (0, 1).
        violations: How many run rules its chart breaks.

    Raises:
        InvalidArgument: There is no limit, or the confidence cannot be.
        ChartError: There are fewer than two values.
    """
    specification.check()
    if not specification.is_stated:
        raise InvalidArgument("SPECIFICATION_MISSING", "State a lower or an upper specification limit.")
    check_confidence(confidence)
    if len(values) < 2:
        raise ChartError("TOO_FEW_POINTS", "Capability needs two values at the least, and 50 to be of use.")
    mean, overall = float(values.mean()), float(values.std(ddof=1))
    outside = int(((values < specification.lower) | (values > specification.upper)).sum())
    count, degrees = len(values), len(values) - 1.0
    return Capability(
        specification=specification,
        cp=potential(specification, estimate.sigma, estimate.degrees, confidence),
        cpk=actual(specification, mean, estimate.sigma, count, estimate.degrees, confidence),
        pp=potential(specification, overall, degrees, confidence),
        ppk=actual(specification, mean, overall, count, degrees, confidence),
        mean=mean,
        within=estimate.sigma,
        overall=overall,
        values=count,
        outside=outside,
        confidence=confidence,
        notes=_notes(values, violations),
    )


def check_confidence(confidence: float) -> float:
    """Return it; raises InvalidArgument `CONFIDENCE_OUT_OF_RANGE` if it is none."""
    if not 0 < confidence < 1:
        raise InvalidArgument("CONFIDENCE_OUT_OF_RANGE", f"A confidence of {confidence:g} is not between 0 and 1.")
    return confidence


def potential(specification: Specification, sigma: float, degrees: float, confidence: float) -> Index:
    """Cp or Pp: (USL - LSL) / 6σ; its interval follows from that of σ (chi-square with `degrees`)."""
    from scipy.stats import chi2

    value = _ratio(specification.upper - specification.lower, 6 * sigma)
    if math.isinf(degrees) or math.isnan(value):
        return Index(value, value, value)
    tail = (1 - confidence) / 2
    low, high = (math.sqrt(float(chi2.ppf(share, degrees)) / degrees) for share in (tail, 1 - tail))
    return Index(value, value * low, value * high)


def actual(
    specification: Specification, mean: float, sigma: float, count: int, degrees: float, confidence: float
) -> Index:
    """Cpk or Ppk: distance of the mean from the nearer limit, in 3σ; interval after Bissell (1990)."""
    from scipy.stats import norm

    distance = float(np.nanmin([specification.upper - mean, mean - specification.lower]))
    value = _ratio(distance, 3 * sigma)
    half = float(norm.ppf((1 + confidence) / 2)) * math.sqrt(1 / (9 * count) + value**2 / (2 * degrees))
    return Index(value, value - half, value + half)


def _ratio(distance: float, spread: float) -> float:
    return distance / spread if spread > 0 else math.nan


def _notes(values: Floats, violations: int) -> tuple[str, ...]:
    from scipy.stats import normaltest

    notes: list[str] = []
    if violations:
        notes.append(
            f"The chart breaks {violations} run rules: a process that is not in control has no capability to state."
        )
    if len(values) < _FEW:
        notes.append(f"{len(values)} values are few; the intervals say how little is known.")
    if len(values) >= _TESTABLE and np.ptp(values) > 0:
        chance = float(normaltest(values).pvalue)
        if chance < _SUSPICIOUS:
            notes.append(
                f"The values are not normally distributed (D'Agostino and Pearson, p = {chance:.2g}): the indices do "
                "not say which share lies outside."
            )
    return tuple(notes)
