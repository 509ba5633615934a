"""Whether two versions of an app write the same. Columnar: arrays in, counts out.

Both versions read the same tags; each writes when it comes to it. So a sample of the old version is held against the
new one's nearest in time: at the same instant where an app stamps its results with the time of what they are of.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dualspan_manifest import Comparison
from dualspan_marketplace.upgrades.model import Outcome, Verdict

Values: TypeAlias = NDArray[Any]

# The new version may begin to write so late, as a share of the time that is compared.
_WARM_UP = 0.5
# What is written in the last part of that time may be on its way still.
_ON_ITS_WAY = 0.1


@dataclass(frozen=True, slots=True)
class Series:
    """What one version wrote for one output of one asset.

    Attributes:
        time: int64 microseconds, rising.
        value: float64, int64, bool or texts (object), as long as `time`.
        good: Bool: OPC UA status Good (Part 4, 7.39), as long as `time`.
    """

    time: NDArray[np.int64]
    value: Values
    good: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Compared:
    """One output of one asset.

    Attributes:
        samples: Of the old version, that were compared.
        within: Of them, those that the new version agrees with.
        missing: Of them, those for which it wrote nothing.
        largest: The largest difference, in the output's unit.
        share: So many were to be within.
    """

    output: str
    asset: str
    samples: int
    within: int
    missing: int
    largest: float
    share: float

    @property
    def passed(self) -> bool:
        """Whether enough were within; nothing compared is nothing wrong."""
        return self.within >= self.share * self.samples

    @property
    def words(self) -> str:
        """For a person."""
        of = f"{self.output} of {self.asset}" if self.asset else self.output
        if not self.samples:
            return f"{of}: the old version wrote nothing to compare with."
        rate = f"{self.within} of {self.samples} samples ({self.within / self.samples:.1%}) agree"
        needed = f"{self.share:.1%} are needed"
        missing = f", for {self.missing} the new version wrote none" if self.missing else ""
        apart = f", the largest difference is {self.largest:.6g}" if self.largest else ""
        return f"{of}: {rate}, {needed}{missing}{apart}."


def compare(old: Series, new: Series, rule: Comparison, asset: str, span: tuple[int, int]) -> Compared:
    """Hold what one version wrote against what the other did.

    Args:
        old: Of the version that runs.
        new: Of the version that is tried.
        rule: How near they must be.
        asset: Id of the asset; "" for a result of the whole.
        span: Microseconds: since both run, and now. What the new version wrote of times before is compared as well:
            an app that begins may write the results of hours that have gone.
    """
    begin, end = span
    length = end - begin
    first = int(new.time[0]) if len(new.time) else end
    begin = min(first, begin + round(length * _WARM_UP))
    end -= round(length * _ON_ITS_WAY)
    chosen = (old.time >= begin) & (old.time < end) & old.good
    time, value = old.time[chosen], old.value[chosen]
    # Results come a step apart; one that is further away than half of it belongs to another.
    step = int(np.median(np.diff(time))) if len(time) > 1 else length
    match = _nearest(time, new.time, step // 2)
    there = match >= 0
    same = np.zeros(len(time), np.bool_)
    apart = np.zeros(0)
    if there.any():
        same[there], apart = _agree(value[there], new.value[match[there]], rule)
        same[there] &= new.good[match[there]]
    finite = apart[np.isfinite(apart)]
    return Compared(
        output=rule.output,
        asset=asset,
        samples=len(time),
        within=int(same.sum()),
        missing=int((~there).sum()),
        largest=float(finite.max()) if len(finite) else 0.0,
        share=rule.share,
    )


def _nearest(wanted: NDArray[np.int64], times: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """For each time the index of the nearest other one, no further than `most`; -1 if there is none."""
    if not len(times):
        return np.full(len(wanted), -1, np.int64)
    after = np.searchsorted(times, wanted)
    before = np.maximum(after - 1, 0)
    after = np.minimum(after, len(times) - 1)
    nearest = np.where(np.abs(times[after] - wanted) <= np.abs(times[before] - wanted), after, before)
    return np.where(np.abs(times[nearest] - wanted) <= most, nearest, -1).astype(np.int64)


def _agree(old: Values, new: Values, rule: Comparison) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether values agree, and how far they are apart."""
    numeric = old.dtype.kind in "if" and new.dtype.kind in "if"
    if not numeric:
        return np.asarray(old == new, np.bool_).reshape(len(old)), np.zeros(len(old))
    first, second = old.astype(np.float64), new.astype(np.float64)
    with np.errstate(invalid="ignore"):
        apart = np.abs(second - first)
        allowed = np.maximum(rule.tolerance, rule.relative * np.abs(first))
    # Equal infinities are no number apart, and neither is nothing from nothing.
    equal = (first == second) | (np.isnan(first) & np.isnan(second))
    return equal | (np.isfinite(apart) & (apart <= allowed)), np.where(equal, 0.0, apart)


def judge(compared: Sequence[Compared], seconds: float) -> Verdict:
    """What comparisons come to together: every output of every asset must agree, and anything must have been compared.

    Args:
        compared: Of each output that the manifest names, and each asset; empty if it names none.
        seconds: For so long both have run.
    """
    beside = f"The new version ran for {seconds:.0f} s beside the old one"
    if not compared:
        return Verdict(Outcome.ALIKE, f"{beside} and answered all the time; its manifest names nothing to compare.")
    failed = [each for each in compared if not each.passed]
    if failed:
        more = f" And {len(failed) - 3} more." if len(failed) > 3 else ""
        return Verdict(Outcome.DIFFERENT, f"{beside} and wrote something else. {_said(failed[:3])}{more}")
    useful = [each for each in compared if each.samples]
    if not useful:
        names = ", ".join(sorted({each.output for each in compared}))
        return Verdict(
            Outcome.SILENT, f"{beside}, and the old one wrote nothing of {names}: nothing could be compared."
        )
    within, samples = sum(each.within for each in useful), sum(each.samples for each in useful)
    names = ", ".join(sorted({each.output for each in useful}))
    apart = [each for each in useful if each.within < each.samples]
    worst = f" {min(apart, key=lambda each: each.within / each.samples).words}" if apart else ""
    agree = f"{within} of {samples} samples of {names} agree."
    return Verdict(Outcome.ALIKE, f"{beside} and wrote the same within the tolerances: {agree}{worst}")


def _said(compared: Sequence[Compared]) -> str:
    return " ".join(each.words for each in compared)
