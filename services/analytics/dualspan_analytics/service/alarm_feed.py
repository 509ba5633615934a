"""What an evaluation is fed with: the live stream, and what was stored while nobody listened."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from dualspan_analytics.alarms.evaluation import Samples
from dualspan_analytics.alarms.plan import Plan, Texts
from dualspan_analytics.alarms.rules import SignalKind
from dualspan_analytics.columns import PropertyRef, Series
from dualspan_analytics.plant_data import LiveBatch, PlantData
from dualspan_runtime.errors import DomainError

_log = structlog.stdlib.get_logger()
_TAGS_AT_ONCE = 10_000
_MOST_WAITING = 2_000_000
_HOUR_US = 3600 * 1_000_000
# Signals that were heard about as long ago are read together: a silent one must not have the busy ones read again.
_AGES_US = (10_000_000, 60_000_000, 600_000_000, _HOUR_US, 6 * _HOUR_US)
_READY_SECONDS = 6.0
_NEVER = np.iinfo(np.int64).min


def joined(parts: Sequence[Samples]) -> Samples:
    """Samples one after the other."""
    if not parts:
        return Samples.empty()
    return Samples(
        np.concatenate([part.signal for part in parts]),
        np.concatenate([part.timestamp for part in parts]),
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.status for part in parts]),
    )


def numbers(values: NDArray[Any], texts: Texts) -> NDArray[np.float64]:
    """Values of whatever kind as numbers: texts by their codes."""
    return texts.columns(values) if values.dtype == object else values.astype(np.float64)


class Feed:
    """Samples of the properties that a plan watches.

    Args:
        plant: Where they come from.
        tenant: Whose.
        plan: What is watched.
        catch_up_us: Nothing older is evaluated: it is too late to act on it.
    """

    def __init__(self, plant: PlantData, tenant: str, plan: Plan, catch_up_us: int) -> None:
        self._plant = plant
        self._tenant = tenant
        self._texts = plan.texts
        self._catch_up_us = catch_up_us
        places = [place for place, each in enumerate(plan.table.signals) if each.kind is SignalKind.PROPERTY]
        self._places = np.array(places, np.int64)
        self._refs = [
            PropertyRef(each.asset, each.name, each.index)
            for each in plan.table.signals
            if each.kind is SignalKind.PROPERTY
        ]
        self._waiting: list[Samples] = []
        self._count = 0
        self._listening: set[int] = set()
        self._incomplete = bool(self._refs)

    @property
    def is_listening(self) -> bool:
        """The live stream is there, so that silence means something."""
        return len(self._listening) == len(self._parts())

    @property
    def is_incomplete(self) -> bool:
        """Samples may have been missed; they are stored, and `missed` reads them."""
        return self._incomplete

    async def run(self) -> None:
        """Listen for ever."""
        async with asyncio.TaskGroup() as group:
            for start in self._parts():
                group.create_task(self._listen(start))

    def take(self) -> Samples:
        """What came since the last call."""
        found, self._waiting, self._count = joined(self._waiting), [], 0
        return found

    async def newest(self, places: NDArray[np.int64]) -> Samples:
        """The newest stored sample of some signals of the plan."""
        wanted = [number for number, place in enumerate(self._places.tolist()) if place in set(places.tolist())]
        found = await self._plant.latest(self._tenant, [self._refs[number] for number in wanted])
        return joined([self._samples(number, found[self._refs[number]]) for number in wanted])

    async def missed(self, heard: NDArray[np.int64], now_us: int) -> AsyncGenerator[Samples]:
        """What is stored and newer than what was heard of each signal of the plan, in pieces that rise in time."""
        # Before anything is read: what comes from now on is either read, or makes the feed incomplete again.
        self._incomplete = False
        mine = np.maximum(heard[self._places], now_us - self._catch_up_us)
        group = np.searchsorted(_AGES_US, now_us - mine)
        for number in np.unique(group).tolist():
            members = np.flatnonzero(group == number)
            start = int(mine[members].min()) + 1
            while start < now_us:
                end = min(start + _HOUR_US, now_us + 1)
                yield await self._read(members, mine, start, end)
                start = end

    async def _read(self, members: NDArray[np.intp], heard: NDArray[np.int64], start_us: int, end_us: int) -> Samples:
        refs = [self._refs[number] for number in members.tolist()]
        found = await self._plant.read(self._tenant, refs, start_us, end_us, before=False)
        parts = [self._samples(number, found[self._refs[number]]) for number in members.tolist()]
        samples = joined(parts)
        floor = np.full(len(self._places) and int(self._places.max()) + 1, _NEVER, np.int64)
        floor[self._places] = heard
        return samples.take(samples.timestamp > floor[samples.signal])

    def _samples(self, number: int, series: Series) -> Samples:
        signal = np.full(len(series), self._places[number], np.int64)
        return Samples(signal, series.timestamp, numbers(series.value, self._texts), series.status)

    def _parts(self) -> range:
        return range(0, len(self._refs), _TAGS_AT_ONCE)

    async def _listen(self, start: int) -> None:
        refs, places = self._refs[start : start + _TAGS_AT_ONCE], self._places[start : start + _TAGS_AT_ONCE]
        while True:
            ready = asyncio.get_running_loop().call_later(_READY_SECONDS, self._hear, start)
            try:
                async with aclosing(self._plant.subscribe(self._tenant, refs)) as batches:
                    async for batch in batches:
                        self._hear(start)
                        self._take_in(batch, places)
            except DomainError as error:
                _log.warning("alarms hear no samples, trying again", tenant=self._tenant, error=str(error))
            finally:
                ready.cancel()
                self._listening.discard(start)
                self._incomplete = True
            await asyncio.sleep(1.0)

    def _hear(self, start: int) -> None:
        """The stream is there; what was stored before it began has to be read once."""
        if start not in self._listening:
            self._listening.add(start)
            self._incomplete = True

    def _take_in(self, batch: LiveBatch, places: NDArray[np.int64]) -> None:
        self._incomplete |= batch.is_incomplete
        for block in batch.blocks:
            if self._count + len(block.ref) > _MOST_WAITING:
                # Slower than the plant: what waits is read again from the store, in pieces.
                self._waiting, self._count, self._incomplete = [], 0, True
            value = numbers(block.value, self._texts)
            self._waiting.append(Samples(places[block.ref], block.timestamp, value, block.status))
            self._count += len(block.ref)
