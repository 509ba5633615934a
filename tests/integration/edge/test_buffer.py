"""The buffer on a real disk: full, damaged, too old, killed."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import apsw
import numpy as np
import pytest

from dualspan.frame.v1 import frame_pb2
from dualspan.historian.v1 import resources_pb2 as historian
from dualspan_edge.buffer import Buffer, BufferLimits, Committed
from dualspan_edge.errors import BufferCorruptError, BufferFullError
from dualspan_edge.gaps import unpack_gaps
from dualspan_edge.store import BufferStore, NewFrame, StoredFrame
from dualspan_edge.uplink import UplinkStatus, _Session
from dualspan_frame import Block, Frame, ValueKind, decode_frame

NOW = 1_795_000_000_000_000
MEGABYTE = 1 << 20


def _block(first: int, count: int) -> Block:
    rows = np.arange(first, first + count, dtype=np.int64)
    noise = np.random.default_rng(first).random(count)
    return Block(ValueKind.FLOAT64, np.ones(count, np.int64), NOW + rows, np.zeros(count, np.uint32), noise)


def _new_frame(size: int) -> NewFrame:
    return NewFrame(os.urandom(size), b"", NOW, NOW, 1)


@asynccontextmanager
async def _running(folder: Path, limits: BufferLimits) -> AsyncGenerator[Buffer]:
    buffer = Buffer(folder, limits)
    await buffer.open()
    task = asyncio.create_task(buffer.run())
    yield buffer
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await buffer.close()


async def _all(buffer: Buffer) -> list[StoredFrame]:
    return await buffer.read_after(0, 1_000_000, 1 << 40)


def _decoded(stored: StoredFrame) -> Frame:
    return decode_frame(frame_pb2.Frame.FromString(stored.payload))


async def test_samples_share_a_frame_and_come_back(tmp_path: Path) -> None:
    async with _running(tmp_path, BufferLimits()) as buffer:
        await asyncio.gather(*(buffer.submit((_block(start, 10),)) for start in range(0, 100, 10)))
        (stored,) = await _all(buffer)
        assert _decoded(stored).same_as(Frame((_block_of_all(10, 10),)))
        buffer.acknowledge(buffer.epoch, stored.sequence)
        await buffer.submit((_block(100, 1),))
        assert [frame.sequence for frame in await _all(buffer)] == [stored.sequence + 1]


class _CountedSyncs(apsw.VFS):
    """The usual files of the system, which count how often they were brought to the disk.

    A kill -9 cannot show a missing fsync, for what was written survives in the kernel; a power cut would.
    """

    def __init__(self) -> None:
        self.syncs = 0
        super().__init__("counted", "unix")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> "_CountedFile":  # noqa: N802 - SQLite's name
        return _CountedFile(name, flags, self)


class _CountedFile(apsw.VFSFile):
    def __init__(self, name: str | apsw.URIFilename | None, flags: list[int], counted: _CountedSyncs) -> None:
        super().__init__("unix", name, flags)
        self._counted = counted

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        self._counted.syncs += 1
        super().xSync(flags)


def test_what_is_stored_is_on_the_disk_before_anybody_is_told(tmp_path: Path) -> None:
    counted = _CountedSyncs()
    apsw.set_default_vfs("counted")
    try:
        store = BufferStore(tmp_path / "buffer.db", MEGABYTE)
        for _ in range(5):
            begin = counted.syncs
            store.append([_new_frame(1000)], acknowledged=0, now=NOW)
            assert counted.syncs > begin
        store.close()
    finally:
        apsw.set_default_vfs("unix")
        counted.unregister()


def _block_of_all(parts: int, count: int) -> Block:
    return Block.concat([_block(start * count, count) for start in range(parts)])


async def test_large_batches_become_several_frames_in_order(tmp_path: Path) -> None:
    limits = BufferLimits(frame_samples=1000, flush_interval=0.1)
    async with _running(tmp_path, limits) as buffer:
        await asyncio.gather(*(buffer.submit((_block(start, 400),)) for start in range(0, 4000, 400)))
        frames = await _all(buffer)
        assert [_decoded(frame).sample_count for frame in frames] == [800] * 5
        assert Frame.concat(_decoded(frame) for frame in frames).same_as(Frame((_block_of_all(10, 400),)))


async def test_a_full_buffer_waits_and_leaves_a_gap(tmp_path: Path) -> None:
    limits = BufferLimits(max_bytes=40_000, flush_interval=0.0, retry_interval=0.05)
    async with _running(tmp_path, limits) as buffer:
        await buffer.submit((_block(0, 4000),))
        waiting = buffer.submit((_block(4000, 4000),))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        assert buffer.is_full
        (first,) = await _all(buffer)
        buffer.acknowledge(buffer.epoch, first.sequence)
        await asyncio.wait_for(waiting, 5)
        assert not buffer.is_full
        (second,) = await _all(buffer)
        (gap,) = unpack_gaps([second.gaps])
        assert gap.cause == historian.GAP_CAUSE_BUFFER_FULL
        assert gap.end_time.ToMicroseconds() - gap.start_time.ToMicroseconds() > 200_000


async def test_what_is_too_old_becomes_a_gap(tmp_path: Path) -> None:
    limits = BufferLimits(max_age=0.2, flush_interval=0.0)
    async with _running(tmp_path, limits) as buffer:
        kept = historian.Gap(cause=historian.GAP_CAUSE_CONNECTION_LOST, detail="kept")
        await buffer.submit((_block(0, 100),), [kept])
        await asyncio.sleep(0.3)
        await buffer.drain()
        (stored,) = await _all(buffer)
        assert _decoded(stored).sample_count == 0
        gaps = unpack_gaps([stored.gaps])
        assert [gap.cause for gap in gaps] == [kept.cause, historian.GAP_CAUSE_BUFFER_EXPIRED]
        assert gaps[1].lost_samples == 100
        assert gaps[1].start_time.ToMicroseconds() == NOW


async def test_what_is_acknowledged_is_never_too_old(tmp_path: Path) -> None:
    async with _running(tmp_path, BufferLimits(max_age=0.2, flush_interval=0.0)) as buffer:
        await buffer.submit((_block(0, 100),))
        (stored,) = await _all(buffer)
        await asyncio.sleep(0.3)
        buffer.acknowledge(buffer.epoch, stored.sequence)
        await buffer.drain()
        assert not await _all(buffer)


async def test_a_clock_that_is_set_makes_nothing_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = BufferLimits(max_age=3600.0, flush_interval=0.0)
    clock = [NOW - 86_400_000_000]
    monkeypatch.setattr("dualspan_edge.buffer.now_microseconds", lambda: clock[0])
    async with _running(tmp_path, limits) as buffer:
        await buffer.submit((_block(0, 100),))
        clock[0] = NOW
        await buffer.drain()
        await buffer.submit((_block(100, 100),))
        assert [frame.sample_count for frame in await _all(buffer)] == [100, 100]
    clock[0] += 2 * 3_600_000_000
    async with _running(tmp_path, limits) as buffer:
        await buffer.drain()
        frames = await _all(buffer)
    assert [frame.sample_count for frame in frames] == [100, 0], "only what was written after the step has an age"


async def test_a_clock_that_was_not_set_makes_nothing_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [60_000_000]  # 1970
    monkeypatch.setattr("dualspan_edge.buffer.now_microseconds", lambda: clock[0])
    async with _running(tmp_path, BufferLimits(flush_interval=0.0)) as buffer:
        await buffer.submit((_block(0, 100),))
    clock[0] = NOW
    async with _running(tmp_path, BufferLimits(flush_interval=0.0)) as buffer:
        await buffer.drain()
        assert [frame.sample_count for frame in await _all(buffer)] == [100]


async def test_life_is_noted_under_load(tmp_path: Path) -> None:
    async with _running(tmp_path, BufferLimits(flush_interval=0.0)) as buffer:
        await asyncio.sleep(0.1)
        submitted = 0
        buffer.complete_until = lambda: {"plant": submitted}
        waiting: list[asyncio.Future[None]] = []
        end = asyncio.get_running_loop().time() + 2.5
        while asyncio.get_running_loop().time() < end:
            submitted += 1
            waiting.append(buffer.submit((_block(submitted, 1),)))
            await asyncio.sleep(0)
        noted = json.loads((tmp_path / "alive.json").read_text())["complete_until"]["plant"]
        assert 0 < noted <= sum(future.done() for future in waiting)


async def _use(buffer: Buffer) -> None:
    for _ in range(50):
        await _all(buffer)
        await buffer.submit((_block(0, 5000),))


async def test_damage_found_while_running(tmp_path: Path) -> None:
    async with _running(tmp_path, BufferLimits(flush_interval=0.0)) as buffer:
        await asyncio.gather(*(buffer.submit((_block(start, 2000),)) for start in range(0, 100_000, 2000)))
        epoch = buffer.epoch
        path = tmp_path / "buffer.sqlite"
        for part in (path, path.with_name("buffer.sqlite-wal")):
            size = part.stat().st_size
            with part.open("r+b") as file:
                file.write(os.urandom(size))
        with pytest.raises(BufferCorruptError):
            await _use(buffer)
        await asyncio.wait_for(buffer.wait_after(epoch, 1 << 60), 5)
        await buffer.submit((_block(7, 3),))
        assert buffer.epoch != epoch
        assert any("damaged" in gap.detail for frame in await _all(buffer) for gap in unpack_gaps([frame.gaps]))


def test_numbers_are_not_given_twice(tmp_path: Path) -> None:
    path = tmp_path / "buffer.sqlite"
    store = BufferStore(path, MEGABYTE)
    assert store.append([_new_frame(100)] * 3, acknowledged=0, now=NOW) == 3
    assert store.append([], acknowledged=3, now=NOW) == 3
    epoch = store.epoch
    store.close()
    store = BufferStore(path, MEGABYTE)
    assert (store.epoch, store.last_sequence, store.occupancy().frames) == (epoch, 3, 0)
    assert store.append([_new_frame(100)], acknowledged=3, now=NOW) == 4
    store.close()


def test_pages_are_used_again(tmp_path: Path) -> None:
    path = tmp_path / "buffer.sqlite"
    store = BufferStore(path, 100 * MEGABYTE)
    sizes: list[int] = []
    for _ in range(40):
        last = store.append([_new_frame(50_000)] * 10, acknowledged=store.last_sequence, now=NOW)
        sizes.append(path.stat().st_size)
        assert store.occupancy().frames == 10
        assert last == store.last_sequence
    assert max(sizes[20:]) <= 3 * MEGABYTE
    store.close()


def test_reading_is_bounded(tmp_path: Path) -> None:
    store = BufferStore(tmp_path / "buffer.sqlite", MEGABYTE)
    store.append([_new_frame(1000)] * 10, acknowledged=0, now=NOW)
    assert [frame.sequence for frame in store.read_after(2, 100, 3500)] == [3, 4, 5]
    assert [frame.sequence for frame in store.read_after(2, 2, 1 << 30)] == [3, 4]
    assert [frame.sequence for frame in store.read_after(9, 5, 1)] == [10]
    store.close()


def test_a_file_that_is_no_buffer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "buffer.sqlite"
    path.write_bytes(b"x" * 10_000)
    with pytest.raises(BufferCorruptError):
        BufferStore(path, MEGABYTE)


def _fill(store: BufferStore) -> None:
    for _ in range(1000):
        store.append([_new_frame(40_000)] * 4, acknowledged=0, now=NOW)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Generator[Path]:
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder], check=False)
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_full_disk_takes_deletions_and_then_frames_again(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 16) as disk:
        store = BufferStore(disk / "buffer.sqlite", 1 << 40)
        with pytest.raises(BufferFullError):
            _fill(store)
        held = store.last_sequence
        assert held > 100
        with pytest.raises(BufferFullError):
            store.append([_new_frame(40_000)] * 4, acknowledged=0, now=NOW)
        assert [frame.sequence for frame in store.read_after(0, 10**6, 1 << 40)] == list(range(1, held + 1))
        for _ in range(50):
            store.append([], acknowledged=store.last_sequence, now=NOW)
            store.append([_new_frame(40_000)] * 4, acknowledged=store.last_sequence, now=NOW)
        assert store.last_sequence == held + 200
        store.close()
        again = BufferStore(disk / "buffer.sqlite", 1 << 40)
        assert again.last_sequence == held + 200
        again.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_tail_leaves_the_disk_to_what_is_not_acknowledged(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 32) as disk:
        store = BufferStore(disk / "buffer.sqlite", 1 << 40, 1 << 40)
        for _ in range(1000):
            store.append([_new_frame(40_000)] * 4, acknowledged=store.last_sequence, now=NOW)
        first = store.first_after(0)
        assert first
        assert 50 < store.last_sequence - first[0] < 110
        # Somebody else fills the disk: the tail goes, and what comes is stored.
        (disk / "filler").write_bytes(b"x" * max(0, shutil.disk_usage(disk).free - 300_000))
        for _ in range(20):
            store.append([_new_frame(40_000)] * 4, acknowledged=store.last_sequence, now=NOW)
        store.close()


_WRITER = """
import sys
from pathlib import Path
from dualspan_edge.store import BufferStore, NewFrame
store = BufferStore(Path(sys.argv[1]), 1 << 30)
for number in range(store.last_sequence + 1, 1 << 30):
    payload = number.to_bytes(8, "little") * 500
    last = store.append([NewFrame(payload, b"", number, number, 1)], acknowledged=0, now=number)
    print(last, flush=True)
