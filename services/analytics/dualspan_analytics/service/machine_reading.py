"""Machines as tables and columns, read from the plant in portions that bound memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dualspan.historian.v1 import resources_pb2 as historian
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.intelligence.context import MEMORY_US
from dualspan_analytics.intelligence.errors import nothing_to_watch
from dualspan_analytics.intelligence.forecast import ForecastSpec, Kind, counted
from dualspan_analytics.intelligence.table import Floats, Table, held, run_share
from dualspan_analytics.intelligence.templates import bound
from dualspan_analytics.intelligence.watching import AnomalySpec, Summary, Watched
from dualspan_analytics.plant_data import PlantData, Processed
from dualspan_analytics.service.leisure import Leisure

# So long a span at once: a historian that is asked for a day answers nobody else for a while.
_PORTION_US = 6 * 3_600_000_000
_MOST_CELLS = 200_000
_MEAN = historian.AGGREGATE_TIME_AVERAGE2
_READ = [historian.AGGREGATE_END, historian.AGGREGATE_MINIMUM, historian.AGGREGATE_PERCENT_GOOD]
_OF: Mapping[Summary, historian.Aggregate.ValueType] = {
    Summary.MEAN: _MEAN,
    Summary.MAXIMUM: historian.AGGREGATE_MAXIMUM,
    Summary.MINIMUM: historian.AGGREGATE_MINIMUM,
}


class MachineReader:
    """Reads machines.

    Args:
        plant: Knows assets and has samples.
        leisure: Rests after each portion, for others to have their turn; None: there is no time to rest.
    """

    def __init__(self, plant: PlantData, leisure: Leisure | None = None) -> None:
        self._plant = plant
        self._leisure = leisure or Leisure()

    async def spec_of(self, tenant: str, spec: AnomalySpec, asset_id: str) -> AnomalySpec:
        """A definition with only what a machine has tags for.

        Raises:
            FailedPrecondition: Nothing that is watched is bound, or its state is not.
        """
        tree = await self._plant.assets(tenant)
        tree.binding(PropertyRef(asset_id, spec.state.property))
        watched, categories = bound(spec, tree, asset_id)
        if not watched:
            raise nothing_to_watch(asset_id)
        return replace(spec, watched=watched, categories=categories)

    async def table(self, tenant: str, asset_id: str, spec: AnomalySpec, start_us: int, end_us: int) -> Table:
        """A machine from two days before `start_us` on; what is watched is there from the lead-in before it on.

        Args:
            tenant: Whose.
            asset_id: The machine.
            spec: Of the machine: see `spec_of`.
            start_us: The first judged step begins here; a multiple of the step.
            end_us: The last one ends here.
        """
        step = spec.step_us
        first_us = start_us - MEMORY_US // step * step
        edges = np.arange(first_us, end_us + 1, step, dtype=np.int64)
        state_ref = PropertyRef(asset_id, spec.state.property)
        refs = {name: PropertyRef(asset_id, name) for name in spec.categories}
        found = await self._leisure.of(self._plant.read(tenant, [state_ref, *refs.values()], first_us, end_us))
        state = found[state_ref]
        lead_us = start_us - spec.lead_in * step
        columns = await self._columns(tenant, asset_id, spec, lead_us, end_us)
        before = np.full((lead_us - first_us) // step, np.nan)
        last = held(state, edges[1:] - 1)
        return Table(
            start_us=first_us,
            step_us=step,
            run_share=run_share(state, spec.state, edges),
            failed=np.isin(last, spec.state.failed) if spec.state.failed else np.zeros(len(last), np.bool_),
            categories={name: held(found[ref], edges[1:] - 1) for name, ref in refs.items()},
            columns={watched: np.concatenate([before, values]) for watched, values in columns.items()},
        )

    async def _columns(
        self, tenant: str, asset_id: str, spec: AnomalySpec, start_us: int, end_us: int
    ) -> dict[Watched, Floats]:
        parts: dict[Watched, list[Floats]] = {watched: [] for watched in spec.watched}
        wanted = sorted({_MEAN, *(_OF[watched.summary] for watched in spec.watched)})
        refs = {watched: PropertyRef(asset_id, watched.property, watched.index) for watched in spec.watched}
        steps = max(1, _MOST_CELLS // (len(refs) * len(wanted)))
        portion = max(1, min(_PORTION_US // spec.step_us, steps)) * spec.step_us
        for begin in range(start_us, end_us, portion):
            until = min(begin + portion, end_us)
            reading = self._plant.read_processed(
                tenant, refs.values(), begin, until, interval_us=spec.step_us, aggregates=wanted
            )
            read = await self._leisure.of(reading)
            for watched, ref in refs.items():
                mean = _good(read[ref, _MEAN])
                # A step without a sample has no maximum: the value stood still, and its mean is it.
                own = mean if watched.summary is Summary.MEAN else _good(read[ref, _OF[watched.summary]])
                parts[watched].append(np.where(np.isfinite(own), own, mean))
        return {watched: np.concatenate(values) for watched, values in parts.items()}

    async def values(self, tenant: str, ref: PropertyRef, span: tuple[int, int], spec: ForecastSpec) -> Floats:
        """float64[n]: what a forecast is made of, by step; NaN without good data."""
        step, counts = spec.step_us, spec.kind is Kind.COUNTED
        # What a counter counted in a step began with what it had read at the end of the one before.
        start_us, wanted = (span[0] - step, _READ) if counts else (span[0], [_MEAN])
        reading = self._plant.read_processed(tenant, [ref], start_us, span[1], interval_us=step, aggregates=wanted)
        found = await self._leisure.of(reading)
        columns = [_good(found[ref, each]) for each in wanted]
        return counted(*columns) if counts else columns[0]

    async def even(
        self, tenant: str, ref: PropertyRef, start_us: int, end_us: int, steps: int
    ) -> tuple[NDArray[np.int64], Floats, str]:
        """Middles of even steps, the means of a property in them (NaN without good data), and its unit."""
        step = max(1_000_000, (end_us - start_us) // steps)
        found = await self._plant.read_processed(tenant, [ref], start_us, end_us, interval_us=step, aggregates=[_MEAN])
        processed = found[ref, _MEAN]
        return processed.timestamp + step // 2, _good(processed), processed.unit

    async def machines(self, tenant: str, asset_model: str, under: str) -> Sequence[str]:
        """Ids of the machines of an asset model."""
        tree = await self._plant.assets(tenant)
        return [asset.id for asset in tree.machines_under(under) if asset.model == asset_model]

    async def unit(self, tenant: str, ref: PropertyRef) -> str:
        """UCUM of a property."""
        return (await self._plant.assets(tenant)).unit(ref)


def _good(processed: Processed) -> Floats:
    """The values whose status is not Bad; NaN for the others."""
    return np.where(processed.status >> 31 == 0, processed.value, np.nan)
