"""What a control chart is made of."""

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from dualspan_runtime.errors import FailedPrecondition, InvalidArgument

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class ChartKind(IntEnum):
    """Which statistic is charted; the numbers of the contract."""

    INDIVIDUALS = 1
    XBAR_R = 2
    XBAR_S = 3
    P = 4
    NP = 5
    C = 6
    U = 7
    EWMA = 8
    CUSUM = 9


COUNTING = frozenset({ChartKind.P, ChartKind.NP, ChartKind.C, ChartKind.U})
"""Charts of counts (attributes); the others are charts of measured values (variables)."""


class ChartError(FailedPrecondition):
    """The data cannot be charted as it was asked for; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What can be set about a chart.

    Attributes:
        sigmas: Distance of the limits from the centre line, in standard errors (L of an EWMA).
        target: Centre of an EWMA or a CUSUM; None takes the mean.
        weight: λ of an EWMA, in (0, 1].
        is_steady: Limits of an EWMA as they are after many points, not widening from the first one on.
        slack: k of a CUSUM, in standard errors: half of the shift that is to be found.
        interval: h of a CUSUM, in standard errors: where it signals.
        head_start: Fast initial response of a CUSUM (Lucas and Crosier 1982): where it begins, as a share of h.
        is_exact: Constants are not rounded to what the tables of the standards print.
    """

    sigmas: float = 3.0
    target: float | None = None
    weight: float = 0.2
    is_steady: bool = False
    slack: float = 0.5
    interval: float = 5.0
    head_start: float = 0.0
    is_exact: bool = False

    def check(self) -> "Tuning":
        """Return it; raises InvalidArgument `TUNING_OUT_OF_RANGE` if no chart can be made with it."""
        in_range = {
            "sigmas": 0 < self.sigmas <= 10,
            "weight": 0 < self.weight <= 1,
            "slack": 0 <= self.slack <= 10,
            "interval": 0 < self.interval <= 100,
            "head_start": 0 <= self.head_start < 1,
            "target": self.target is None or math.isfinite(self.target),
        }
        for name, is_right in in_range.items():
            if not is_right:
                raise InvalidArgument("TUNING_OUT_OF_RANGE", f"{name} cannot be {getattr(self, name):g}.", field=name)
        return self


@dataclass(frozen=True, slots=True)
class Subgroups:
    """Measured values in rational subgroups.

    Attributes:
        start: int64[k], µs since the epoch: first sample of each.
        end: int64[k]: last sample of each.
        offsets: int64[k + 1]: values of subgroup i are `values[offsets[i]:offsets[i + 1]]`.
        values: float64[m], finite and not Bad.
        left_out: int64[k]: samples of each that could not be used.
        labels: What the property said by whose change they were formed; empty otherwise.
        spare: Samples that did not fill a subgroup of the count asked for.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    offsets: NDArray[np.int64]
    values: Floats
    left_out: NDArray[np.int64]
    labels: tuple[str, ...] = ()
    spare: int = 0

    def __len__(self) -> int:
        return len(self.start)

    def chosen(self, flags: Flags) -> "Subgroups":
        """Only those of the subgroups that are set; flags bool[k]."""
        sizes = self.size
        return Subgroups(
            start=self.start[flags],
            end=self.end[flags],
            offsets=np.concatenate([[0], np.cumsum(sizes[flags])]).astype(np.int64),
            values=self.values[np.repeat(flags, sizes)],
            left_out=self.left_out[flags],
            labels=_chosen(self.labels, flags),
            spare=self.spare,
        )

    def emptied(self, flags: Flags) -> "Subgroups":
        """The same subgroups, those that are set without their values; flags bool[k]."""
        offsets = np.concatenate([[0], np.cumsum(np.where(flags, 0, self.size))]).astype(np.int64)
        values = self.values[~flags[self.index]]
        return Subgroups(self.start, self.end, offsets, values, self.left_out, self.labels, self.spare)

    @property
    def size(self) -> NDArray[np.int64]:
        """int64[k]: usable values in each."""
        return np.diff(self.offsets)

    @property
    def index(self) -> NDArray[np.int64]:
        """int64[m]: which subgroup each value is in."""
        return np.repeat(np.arange(len(self)), self.size)

    def means(self) -> Floats:
        """float64[k]: means; NaN without a value."""
        sums = np.bincount(self.index, self.values, len(self))
        return np.divide(sums, self.size, out=np.full(len(self), np.nan), where=self.size > 0)

    def deviations(self) -> Floats:
        """float64[k]: sample standard deviations; NaN with fewer than two values."""
        residual = self.values - self.means()[self.index]
        squares = np.bincount(self.index, residual**2, len(self))
        degrees = self.size - 1
        return np.sqrt(np.divide(squares, degrees, out=np.full(len(self), np.nan), where=degrees > 0))

    def ranges(self) -> Floats:
        """float64[k]: largest less smallest; NaN with fewer than two values."""
        result = np.full(len(self), np.nan)
        filled = self.size > 0
        if filled.any():
            starts = self.offsets[:-1][filled]
            result[filled] = np.maximum.reduceat(self.values, starts) - np.minimum.reduceat(self.values, starts)
        result[self.size < 2] = np.nan
        return result


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted in subgroups.

    Attributes:
        start: int64[k], µs since the epoch.
        end: int64[k].
        count: float64[k]: nonconforming units, or nonconformities; NaN where it is not known.
        size: float64[k]: units inspected; NaN where it is not known.
        left_out: int64[k]: samples of each that could not be used.
        labels: What the property said by whose change they were formed; empty otherwise.
        resets: How often a counter was reset, set back or showed what cannot be true: what it counted then is lost.
    """

    start: NDArray[np.int64]
    end: NDArray[np.int64]
    count: Floats
    size: Floats
    left_out: NDArray[np.int64]
    labels: tuple[str, ...] = ()
    resets: int = 0

    def __len__(self) -> int:
        return len(self.start)

    def chosen(self, flags: Flags) -> "Counts":
        """Only those of the subgroups that are set; flags bool[k]."""
        return Counts(
            start=self.start[flags],
            end=self.end[flags],
            count=self.count[flags],
            size=self.size[flags],
            left_out=self.left_out[flags],
            labels=_chosen(self.labels, flags),
            resets=self.resets,
        )


