"""What energy was used for, what it cost and what it emitted."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.energy.carbon import EmissionFactor
from dualspan_analytics.energy.metering import Metered, Pieces
from dualspan_analytics.energy.tariffs import Rated, Tariff, by_rate
from dualspan_analytics.intervals import Micros
from dualspan_analytics.kpis.counters import Increments

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Use:
    """Energy of one asset over a span.

    Attributes:
        energy: kWh; NaN where nothing is known.
        good_share: Share of the time with good data.
        rates: kWh at each rate of the tariff; empty without one.
        cost: In the tariff's currency, for energy alone; NaN without a tariff.
        carbon: kg; NaN without a factor.
        units: What was made; NaN where nobody counts it.
        energy_per_unit: kWh for each; NaN where nothing was made, or nobody counts it.
        notes: What a reader must know.
    """

    energy: float
    good_share: float
    rates: tuple[float, ...]
    cost: float
    carbon: float
    units: float
    energy_per_unit: float
    notes: tuple[str, ...]


def use_of(
    meter: Metered | Pieces,
    start_us: int,
    end_us: int,
    *,
    tariff: Tariff | None = None,
    when: Rated | None = None,
    factor: EmissionFactor | None = None,
    counted: Increments | None = None,
) -> Use:
    """Energy in [start_us, end_us) and what follows from it.

    Args:
        meter: Of the asset.
        start_us: Begin, µs.
        end_us: End, µs.
        tariff: What it costs.
        when: The span cut where the tariff's rates change.
        factor: What it emits.
        counted: What was made.
    """
    ends = np.array([start_us, end_us], np.int64)
    energy = float(meter.between(ends)[0])
    rates, cost = (), math.nan
    if tariff is not None and when is not None:
        used = meter.between(when.edges)
        split = by_rate(tariff, when, used)
        rates, cost = tuple(split.tolist()), float(split @ tariff.prices)
    units = float(counted.amount.sum()) if counted is not None else math.nan
    notes = list(meter.notes)
    if counted is not None and counted.bad.total:
        notes.append("Some of the time nobody counted what was made; energy per unit may be too high.")
    if counted is not None and (len(counted.resets) or len(counted.doubts)):
        notes.append("The counter of what was made was reset, set back or showed what cannot be true.")
    return Use(
        energy=energy,
        good_share=float(meter.good_share(ends)[0]),
        rates=rates,
        cost=cost,
        carbon=energy * factor.value if factor is not None else math.nan,
        units=units,
        energy_per_unit=energy / units if units > 0 else math.nan,
        notes=tuple(notes),
    )


def demand_cost(tariff: Tariff, months: Micros, edges: Micros, power: Floats) -> float:
    """What the highest interval of each month costs.

    Args:
        tariff: Has the price of a kW.
        months: int64[m + 1], µs: where months begin, local time.
        edges: int64[n + 1], µs, of the profile.
        power: float64[n], kW; NaN counts as nothing.
    """
    month = np.searchsorted(months, edges[:-1], side="right") - 1
    highest = np.zeros(max(len(months) - 1, 1))
    known = np.isfinite(power) & (month >= 0) & (month < len(highest))
    np.maximum.at(highest, month[known], power[known])
    return float(highest.sum() * tariff.demand_price)
