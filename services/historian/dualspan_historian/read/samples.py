"""One tag's samples as aggregates see them."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dualspan_historian.model import HELD, HELD_BITS, SEVERITY_BAD, SEVERITY_UNCERTAIN


@dataclass(frozen=True, slots=True)
class Rules:
    """How raw data becomes an aggregate: Part 13, 4.2.1.2, and the tag's Stepped property.

    Attributes:
        sloped: Between samples the value is a straight line; otherwise it holds.
        treat_uncertain_as_bad: Uncertain raw data counts as bad; otherwise as good.
        percent_good: An interval is good when at least so much of it is.
        percent_bad: An interval is bad when at least so much of it is.
        sloped_extrapolation: Beyond the last value the line goes on; otherwise the value holds.
    """

    sloped: bool = False
    treat_uncertain_as_bad: bool = True
    percent_good: float = 100.0
    percent_bad: float = 100.0
    sloped_extrapolation: bool = False


@dataclass(frozen=True)
class Samples:
    """One tag's samples, with those outside of the request that bounding values need.

    NaN cannot be aggregated, so it counts as bad whatever its status says.

    Attributes:
        ts: int64 microseconds, shape (n,), never falling.
        value: float64, shape (n,).
        status: uint32, shape (n,).
        earliest: Timestamp of the first sample that is known of; None without any.
        latest: Timestamp of the last one.
        treat_uncertain_as_bad: See `Rules`.
        all_good: All samples are known to count.
    """

    ts: NDArray[np.int64]
    value: NDArray[np.float64]
    status: NDArray[np.uint32]
    earliest: int | None
    latest: int | None
    treat_uncertain_as_bad: bool = True
    all_good: bool = False

    @cached_property
    def good(self) -> NDArray[np.bool_]:
        """Which samples count, shape (n,)."""
        if self.all_good:
            return np.ones(len(self.ts), np.bool_)
        limit = SEVERITY_UNCERTAIN if self.treat_uncertain_as_bad else SEVERITY_BAD
        return (self.status < limit) & ~np.isnan(self.value)

    @cached_property
    def good_ts(self) -> NDArray[np.int64]:
        """Timestamps of the samples that count."""
        return self.ts if self._every_one else self.ts[self.good]

    @cached_property
    def good_value(self) -> NDArray[np.float64]:
        """Values of the samples that count."""
        return self.value if self._every_one else self.value[self.good]

    @cached_property
    def measured(self) -> Self:
        """Without values that were only repeated: what raw values are counted of."""
        if self.all_good:
            return self
        held = (self.status & np.uint32(HELD_BITS)) == HELD
        if not held.any():
            return self
        rows = np.flatnonzero(~held)
        return replace(self, ts=self.ts[rows], value=self.value[rows], status=self.status[rows])

    @cached_property
    def _every_one(self) -> bool:
        return self.all_good or bool(self.good.all())

    def rows(self, start: int, stop: int) -> Self:
        """Return rows `start` to `stop`, not included, as views."""
        part = slice(start, stop)
        return replace(self, ts=self.ts[part], value=self.value[part], status=self.status[part])
