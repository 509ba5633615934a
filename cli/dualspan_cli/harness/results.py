"""What an app has written back, in memory: once by (epoch, sequence), as the historian keeps it."""

# ruff: noqa: N802 - the contract's names

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import numpy as np

from dualspan.historian.v1 import service_pb2, service_pb2_grpc
from dualspan_cli.harness.granting import Fit
from dualspan_cli.harness.machines import LocalMachines
from dualspan_frame import Frame, FrameError, ValueKind, decode_frame
from dualspan_manifest import Output
from dualspan_runtime.errors import FailedPrecondition
from dualspan_sdk import OutputTag

# Above all that machines have.
_FIRST_TAG = 1_000_000
_MAX_IN_FLIGHT = 32


def output_tags(
    outputs: Sequence[Output], fits: Sequence[Fit], machines: LocalMachines
) -> Mapping[tuple[str, str], OutputTag]:
    """A tag for each output: of each asset of its role, or one of the subscription."""
    by_role = {fit.role: fit.assets for fit in fits}
    places = [(asset, each) for each in outputs for asset in (by_role.get(each.role, ()) if each.role else ("",))]
    first = max(_FIRST_TAG, max(machines.tags, default=0) + 1)
    return {
        (asset, each.id): OutputTag(first + number, ValueKind[each.kind.name])
        for number, (asset, each) in enumerate(places)
    }


class LocalResults:
    """The results of one app.

    Args:
        tags: Where they go, by asset and output.
    """

    def __init__(self, tags: Mapping[tuple[str, str], OutputTag]) -> None:
        self._tags = tags
        self._kinds = {tag.tag_id: tag.kind for tag in tags.values()}
        self._reached: dict[int, int] = {}
        self._frame = Frame()

    def document(self) -> list[dict[str, Any]]:
        """What the app is told of its outputs."""
        return [
            {"asset": asset, "output": output, "tag": tag.tag_id, "kind": tag.kind.name.lower()}
            for (asset, output), tag in self._tags.items()
        ]

    def of(self, asset: str, output: str) -> Frame:
        """All that was written of one output."""
        return self._frame.select([self._tags[asset, output].tag_id])

    def holds(self, tag_ids: Sequence[int]) -> bool:
        """Whether all of these are tags of results."""
        return self._kinds.keys() >= set(tag_ids)

    def between(self, tag_ids: Sequence[int], start_us: int, end_us: int) -> Frame:
        """What was written of these tags in [start, end)."""
        found = self._frame.select(tag_ids)
        return Frame(
            tuple(block.take((block.timestamp >= start_us) & (block.timestamp < end_us)) for block in found.blocks)
        )

    def newest(self, tag_ids: Sequence[int]) -> Frame:
        """The newest of each of these tags."""
        blocks = self._frame.select(tag_ids).blocks
        rows = [[int(np.flatnonzero(block.tag == tag)[-1]) for tag in np.unique(block.tag)] for block in blocks]
        return Frame(tuple(block.take(np.array(row, np.intp)) for block, row in zip(blocks, rows, strict=True)))

    def reached(self, epoch: int) -> int:
        """Up to which sequence an epoch is committed."""
        return self._reached.get(epoch, 0)

    def commit(self, epoch: int, sequence: int, frame: Frame) -> str:
        """Keep a frame, unless it is there; returns why it is refused, which counts as committed."""
        if sequence <= self.reached(epoch):
            return ""
        self._reached[epoch] = sequence
        for block in frame.blocks:
            if not set(np.unique(block.tag).tolist()) <= self._kinds.keys():
                return "the frame has a tag that is no output of this app"
        self._frame = Frame.concat([self._frame, frame])
        return ""


class LocalIngest(service_pb2_grpc.IngestServiceServicer):
    """Takes results as the historian takes frames.

    Args:
        results: Where they go.
    """

    def __init__(self, results: LocalResults) -> None:
        self._results = results

    async def Ingest(
        self, request_iterator: AsyncIterator[service_pb2.IngestRequest], context: Any
    ) -> AsyncIterator[service_pb2.IngestResponse]:
        """See the contract."""
        epoch = 0
        async for request in request_iterator:
            if request.WhichOneof("message") == "open":
                epoch = request.open.epoch
                reached = self._results.reached(epoch)
                opened = service_pb2.IngestResponse.Opened(committed_sequence=reached, max_in_flight=_MAX_IN_FLIGHT)
                yield service_pb2.IngestResponse(opened=opened)
                continue
            if not epoch:
                raise FailedPrecondition("OPEN_FIRST", "The first message of a stream is open.")
            yield self._taken(epoch, request.upload)

    def _taken(self, epoch: int, upload: service_pb2.IngestRequest.Upload) -> service_pb2.IngestResponse:
        try:
            refused = self._results.commit(epoch, upload.sequence, decode_frame(upload.frame))
        except FrameError as err:
            refused = str(err)
        quarantined = [
            service_pb2.IngestResponse.Quarantined(sequence=upload.sequence, reason="NOT_AN_OUTPUT", detail=refused)
        ]
        ack = service_pb2.IngestResponse.Ack(
            committed_sequence=upload.sequence, quarantined=quarantined if refused else []
        )
        return service_pb2.IngestResponse(ack=ack)
