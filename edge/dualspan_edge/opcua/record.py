"""What of one server was recorded and what is missing, in the words of the ledger, for the buffer to tell."""

from collections.abc import Mapping, Sequence

from google.protobuf.duration_pb2 import Duration

from dualspan.historian.v1 import repair_pb2 as repair
from dualspan.historian.v1 import resources_pb2 as historian
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import sampling_pb2 as sampling
from dualspan_edge.buffer import Buffer
from dualspan_edge.clock import now_microseconds
from dualspan_edge.gaps import gap, timestamp_of
from dualspan_edge.life import RecordFile
from dualspan_edge.opcua.holes import Hole, Holes

# Tags whose beginning goes into one message; the others go into the next.
_MOST_STARTS = 5000


class ServerRecord:
    """The record of one server.

    Attributes:
        shift: The server's clock minus the gateway's, microseconds: the ledger is held against the samples' own times,
            which are the server's.
    """

    def __init__(self, server: str, buffer: Buffer, missing_since: int) -> None:
        """Begins where an earlier run of the gateway ended.

        Args:
            server: The server's id.
            buffer: Where gaps go.
            missing_since: Until when an earlier run had everything of this server, microseconds; 0 if there was none.
        """
        self._server = server
        self._buffer = buffer
        self._file = RecordFile(buffer.directory, server)
        self._holes = Holes(self._file.read())
        if missing_since:
            self.note(historian.GAP_CAUSE_GATEWAY_DOWN, missing_since, "the gateway was not running")
            self._holes.take_over()
        self._cyclic: Mapping[int, int] = {}
        self._told_starts: dict[int, tuple[int, int]] = {}
        self._told_holes: frozenset[tuple[int, int]] | None = None
        self.shift = 0

    @property
    def since(self) -> int | None:
        """Since when something of every tag may be missing; None if nothing is."""
        return self._holes.since

    def note(self, cause: historian.GapCause.ValueType, since: int, detail: str) -> None:
        """Something of every tag may be missing since then."""
        self._holes.note(cause, since, detail)

    def settle(self, wanted: Mapping[int, gateway.TagConfiguration], running: Mapping[int, object]) -> None:
        """Compares what is wanted with what runs; holes that end become gaps."""
        closed = self._holes.settle(wanted.keys(), running.keys(), now_microseconds())
        self._cyclic = {tag_id: _cyclic_us(tag) for tag_id, tag in wanted.items()}
        self._submit(closed)
        self._file.write(self._holes.recorded)

    def leave(self) -> None:
        """The server is watched no more."""
        self._submit(self._holes.leave())
        self._file.write(self._holes.recorded)

    def lost(self, cause: historian.GapCause.ValueType, start: int, end: int, detail: str, tag_id: int = 0) -> None:
        """Something is missing between two moments on the gateway's clock, microseconds since 1970."""
        start, end = start + min(self.shift, 0), end + max(self.shift, 0)
        self._buffer.submit((), [gap(cause, start, end, server=self._server, tag_id=tag_id, detail=detail)])

    def coverage(self, complete_until: int) -> repair.Coverage:
        """How far the server is complete, and what has changed since this was asked last.

        Args:
            complete_until: Before this moment nothing is on its way, on the gateway's clock; 0 if that is not known.
        """
        told = repair.Coverage(server=self._server)
        if complete_until:
            told.complete_time.CopyFrom(timestamp_of(complete_until + min(self.shift, 0)))
        told.starts.extend(self._new_starts())
        open_holes = self._holes.tags
        known = frozenset((tag_id, hole.since) for tag_id, hole in open_holes.items())
        if known != self._told_holes:
            self._told_holes = known
            told.holes_changed = True
            told.holes.extend(_open_hole(hole, self.shift) for hole in open_holes.values())
        return told

    def _new_starts(self) -> list[repair.Coverage.Start]:
        starts: list[repair.Coverage.Start] = []
        for tag_id, since in self._holes.started.items():
            start = since, self._cyclic.get(tag_id, 0)
            if self._told_starts.get(tag_id) == start:
                continue
            if len(starts) == _MOST_STARTS:
                break
            self._told_starts[tag_id] = start
            starts.append(_start(tag_id, *start, self.shift))
        return starts

    def _submit(self, holes: Sequence[Hole]) -> None:
        now = now_microseconds()
        for hole in holes:
            self.lost(hole.cause, hole.since, now, hole.detail, hole.tag_id)


def _start(tag_id: int, since: int, cyclic_us: int, shift: int) -> repair.Coverage.Start:
    start = repair.Coverage.Start(tag_id=tag_id, start_time=timestamp_of(since + max(shift, 0)))
    if cyclic_us:
        start.cyclic_interval.CopyFrom(Duration(seconds=cyclic_us // 1_000_000, nanos=cyclic_us % 1_000_000 * 1000))
    return start


def _open_hole(hole: Hole, shift: int) -> repair.Coverage.OpenHole:
    return repair.Coverage.OpenHole(
        tag_id=hole.tag_id, start_time=timestamp_of(hole.since + min(shift, 0)), detail=hole.detail
    )


def _cyclic_us(tag: gateway.TagConfiguration) -> int:
    """In which interval the gateway reads a tag, microseconds; 0 where the server says what changes."""
    is_cyclic = tag.acquisition.mode == sampling.ACQUISITION_MODE_CYCLIC_READ
    return tag.sampling_interval.ToMicroseconds() if is_cyclic else 0
