"""What analytics knows of a plant: assets, and the values of their properties in columns."""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualspan.historian.v1 import resources_pb2 as historian_resources
from dualspan_analytics.assets import AssetTree, Binding, ModelProperty
from dualspan_analytics.clients import Historian, Onboarding
from dualspan_analytics.columns import PropertyRef, Series
from dualspan_analytics.errors import property_is_structured, reversed_span
from dualspan_analytics.intervals import Intervals
from dualspan_analytics.missing import missing_time, with_missing
from dualspan_analytics.samples import Routes, TagSamples, property_values, split_by_tag
from dualspan_analytics.scaling import aggregate_unit, scaled_aggregate
from dualspan_frame import value_dtype

Aggregate = historian_resources.Aggregate
AggregateConfiguration = historian_resources.AggregateConfiguration


@dataclass(frozen=True, slots=True)
class Processed:
    """Aggregates of one property; columns of one length, one row per interval.

    Attributes:
        timestamp: int64, µs: the interval's start, or the time of occurrence where the aggregate says so.
        value: float64; NaN where the status is bad.
        status: uint32, with the historian bits of Part 11, 6.5.2.
        unit: UCUM, of the aggregate: that of the property, `ms` for durations, `%` for percentages, `1` for counts.
    """

    timestamp: NDArray[np.int64]
    value: NDArray[np.float64]
    status: NDArray[np.uint32]
    unit: str


@dataclass(frozen=True, slots=True)
class LiveBlock:
    """Samples of several properties whose values are of one dtype; columns of one length, in order of arrival.

    Attributes:
        ref: int32, places in the list of properties that was subscribed to.
        timestamp: int64, µs since the Unix epoch, UTC.
        value: float64, int64, bool or object (str), in the units of the models.
        status: uint32, OPC UA status codes.
    """

    ref: NDArray[np.int32]
    timestamp: NDArray[np.int64]
    value: NDArray[Any]
    status: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class LiveBatch:
    """What a subscription brings.

    Attributes:
        blocks: One per dtype of values.
        is_incomplete: Samples right before these may be missing from the stream; they are stored, read them.
    """

    blocks: tuple[LiveBlock, ...]
    is_incomplete: bool


