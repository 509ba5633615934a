"""Milliseconds until a frame is acknowledged, while a plant's models are trained and while they are not."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from google.longrunning import operations_pb2
from google.longrunning.operations_pb2_grpc import OperationsStub
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.analytics.v1 import models_pb2
from dualspan.analytics.v1.models_pb2_grpc import ModelServiceStub
from dualspan_bench.model import PRODUCT, Better, Outcome, Reading
from dualspan_bench.product import platform
from dualspan_bench.product.feeder import Feeder, open_feeder
from dualspan_bench.product.platform import Platform, open_platform
from dualspan_bench.product.simulated_hall import Hall, set_up_hall
from dualspan_bench.workbench import Workbench
from dualspan_frame import Block, Frame, ValueKind

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.analytics.v1.models_pb2_grpc import ModelServiceAsyncStub

_FRAMES_PER_SECOND = 20.0
_SAMPLES_PER_FRAME = 2_000
_LIVE_TAGS = range(900_000_000, 900_002_000)
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class _Waits:
    """Milliseconds from sending a frame to its acknowledgement."""

    quiet: list[float]
    training: list[float]
    trained: float


async def training_beside_ingest(bench: Workbench) -> Sequence[Outcome]:
    """Median and 95th percentile with training, against those without, taken in turns in one run."""
    async with open_platform(bench, "training-beside-ingest") as running:
        bench.note("a week of a packaging hall, into the historian")
        hall = await set_up_hall(running, machines=2 if bench.quick else 12, days=4 if bench.quick else 7)
        await running.all_sealed()
        async with open_feeder(running, _LIVE_TAGS, name="live") as feeder:
            waits = await _in_turns(bench, running, hall, feeder)
    conditions = (
        f"{_FRAMES_PER_SECOND:g} frames/s of {_SAMPLES_PER_FRAME:,} samples over one stream, {{}} frames, {_ROUNDS}"
        f" turns of {_seconds(bench):g} s each; {waits.trained:.1f} trainings of {hall.machines} machines meanwhile,"
        f" {hall.samples:,} samples to learn from; every process of the platform at work; {platform.FSYNC};"
        f" {bench.machine}"
    )
    return [
        Outcome(
            f"ms to the acknowledgement (p{percent})",
            Better.LOWER,
            [
                Reading(
                    f"{PRODUCT}, models in training",
                    float(np.percentile(waits.training, percent)),
                    conditions.format(f"{len(waits.training):,}"),
                ),
                Reading(
                    f"{PRODUCT}, no training",
                    float(np.percentile(waits.quiet, percent)),
                    conditions.format(f"{len(waits.quiet):,}"),
                ),
            ],
        )
        for percent in (50, 95)
    ]


async def _in_turns(bench: Workbench, running: Platform, hall: Hall, feeder: Feeder) -> _Waits:
    quiet: list[float] = []
    busy: list[float] = []
    trained = 0.0
    await feeder.paced(_frame, _FRAMES_PER_SECOND, 2.0)
    for turn in range(_ROUNDS):
        bench.note(f"turn {turn + 1} of {_ROUNDS}")
        quiet.extend(await feeder.paced(_frame, _FRAMES_PER_SECOND, _seconds(bench)))
        stop = asyncio.Event()
        training = asyncio.ensure_future(_train_on(running, hall, stop))
        await asyncio.sleep(1.0)
        busy.extend(await feeder.paced(_frame, _FRAMES_PER_SECOND, _seconds(bench)))
        stop.set()
        trained += await training  # what is trained after its client has gone would slow the quiet turn down
    return _Waits(quiet, busy, trained)


def _frame() -> Frame:
    tag = np.array(_LIVE_TAGS, np.int64)[:_SAMPLES_PER_FRAME]
    now = np.full(len(tag), time.time_ns() // 1000, np.int64)
    value = np.random.default_rng().normal(20.0, 1.0, len(tag)).round(2)
    return Frame((Block(ValueKind.FLOAT64, tag, now, np.zeros(len(tag), np.uint32), value),))


async def _train_on(running: Platform, hall: Hall, stop: asyncio.Event) -> float:
    """Train all definitions, one after another, again and again, until told to stop; how many that were."""
    stub: ModelServiceAsyncStub = ModelServiceStub(running.session.analytics_channel)
    start, end = _timestamp(hall.start_us), _timestamp(hall.end_us)
    trained = 0.0
    for name in itertools.cycle(hall.definitions):
        if stop.is_set():
            break
        request = models_pb2.TrainModelsRequest(name=name, start_time=start, end_time=end)
        trained += await _ended(running, await stub.TrainModels(request), stop)
    return trained


async def _ended(running: Platform, operation: operations_pb2.Operation, stop: asyncio.Event) -> float:
    """Waits for the end of a training, asks for it when told to stop; the share of its machines that were trained."""
    operations = OperationsStub(running.session.analytics_channel)
    is_cancelled = False
    while not operation.done:
        if stop.is_set() and not is_cancelled:
            await operations.CancelOperation(operations_pb2.CancelOperationRequest(name=operation.name))
            is_cancelled = True
        await asyncio.sleep(0.25)
        operation = await operations.GetOperation(operations_pb2.GetOperationRequest(name=operation.name))
    if operation.HasField("error") and not is_cancelled:
        raise RuntimeError(operation.error.message)
    progress = models_pb2.TrainingProgress()
    operation.metadata.Unpack(progress)
    return 1.0 if operation.HasField("response") else progress.done / max(progress.total, 1)


def _timestamp(time_us: int) -> Timestamp:
    message = Timestamp()
    message.FromMicroseconds(time_us)
    return message


def _seconds(bench: Workbench) -> float:
    return 2.0 if bench.quick else 15.0
