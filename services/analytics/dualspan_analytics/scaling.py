"""What a linear scale (value = sample × factor + offset) makes of aggregates of OPC UA Part 13. Pure."""

import numpy as np
from numpy.typing import NDArray

from dualspan.historian.v1 import resources_pb2 as historian_resources
from dualspan_analytics.assets import Binding

_A = historian_resources.Aggregate
_SECOND_US = 1_000_000
# Differences of values: an offset goes out of them.
_DIFFERENCES = frozenset(
    {
        historian_resources.AGGREGATE_RANGE,
        historian_resources.AGGREGATE_DELTA,
        historian_resources.AGGREGATE_STANDARD_DEVIATION_SAMPLE,
        historian_resources.AGGREGATE_STANDARD_DEVIATION_POPULATION,
    }
)
# Sums over time, in the unit times seconds: the offset counts for every second.
_TOTALS = frozenset({historian_resources.AGGREGATE_TOTAL, historian_resources.AGGREGATE_TOTAL2})
_DURATIONS = frozenset({historian_resources.AGGREGATE_DURATION_GOOD, historian_resources.AGGREGATE_DURATION_BAD})
_PERCENTS = frozenset({historian_resources.AGGREGATE_PERCENT_GOOD, historian_resources.AGGREGATE_PERCENT_BAD})


def scaled_aggregate(
    value: NDArray[np.float64], aggregate: _A.ValueType, binding: Binding, unit: str, interval_us: int
) -> tuple[NDArray[np.float64], str]:
    """An aggregate of a property from the same one of its tag, and the aggregate's unit (UCUM).

    Args:
        value: float64, of the tag.
        aggregate: Which.
        binding: How the tag's values become the property's.
        unit: Of the property.
        interval_us: Length of an interval in µs.
    """
    if aggregate == historian_resources.AGGREGATE_COUNT:
        return value, "1"
    if aggregate in _DURATIONS:
        return value, "ms"
    if aggregate in _PERCENTS:
        return value, "%"
    if aggregate in _DIFFERENCES:
        return value * binding.factor, difference_unit(unit)
    if aggregate in _TOTALS:
        return value * binding.factor + binding.offset * (interval_us / _SECOND_US), f"{unit}.s" if unit else "s"
    return (value if binding.is_identity else value * binding.factor + binding.offset), unit


def difference_unit(unit: str) -> str:
    """The unit of a difference of two values: a temperature's difference is in kelvin, or in degrees Rankine."""
    return {"Cel": "K", "[degF]": "[degR]"}.get(unit, unit)