class PlantData:
    """Assets of tenants, and values of their properties, scaled to the units of the models.

    Args:
        onboarding: Knows the assets.
        historian: Has the samples.
        assets_seconds: An answer about a tenant's assets is good for so long.
        most_samples: No question may hold more samples at once.
    """

    def __init__(self, onboarding: Onboarding, historian: Historian, assets_seconds: float, most_samples: int) -> None:
        self._onboarding = onboarding
        self._historian = historian
        self._assets_seconds = assets_seconds
        self._most_samples = most_samples
        self._trees: dict[str, tuple[float, asyncio.Task[AssetTree]]] = {}

    def holding_at_most(self, samples: int) -> "PlantData":
        """The same plant, for work that must hold less in memory than a question may."""
        return PlantData(self._onboarding, self._historian, self._assets_seconds, min(samples, self._most_samples))

    async def assets(self, tenant: str) -> AssetTree:
        """The assets of a tenant, at most a few seconds old.

        Raises:
            Unavailable: onboarding cannot be asked.
        """
        now = time.monotonic()
        asked, task = self._trees.get(tenant, (-np.inf, None))
        if task is None or now - asked > self._assets_seconds or (task.done() and task.exception() is not None):
            task = asyncio.ensure_future(self._onboarding.assets(tenant))
            self._trees[tenant] = (now, task)
        # Others may wait for the same answer: whoever gives up must not take it from them.
        return await asyncio.shield(task)

    async def read(
        self,
        tenant: str,
        refs: Iterable[PropertyRef],
        start_us: int,
        end_us: int,
        *,
        before: bool = True,
        parts: int = 1,
    ) -> dict[PropertyRef, Series]:
        """Samples of properties in [start, end), in the units of the models.

        Bad samples stay, with their status. Where samples are known to be missing, a Bad_NoData sample stands at the
        beginning, and the last known value comes back at the end unless a sample has come.

        Args:
            tenant: Whose.
            refs: Which properties; a property without samples gets an empty series.
            start_us: From here on, included; µs since the Unix epoch.
            end_us: Up to here, not included.
            before: The newest sample before `start_us` comes first, with its own time.
            parts: So many answers are held at once for one question; each has its part of what it may hold.

        Raises:
            NotFound: There is no such asset or property.
            FailedPrecondition: A property is not bound to a tag, or its samples are structures.
            InvalidArgument: The span ends before it begins.
            ResourceExhausted: There are too many samples.
            Unavailable: onboarding or the historian cannot be asked.
        """
        if end_us <= start_us:
            raise reversed_span()
        tree = await self.assets(tenant)
        bound = tree.bindings(refs)
        tags = sorted({binding.tag_id for binding in bound.values()})
        if not tags:
            return {}
        inside, earlier, missing = await asyncio.gather(
            self._historian.raw(tenant, tags, start_us, end_us, self._most_samples // parts),
            self._historian.before(tenant, tags, start_us) if before else _nothing(),
            self._historian.missing(tenant, tags, start_us, end_us),
        )
        first, rest, now_us = split_by_tag(earlier), split_by_tag(inside), time.time_ns() // 1000
        found: dict[PropertyRef, Series] = {}
        for ref, binding in bound.items():
            tag = binding.tag_id
            series = _series(ref, binding, tree.property(ref), first.get(tag), rest.get(tag))
            found[ref] = with_missing(series, missing.get(tag, ()), now_us)
        return found

    async def read_processed(
        self,
        tenant: str,
        refs: Iterable[PropertyRef],
        start_us: int,
        end_us: int,
        *,
        interval_us: int,
        aggregates: Sequence[Aggregate.ValueType],
        configuration: AggregateConfiguration | None = None,
    ) -> dict[tuple[PropertyRef, Aggregate.ValueType], Processed]:
        """Aggregates of OPC UA Part 13 by interval, computed by the historian, in the units of the models.

        Args:
            tenant: Whose.
            refs: Which properties; their tags must have numbers.
            start_us: Start of the first interval, µs since the Unix epoch.
            end_us: End of the last interval.
            interval_us: Length of the intervals; 0 for one.
            aggregates: Which.
            configuration: The rules; the standard's defaults if None.

        Raises:
            NotFound: There is no such asset or property.
            FailedPrecondition: A property is not bound to a tag.
            InvalidArgument: A tag has no numbers, or the intervals make no sense or are too many.
            ResourceExhausted: There are too many samples.
            Unavailable: onboarding or the historian cannot be asked.
        """
        if end_us <= start_us:
            raise reversed_span()
        tree = await self.assets(tenant)
        bound = tree.bindings(refs)
        tags = sorted({binding.tag_id for binding in bound.values()})
        if not tags:
            return {}
        found = await self._historian.processed(tenant, tags, start_us, end_us, interval_us, aggregates, configuration)
        answer: dict[tuple[PropertyRef, Aggregate.ValueType], Processed] = {}
        for ref, binding in bound.items():
            for aggregate in aggregates:
                series = found[binding.tag_id, aggregate]
                value = scaled_aggregate(series.value, aggregate, binding, interval_us or end_us - start_us)
                unit = aggregate_unit(aggregate, tree.unit(ref))
                answer[ref, aggregate] = Processed(series.timestamp, value, series.status, unit)
        return answer

    async def missing(
        self, tenant: str, refs: Iterable[PropertyRef], start_us: int, end_us: int
    ) -> dict[PropertyRef, Intervals]:
        """When samples are known to be missing in [start, end), of properties of which any are.

        Raises:
            NotFound: There is no such asset or property.
            FailedPrecondition: A property is not bound to a tag.
            Unavailable: onboarding or the historian cannot be asked.
        """
        tree = await self.assets(tenant)
        bound = tree.bindings(refs)
        tags = sorted({binding.tag_id for binding in bound.values()})
        spans = await self._historian.missing(tenant, tags, start_us, end_us) if tags else {}
        now_us = time.time_ns() // 1000
        found = {ref: missing_time(spans.get(binding.tag_id, ()), now_us) for ref, binding in bound.items()}
        return {ref: missing for ref, missing in found.items() if len(missing)}

    async def latest(self, tenant: str, refs: Iterable[PropertyRef]) -> dict[PropertyRef, Series]:
        """The newest sample of each property, as a series of one; an empty one where there is none.

        Raises:
            NotFound: There is no such asset or property.
            FailedPrecondition: A property is not bound to a tag.
            Unavailable: onboarding or the historian cannot be asked.
        """
        tree = await self.assets(tenant)
        bound = tree.bindings(refs)
        tags = sorted({binding.tag_id for binding in bound.values()})
        newest = split_by_tag(await self._historian.latest(tenant, tags)) if tags else {}
        return {
            ref: _series(ref, binding, tree.property(ref), None, newest.get(binding.tag_id))
            for ref, binding in bound.items()
        }

    async def subscribe(
        self, tenant: str, refs: Sequence[PropertyRef], *, include_latest: bool = True
    ) -> AsyncGenerator[LiveBatch]:
        """Samples as they are committed, in columns over all properties; runs until the historian goes away.

        A sample may come twice (at the beginning), and out of order of time. The bindings are those of the beginning.

        Args:
            tenant: Whose.
            refs: Which properties; `LiveBlock.ref` counts their places from 0.
            include_latest: Begin with the newest stored sample of each.

        Raises:
            NotFound: There is no such asset or property.
            FailedPrecondition: A property is not bound to a tag.
            Unavailable: The historian went away: subscribe again, and read what came meanwhile.
        """
        tree = await self.assets(tenant)
        routes = Routes([tree.bindings([ref])[ref] for ref in refs])
        live = self._historian.subscribe(tenant, routes.tag_ids, include_latest=include_latest)
        async with aclosing(live) as messages:
            async for message in messages:
                blocks = tuple(LiveBlock(*columns) for columns in routes.columns(message.frame))
                yield LiveBatch(blocks, is_incomplete=message.skipped > 0)


async def _nothing() -> None:
    return None


def _series(
    ref: PropertyRef, binding: Binding, of_model: ModelProperty, first: TagSamples | None, rest: TagSamples | None
) -> Series:
    unit = of_model.unit
    parts = [part for part in (first, rest) if part is not None]
    if any(part.is_structured for part in parts):
        raise property_is_structured(ref)
    values = [property_values(part.value, binding) for part in parts]
    if not parts:
        nothing = np.empty(0, value_dtype(of_model.kind) or object)
        return Series(np.empty(0, np.int64), nothing, np.empty(0, np.uint32), unit)
    if len(parts) == 1:
        return Series(parts[0].timestamp, values[0], parts[0].status, unit)
    return Series(
        np.concatenate([part.timestamp for part in parts]),
        np.concatenate(values),
        np.concatenate([part.status for part in parts]),
        unit,
    )
