"""Which tenants' streams are followed: those that have live models now."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import cast

import numpy as np
import pytest

from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.plant_data import LiveBatch, LiveBlock, PlantData
from dualspan_analytics.service import live_scoring
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.service.live_scoring import LiveScoring
from dualspan_analytics.service.scoring import Scoring
from dualspan_analytics.store.models import Definition
from dualspan_runtime.database import Database


async def test_a_tenant_whose_last_live_model_is_gone_is_followed_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    definition = Definition("d", "", "anomaly", "press", "", {}, 1, needs_retraining=False, created_at=None)
    live = {"acme": [definition], "other": [definition]}
    followed: set[str] = set()
    changed = asyncio.Event()

    async def known(_: LiveScoring) -> dict[str, list[Definition]]:
        return dict(live)

    async def follow(_: LiveScoring, tenant: str, definitions: Sequence[Definition]) -> None:
        followed.add(tenant)
        changed.set()
        try:
            await asyncio.Event().wait()
        finally:
            followed.remove(tenant)
            changed.set()

    async def until(wanted: set[str]) -> None:
        async with asyncio.timeout(5):
            while followed != wanted:
                changed.clear()
                await changed.wait()

    monkeypatch.setattr(LiveScoring, "_live", known)
    monkeypatch.setattr(LiveScoring, "_follow", follow)
    scoring = LiveScoring(cast("Database", None), cast("PlantData", None), cast("Scoring", None), look_seconds=0.001)
    running = asyncio.create_task(scoring.run())
    await until({"acme", "other"})
    del live["acme"]
    await until({"other"})
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not followed


async def test_a_sample_of_a_clock_that_is_ahead_has_no_step_judged_that_is_not_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    step, hour = 60_000_000, 3_600_000_000
    definition = Definition("d", "", "anomaly", "press", "", {"step_us": step}, 1, False, None)
    followed = live_scoring._Followed([(definition, "m1")], [PropertyRef("m1", "load")], np.zeros(1, np.int64))
    asked: list[int] = []

    class Plant:
        async def subscribe(self, *_: object, **__: object) -> AsyncGenerator[LiveBatch]:
            for at in (now_us() + hour, now_us()):
                block = LiveBlock(np.zeros(1, np.int32), np.array([at]), np.zeros(1), np.zeros(1, np.uint32))
                yield LiveBatch((block,), is_incomplete=False)

    class Judge:
        delay_us = 0

        async def keep_up(self, _: str, __: Definition, ___: str, until_us: int) -> None:
            asked.append(until_us)

    async def known(*_: object) -> live_scoring._Followed:
        return followed

    monkeypatch.setattr(LiveScoring, "_followed", known)
    scoring = LiveScoring(cast("Database", None), cast("PlantData", Plant()), cast("Scoring", Judge()))
    await scoring._follow("acme", [definition])
    assert asked
    assert max(asked) <= now_us()
