"""The turns without training are without it."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import cast

import pytest
from google.longrunning import operations_pb2

from dualspan_bench.measures.training_beside_ingest import training_beside_ingest
from dualspan_bench.product.simulated_hall import Hall
from dualspan_bench.workbench import Workbench


class Plant:
    """Analytics that train in three polls, whether or not somebody awaits it, and a feeder that looks on."""

    def __init__(self) -> None:
        self.left = 0
        self.trained_beside: list[bool] = []
        self.session = SimpleNamespace(analytics_channel=None)

    async def all_sealed(self) -> None:
        """Nothing is to be sealed."""

    async def TrainModels(self, _: object) -> operations_pb2.Operation:  # noqa: N802 - as in the contract
        self.left = 3
        return operations_pb2.Operation(name="training")

    async def GetOperation(self, _: object) -> operations_pb2.Operation:  # noqa: N802 - as in the contract
        self.left -= 1
        return operations_pb2.Operation(name="training", done=not self.left)

    async def CancelOperation(self, _: object) -> None:  # noqa: N802 - as in the contract
        """It ends when it would have ended."""

    async def paced(self, *_: object) -> list[float]:
        self.trained_beside.append(self.left > 0)
        for _each in range(10):
            await asyncio.sleep(0)
        return [1.0]


def opening(thing: object) -> Callable[..., object]:
    @asynccontextmanager
    async def opened(*_: object, **__: object) -> AsyncGenerator[object]:
        yield thing

    return opened


async def test_a_turn_without_training_begins_when_the_training_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    plant, briefly = Plant(), asyncio.sleep

    async def hall(*_: object, **__: object) -> Hall:
        return Hall(0, 1, 1, 1, ["a", "b"])

    measure = sys.modules[training_beside_ingest.__module__]  # the function has its name too
    monkeypatch.setattr(asyncio, "sleep", lambda _: briefly(0))
    monkeypatch.setattr(measure, "set_up_hall", hall)
    for name in ("open_platform", "open_feeder"):
        monkeypatch.setattr(measure, name, opening(plant))
    for name in ("ModelServiceStub", "OperationsStub"):
        monkeypatch.setattr(measure, name, lambda _: plant)
    bench = cast(Workbench, SimpleNamespace(note=lambda _: None, quick=True, machine="a machine"))
    await training_beside_ingest(bench)
    assert plant.trained_beside == [False, *[False, True] * 8]
    assert plant.left == 0
