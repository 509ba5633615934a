"""The durable buffer between the OPC UA servers and the historian.

Samples are submitted from the event loop and gathered for some milliseconds; a thread encodes them into frames and
stores those with one fsync; then everybody who submitted is told. Until then nothing is acknowledged to a server.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog

from dualspan.historian.v1 import repair_pb2 as repair
from dualspan.historian.v1 import resources_pb2 as historian
from dualspan_edge.batch import Batch, Repaired, encode_batch, new_frame, with_gap
from dualspan_edge.clock import ClockWatch, now_microseconds
from dualspan_edge.errors import BufferCorruptError, BufferFullError
from dualspan_edge.gaps import gap, pack_notes, unpack_gaps, unpack_notes
from dualspan_edge.life import LastLife, LifeFile
from dualspan_edge.store import BufferStore, NewFrame, Occupancy, StoredFrame
from dualspan_edge.waiting import comes
from dualspan_frame import Block, Frame

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)
_CARE_INTERVAL = 2.0
_ALIVE_INTERVAL = 1.0
# How far everything is complete is told with samples; without any, alone.
_COVERAGE_INTERVAL, _COVERAGE_ALONE = 1.0, 10.0
_DRAIN_TIMEOUT = 5.0


@dataclass(frozen=True, slots=True)
class BufferLimits:
    """How much is buffered, and how samples become frames.

    Attributes:
        max_bytes: Of frames that are not acknowledged yet; then the buffer is full.
        keep_bytes: Of the newest frames that are acknowledged, for a platform that is restored from a backup.
        max_age: Seconds; older frames are given up.
        flush_interval: Seconds that a sample waits for others.
        flush_samples: So many samples do not wait any longer.
        frame_samples: A frame is cut when it holds so many.
        frame_bytes: A frame is cut when its samples take so many bytes before encoding.
        retry_interval: Seconds between attempts while the buffer is full.
    """

    max_bytes: int = 2 * 1024**3
    keep_bytes: int = 0
    max_age: float = 7 * 86400.0
    flush_interval: float = 0.025
    flush_samples: int = 20_000
    frame_samples: int = 50_000
    frame_bytes: int = 1_500_000
    retry_interval: float = 0.5


@dataclass(frozen=True, slots=True)
class Committed:
    """What the platform says of an epoch: how far it is committed, the lineage up to there, and since when.

    `complete`: up to when it has everything of all servers. 0: it does not say. Times are microseconds since 1970.
    """

    sequence: int
    lineage: int = 0
    time: int = 0
    complete: int = 0

    @property
    def knows_until(self) -> int:
        """Up to when it has all samples, as far as it says: they are older than their commit."""
        return min(self.time, self.complete) if self.complete else self.time


class Buffer:
    """The buffer. `run` has to run while it is used."""

    def __init__(self, directory: Path, limits: BufferLimits) -> None:
        self.directory = directory
        self._path = directory / "buffer.sqlite"
        self._life = LifeFile(directory)
        self._limits = limits
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="buffer")
        self._store: BufferStore | None = None
        self._pending = Batch()
        self._storing = Batch()
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
        self._next_alive = self._next_coverage = 0.0
        self._committing = asyncio.Event()
        # When the file was last written to before it was opened, and when it was opened.
        self._found = (0, 0)
        self._restored: set[tuple[int, int]] = set()
        self.epoch = 0
        self.last_life = LastLife()
        # By server: the last moment before which nothing is missing. Set by who knows it.
        self.complete_until: Callable[[], Mapping[str, int]] = dict
        # The same, and what else the platform is to know of servers; what it tells once, it does not tell again.
        self.coverage: Callable[[], Sequence[repair.Coverage]] = list

    @property
    def is_full(self) -> bool:
        """Whether nothing can be stored now."""
        return self._full_since != 0

    @property
    def occupancy(self) -> Occupancy:
        """What it held when it was last looked at, at most some seconds ago."""
        return self._occupancy

    async def open(self) -> None:
        """Opens the file; a damaged one is moved aside and a new one, with a new epoch, begins with a gap."""
        self.last_life = self._life.read()
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

    def submit_repaired(self, repaired: Repaired) -> "asyncio.Future[None]":
        """Takes samples from a server's history; the future is done when they are on the disk, in a frame alone."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.repaired.append(repaired)
        self._pending.waiting.append(future)
        self._submitted.set()
        return future

    async def committed(self) -> None:
        """Returns when the historian has committed all that is stored now."""
        epoch, sequence = self.epoch, self._last_sequence
        while self.epoch == epoch and self._acknowledged < sequence:
            self._committing.clear()
            await self._committing.wait()

    def acknowledge(self, epoch: int, sequence: int) -> None:
        """Everything of this epoch up to here is committed by the historian; it goes with the next transaction."""
        if epoch == self.epoch:
            self._acknowledged = max(self._acknowledged, sequence)
            self._committing.set()

    async def read_after(self, sequence: int, max_frames: int, max_bytes: int) -> list[StoredFrame]:
        """The frames that follow `sequence`; see `BufferStore.read_after`."""
        return await self._in_store(lambda store: store.read_after(sequence, max_frames, max_bytes))

    async def wait_after(self, epoch: int, sequence: int) -> None:
        """Returns when there is a frame behind `sequence`, or another epoch."""
        async with self._stored:
            await self._stored.wait_for(lambda: self.epoch != epoch or self._last_sequence > sequence)

    async def follow(self, epoch: int, committed: Committed) -> bool:
        """Holds the file against what the platform has committed of this epoch.

        If that is more than was ever written here, or something else, the file was restored from an old copy: a new
        epoch begins, and a gap says from when until when frames may have been lost with the newer file. If it is less
        than was acknowledged, the platform was restored: it is sent the tail again, and a gap says what the tail lacks.

        Returns:
            Whether the epoch is still the buffer's.
        """
        if epoch != self.epoch:
            return False
        if await self._in_store(lambda store: store.begin_epoch(committed.sequence, committed.lineage)):
            self.epoch, self._acknowledged = self._opened.epoch, 0
            _log.error("buffer_is_old_copy", committed=committed.sequence, last=self._last_sequence, epoch=self.epoch)
            detail = "the buffer's file is an older copy: what the newer one held may not be on the platform"
            self.submit((), [gap(historian.GAP_CAUSE_GATEWAY_DOWN, *self._found, detail=detail)])
            self._committing.set()
            async with self._stored:
                self._stored.notify_all()
            return False
        if committed.sequence < self._opened.acknowledged:
            await self._note_restored(committed)
        return True

    def gave_up_between(self, sequence: int, following: int) -> bool:
        """Whether the frames between these two were in the tail, and went for want of room while it was sent again."""
        return sequence + 1 < following and sequence < self._opened.acknowledged

    async def _note_restored(self, committed: Committed) -> None:
        """The platform has forgotten frames that it had acknowledged: some are in the tail, and are sent again."""
        acknowledged, now = self._opened.acknowledged, now_microseconds()
        first, written = await self._in_store(lambda store: store.first_after(committed.sequence)) or (0, now)
        last_lost = min(first - 1, acknowledged) if first else acknowledged
        if last_lost == committed.sequence:
            _log.warning("platform_was_restored", committed=committed.sequence, sent_again=acknowledged - last_lost)
            return
        _log.error(
            "platform_was_restored",
            committed=committed.sequence,
            lost=last_lost - committed.sequence,
            sent_again=acknowledged - last_lost,
        )
        detail = (
            f"the platform was restored from an older state: it has forgotten the frames {committed.sequence + 1} to "
            f"{last_lost}, which it had acknowledged and which are not kept here any more"
        )
        start = committed.knows_until or self.last_life.alive or self._found[0]
        end = written if first and first <= acknowledged else now
        lost = gap(historian.GAP_CAUSE_PLATFORM_RESTORED, start, max(start, end), detail=detail)
        if (acknowledged, last_lost) not in self._restored:
            self._restored.add((acknowledged, last_lost))
            await self.submit((), [lost])

    async def run(self) -> None:
        """Stores what is submitted, until it is cancelled."""
        next_care = 0.0
        loop = asyncio.get_running_loop()
        while True:
            if loop.time() >= next_care:
                next_care = loop.time() + _CARE_INTERVAL
                await self._take_care()
            if not await comes(self._submitted, max(next_care - loop.time(), 0.0)):
                continue
            await comes(self._urgent, self._limits.flush_interval)
            batch, self._pending = self._pending, Batch()
            self._submitted.clear()
            self._urgent.clear()
            self._storing = batch
            # All that was received until now is in this batch, or stored.
            life = LastLife(now_microseconds(), self._occupancy.oldest_written, self.complete_until())
            if loop.time() >= self._next_coverage:
                self._next_coverage = loop.time() + _COVERAGE_INTERVAL
                batch.coverage = self.coverage()
            await self._store_batch(batch)
            self._storing = Batch()
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
        self._store = BufferStore(self._path, self._limits.max_bytes, self._limits.keep_bytes)
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

    async def _store_batch(self, batch: Batch) -> None:
        limits = self._limits
        frames = await self._in_thread(lambda: encode_batch(batch, limits.frame_samples, limits.frame_bytes))
        while True:
            resumed = self._gap_of_full()
            attempt = [with_gap(frames[0], resumed), *frames[1:]] if resumed else frames
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
            if asyncio.get_running_loop().time() >= self._next_coverage + _COVERAGE_ALONE and life.complete_until:
                self.submit(())

    async def _note_alive(self, life: LastLife) -> None:
        """Writes down how far everything is complete, at most once a second."""
        now = asyncio.get_running_loop().time()
        if now >= self._next_alive:
            self._next_alive = now + _ALIVE_INTERVAL
            await self._in_thread(lambda: self._life.write(life))

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
        told = [one for packed in expired.gaps for one in unpack_notes(packed).coverage]
        changes = [one for one in told if one.starts or one.holes_changed]
        stand_in = new_frame(Frame(), pack_notes([*unpack_gaps(expired.gaps), lost], coverage=changes))
        self._last_sequence = await self._in_store(lambda store: store.replace_expired(before, stand_in, now))
        async with self._stored:
            self._stored.notify_all()
