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
_UNSCALED = _DURATIONS | _PERCENTS | {historian_resources.AGGREGATE_COUNT}


def scaled_aggregate(
    value: NDArray[np.float64], aggregate: _A.ValueType, binding: Binding, interval_us: int
) -> NDArray[np.float64]:
    """An aggregate of a property from the same one of its tag.

    Args:
        value: float64, of the tag.
        aggregate: Which.
        binding: How the tag's values become the property's.
        interval_us: Length of an interval in µs.
    """
    if binding.is_identity or aggregate in _UNSCALED:
        return value
    if aggregate in _DIFFERENCES:
        return value * binding.factor
    if aggregate in _TOTALS:
        return value * binding.factor + binding.offset * (interval_us / _SECOND_US)
    return value * binding.factor + binding.offset


def aggregate_unit(aggregate: int, unit: str) -> str:
    """The unit (UCUM) of an aggregate of values in a unit; 0 for no aggregate."""
    if aggregate == historian_resources.AGGREGATE_COUNT:
        return "1"
    if aggregate in _DURATIONS:
        return "ms"
    if aggregate in _PERCENTS:
        return "%"
    if aggregate in _DIFFERENCES:
        return difference_unit(unit)
    if aggregate in _TOTALS:
        return f"{unit}.s" if unit else "s"
    return unit


def needs_numbers(aggregate: int) -> bool:
    """Whether an aggregate is one of values, not of how good they are or how many."""
    return aggregate != 0 and aggregate not in _UNSCALED


def difference_unit(unit: str) -> str:
    """The unit of a difference of two values: a temperature's difference is in kelvin, or in degrees Rankine."""
    return {"Cel": "K", "[degF]": "[degR]"}.get(unit, unit)
