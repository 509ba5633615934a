"""What a property showed around a span, where that says what its first values mean, or its last ones."""

import asyncio
from collections.abc import Mapping, Sequence

import numpy as np

from dualspan_analytics.columns import PropertyRef, Series
from dualspan_analytics.kpis.counters import increments
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.states.stops import LATE_US
from dualspan_runtime.errors import ResourceExhausted

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


LATER_US = (2 * _HOUR_US, DAY_US, LATE_US)
"""So far behind a span it is looked for the reason of a stop, and then, if that does not say it."""


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


async def with_later(
    plant: PlantData,
    tenant: str,
    refs: Sequence[PropertyRef],
    series: Mapping[PropertyRef, Series],
    span: tuple[int, int],
) -> tuple[dict[PropertyRef, Series], int]:
    """The same series, some of them with what comes in a span behind them, and up to where they are known now.

    What is too much to be read is not waited for: then nothing more is known.

    Raises:
        Unavailable: The historian cannot be asked.
    """
    if not refs or span[1] <= span[0]:
        return dict(series), span[0]
    try:
        later = await plant.read(tenant, refs, *span)
    except ResourceExhausted:
        return dict(series), span[0]
    return {**series, **{ref: _followed(series[ref], later[ref], span[0]) for ref in refs}}, span[1]


def _doubtful(
    counters: Mapping[PropertyRef, float], series: Mapping[PropertyRef, Series], span: tuple[int, int]
) -> Sequence[PropertyRef]:
    numbers = {ref: modulus for ref, modulus in counters.items() if series[ref].value.dtype.kind not in "OU"}
    return [ref for ref, modulus in numbers.items() if increments(series[ref], *span, modulus).doubtful]


def _joined(earlier: Series, later: Series) -> Series:
    """What is in the second, and what is before that in the first."""
    return _followed(earlier, later, int(later.timestamp[0])) if len(later) else earlier


def _followed(earlier: Series, later: Series, at_us: int) -> Series:
    """What is in the first before a time, and in the second from then on."""
    before, behind = earlier.timestamp < at_us, later.timestamp >= at_us
    return Series(
        np.concatenate([earlier.timestamp[before], later.timestamp[behind]]),
        np.concatenate([earlier.value[before], later.value[behind]]),
        np.concatenate([earlier.status[before], later.status[behind]]),
        later.unit,
    )
