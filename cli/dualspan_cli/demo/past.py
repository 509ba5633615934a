"""The two days before the demonstration: what the plants' servers keep, so that a shift of yesterday can be looked at.

A gateway records from the moment that a tag is accepted. The demonstration sends what came before as its gateway would,
over the gateway's own door, while the gateway itself does not run yet: nothing is invented, and nothing is sent twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import grpc.aio
import numpy as np

from dualspan.historian.v1 import service_pb2 as historian
from dualspan.historian.v1.service_pb2_grpc import IngestServiceStub
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan_cli.errors import CommandError
from dualspan_edge.channel import ChannelSource
from dualspan_edge.identity import Identity
from dualspan_frame import BinaryColumn, Block, Frame, ValueKind, encode_frame, value_dtype
from plc_sim.model.plant import Plant, Variable

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.historian.v1.service_pb2_grpc import IngestServiceAsyncStub

_HOUR_US = 3_600_000_000
PAST_US = 48 * _HOUR_US
"""How far back: yesterday's shifts are whole, wherever one lives."""
_STEP_US = 1_000_000
_ENERGY_STEP_US = 60_000_000
_AT_ONCE = 100_000
# What production, energy and quality are computed from; anything else begins when it is recorded.
_PATHS = frozenset(
    {
        *("Status/State", "Status/StateCurrent", "Status/StopReason", "Admin/StopReasonId", "Status/Alarm"),
        *("Production/GoodCount", "Production/ScrapCount", "Production/CycleCount"),
        *("Admin/ProdProcessedCount", "Admin/ProdDefectiveCount", "Status/MachSpeed"),
        *("Production/Article", "Production/Order", "Production/CycleTime", "Quality/PartWeight"),
    }
)
_ENERGY_PATHS = frozenset({"Energy/ActiveEnergy", "Energy/ActivePower", "Barrel/NozzleTemperature"})


class Past:
    """Sends it.

    Args:
        folder: The gateway's, with its certificate.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mark = folder / "recorded-since"

    def recorded_us(self) -> int:
        """Since when everything is recorded, in microseconds since 1970; 0: since there are tags."""
        return int(self._mark.read_text()) if self._mark.exists() else 0

    async def send(
        self, plants: dict[str, Plant], tags: Sequence[resources.Tag], progress: Callable[[int, int], None]
    ) -> None:
        """Send it, of all tags that matter.

        Args:
            plants: By the ids of their servers.
            tags: All of the gateway's.
            progress: Is told how many tags are done, of how many.

        Raises:
            CommandError: The historian did not take it.
        """
        until = time.time_ns() // 1000
        chosen = [(tag, found) for tag in tags if (found := _variable(plants, tag)) and _step(found)]
        identity = Identity.load(self._folder)
        source = ChannelSource(lambda each: each.historian_address, lambda: identity)
        async with source.open() as channel:
            stub: IngestServiceAsyncStub = IngestServiceStub(channel)
            await _upload(stub, _frames(chosen, until, progress))
        self._mark.write_text(str(until))


async def _upload(stub: IngestServiceAsyncStub, frames: Iterator[Frame]) -> None:
    """One stream, one frame after the other: what is acknowledged is stored."""
    waiting: asyncio.Queue[historian.IngestRequest | None] = asyncio.Queue()

    async def requests() -> AsyncIterator[historian.IngestRequest]:
        while (request := await waiting.get()) is not None:
            yield request

    call = stub.Ingest(requests())
    # A life of its own: the gateway's buffer has not begun.
    waiting.put_nowait(historian.IngestRequest(open=historian.IngestRequest.Open(epoch=time.time_ns())))
    await call.read()
    sequence = 0
    while (frame := await asyncio.to_thread(next, frames, None)) is not None:
        sequence += 1
        upload = historian.IngestRequest.Upload(sequence=sequence, frame=encode_frame(frame))
        waiting.put_nowait(historian.IngestRequest(upload=upload))
        await _acknowledged(call, sequence)
    waiting.put_nowait(None)
    await call.code()


async def _acknowledged(
    call: grpc.aio.StreamStreamCall[historian.IngestRequest, historian.IngestResponse], sequence: int
) -> None:
    """Wait until the historian has it."""
    while True:
        answer = await call.read()
        if not isinstance(answer, historian.IngestResponse):
            raise CommandError("PAST_NOT_TAKEN", f"The historian did not take the past: {await call.details()}")
        if answer.ack.quarantined:
            raise CommandError("PAST_NOT_TAKEN", f"The historian refused it: {answer.ack.quarantined[0].detail}")
        if answer.ack.committed_sequence >= sequence:
            return


def _frames(
    chosen: Sequence[tuple[resources.Tag, Variable]], until_us: int, progress: Callable[[int, int], None]
) -> Iterator[Frame]:
    waiting: list[Block] = []
    for done, (tag, variable) in enumerate(chosen, 1):
        waiting.append(_block(tag, variable, until_us))
        progress(done, len(chosen))
        if sum(map(len, waiting)) >= _AT_ONCE or done == len(chosen):
            yield Frame.concat(Frame((block,)) for block in waiting)
            waiting = []


def _block(tag: resources.Tag, variable: Variable, until_us: int) -> Block:
    """Its samples, one at each change that is seen at its steps."""
    step = max(_step(variable), variable.grid_us)
    times, values, status = variable.ticks(until_us - PAST_US, until_us, step // variable.grid_us)
    changed = np.ones(len(times), bool)
    changed[1:] = (values[1:] != values[:-1]) | (status[1:] != status[:-1])
    times, values, status = times[changed], values[changed], status[changed]
    kind = ValueKind(tag.kind)
    render = variable.signal.render
    column = (
        BinaryColumn.from_list([str(render(int(key))) for key in values.tolist()])
        if render is not None
        else np.asarray(values, value_dtype(kind))
    )
    return Block(kind, np.full(len(times), tag.tag_id, np.int64), times, status, column)


def _variable(plants: dict[str, Plant], tag: resources.Tag) -> Variable | None:
    return plants[tag.server.rpartition("/")[2]].variables.get(tag.node_id.partition(";s=")[2])


def _step(variable: Variable) -> int:
    """How closely its past is looked at, µs; 0: not at all."""
    path = variable.signal.path
    return _ENERGY_STEP_US if path in _ENERGY_PATHS else _STEP_US if path in _PATHS else 0
