"""From the buffer to the historian: in order, a bounded number at a time, deleted when they are committed there."""

import asyncio
import contextlib
from dataclasses import dataclass

import grpc
import structlog

from dualspan.frame.v1 import frame_pb2
from dualspan.historian.v1 import resources_pb2 as historian
from dualspan.historian.v1 import service_pb2 as ingest
from dualspan.historian.v1 import service_pb2_grpc as ingest_grpc
from dualspan_edge.backoff import Backoff
from dualspan_edge.buffer import Buffer, Committed
from dualspan_edge.channel import ChannelSource, until_accepted, words_of
from dualspan_edge.clock import ClockOffset, now_microseconds, offset_from
from dualspan_edge.errors import BufferCorruptError
from dualspan_edge.gaps import coalesced, gap, timestamp_of, unpack_notes
from dualspan_edge.store import StoredFrame
from dualspan_edge.tracing import FrameTracer
from dualspan_edge.waiting import cancellation_first

_log = structlog.get_logger(__name__)
_READ_BYTES = 4_000_000
_OPEN_TIMEOUT = 20.0
# Room that a message needs beside its frame.
_OVERHEAD_BYTES = 4096
# Without an acknowledgement for so long while frames are under way, the stream is dead, whatever TCP says.
_ACKNOWLEDGE_TIMEOUT = 60.0

_Stream = grpc.aio.StreamStreamCall[ingest.IngestRequest, ingest.IngestResponse]


@dataclass(slots=True)
class UplinkStatus:
    """How the way to the historian is."""

    connected: bool = False
    detail: str = "not connected yet"
    committed_sequence: int = 0
    quarantined_frames: int = 0
    clock: ClockOffset | None = None


class Uplink:
    """Sends what the buffer holds. `run` never returns; cancel it to stop."""

    def __init__(self, buffer: Buffer, channels: ChannelSource, backoff: Backoff) -> None:
        self._buffer = buffer
        self._channels = channels
        self._backoff = backoff
        self.status = UplinkStatus()

    async def run(self) -> None:
        """Opens the stream again and again."""
        attempt = 0
        while True:
            before = self.status.committed_sequence
            try:
                with cancellation_first():
                    async with self._channels.open() as channel:
                        await _Session(self._buffer, self.status).run(channel)
            except Exception as error:  # noqa: BLE001 - supervised: whatever ends the stream, it is opened again
                self._failed(error)
            self.status.connected = False
            attempt = 1 if self.status.committed_sequence != before else attempt + 1
            await asyncio.sleep(self._backoff.delay(attempt))

    def _failed(self, error: Exception) -> None:
        words = words_of(error)
        if words != self.status.detail:
            _log.warning("historian_unreachable", error=words)
        self.status.detail = words


