"""What comes from one server, on its way to the buffer."""

import asyncio
from dataclasses import dataclass

from dualspan.historian.v1 import resources_pb2 as historian
from dualspan_edge.buffer import Buffer
from dualspan_edge.clock import PlatformClock
from dualspan_edge.decoder import DataChange, PublishResponse
from dualspan_edge.gaps import gap, overflow_gaps
from dualspan_edge.heartbeat import Heartbeats
from dualspan_edge.opcua.events import take_events
from dualspan_edge.opcua.nodekeys import NodeNames
from dualspan_edge.samples import TagTable
from dualspan_frame import Block

_LOST_EVENTS = "the server's queue of events overflowed: it raised more than it could keep between two notifications"


@dataclass(slots=True)
class Counters:
    """What has come since the start."""

    received_samples: int = 0
    overflowed_samples: int = 0


class Arrivals:
    """Makes blocks of notifications and of reads, counts them and writes down what overflowed.

    Args:
        server: The server's id.
        table: Which tags the values belong to.
        buffer: Where samples and gaps go.
        clock: What time it is, where that is known better than here.
        heartbeats: Told of what has come.
    """

    def __init__(
        self, server: str, table: TagTable, buffer: Buffer, clock: PlatformClock, heartbeats: Heartbeats
    ) -> None:
        self._server = server
        self._table = table
        self._buffer = buffer
        self._clock = clock
        self._heartbeats = heartbeats
        self.counters = Counters()
        self.node_names = NodeNames(())

    def take_notification(self, response: PublishResponse) -> "asyncio.Future[None]":
        """Takes a notification; the future is done when it is on the disk."""
        gaps: list[historian.Gap] = []
        now = self._clock.platform_now()
        blocks: list[Block] = []
        for change in response.data_changes:
            received = self._table.receive(change, now)
            blocks += received.blocks
            self.counters.received_samples += received.sample_count
            if received.overflow is not None:
                self.counters.overflowed_samples += len(received.overflow.tag)
                gaps += overflow_gaps(received.overflow, self._server)
        if response.events:
            blocks += self._take_events(response, now, gaps)
        if self._heartbeats:
            self._heartbeats.note(blocks)
        return self._buffer.submit(tuple(blocks), gaps)

    def take_read(self, change: DataChange) -> "asyncio.Future[None]":
        """Takes what was read; the future is done when it is on the disk."""
        received = self._table.receive(change, self._clock.platform_now())
        self.counters.received_samples += received.sample_count
        if self._heartbeats:
            self._heartbeats.note(received.blocks)
        return self._buffer.submit(received.blocks, ())

    def _take_events(self, response: PublishResponse, now: int, gaps: list[historian.Gap]) -> list[Block]:
        arrived = take_events(response.events, self.node_names.node_id, now)
        block = self._table.receive_events(arrived.samples)
        if block is None:
            return []
        self.counters.received_samples += len(block)
        lost = self._table.tags_of(arrived.overflowed)
        cause = historian.GAP_CAUSE_SERVER_OVERFLOW
        gaps += [gap(cause, now, now, server=self._server, tag_id=tag_id, detail=_LOST_EVENTS) for tag_id in lost]
        return [block]
