"""Readings of all meters at full hours, kept so that each is asked for once."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from dualspan_sdk import Aggregate, Plant, PropertyRef

_HOUR = timedelta(hours=1)
_HOUR_US = 3_600_000_000
_DAYS = 7


class Ledger:
    """What meters showed at full hours of the last week.

    Args:
        plant: Where they are read.
    """

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._readings: dict[int, Mapping[PropertyRef, float]] = {}

    @property
    def hours(self) -> NDArray[np.int64]:
        """int64, shape (n,): full hours of which readings are known, µs, ascending."""
        return np.array(sorted(self._readings), np.int64)

    def readings(self, ref: PropertyRef) -> NDArray[np.float64]:
        """float64, shape (n,): what one meter showed at these hours; NaN where that is not known."""
        return np.array([self._readings[hour].get(ref, np.nan) for hour in self.hours.tolist()])

    async def extend(self, refs: Sequence[PropertyRef], now: datetime) -> None:
        """Read what is new, and one more day of what is older, until a week is there."""
        latest = _full_hour(now)
        wanted = [latest - _HOUR_US * back for back in range(24 * _DAYS + 1)]
        missing = [hour for hour in wanted if hour not in self._readings]
        self._readings = {hour: self._readings[hour] for hour in wanted if hour in self._readings}
        if not missing:
            return
        # The newest first, a day at a time: the page shows something soon.
        last = missing[0]
        first = min(hour for hour in missing if hour > last - 24 * _HOUR_US)
        await self._read(refs, first, last)

    async def _read(self, refs: Sequence[PropertyRef], first: int, last: int) -> None:
        found = await self._plant.read_processed(
            refs, first, last + _HOUR_US, interval=_HOUR, aggregates=[Aggregate.INTERPOLATIVE]
        )
        for row, hour in enumerate(range(first, last + _HOUR_US, _HOUR_US)):
            self._readings[hour] = {ref: float(found[ref, Aggregate.INTERPOLATIVE].value[row]) for ref in refs}


def _full_hour(now: datetime) -> int:
    return round(now.timestamp() * 1e6) // _HOUR_US * _HOUR_US
