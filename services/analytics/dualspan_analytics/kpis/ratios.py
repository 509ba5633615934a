"""The KPIs of ISO 22400-2 as ratios of sums, each with how much of it is known."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.kpis.measures import PIECE, TIME_ELEMENTS, Measure, Measures

Floats = NDArray[np.float64]
Reasons = NDArray[np.object_]
"""str in an array of objects: most are the same few, and copies of long texts would take longer than the figures."""
HOUR_US = 3_600_000_000.0
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums in the words of ISO 22400-2, each float64[n]; times in µs."""

    measures: Measures

    def of(self, *which: Measure) -> Floats:
        """The sum of some columns."""
        return self.measures[:, [int(each) for each in which]].sum(axis=1)

    @property
    def pot(self) -> Floats:
        """Planned operation time: all time in shifts."""
        return self.of(*TIME_ELEMENTS)

    @property
    def pbt(self) -> Floats:
        """Planned busy time: planned operation time less planned down time, as far as it is known."""
        return self.of(Measure.APT, Measure.AUST, Measure.ADET, Measure.ADOT)

    @property
    def apt(self) -> Floats:
        """Actual production time."""
        return self.of(Measure.APT)

    @property
    def aust(self) -> Floats:
        """Actual unit setup time."""
        return self.of(Measure.AUST)

    @property
    def aupt(self) -> Floats:
        """Actual unit processing time: setup and production."""
        return self.of(Measure.APT, Measure.AUST)

    @property
    def aubt(self) -> Floats:
        """Actual unit busy time: processing and delays."""
        return self.of(Measure.APT, Measure.AUST, Measure.ADET)

    @property
    def produced(self) -> Floats:
        """Produced quantity (PQ)."""
        return self.of(Measure.GOOD, Measure.SCRAP, Measure.REWORK)

    @property
    def elapsed(self) -> Floats:
        """All time that was looked at."""
        return self.pot + self.of(Measure.UNSCHEDULED)


@dataclass(frozen=True, slots=True)
class Kpi:
    """One KPI.

    Attributes:
        id: As in requests.
        formula: In the words of the standard.
        unit: UCUM; "1" for ratios. Of pieces; see `unit_of`.
        numerator: Of its sums.
        denominator: Of its sums.
        missing: What to say where the denominator is 0.
        bad: Which columns are the time without the data that it needs; the greatest counts.
        scale: The quotient times this has the unit.
    """

    id: str
    formula: str
    unit: str
    numerator: Callable[[Sums], Floats]
    denominator: Callable[[Sums], Floats]
    missing: str
    bad: tuple[Measure, ...] = (Measure.UNKNOWN,)
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Figures:
    """One KPI of many groups.

    Attributes:
        value: float64[n]; NaN where it cannot be computed.
        good_share: float64[n], 0 to 1: the share of the time with good data.
        reason: str[n]: why there is no value, or what is doubtful about it; "" if nothing is.
    """

    value: Floats
    good_share: Floats
    reason: Reasons


NO_BUSY_TIME = "no planned busy time with a known state"
NO_PRODUCTION = "no production time"
NO_PIECES = "nothing was produced"
NO_RUN_TIME = "no planned run time per item is known for what was produced"
PARTLY_TIMED = "some of what was produced has no planned run time per item; it is taken to need as much as the rest"
TAKEN_BACK = "counters were set back by more than was made; ask for a longer time"
NO_FAILURE = "no failure"
NOT_FINITE = "the result is not a finite number"
MIXED = "machines that count in different units are added up; ask for each, or for those of one unit"

