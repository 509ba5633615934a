"""A KPI before an app and with it.

The two values are of the machines that are bound now. They stand beside each other, with what is doubtful about them;
what the difference comes from nobody here can know, and nothing here says so.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from dualspan_marketplace.usage.model import Stretch

DEFAULT_KPI = "oee"
DEFAULT_DAYS = 28
MOST_DAYS = 90
# Less data than that, or a shorter time, and chance alone makes a difference.
LEAST_GOOD_SHARE = 0.8
LEAST_TIME = timedelta(days=7)


class Doubt(Enum):
    """Why the two should not be compared."""

    NONE = ""
    NOT_ASKED = "not-asked"
    UNKNOWN = "unknown"
    FEW_DATA = "few-data"
    SHORT = "short"


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is compared; without a KPI, nothing is."""

    kpi: str = DEFAULT_KPI
    days: int = DEFAULT_DAYS


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time: [start, end)."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Measured:
    """A KPI as analytics computed it; NaN where it cannot be.

    Attributes:
        unit: UCUM; "" if it has none.
        good_share: Share of the time with good data.
        reason: Why there is no value, or what is doubtful about it.
    """

    value: float
    unit: str = ""
    good_share: float = 0.0
    reason: str = ""


UNASKED = Measured(math.nan)
"""Of a span that analytics was not asked for, or did not answer for."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A line of a statement about a KPI."""

    subscription_id: str
    app_id: str
    kpi: str
    before: Measured
    before_span: Span
    after: Measured
    after_span: Span
    doubt: Doubt

    @property
    def reason(self) -> str:
        """What analytics says about the values."""
        return self.before.reason or self.after.reason


def spans(baseline: Baseline, stretches: Sequence[Stretch], month: Span) -> tuple[Span, Span] | None:
    """What is compared: the days before the first start, and the time since within a month.

    Args:
        baseline: How many days.
        stretches: Of the subscription, in order of time.
        month: Of the statement.

    Returns:
        Both spans; None if it did not run in the month.
    """
    known = [each for each in stretches if each.start < month.end]
    first = next((each.start for each in known if each.running), None)
    if first is None:
        return None
    end = month.end if known[-1].running else known[-1].start
    since = Span(max(first, month.start), end)
    return (Span(first - timedelta(days=baseline.days), first), since) if since.start < since.end else None


def doubt(before: Measured, after: Measured, after_span: Span, *, asked: bool) -> Doubt:
    """Why the two should not be compared."""
    if not asked:
        return Doubt.NOT_ASKED
    if math.isnan(before.value) or math.isnan(after.value):
        return Doubt.UNKNOWN
    if min(before.good_share, after.good_share) < LEAST_GOOD_SHARE:
        return Doubt.FEW_DATA
    return Doubt.SHORT if after_span.end - after_span.start < LEAST_TIME else Doubt.NONE
