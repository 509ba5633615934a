"""What is added up: time elements, quantities and energy of ISO 22400-2, and how much of it is known."""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

PIECE = "{piece}"
"""What counters without a unit count."""
Measures = NDArray[np.float64]
"""float64[n, MEASURES]: one row for each cell; all columns are additive over cells."""


class Measure(IntEnum):
    """Columns of `Measures`. Times are µs, quantities pieces, energy kWh.

    Attributes:
        UNKNOWN: Time without a known state.
        APT: Actual production time.
        AUST: Actual unit setup time.
        ADET: Actual unit delay time.
        ADOT: Actual unit down time.
        PDOT: Planned down time, of the calendar or of the machine's states.
        GOOD: Good quantity (GQ).
        SCRAP: Scrap quantity (SQ).
        REWORK: Rework quantity (RQ).
        BLIND: Pieces of these made outside of shifts or while nobody knew the state: no time can be held against them.
        TIMED: Pieces of the others whose planned run time per item is known.
        IDEAL: Planned run time of these pieces (PRI x PQ).
        ENERGY: Energy.
        FAILURES: Failure events (FE).
        RESETS: Moments in which counters were reset: a little was lost at each.
        BACKWARDS: Moments in which counters were set back, jumped, or began to show what cannot be true.
        QUANTITY_BAD: Time without good data of a counter.
        EITHER_BAD: Time without a known state or without good data of a counter.
        ENERGY_BAD: Time without good data of the meter.
        UNCOUNTED: Production time of whose good pieces nothing is known, now or later.
        UNSCHEDULED: Time outside of all shifts; not part of the time elements.
        METER_DOUBTS: Moments in which the meter was reset, set back, jumped, or began to show what cannot be true.
    """

    UNKNOWN = 0
    APT = 1
    AUST = 2
    ADET = 3
    ADOT = 4
    PDOT = 5
    GOOD = 6
    SCRAP = 7
    REWORK = 8
    BLIND = 9
    TIMED = 10
    IDEAL = 11
    ENERGY = 12
    FAILURES = 13
    RESETS = 14
    BACKWARDS = 15
    QUANTITY_BAD = 16
    EITHER_BAD = 17
    ENERGY_BAD = 18
    UNSCHEDULED = 19
    UNCOUNTED = 20
    METER_DOUBTS = 21


MEASURES = len(Measure)
TIME_ELEMENTS = (Measure.UNKNOWN, Measure.APT, Measure.AUST, Measure.ADET, Measure.ADOT, Measure.PDOT)


def add_up(measures: Measures, group: NDArray[np.int64], groups: int) -> Measures:
    """Sum rows by group: roll-ups along the hierarchy add times and quantities, they never average ratios.

    Args:
        measures: [n, MEASURES].
        group: int64[n], 0 to groups - 1.
        groups: How many there are.

    Returns:
        [groups, MEASURES].
    """
    columns = [np.bincount(group, weights=measures[:, column], minlength=groups) for column in range(MEASURES)]
    return np.stack(columns, axis=1).astype(np.float64, copy=False)


def unit_codes(units: Sequence[str]) -> NDArray[np.int64]:
    """int64[n]: a number for each unit; -1 for "", which counts nothing."""
    place = {unit: code for code, unit in enumerate(sorted({each for each in units if each}))}
    return np.array([place.get(each, -1) for each in units], np.int64)


def add_up_units(measures: Measures, unit: NDArray[np.int64], group: NDArray[np.int64], groups: int) -> Measures:
    """The same for rows that may count in different units, sums of which mean nothing: the quantities of such a group
    are NaN, which goes through whatever is made of them.

    Args:
        measures: [n, MEASURES].
        unit: int64[n], see `unit_codes`.
        group: int64[n], 0 to groups - 1.
        groups: How many there are.
    """
    found = add_up(measures, group, groups)
    if not (unit >= 0).any() or (unit == unit.max())[unit >= 0].all():
        return found
    low, high = np.full(groups, int(unit.max())), np.full(groups, -1)
    np.minimum.at(low, group[unit >= 0], unit[unit >= 0])
    np.maximum.at(high, group, unit)
    for column in (Measure.GOOD, Measure.SCRAP, Measure.REWORK):
        found[low < high, column] = np.nan
    return found


def joined(parts: Sequence[Measures]) -> Measures:
    """The rows of several, one after the other."""
    return np.concatenate([np.empty((0, MEASURES)), *parts])