KPIS: dict[str, Kpi] = {
    kpi.id: kpi
    for kpi in (
        Kpi("availability", "APT / PBT", "1", lambda s: s.apt, lambda s: s.pbt, NO_BUSY_TIME),
        Kpi(
            "quality-ratio",
            "GQ / PQ",
            "1",
            lambda s: s.of(Measure.GOOD),
            lambda s: s.produced,
            NO_PIECES,
            (Measure.QUANTITY_BAD,),
        ),
        Kpi("allocation-efficiency", "AUBT / PBT", "1", lambda s: s.aubt, lambda s: s.pbt, NO_BUSY_TIME),
        Kpi("utilization-efficiency", "APT / AUBT", "1", lambda s: s.apt, lambda s: s.aubt, "no busy time"),
        Kpi(
            "technical-efficiency",
            "APT / (APT + ADET)",
            "1",
            lambda s: s.apt,
            lambda s: s.of(Measure.APT, Measure.ADET),
            NO_PRODUCTION,
        ),
        Kpi("setup-ratio", "AUST / AUPT", "1", lambda s: s.aust, lambda s: s.aupt, "no processing time"),
        Kpi(
            "scrap-ratio",
            "SQ / PQ",
            "1",
            lambda s: s.of(Measure.SCRAP),
            lambda s: s.produced,
            NO_PIECES,
            (Measure.QUANTITY_BAD,),
        ),
        Kpi(
            "rework-ratio",
            "RQ / PQ",
            "1",
            lambda s: s.of(Measure.REWORK),
            lambda s: s.produced,
            NO_PIECES,
            (Measure.QUANTITY_BAD,),
        ),
        Kpi(
            "throughput-rate",
            "PQ / AOET (all time that was looked at; of an order, its time on each machine)",
            "/h",
            lambda s: s.produced,
            lambda s: s.elapsed,
            "no time",
            (Measure.QUANTITY_BAD,),
            HOUR_US,
        ),
        Kpi(
            "energy-per-unit",
            "E / PQ",
            "kW.h",
            lambda s: s.of(Measure.ENERGY),
            lambda s: s.produced,
            NO_PIECES,
            (Measure.ENERGY_BAD, Measure.QUANTITY_BAD),
        ),
        Kpi(
            "mtbf",
            "APT / FE (ISO 22400-2 divides by FE + 1)",
            "h",
            lambda s: s.apt,
            lambda s: s.of(Measure.FAILURES),
            NO_FAILURE,
            scale=1 / HOUR_US,
        ),
        Kpi(
            "mttr",
            "ADOT / FE (ISO 22400-2 divides by FE + 1)",
            "h",
            lambda s: s.of(Measure.ADOT),
            lambda s: s.of(Measure.FAILURES),
            NO_FAILURE,
            scale=1 / HOUR_US,
        ),
    )
}
"""Plain quotients; effectiveness, OEE and NEE are made of them below."""

COMPOSED = {
    "effectiveness": "PRI x PQ / APT",
    "oee": "Availability x Effectiveness x Quality ratio",
    "nee": "AUPT / PBT x Effectiveness x Quality ratio",
}
ALL = (*KPIS, *COMPOSED)
PER_PIECE = {"throughput-rate": "{}/h", "energy-per-unit": "kW.h/({})"}
"""KPIs that have the unit in which machines count in theirs."""


def unit_of(kpi: str, counted_in: str) -> str:
    """The unit (UCUM) of a KPI of machines that count in a unit, such as `{piece}` or `kg`."""
    unit = KPIS[kpi].unit if kpi in KPIS else "1"
    if counted_in in {"", PIECE}:
        return unit
    return PER_PIECE[kpi].format(counted_in) if kpi in PER_PIECE else unit


def figures(kpi: str, measures: Measures) -> Figures:
    """One KPI of each row.

    Args:
        kpi: One of `ALL`.
        measures: [n, MEASURES].
    """
    sums = Sums(measures)
    if kpi in KPIS:
        return _quotient(KPIS[kpi], sums)
    if kpi == "effectiveness":
        return _effectiveness(sums)
    first = _quotient(KPIS["availability"], sums) if kpi == "oee" else _net_availability(sums)
    parts = (first, _effectiveness(sums), _quotient(KPIS["quality-ratio"], sums))
    value = parts[0].value * parts[1].value * parts[2].value
    reason = parts[0].reason
    for part in parts[1:]:
        reason = first_of(reason, part.reason)
    # Nothing ran although it was to: what was made is 0 of what could have been, and no ratio of pieces is needed.
    idle = (sums.pbt > 0) & (sums.apt == 0) & (sums.produced == 0)
    reason[idle] = ""
    return Figures(np.where(idle, 0.0, value), good_share(sums, Measure.EITHER_BAD), reason)


def _quotient(kpi: Kpi, sums: Sums) -> Figures:
    above, below = kpi.numerator(sums), kpi.denominator(sums)
    value, reason = divide(above, below, kpi.missing)
    odd = (above < 0) | (below < 0)
    value[odd], reason[odd] = np.nan, TAKEN_BACK
    return Figures(value * kpi.scale, good_share(sums, *kpi.bad), also(reason, doubts(sums, kpi.bad)))


