"""Load profiles: base load, peaks, and what a lower limit would have needed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.energy.errors import bad_interval
from dualspan_analytics.energy.metering import HOUR_US, Metered, Pieces
from dualspan_analytics.intervals import Micros

Floats = NDArray[np.float64]
MINUTE_US = 60_000_000
MOST_INTERVALS = 100_000
_BASE_SHARE = 5.0
# With less good data than this, an interval says nothing of base load and peaks.
_ENOUGH = 0.9


@dataclass(frozen=True, slots=True)
class LoadProfile:
    """Mean power by interval.

    Attributes:
        edges: int64[n + 1], µs.
        energy: float64[n], kWh; NaN where nothing is known.
        power: float64[n], kW: mean over the interval; NaN where nothing is known.
        good_share: float64[n]: share of the time with good data.
        base_load: kW that 95 % of the intervals exceed; NaN without any.
        peak: kW of the highest interval; NaN without any.
        load_factor: Mean power in the peak; NaN without any.
    """

    edges: Micros
    energy: Floats
    power: Floats
    good_share: Floats
    base_load: float
    peak: float
    load_factor: float

    @property
    def is_reliable(self) -> NDArray[np.bool_]:
        """bool[n]: intervals with so much good data that their mean can be compared."""
        return (self.good_share >= _ENOUGH) & np.isfinite(self.power)


@dataclass(frozen=True, slots=True)
class Shaving:
    """What keeping to a lower limit would have needed.

    Attributes:
        limit: kW.
        intervals: How many exceeded it.
        energy: kWh above it, to be shifted.
        power: kW above it at the worst: what a store or loads to be switched off must bring.
        longest_us: Longest time without a break above it, µs.
        capacity: kWh that a store without losses must hold, filled with what the limit leaves free; NaN if the limit
            lies below the mean load, so that no store would do.
    """

    limit: float
    intervals: int
    energy: float
    power: float
    longest_us: int
    capacity: float


def interval_edges(start_us: int, end_us: int, interval_us: int) -> Micros:
    """int64[n + 1]: [start_us, end_us) cut at multiples of the interval since the epoch.

    Raises:
        InvalidArgument: The interval is shorter than a minute, or there would be too many.
    """
    if interval_us < MINUTE_US:
        raise bad_interval("it must be a minute or more")
    if (end_us - start_us) // interval_us > MOST_INTERVALS:
        raise bad_interval(f"it makes more than {MOST_INTERVALS} intervals; take a longer one or less time")
    inner = np.arange(-(-start_us // interval_us) * interval_us, end_us, interval_us, dtype=np.int64)
    return np.unique(np.concatenate([[start_us], inner, [end_us]]).astype(np.int64))


def load_profile(edges: Micros, energy: Floats, good_share: Floats) -> LoadProfile:
    """A profile from energy by interval.

    Args:
        edges: int64[n + 1], µs.
        energy: float64[n], kWh.
        good_share: float64[n].
    """
    hours = np.diff(edges) / HOUR_US
    power = energy / hours
    # A cut first or last interval would make a base load or a peak that no whole one has.
    longest = hours.max(initial=0.0)
    sound = (good_share >= _ENOUGH) & np.isfinite(power) & (hours >= longest * (1 - 1e-9))
    if not sound.any():
        return LoadProfile(edges, energy, power, good_share, np.nan, np.nan, np.nan)
    known = power[sound]
    peak = float(known.max())
    mean = float(np.average(known, weights=hours[sound]))
    base = float(np.percentile(known, _BASE_SHARE))
    return LoadProfile(edges, energy, power, good_share, base, peak, mean / peak if peak > 0 else np.nan)


def added(meters: Sequence[Metered | Pieces], edges: Micros) -> tuple[Floats, Floats]:
    """Energy of several meters by interval, and the good share of the worst of them.

    A meter of which nothing is known makes the sum NaN: a part is not the whole.
    """
    if not meters:
        return np.full(len(edges) - 1, np.nan), np.zeros(len(edges) - 1)
    energy = np.sum([meter.between(edges) for meter in meters], axis=0)
    return energy, np.min([meter.good_share(edges) for meter in meters], axis=0)


def peaks(profile: LoadProfile, most: int) -> NDArray[np.int64]:
    """int64[k]: indices of the highest intervals that are not beside a higher one already named, highest first."""
    power = np.where(profile.is_reliable, profile.power, -np.inf)
    padded = np.concatenate([[-np.inf], power, [-np.inf]])
    tops = np.flatnonzero((power > padded[:-2]) & (power >= padded[2:]) & np.isfinite(power))
    return tops[np.argsort(-power[tops], kind="stable")][:most]


def shaving(profile: LoadProfile, limit: float) -> Shaving:
    """What keeping to a limit would have needed in every interval with good data."""
    hours = np.diff(profile.edges) / HOUR_US
    excess = np.where(profile.is_reliable, profile.power - limit, 0.0)
    above = excess > 0
    # What a store has given and not got back: a sum that never falls below 0.
    walk = np.cumsum(excess * hours)
    owed = walk - np.minimum(np.minimum.accumulate(walk), 0.0) if len(walk) else walk
    return Shaving(
        limit=limit,
        intervals=int(above.sum()),
        energy=float((excess * hours)[above].sum()),
        power=float(excess.max(initial=0.0)),
        longest_us=_longest(above, profile.edges),
        capacity=float(owed.max(initial=0.0)) if not len(walk) or walk[-1] <= 0 else float("nan"),
    )


def _longest(flags: NDArray[np.bool_], edges: Micros) -> int:
    """Longest run of flags, in µs."""
    turns = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    starts, ends = turns[::2], turns[1::2]
    return int((edges[ends] - edges[starts]).max(initial=0))
