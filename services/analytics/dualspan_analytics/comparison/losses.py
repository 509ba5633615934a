"""A KPI's distance from what it could be, as a sum of losses: time elements, speed and pieces of ISO 22400-2.

OEE is planned run time of the good pieces over planned busy time (PRI x GQ / PBT). What is missing to 1 is therefore,
exactly, a sum: time down, delayed and in setup, production time beyond the planned run time of what was made (speed),
and planned run time of what was not good (quality). The same holds for the other ratios here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.kpis.measures import Measure, Measures
from dualspan_analytics.kpis.ratios import HOUR_US, Sums, figures

Floats = NDArray[np.float64]
_Parts = tuple[Mapping[str, Floats], Floats, bool]
"""What is lost by cause, what it is a share of, and whether both are times."""


@dataclass(frozen=True, slots=True)
class Losses:
    """What machines lose of a KPI.

    Attributes:
        causes: Such as `down`.
        share: float64[n, causes]; KPI + sum of shares = 1, or the KPI itself where it is a share that is lost. NaN
            where the KPI has no value.
        hours: float64[n, causes]; the same as time, 0 where the KPI is none of time.
    """

    causes: tuple[str, ...]
    share: Floats
    hours: Floats


def losses_of(kpi: str, measures: Measures) -> Losses | None:
    """What each row loses, cause by cause.

    Args:
        kpi: Its id.
        measures: float64[n, MEASURES].

    Returns:
        None where the KPI is no sum of losses, such as a rate or an energy.
    """
    if kpi not in _PARTS:
        return None
    lost, whole, is_time = _PARTS[kpi](measures)
    columns = np.stack(list(lost.values()), axis=1)
    known = np.isfinite(figures(kpi, measures).value)[:, None] & (whole > 0)[:, None]
    share = np.where(known, columns / np.where(whole > 0, whole, 1.0)[:, None], np.nan)
    hours = np.where(known, columns / HOUR_US if is_time else np.zeros_like(columns), np.nan)
    return Losses(tuple(lost), share, hours)


def _stopped(sums: Sums) -> dict[str, Floats]:
    return {"down": sums.of(Measure.ADOT), "delay": sums.of(Measure.ADET), "setup": sums.aust}


def _oee(measures: Measures) -> _Parts:
    sums = Sums(measures)
    # Where nothing ran there is no speed and no quality to lose by: all is in the time elements.
    effectiveness = np.nan_to_num(figures("effectiveness", measures).value, nan=0.0)
    quality = np.nan_to_num(figures("quality-ratio", measures).value, nan=1.0)
    ideal = effectiveness * sums.apt
    return _stopped(sums) | {"speed": sums.apt - ideal, "quality": ideal * (1.0 - quality)}, sums.pbt, True


def _availability(measures: Measures) -> _Parts:
    sums = Sums(measures)
    return _stopped(sums), sums.pbt, True


def _allocation(measures: Measures) -> _Parts:
    sums = Sums(measures)
    return {"down": sums.of(Measure.ADOT)}, sums.pbt, True


def _utilization(measures: Measures) -> _Parts:
    sums = Sums(measures)
    return {"delay": sums.of(Measure.ADET), "setup": sums.aust}, sums.aubt, True


def _technical(measures: Measures) -> _Parts:
    sums = Sums(measures)
    return {"delay": sums.of(Measure.ADET)}, sums.of(Measure.APT, Measure.ADET), True


def _effectiveness(measures: Measures) -> _Parts:
    sums = Sums(measures)
    ideal = figures("effectiveness", measures).value * sums.apt
    return {"speed": sums.apt - ideal}, sums.apt, True


def _quality(measures: Measures) -> _Parts:
    sums = Sums(measures)
    return {"scrap": sums.of(Measure.SCRAP), "rework": sums.of(Measure.REWORK)}, sums.produced, False


_PARTS: Mapping[str, Callable[[Measures], _Parts]] = {
    "oee": _oee,
    "availability": _availability,
    "allocation-efficiency": _allocation,
    "utilization-efficiency": _utilization,
    "technical-efficiency": _technical,
    "effectiveness": _effectiveness,
    "quality-ratio": _quality,
}
