"""Which tenants' streams are followed: those that have live models now."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from dualspan_analytics.plant_data import PlantData
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
