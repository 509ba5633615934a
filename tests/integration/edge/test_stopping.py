"""A gateway ends when it is told to, at whatever moment, and whatever its servers do meanwhile."""

import asyncio
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.ua_session import UaSession
from integration.edge.plant import Plant, tag
from integration.edge.platform import Platform
from integration.edge.running import RunningGateway, until

from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.opcua.server import ServerWorker
from dualspan_frame import ValueKind


async def stops(box: RunningGateway) -> bool:
    """Whether the gateway has ended; one that has not is let go, so that the test can."""
    stopping = asyncio.ensure_future(box.stop())
    done, _ = await asyncio.wait([stopping], timeout=10)
    stopping.cancel()
    return bool(done)


@pytest.mark.parametrize("passes", range(5))
async def test_it_ends_in_the_moment_in_which_a_server_is_connected(
    plant: Plant, platform: Platform, box: RunningGateway, passes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All parts of the gateway hear of that, one after the other: it is stopped so many passes of the loop later."""
    connected = asyncio.Event()
    ordinary = ServerWorker._set_state

    def note(worker: ServerWorker, state: onboarding.ConnectionState.ValueType, *words: Any) -> None:
        ordinary(worker, state, *words)
        if state == onboarding.CONNECTION_STATE_CONNECTED:
            connected.set()

    monkeypatch.setattr(ServerWorker, "_set_state", note)
    await plant.add("speed", 1.0, ua.VariantType.Double)
    platform.onboarding.configure(plant.configuration(tag(1, "speed", ValueKind.FLOAT64)))
    box.start()
    await connected.wait()
    for _ in range(passes):
        await asyncio.sleep(0)
    assert await stops(box)


async def test_a_server_that_answers_a_farewell_with_nonsense_does_not_hold_it_up(
    plant: Plant, platform: Platform, box: RunningGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def close_session(session: UaSession, delete_subscriptions: bool) -> None:
        raise ValueError("42 is not a valid ServiceResult")

    monkeypatch.setattr(UaSession, "close_session", close_session)
    platform.onboarding.configure(plant.configuration())
    box.start()
    connected = onboarding.CONNECTION_STATE_CONNECTED
    await until(lambda: platform.onboarding.server_state() == connected, "it is connected")
    assert await stops(box)