def _chosen(labels: tuple[str, ...], flags: Flags) -> tuple[str, ...]:
    return tuple(label for label, keep in zip(labels, flags.tolist(), strict=True) if keep) if labels else ()


@dataclass(frozen=True, slots=True)
class Estimate:
    """What limits are made from: estimated in phase I, frozen in phase II, or given by a standard.

    Attributes:
        centre: Mean of the process; p̄ of P and NP, c̄ of C, ū of U.
        sigma: Standard deviation of one value within subgroups; NaN on charts of counts.
        degrees: Degrees of freedom of `sigma`; infinite if it was given.
        points: Points that it was made from.
        values: Values that it was made from; units inspected on charts of counts.
    """

    centre: float
    sigma: float = math.nan
    degrees: float = math.inf
    points: int = 0
    values: float = 0


@dataclass(frozen=True, slots=True)
class Panel:
    """One plot of a chart; an X̄-R chart has two. All columns have one entry for each subgroup.

    Attributes:
        name: `individuals`, `moving range`, `mean`, `range`, `standard deviation`, `share`, `count`, `rate`, `ewma`,
            `upper sum` or `lower sum`.
        value: float64[k]; NaN where there is none.
        centre: float64[k].
        lower: float64[k]: lower limit; -inf if there is none.
        upper: float64[k]: upper limit; inf if there is none.
        error: float64[k]: standard error of the statistic, in which zones are counted; NaN where zones mean nothing.
    """

    name: str
    value: Floats
    centre: Floats
    lower: Floats
    upper: Floats
    error: Floats

    @property
    def is_beyond(self) -> Flags:
        """bool[k]: which points lie beyond a limit."""
        return (self.value > self.upper) | (self.value < self.lower)

    @property
    def zone(self) -> Floats:
        """float64[k]: distance from the centre in standard errors; NaN where zones mean nothing."""
        distance = self.value - self.centre
        return np.divide(distance, self.error, out=np.full(len(distance), np.nan), where=self.error > 0)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Points that limits are not made from, because something else was going on.

    Attributes:
        start: µs since the epoch: subgroups that begin in [start, end) are meant.
        end: µs since the epoch.
        reason: What was going on, in a person's words.
    """

    start: int
    end: int
    reason: str


@dataclass(frozen=True, slots=True)
class Shift:
    """What a CUSUM says about a shift when it signals (Montgomery, 9.1.2).

    Attributes:
        signalled: Index of the point at which the sum exceeded h.
        began: Index of the point at which it last left zero: the shift is not older.
        mean: Where the mean has moved to, in the unit of the values.
    """

    signalled: int
    began: int
    mean: float


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart with all that is on it.

    Attributes:
        panels: One or two plots.
        estimate: What the limits are made from.
        excluded: str per point: why limits are not made from it, "" if they are.
        notes: What a reader must know: what was left out, what the numbers do not bear.
        shifts: What a CUSUM says about shifts.
    """

    panels: tuple[Panel, ...]
    estimate: Estimate
    excluded: tuple[str, ...]
    notes: tuple[str, ...]
    shifts: tuple[Shift, ...] = ()