def _net_availability(sums: Sums) -> Figures:
    value, reason = divide(sums.aupt, sums.pbt, NO_BUSY_TIME)
    return Figures(value, good_share(sums, Measure.UNKNOWN), reason)


def _effectiveness(sums: Sums) -> Figures:
    """PRI x PQ / APT over the pieces that were made while the state was known, and the time in which they were counted.

    Where only some of them have a planned run time, the others are taken to need as much on the average, and it says
    so.
    """
    timed, ideal = sums.of(Measure.TIMED), sums.of(Measure.IDEAL)
    pieces = sums.produced - sums.of(Measure.BLIND)
    some, partly = timed > 0, pieces > timed * (1.0 + _ROUNDING)
    whole = np.where(some & partly, ideal * pieces / np.where(some, timed, 1.0), ideal)
    value, reason = divide(whole, sums.apt - sums.of(Measure.UNCOUNTED), NO_PRODUCTION)
    untimed, mixed = ~some & (pieces > 0), np.isnan(pieces)
    value = np.where(untimed | mixed, np.nan, value)
    doubt = np.full(len(value), "", object)
    doubt[mixed] = MIXED
    doubt[some & partly], doubt[untimed] = PARTLY_TIMED, NO_RUN_TIME
    reason = also(first_of(reason, doubt), doubts(sums, (Measure.EITHER_BAD,)))
    return Figures(value, good_share(sums, Measure.EITHER_BAD), reason)


def divide(above: Floats, below: Floats, missing: str) -> tuple[Floats, Reasons]:
    """float64[n], str[n]: the quotient, NaN with a reason where the divisor is 0 or the result is not finite.

    What is NaN before is a sum of different units.
    """
    zero, mixed = below == 0, np.isnan(above) | np.isnan(below)
    with np.errstate(over="ignore", invalid="ignore"):
        value = np.where(zero, np.nan, above / np.where(zero, 1.0, below))
    wild = ~zero & ~np.isfinite(value)
    reason = np.full(len(value), "", object)
    reason[zero], reason[wild], reason[mixed] = missing, NOT_FINITE, MIXED
    return np.where(wild, np.nan, value), reason


def doubts(sums: Sums, bad: Sequence[Measure]) -> Reasons:
    """object[n]: what of the counters that a figure is made of is doubtful.

    Args:
        sums: Of each row.
        bad: The time without which data counts against the figure; it says which counters it is made of.
    """
    reason = np.full(len(sums.measures), "", object)
    if Measure.QUANTITY_BAD in bad or Measure.EITHER_BAD in bad:
        reason = _told(reason, sums.of(Measure.RESETS), "a counter was reset {}; what it counted just before is lost")
        reason = _told(
            reason,
            sums.of(Measure.BACKWARDS),
            "a counter was set back, jumped or showed what cannot be true {}; opened by machine it says when",
        )
    if Measure.ENERGY_BAD in bad:
        reason = _told(
            reason, sums.of(Measure.METER_DOUBTS), "the meter was reset, set back or showed what cannot be true {}"
        )
    return reason


def _told(reason: Reasons, count: Floats, words: str) -> Reasons:
    there = count > 0
    if not there.any():
        return reason
    times, place = np.unique(count[there], return_inverse=True)
    texts = np.array([words.format("once" if each == 1 else f"{each:.0f} times") for each in times.tolist()], object)
    more = np.full(len(reason), "", object)
    more[there] = texts[place]
    return also(reason, more)


def also(one: Reasons, other: Reasons) -> Reasons:
    """object[n]: both reasons where there are two."""
    both = (one != "") & (other != "")
    found = first_of(one, other)
    if both.any():
        found[both] = one[both] + "; " + other[both]
    return found


def first_of(one: Reasons, other: Reasons) -> Reasons:
    """object[n]: the first reason, or where there is none the other."""
    return np.where(one == "", other, one)


def good_share(sums: Sums, *bad: Measure) -> Floats:
    """float64[n], 0 to 1: the share of the planned operation time with good data; 0 where there is none."""
    whole = sums.pot
    lost = np.maximum.reduce([sums.of(each) for each in bad])
    return np.where(whole > 0, 1.0 - lost / np.where(whole > 0, whole, 1.0), 0.0).clip(0.0, 1.0)
