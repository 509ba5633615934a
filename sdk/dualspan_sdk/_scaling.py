"""What a property's scale (value = sample × factor + offset) makes of aggregates of OPC UA Part 13."""

import numpy as np
from numpy.typing import NDArray

from dualspan_sdk._assets import Source
from dualspan_sdk._results import Aggregate

# In units of their own.
_OWN_UNITS = {
    Aggregate.COUNT: "1",
    Aggregate.DURATION_GOOD: "ms",
    Aggregate.DURATION_BAD: "ms",
    Aggregate.PERCENT_GOOD: "%",
    Aggregate.PERCENT_BAD: "%",
}
# Differences of values: an offset goes out of them.
_DIFFERENCES = frozenset(
    {
        Aggregate.RANGE,
        Aggregate.DELTA,
        Aggregate.STANDARD_DEVIATION_SAMPLE,
        Aggregate.STANDARD_DEVIATION_POPULATION,
    }
)
# A temperature's difference is in kelvin.
_DIFFERENCE_UNITS = {"Cel": "K", "[degF]": "[degR]"}
_TOTALS = frozenset({Aggregate.TOTAL, Aggregate.TOTAL2})


def aggregated(value: NDArray[np.float64], aggregate: Aggregate, source: Source, seconds: float) -> NDArray[np.float64]:
    """An aggregate of a property from the same one of its tag, over intervals of so many seconds."""
    if source.is_identity or aggregate in _OWN_UNITS:
        return value
    weight = {aggregate in _DIFFERENCES: 0.0, aggregate in _TOTALS: seconds}.get(True, 1.0)
    return value * source.factor + source.offset * weight


def unit_of(aggregate: Aggregate, unit: str) -> str:
    """UCUM code of an aggregate of values in a unit."""
    if aggregate in _OWN_UNITS:
        return _OWN_UNITS[aggregate]
    if aggregate in _DIFFERENCES:
        return _DIFFERENCE_UNITS.get(unit, unit)
    if aggregate in _TOTALS:
        return f"{unit}.s" if unit else "s"
    return unit