"""


def test_what_was_said_to_be_stored_outlives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "buffer.sqlite"
    said = 0
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, path], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        for line in writer.stdout:
            said = int(line)
            if said % 40 == 0:
                writer.send_signal(signal.SIGKILL)
                break
        writer.wait()
        writer.stdout.close()
    store = BufferStore(path, 1 << 30)
    frames = store.read_after(0, 1 << 20, 1 << 40)
    assert [frame.sequence for frame in frames] == list(range(1, store.last_sequence + 1))
    assert store.last_sequence >= said
    assert all(frame.payload == frame.sequence.to_bytes(8, "little") * 500 for frame in frames)
    store.close()


async def test_a_buffer_that_was_rolled_back_is_told_although_it_has_grown_since(tmp_path: Path) -> None:
    """As many frames as the platform has, and more; but other ones."""
    path = tmp_path / "buffer.sqlite"
    store = BufferStore(path, 10**7)
    store.append([_new_frame(100)] * 2, acknowledged=0, now=NOW)
    store.close()
    copy = path.read_bytes()
    newer = BufferStore(path, 10**7)
    newer.append([_new_frame(101)] * 3, acknowledged=0, now=NOW)
    lineage = newer.lineage_of(5)
    assert not newer.begin_epoch(5, lineage)
    newer.close()
    path.write_bytes(copy)
    old = BufferStore(path, 10**7)
    epoch = old.epoch
    old.append([_new_frame(102)] * 10, acknowledged=0, now=NOW)
    assert not old.begin_epoch(2, old.lineage_of(2))
    assert old.begin_epoch(5, lineage)
    assert old.epoch != epoch
    assert [frame.sequence for frame in old.read_after(0, 100, 10**7)] == list(range(1, 13))
    old.close()


async def test_the_lineage_of_what_was_acknowledged_last_is_kept(tmp_path: Path) -> None:
    store = BufferStore(tmp_path / "buffer.sqlite", 10**7)
    store.append([_new_frame(100)] * 4, acknowledged=0, now=NOW)
    token = store.lineage_of(3)
    store.append([], acknowledged=3, now=NOW)
    assert (store.lineage_of(3), store.lineage_of(2)) == (token, 0)
    assert all(frame.lineage == store.lineage_of(frame.sequence) != 0 for frame in store.read_after(3, 9, 10**7))
    store.close()


async def test_a_platform_that_forgot_what_it_acknowledged_leaves_a_gap(tmp_path: Path) -> None:
    async with _running(tmp_path, BufferLimits()) as buffer:
        for number in range(3):
            await buffer.submit((_block(number, 1),))
        buffer.acknowledge(buffer.epoch, 3)
        await buffer.submit((_block(3, 1),))
        assert await buffer.follow(buffer.epoch, Committed(1, 0, NOW))
        gaps = [gap for frame in await _all(buffer) for gap in unpack_gaps([frame.gaps])]
        (gap,) = [one for one in gaps if one.cause == historian.GAP_CAUSE_PLATFORM_RESTORED]
        assert gap.start_time.ToMicroseconds() == NOW
        assert "frames 2 to 3" in gap.detail


async def test_a_platform_that_forgot_is_sent_the_tail_again_and_a_gap_says_what_that_lacks(tmp_path: Path) -> None:
    path = tmp_path / "buffer.sqlite"
    store = BufferStore(path, 10**7, keep_bytes=450)
    for written in range(6):
        store.append([_new_frame(100)], acknowledged=0, now=NOW + written)
    lineage = store.lineage_of(2)
    store.append([], acknowledged=5, now=NOW)
    assert [frame.sequence for frame in store.read_after(0, 100, 10**7)] == [2, 3, 4, 5, 6]
    assert store.lineage_of(2) == lineage
    assert (store.occupancy().frames, store.occupancy().oldest_written) == (1, NOW + 5)
    assert store.expired(NOW + 5) is None
    store.close()
    async with _running(tmp_path, BufferLimits(keep_bytes=450)) as buffer:
        assert await buffer.follow(buffer.epoch, Committed(3, 0, NOW))
        assert [frame.sequence for frame in await buffer.read_after(3, 100, 10**7)] == [4, 5, 6]
        # Samples are older than their commit: what is lost begins where the platform has all of it.
        assert await buffer.follow(buffer.epoch, Committed(0, 0, NOW - 5, complete=NOW - 9))
        (gap,) = unpack_gaps([(await _all(buffer))[-1].gaps])
        assert (gap.start_time.ToMicroseconds(), gap.end_time.ToMicroseconds()) == (NOW - 9, NOW + 1)
        assert "frames 1 to 1," in gap.detail


async def test_the_tail_goes_with_the_epoch_and_with_the_room(tmp_path: Path) -> None:
    path = tmp_path / "buffer.sqlite"
    store = BufferStore(path, 10**7, keep_bytes=10**6)
    store.append([_new_frame(100)] * 5, acknowledged=0, now=NOW)
    store.append([], acknowledged=3, now=NOW)
    assert store.begin_epoch(9, 1)
    assert [frame.sequence for frame in store.read_after(0, 100, 10**7)] == [4, 5]
    assert (store.acknowledged, store.occupancy().frames) == (0, 2)
    store.append([_new_frame(100)], acknowledged=5, now=NOW)
    store.close()
    smaller = BufferStore(path, 10**7, keep_bytes=0)
    assert smaller.last_sequence == 6
    smaller.append([], acknowledged=6, now=NOW)
    assert smaller.read_after(0, 100, 10**7) == []
    smaller.close()


async def test_a_tail_that_goes_for_want_of_room_while_it_is_sent_again_is_in_the_ledger(tmp_path: Path) -> None:
    async with _running(tmp_path, BufferLimits(keep_bytes=10**6)) as buffer:
        for number in range(6):
            await buffer.submit((_block(number, 1),))
        buffer.acknowledge(buffer.epoch, 5)
        await buffer.submit((_block(6, 1),))
        assert await buffer.follow(buffer.epoch, Committed(1, 0, NOW))
        session = _Session(buffer, UplinkStatus())
        session._sent = session._began = 1
        assert [frame.sequence for frame in await session._read(2)] == [2, 3]
        session._sent = 3
        assert await buffer._in_store(lambda store: store._drop_tail())
        with pytest.raises(ConnectionError, match="opened anew"):
            await session._read(2)
        assert await buffer.follow(buffer.epoch, Committed(3, 0, NOW))
        gaps = [gap for frame in await _all(buffer) for gap in unpack_gaps([frame.gaps])]
        (gap,) = [one for one in gaps if one.cause == historian.GAP_CAUSE_PLATFORM_RESTORED]
        assert "frames 4 to 5," in gap.detail
        again = _Session(buffer, UplinkStatus())
        again._sent = again._began = 3
        assert (await again._read(1))[0].sequence == 6
