"""What a property showed before a span, where that says what its first values mean."""

import asyncio
from collections.abc import Mapping, Sequence

import numpy as np

from dualspan_analytics.columns import PropertyRef, Series
from dualspan_analytics.kpis.counters import increments
from dualspan_analytics.plant_data import PlantData

_HOUR_US = 3_600_000_000
DAY_US = 24 * _HOUR_US
_BACK_US = (_HOUR_US, DAY_US)
"""So far before its first sample a counter is looked at, and then, if that does not say enough."""


async def with_earlier(
    plant: PlantData,
    tenant: str,
    counters: Mapping[PropertyRef, float],
    series: Mapping[PropertyRef, Series],
    span: tuple[int, int],
) -> dict[PropertyRef, Series]:
    """The same series, with earlier samples of counters of which the span alone does not say what is true.

    A PLC may show 0 since before the span, and its old total in it. So what is counted in a span is the same, whether
    it is computed alone or within a longer one. Mostly nothing has to be read.

    Args:
        plant: Has the samples.
        tenant: Whose.
        counters: Which of the series are counters, and where each begins again with 0 (0: never).
        series: Samples, each with the one before the span.
        span: Start and end, µs.

    Raises:
        ResourceExhausted: There are too many samples.
        Unavailable: The historian cannot be asked.
    """
    found = dict(series)
    for back in _BACK_US:
        doubtful = await asyncio.to_thread(_doubtful, counters, found, span)
        if not doubtful:
            break
        since = min(span[0], *(int(found[ref].timestamp[0]) for ref in doubtful)) - back
        earlier = await plant.read(tenant, doubtful, since, span[0])
        found |= {ref: _joined(earlier[ref], found[ref]) for ref in doubtful}
    return found


async def with_day_before(
    plant: PlantData, tenant: str, refs: Sequence[PropertyRef], series: Mapping[PropertyRef, Series], start_us: int
) -> dict[PropertyRef, Series]:
    """The same series, some of them with the day before a span; raises what `with_earlier` does.

    A failure may have begun before time of which nobody knows the state.
    """
    if not refs:
        return dict(series)
    earlier = await plant.read(tenant, refs, start_us - DAY_US, start_us)
    return {**series, **{ref: _joined(earlier[ref], series[ref]) for ref in refs}}


def _doubtful(
    counters: Mapping[PropertyRef, float], series: Mapping[PropertyRef, Series], span: tuple[int, int]
) -> Sequence[PropertyRef]:
    numbers = {ref: modulus for ref, modulus in counters.items() if series[ref].value.dtype.kind not in "OU"}
    return [ref for ref, modulus in numbers.items() if increments(series[ref], *span, modulus).doubtful]


def _joined(earlier: Series, later: Series) -> Series:
    """What is in the second, and what is before that in the first."""
    if not len(later):
        return earlier
    before = earlier.timestamp < later.timestamp[0]
    return Series(
        np.concatenate([earlier.timestamp[before], later.timestamp]),
        np.concatenate([earlier.value[before], later.value]),
        np.concatenate([earlier.status[before], later.status]),
        later.unit,
    )