class _Session:
    """One stream."""

    def __init__(self, buffer: Buffer, status: UplinkStatus) -> None:
        self._buffer = buffer
        self._status = status
        self._epoch = buffer.epoch
        self._sent = self._began = 0
        self._committed = 0
        self._in_flight: list[int] = []
        self._room = asyncio.Event()
        self._max_in_flight = 1
        self._max_bytes = 0
        self._tracer = FrameTracer(0.0)

    async def run(self, channel: grpc.aio.Channel) -> None:
        """Opens the stream and sends until it ends."""
        stream: _Stream = ingest_grpc.IngestServiceStub(channel).Ingest()
        try:
            await self._open(stream)
            sender = asyncio.ensure_future(self._send(stream))
            receiver = asyncio.ensure_future(self._receive(stream))
            try:
                done, _ = await asyncio.wait((sender, receiver), return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                sender.cancel()
                receiver.cancel()
                await asyncio.gather(sender, receiver, return_exceptions=True)
        finally:
            stream.cancel()

    async def _open(self, stream: _Stream) -> None:
        sent = now_microseconds()
        opening = ingest.IngestRequest.Open(epoch=self._epoch, clock=timestamp_of(sent))
        await until_accepted(stream)
        async with asyncio.timeout(_OPEN_TIMEOUT):
            await stream.write(ingest.IngestRequest(open=opening))
            answer = await stream.read()
        if not isinstance(answer, ingest.IngestResponse) or answer.WhichOneof("message") != "opened":
            raise ConnectionError("the historian did not open the stream")
        opened = answer.opened
        self._status.clock = offset_from(sent, now_microseconds(), opened.clock.ToMicroseconds())
        self._max_in_flight = max(1, opened.max_in_flight)
        self._max_bytes = opened.max_upload_bytes or _READ_BYTES
        self._tracer = FrameTracer(opened.trace_interval.ToMicroseconds() / 1e6)
        committed = Committed(
            opened.committed_sequence,
            opened.committed_lineage,
            time=opened.committed_time.ToMicroseconds(),
            complete=opened.complete_time.ToMicroseconds(),
        )
        if not await self._buffer.follow(self._epoch, committed):
            raise ConnectionError("the buffer began anew; the stream is opened for its new epoch")
        self._take_committed(opened.committed_sequence)
        self._sent = self._began = opened.committed_sequence
        self._status.connected, self._status.detail = True, ""
        _log.info("historian_connected", epoch=self._epoch, committed=opened.committed_sequence)

    def _take_committed(self, sequence: int) -> None:
        self._committed = max(self._committed, sequence)
        self._status.committed_sequence = self._committed
        self._buffer.acknowledge(self._epoch, self._committed)
        self._in_flight = [number for number in self._in_flight if number > self._committed]
        if len(self._in_flight) < self._max_in_flight:
            self._room.set()

    async def _send(self, stream: _Stream) -> None:
        while True:
            room = self._max_in_flight - len(self._in_flight)
            if room <= 0:
                self._room.clear()
                await self._room.wait()
                continue
            frames = await self._read(room)
            for frame in frames:
                self._in_flight.append(frame.sequence)
                self._sent = frame.sequence
                upload = self._upload(frame)
                if frame.sample_count:
                    self._tracer.mark(upload, frame.written)
                await stream.write(ingest.IngestRequest(upload=upload))

    async def _read(self, room: int) -> list[StoredFrame]:
        """The next frames; waits until there are some."""
        while True:
            if self._buffer.epoch != self._epoch:
                raise ConnectionError("the buffer began anew; the stream is opened for its new epoch")
            with contextlib.suppress(BufferCorruptError):
                frames = await self._buffer.read_after(self._sent, room, _READ_BYTES)
                if frames:
                    self._check_tail(frames[0].sequence)
                    return frames
                await self._buffer.wait_after(self._epoch, self._sent)

    def _check_tail(self, following: int) -> None:
        """What the tail lacked when the stream was opened is in the ledger; what it has lost since is not yet."""
        if self._sent > self._began and self._buffer.gave_up_between(self._sent, following):
            raise ConnectionError("the buffer gave up what was to be sent again; the stream is opened anew to say so")

    def _upload(self, stored: StoredFrame) -> ingest.IngestRequest.Upload:
        # What an older version of the gateway has stored may be longer than a message.
        room = self._max_bytes - _OVERHEAD_BYTES
        upload = unpack_notes(stored.gaps)
        upload.sequence, upload.lineage = stored.sequence, stored.lineage
        gaps = coalesced(upload.gaps, max(room - len(stored.payload), room // 4))
        if len(gaps) != len(upload.gaps):
            del upload.gaps[:]
            upload.gaps.extend(gaps)
        if len(stored.payload) + upload.ByteSize() <= room:
            upload.frame.CopyFrom(frame_pb2.Frame.FromString(stored.payload))
            return upload
        # The frame cannot be sent, now or later; what cannot be sent is at least said.
        _log.error("frame_too_large", sequence=stored.sequence, size=len(stored.payload), most=self._max_bytes)
        detail = f"a frame of {len(stored.payload)} bytes is larger than the historian takes ({self._max_bytes})"
        lost = gap(
            historian.GAP_CAUSE_QUARANTINED,
            stored.t_min,
            stored.t_max,
            lost_samples=stored.sample_count,
            detail=detail,
        )
        upload.gaps.append(lost)
        return upload

    async def _receive(self, stream: _Stream) -> None:
        while True:
            answer = await self._next(stream)
            for refused in answer.ack.quarantined:
                self._status.quarantined_frames += 1
                _log.error("frame_quarantined", sequence=refused.sequence, reason=refused.reason, detail=refused.detail)
            self._take_committed(answer.ack.committed_sequence)

    async def _next(self, stream: _Stream) -> ingest.IngestResponse:
        reading = asyncio.ensure_future(stream.read())
        try:
            while True:
                waited = frozenset(self._in_flight)
                done, _ = await asyncio.wait((reading,), timeout=_ACKNOWLEDGE_TIMEOUT)
                if done:
                    break
                if waited.intersection(self._in_flight):
                    raise TimeoutError("the historian acknowledges nothing")
        finally:
            if not reading.done():
                reading.cancel()
        answer = reading.result()
        if not isinstance(answer, ingest.IngestResponse):
            # The end of the stream: its status says why.
            code, details = await stream.code(), await stream.details()
            raise ConnectionError(f"the historian ended the stream: {details or code.name}")
        return answer
