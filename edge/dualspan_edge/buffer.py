"""The durable buffer between the OPC UA servers and the historian.

Samples are submitted from the event loop and gathered for some milliseconds; a thread encodes them into frames and
stores those with one fsync; then everybody who submitted is told. Until then nothing is acknowledged to a server.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

import structlog

from dualspan.historian.v1 import resources_pb2 as historian
from dualspan_edge.clock import ClockWatch, now_microseconds
from dualspan_edge.errors import BufferCorruptError, BufferFullError
from dualspan_edge.gaps import gap, pack_gaps, unpack_gaps
from dualspan_edge.store import BufferStore, NewFrame, Occupancy, StoredFrame
from dualspan_frame import BinaryColumn, Block, Frame, encode_frame

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)
_CARE_INTERVAL = 2.0
_ALIVE_INTERVAL = 1.0
_DRAIN_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class BufferLimits:
    """How much is buffered, and how samples become frames.

    Attributes:
        max_bytes: Of frames that are not acknowledged yet; then the buffer is full.
        max_age: Seconds; older frames are given up.
        flush_interval: Seconds that a sample waits for others.
        flush_samples: So many samples do not wait any longer.
        frame_samples: A frame is cut when it holds so many.
        frame_bytes: A frame is cut when its samples take so many bytes before encoding.
        retry_interval: Seconds between attempts while the buffer is full.
    """

    max_bytes: int = 2 * 1024**3
    max_age: float = 7 * 86400.0
    flush_interval: float = 0.025
    flush_samples: int = 20_000
    frame_samples: int = 50_000
    frame_bytes: int = 1_500_000
    retry_interval: float = 0.5


@dataclass(slots=True)
class _Batch:
    """Samples that are stored together, and who waits for it."""

    blocks: list[tuple[Block, ...]] = field(default_factory=list)
    gaps: list[historian.Gap] = field(default_factory=list)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    samples: int = 0


@dataclass(frozen=True, slots=True)
class LastLife:
    """What the last run of the gateway left; times in microseconds since 1970, 0 if there are none.

    Attributes:
        alive: When this was written down.
        oldest_unsent: When the oldest frame that was not acknowledged was written.
        complete_until: By server: the last moment before which nothing of it is missing.
    """

    alive: int = 0
    oldest_unsent: int = 0
    complete_until: Mapping[str, int] = field(default_factory=dict[str, int])


class Buffer:
    """The buffer. `run` has to run while it is used."""

    def __init__(self, directory: Path, limits: BufferLimits) -> None:
        self._path = directory / "buffer.sqlite"
        self._alive_path = directory / "alive.json"
        self._limits = limits
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="buffer")
        self._store: BufferStore | None = None
        self._pending = _Batch()
        self._storing = _Batch()
        self._submitted = asyncio.Event()
        self._urgent = asyncio.Event()
        self._stored = asyncio.Condition()
        self._renewal = asyncio.Lock()
        self._care = asyncio.Lock()
        self._acknowledged = 0
        self._full_since = 0
        self._last_sequence = 0
        self._occupancy = Occupancy(0, 0, 0)
        self._clock = ClockWatch()
        self._next_alive = 0.0
        # When the file was last written to before it was opened, and when it was opened.
        self._found = (0, 0)
        self.epoch = 0
        self.last_life = LastLife()
        # By server: the last moment before which nothing is missing. Set by who knows it.
        self.complete_until: Callable[[], Mapping[str, int]] = dict

    @property
    def is_full(self) -> bool:
        """Whether nothing can be stored now."""
        return self._full_since != 0

    @property
    def occupancy(self) -> Occupancy:
        """What it held when it was last looked at, at most some seconds ago."""
        return self._occupancy

    @property
    def pending_samples(self) -> int:
        """Samples that were submitted and are not stored yet."""
        return self._pending.samples

    async def open(self) -> None:
        """Opens the file; a damaged one is moved aside and a new one, with a new epoch, begins with a gap."""
        self.last_life = self._read_alive()
        try:
            await self._in_thread(self._open_store)
        except BufferCorruptError as error:
            await self._begin_anew(None, error)

    async def close(self) -> None:
        """Closes the file. What was submitted and not stored is not acknowledged either."""
        for waiting in (*self._storing.waiting, *self._pending.waiting):
            waiting.cancel()
        if self._store is not None:
            await self._in_thread(self._store.close)
        self._thread.shutdown()

    async def drain(self) -> None:
        """Waits until what was submitted is stored, and notes how far everything is complete; not for ever."""
        waiting = [*self._storing.waiting, *self._pending.waiting]
        if waiting:
            await asyncio.wait(waiting, timeout=_DRAIN_TIMEOUT)
        await self._take_care()

    def submit(self, blocks: tuple[Block, ...], gaps: Sequence[historian.Gap] = ()) -> asyncio.Future[None]:
        """Takes samples and gaps; the future is done when they are on the disk."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        batch = self._pending
        batch.blocks.append(blocks)
        batch.gaps.extend(gaps)
        batch.waiting.append(future)
        batch.samples += sum(len(block) for block in blocks)
        self._submitted.set()
        if batch.samples >= self._limits.flush_samples:
            self._urgent.set()
        return future

    def acknowledge(self, epoch: int, sequence: int) -> None:
        """Everything of this epoch up to here is committed by the historian; it goes with the next transaction."""
        if epoch == self.epoch:
            self._acknowledged = max(self._acknowledged, sequence)

    async def read_after(self, sequence: int, max_frames: int, max_bytes: int) -> list[StoredFrame]:
        """The frames that follow `sequence`; see `BufferStore.read_after`."""
        return await self._in_store(lambda store: store.read_after(sequence, max_frames, max_bytes))

    async def wait_after(self, epoch: int, sequence: int) -> None:
        """Returns when there is a frame behind `sequence`, or another epoch."""
        async with self._stored:
            await self._stored.wait_for(lambda: self.epoch != epoch or self._last_sequence > sequence)

    async def follow(self, epoch: int, committed: int) -> bool:
        """Holds the file against what the platform has committed of this epoch.

        If that is more than was ever written here, the file was restored from an old copy: a new epoch begins, and a
        gap says from when until when frames may have been lost with the newer file.

        Returns:
            Whether the epoch is still the buffer's.
        """
        if epoch == self.epoch and await self._in_store(lambda store: store.begin_epoch(committed)):
            self.epoch, self._acknowledged = self._opened.epoch, 0
            _log.error("buffer_is_old_copy", committed=committed, last=self._last_sequence, epoch=self.epoch)
            detail = "the buffer's file is an older copy: what the newer one held may not be on the platform"
            self.submit((), [gap(historian.GAP_CAUSE_GATEWAY_DOWN, *self._found, detail=detail)])
            async with self._stored:
                self._stored.notify_all()
        return epoch == self.epoch

    async def run(self) -> None:
        """Stores what is submitted, until it is cancelled."""
        next_care = 0.0
        loop = asyncio.get_running_loop()
        while True:
            if loop.time() >= next_care:
                next_care = loop.time() + _CARE_INTERVAL
                await self._take_care()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._submitted.wait(), max(next_care - loop.time(), 0.0))
            if not self._submitted.is_set():
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._urgent.wait(), self._limits.flush_interval)
            batch, self._pending = self._pending, _Batch()
            self._submitted.clear()
            self._urgent.clear()
            self._storing = batch
            # All that was received until now is in this batch, or stored.
            life = LastLife(now_microseconds(), self._occupancy.oldest_written, self.complete_until())
            await self._store_batch(batch)
            self._storing = _Batch()
            await self._note_alive(life)

    @property
    def _opened(self) -> BufferStore:
        if self._store is None:
            raise BufferCorruptError("the buffer is not open")
        return self._store

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _in_store(self, work: Callable[[BufferStore], _T]) -> _T:
        """Does something with the file; if that turns out to be damaged, begins a new one and raises."""
        store = self._opened
        try:
            return await self._in_thread(lambda: work(store))
        except BufferCorruptError as error:
            await self._begin_anew(store, error)
            raise

    def _open_store(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._store = BufferStore(self._path, self._limits.max_bytes)
        self._path.chmod(0o600)
        self.epoch = self._store.epoch
        self._found = (self._store.last_written or now_microseconds(), now_microseconds())
        self._last_sequence = self._store.last_sequence
        self._acknowledged = 0
        self._occupancy = self._store.occupancy()

    async def _begin_anew(self, damaged: BufferStore | None, error: BufferCorruptError) -> None:
        """A new file; what the damaged one held is lost and becomes a gap."""
        async with self._renewal:
            if self._store is not damaged:
                return
            now = now_microseconds()
            aside = self._path.with_name(f"buffer-damaged-{now}.sqlite")
            _log.error("buffer_damaged", error=str(error), kept_as=str(aside))
            if damaged is not None:
                await self._in_thread(damaged.close)
            await self._in_thread(lambda: self._move_aside(aside))
            await self._in_thread(self._open_store)
        start = self.last_life.oldest_unsent or self.last_life.alive or now
        detail = f"the buffer's file was damaged and is kept as {aside.name}; what was in it is not on the platform"
        self.submit((), [gap(historian.GAP_CAUSE_GATEWAY_DOWN, start, now, detail=detail)])

    def _move_aside(self, aside: Path) -> None:
        for suffix in ("", "-wal", "-shm"):
            part = self._path.with_name(self._path.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))

    async def _store_batch(self, batch: _Batch) -> None:
        frames = await self._in_thread(lambda: _encode(batch, self._limits))
        while True:
            resumed = self._gap_of_full()
            attempt = [_with_gaps(frames[0], [*batch.gaps, resumed]), *frames[1:]] if resumed else frames
            try:
                await self._append(attempt)
                break
            except BufferFullError as error:
                self._note_full(error)
                await asyncio.sleep(self._limits.retry_interval)
                await self._take_care()
            except BufferCorruptError:
                _log.warning("buffer_retries", effect="the batch goes into the new file")
        if self._full_since:
            _log.info("buffer_has_room", full_seconds=(now_microseconds() - self._full_since) / 1e6)
            self._full_since = 0
        for waiting in batch.waiting:
            if not waiting.done():
                waiting.set_result(None)
        async with self._stored:
            self._stored.notify_all()

    async def _append(self, frames: Sequence[NewFrame]) -> None:
        acknowledged, now = self._acknowledged, now_microseconds()
        self._last_sequence = await self._in_store(
            lambda store: store.append(frames, acknowledged=acknowledged, now=now)
        )

    def _note_full(self, error: BufferFullError) -> None:
        if not self._full_since:
            self._full_since = now_microseconds()
            _log.error("buffer_full", error=str(error), effect="the servers are not acknowledged until there is room")

    def _gap_of_full(self) -> historian.Gap | None:
        if not self._full_since:
            return None
        detail = "the gateway's buffer was full; the servers' queues may have overflowed meanwhile"
        return gap(historian.GAP_CAUSE_BUFFER_FULL, self._full_since, now_microseconds(), detail=detail)

    async def _take_care(self) -> None:
        """Deletes what was acknowledged, gives up what is too old, notes that the gateway lives."""
        try:
            # One at a time: what is too old is given up, and told, once.
            async with self._care:
                # First what is acknowledged: that is not lost, however old it is.
                await self._append(())
                await self._give_up_old()
            self._occupancy = await self._in_store(lambda store: store.occupancy())
        except (BufferCorruptError, BufferFullError) as error:
            _log.warning("buffer_care_failed", error=str(error))
        # Alive means that everything received is stored: a crash now would lose what waits.
        if not (self._pending.samples or self._storing.samples or self._full_since):
            life = LastLife(now_microseconds(), self._occupancy.oldest_written, self.complete_until())
            self._next_alive = 0.0
            await self._note_alive(life)

    async def _note_alive(self, life: LastLife) -> None:
        """Writes down how far everything is complete, at most once a second."""
        now = asyncio.get_running_loop().time()
        if now >= self._next_alive:
            self._next_alive = now + _ALIVE_INTERVAL
            await self._in_thread(lambda: self._write_alive(life))

    async def _give_up_old(self) -> None:
        now = now_microseconds()
        if self._clock.jump(now, time.monotonic_ns() // 1000) is not None:
            await self._in_store(lambda store: store.note_clock_step())
        before = now - int(self._limits.max_age * 1e6)
        expired = await self._in_store(lambda store: store.expired(before))
        if expired is None:
            return
        _log.error("buffer_expired", frames=expired.frames, samples=expired.sample_count)
        lost = gap(
            historian.GAP_CAUSE_BUFFER_EXPIRED,
            expired.t_min,
            expired.t_max,
            lost_samples=expired.sample_count,
            detail="the platform could not be reached for longer than the buffer keeps",
        )
        stand_in = _with_gaps(_new_frame(Frame(), b""), [*unpack_gaps(expired.gaps), lost])
        self._last_sequence = await self._in_store(lambda store: store.replace_expired(before, stand_in, now))
        async with self._stored:
            self._stored.notify_all()

    def _write_alive(self, life: LastLife) -> None:
        temporary = self._alive_path.with_suffix(".tmp")
        try:
            temporary.write_text(json.dumps(asdict(life)))
            temporary.replace(self._alive_path)
        except OSError as error:
            # What an older file says is still true, only earlier.
            _log.warning("alive_not_written", error=str(error))

    def _read_alive(self) -> LastLife:
        try:
            state = json.loads(self._alive_path.read_text())
            complete_until = {str(server): int(time) for server, time in state["complete_until"].items()}
            return LastLife(int(state["alive"]), int(state["oldest_unsent"]), complete_until)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return LastLife()


def _encode(batch: _Batch, limits: BufferLimits) -> list[NewFrame]:
    """The frames of a batch, at least one; its gaps go with the first."""
    groups: list[list[Block]] = [[]]
    samples = size = 0
    for blocks in batch.blocks:
        added = sum(len(block) for block in blocks)
        added_size = sum(_size_of(block) for block in blocks)
        if groups[-1] and (samples + added > limits.frame_samples or size + added_size > limits.frame_bytes):
            groups.append([])
            samples = size = 0
        groups[-1].extend(blocks)
        samples += added
        size += added_size
    packed = pack_gaps(batch.gaps)
    frames = [Frame.concat(Frame((block,)) for block in group) for group in groups]
    return [_new_frame(frame, packed if position == 0 else b"") for position, frame in enumerate(frames)]


def _size_of(block: Block) -> int:
    value = block.value
    values = len(value.data) if isinstance(value, BinaryColumn) else value.nbytes
    return block.tag.nbytes + block.timestamp.nbytes + block.status.nbytes + values


def _new_frame(frame: Frame, gaps: bytes) -> NewFrame:
    t_min, t_max = frame.time_range() or (now_microseconds(),) * 2
    return NewFrame(encode_frame(frame).SerializeToString(), gaps, t_min, t_max, frame.sample_count)


def _with_gaps(frame: NewFrame, gaps: Sequence[historian.Gap]) -> NewFrame:
    return NewFrame(frame.payload, pack_gaps(gaps), frame.t_min, frame.t_max, frame.sample_count)
