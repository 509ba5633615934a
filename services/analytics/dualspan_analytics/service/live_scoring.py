"""Scores as samples arrive: the live stream tells which machine has a new step to judge."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import structlog

from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.intelligence import archive
from dualspan_analytics.plant_data import LiveBatch, PlantData
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.service.scoring import Scoring
from dualspan_analytics.store import models as store
from dualspan_analytics.store.models import Definition
from dualspan_runtime.database import Database
from dualspan_runtime.errors import DomainError

_NEVER = -(1 << 62)
_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class _Followed:
    """What the stream of a tenant is asked for; `owner` has for each property the place of its machine."""

    machines: Sequence[tuple[Definition, str]]
    refs: Sequence[PropertyRef]
    owner: np.ndarray[tuple[int], np.dtype[np.int64]]


class LiveScoring:
    """Follows the streams of all tenants that have live models. What it misses the schedule scores.

    Args:
        database: Where models are.
        plant: Has the streams.
        scoring: Judges.
        look_seconds: Live models are looked for so often.
    """

    def __init__(self, database: Database, plant: PlantData, scoring: Scoring, look_seconds: float = 15.0) -> None:
        self._database = database
        self._plant = plant
        self._scoring = scoring
        self._look_seconds = look_seconds

    async def run(self) -> None:
        """Run until cancelled."""
        following: dict[str, tuple[frozenset[tuple[str, int]], asyncio.Task[None]]] = {}
        try:
            while True:
                live = await self._live()
                for tenant in following.keys() - live.keys():
                    following.pop(tenant)[1].cancel()
                for tenant, wanted in live.items():
                    key = frozenset((each.definition_id, each.live_version) for each in wanted)
                    known, task = following.get(tenant, (frozenset(), None))
                    if task is None or task.done() or known != key:
                        if task is not None:
                            task.cancel()
                        following[tenant] = (key, asyncio.create_task(self._follow(tenant, wanted)))
                await asyncio.sleep(self._look_seconds)
        finally:
            tasks = [task for _, task in following.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _live(self) -> dict[str, list[Definition]]:
        async with self._database.platform_transaction() as connection:
            found = await store.live_definitions(connection)
        return {tenant: [each for owner, each in found if owner == tenant] for tenant in {owner for owner, _ in found}}

    async def _follow(self, tenant: str, definitions: Sequence[Definition]) -> None:
        try:
            followed = await self._followed(tenant, definitions)
            newest = np.full(len(followed.machines), _NEVER, np.int64)
            done = newest.copy()
            async for batch in self._plant.subscribe(tenant, followed.refs, include_latest=False):
                _advance(newest, batch, followed)
                await self._score(tenant, followed, newest, done)
        except DomainError as error:
            # The schedule goes on meanwhile, and the stream is asked for again.
            _log.warning("stream of scores ended", tenant=tenant, reason=error.reason)

    async def _score(
        self,
        tenant: str,
        followed: _Followed,
        newest: np.ndarray[tuple[int], np.dtype[np.int64]],
        done: np.ndarray[tuple[int], np.dtype[np.int64]],
    ) -> None:
        """Judge the machines whose samples have passed the end of a step."""
        for place, (definition, asset_id) in enumerate(followed.machines):
            step = (int(newest[place]) - self._scoring.delay_us) // int(definition.spec["step_us"])
            if newest[place] != _NEVER and step > done[place]:
                done[place] = step
                await self._scoring.keep_up(tenant, definition, asset_id, int(newest[place]))

    async def _followed(self, tenant: str, definitions: Sequence[Definition]) -> _Followed:
        machines: list[tuple[Definition, str]] = []
        async with self._database.transaction(tenant, readonly=True) as connection:
            for each in definitions:
                fitted = await store.fitted(connection, tenant, each.definition_id, each.live_version)
                machines += [(each, one.asset_id) for one in fitted if one.arrays]
        tree = await self._plant.assets(tenant)
        refs: list[PropertyRef] = []
        owner: list[int] = []
        for place, (definition, asset_id) in enumerate(machines):
            spec = archive.spec_of(definition.spec)
            names = {spec.state.property, *(watched.property for watched in spec.watched)}
            bound = tree.bound_refs(asset_id) if asset_id in tree.assets else ()
            own = [ref for ref in bound if ref.property in names]
            refs += own
            owner += [place] * len(own)
        return _Followed(machines, refs, np.array(owner, np.int64))


def _advance(newest: np.ndarray[tuple[int], np.dtype[np.int64]], batch: LiveBatch, followed: _Followed) -> None:
    # One sample of a clock that is ahead would have steps judged that are not over, and never again.
    now = now_us()
    for block in batch.blocks:
        np.maximum.at(newest, followed.owner[block.ref], np.minimum(block.timestamp, now))
