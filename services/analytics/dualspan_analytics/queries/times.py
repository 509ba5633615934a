"""Times of rows as people read them, in their own time zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

# No zone has changed its offset at another moment than a quarter of an hour since 1972.
_QUARTER_US = 900_000_000
_SECOND_US = 1_000_000


def offsets(time: NDArray[np.int64], zone: ZoneInfo) -> NDArray[np.int64]:
    """What a zone's clock is ahead of UTC at each time, int64, µs; right across changes of the clock."""
    quarters, place = np.unique(time // _QUARTER_US, return_inverse=True)
    ahead = [_offset(int(quarter) * _QUARTER_US, zone) for quarter in quarters]
    return np.array(ahead, np.int64)[place] if ahead else np.empty(0, np.int64)


def _offset(time_us: int, zone: ZoneInfo) -> int:
    moment = datetime.fromtimestamp(time_us // _SECOND_US, UTC).astimezone(zone)
    delta = moment.utcoffset()
    return 0 if delta is None else int(delta.total_seconds()) * _SECOND_US


def iso_times(time: NDArray[np.int64], zone: ZoneInfo) -> NDArray[np.str_]:
    """ISO 8601 with the offset, such as `2026-09-07T08:00:00.000+08:00`; `Z` in UTC. Milliseconds if that is exact."""
    unit = "us" if bool((time % 1000).any()) else "ms"
    ahead = offsets(time, zone)
    local = np.datetime_as_string((time + ahead).view("datetime64[us]"), unit=unit)
    if zone.key == "UTC":
        return np.char.add(local, "Z")
    distinct, place = np.unique(ahead, return_inverse=True)
    marks = np.array([_mark(int(each)) for each in distinct], "U6") if len(distinct) else np.empty(0, "U6")
    return np.char.add(local, marks[place])


def _mark(ahead_us: int) -> str:
    sign, minutes = ("-" if ahead_us < 0 else "+"), abs(ahead_us) // 60_000_000
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"
