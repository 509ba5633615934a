"""The buffer's file: SQLite, one row per frame, every commit on the disk before it returns.

Used from one thread. `synchronous=FULL` with a write-ahead log costs one fsync per transaction; a transaction takes
all frames that wait, and deletes what was acknowledged meanwhile, so that deleting costs no fsync of its own.
Pages of deleted frames are used again; the file is never longer than the longest outage needed it to be, and a tail.

The tail is the newest of what was acknowledged, kept in case the platform forgets it: one that was restored from a
backup says how far that goes, and is sent what came after. It counts for nothing else, and goes first when the disk is
full.

A full disk must not stop deletions, which write to the log before they free anything: a reserve file is given up for
them. Until there is room for a new reserve, only what fits into freed pages is stored.
"""

import os
import secrets
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import cast

import apsw

from dualspan_edge.errors import BufferCorruptError, BufferFullError

_APPLICATION_ID = 0x44535042  # "DSPB"
_SCHEMA_VERSION = 1
_PAGE_BYTES = 8192
_TAIL_SHARE_OF_DISK = 8
_RESERVE_BYTES = 2 * 1024 * 1024
# A frame from before 2000 was written while the clock was not set.
_EARLIEST = 946_684_800_000_000
_SCHEMA = """
CREATE TABLE life (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  epoch INTEGER NOT NULL,
  acknowledged INTEGER NOT NULL,
  last_written INTEGER NOT NULL
) STRICT;
CREATE TABLE frame (
  sequence INTEGER PRIMARY KEY,
  written INTEGER NOT NULL,
  t_min INTEGER NOT NULL,
  t_max INTEGER NOT NULL,
  sample_count INTEGER NOT NULL,
  size INTEGER NOT NULL,
  payload BLOB NOT NULL,
  gaps BLOB NOT NULL
) STRICT;
"""
_LINEAGE = """
CREATE TABLE IF NOT EXISTS lineage (sequence INTEGER PRIMARY KEY, token INTEGER NOT NULL) STRICT
"""


@dataclass(frozen=True, slots=True)
class NewFrame:
    """A frame to store: its encoded form, the gaps that go with it, and what its row says about it."""

    payload: bytes
    gaps: bytes
    t_min: int
    t_max: int
    sample_count: int

    @property
    def size(self) -> int:
        """Bytes of payload and gaps."""
        return len(self.payload) + len(self.gaps)


@dataclass(frozen=True, slots=True)
class StoredFrame:
    """A frame as it is sent: payload and gaps are serialized messages, times microseconds since 1970.

    `lineage` is a digest over it and all frames before it, 0 if it was written before there were such.
    """

    sequence: int
    t_min: int
    t_max: int
    sample_count: int
    payload: bytes
    gaps: bytes
    written: int
    lineage: int = 0


@dataclass(frozen=True, slots=True)
class Expired:
    """Frames that were given up because they were too old; times in microseconds since 1970."""

    frames: int
    sample_count: int
    t_min: int
    t_max: int
    gaps: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Occupancy:
    """What the buffer holds; `oldest_written` is microseconds since 1970, 0 if it is empty."""

    frames: int
    size: int
    oldest_written: int


class BufferStore:
    """The open file. See the module for its guarantees.

    Raises:
        BufferCorruptError: From every method: the file is damaged or is not a buffer.
        BufferFullError: From `append`: the limit is reached, or the disk is full or fails. Nothing was stored.
    """

    def __init__(self, path: Path, max_bytes: int, keep_bytes: int = 0) -> None:
        self._max_bytes = max_bytes
        # A small disk is for what is not acknowledged.
        self._keep_bytes = min(keep_bytes, shutil.disk_usage(path.parent).total // _TAIL_SHARE_OF_DISK)
        self._reserve = path.with_name(path.name + ".reserve")
        try:
            self._connection = apsw.Connection(str(path))
            self._prepare()
            self._load()
        except (apsw.CorruptError, apsw.NotADBError, apsw.FormatError) as error:
            raise BufferCorruptError(f"{path} is damaged: {error}") from error

    def _prepare(self) -> None:
        connection = self._connection
        # Nobody else has business here; and without shared memory, a full disk cannot strike there.
        connection.pragma("locking_mode", "exclusive")
        if not connection.pragma("user_version"):
            connection.pragma("page_size", _PAGE_BYTES)
            connection.pragma("journal_mode", "wal")
            with connection:
                connection.execute(_SCHEMA)
                connection.execute("INSERT INTO life VALUES (1, ?, 0, 0)", (secrets.randbits(63) or 1,))
                connection.pragma("application_id", _APPLICATION_ID)
                connection.pragma("user_version", _SCHEMA_VERSION)
        if connection.pragma("application_id") != _APPLICATION_ID:
            raise apsw.NotADBError("it is not a buffer of this gateway")
        # Not in the schema: files of older gateways get it too.
        connection.execute(_LINEAGE)
        connection.pragma("synchronous", "full")
        connection.pragma("journal_size_limit", _RESERVE_BYTES)
        connection.pragma("wal_autocheckpoint", 256)
        if connection.pragma("quick_check") != "ok":
            raise apsw.CorruptError("its pages do not fit together")

    def _load(self) -> None:
        life = self._connection.execute("SELECT epoch, acknowledged, last_written FROM life").fetchone()
        if life is None:
            raise apsw.CorruptError("it has no epoch")
        self.epoch, self._acknowledged, self.last_written = cast("tuple[int, int, int]", life)
        newest = self._connection.execute("SELECT max(sequence) FROM frame").get
        self.last_sequence = max(cast("int", newest or 0), self._acknowledged)
        self._ageless = self._load_ageless()
        self._lineage = self.lineage_of(self.last_sequence)
        self._count_again()
        self._count_tail()

    @property
    def acknowledged(self) -> int:
        """Everything up to here was acknowledged; of it only the tail is in the file."""
        return self._acknowledged

    def first_after(self, sequence: int) -> tuple[int, int] | None:
        """Sequence and time of writing of the first frame behind `sequence` that is in the file; None without any."""
        row = self._connection.execute(
            "SELECT sequence, written FROM frame WHERE sequence > ? ORDER BY sequence LIMIT 1", (sequence,)
        ).fetchone()
        return cast("tuple[int, int] | None", row)

    def lineage_of(self, sequence: int) -> int:
        """The lineage of a frame that is in the file, or comes before the first of them; 0 of any other."""
        found = self._connection.execute("SELECT token FROM lineage WHERE sequence = ?", (sequence,)).get
        return cast("int", found or 0)

    def _load_ageless(self) -> int:
        """Frames up to this one have no age: the clock was not set when they were written, or was set later."""
        unset = self._connection.execute("SELECT max(sequence) FROM frame WHERE written < ?", (_EARLIEST,)).get
        noted = 0
        if self._connection.table_exists(None, "clock_step"):
            noted = self._connection.execute("SELECT max(sequence) FROM clock_step").get
        return max(cast("int", unset or 0), cast("int", noted or 0))

    def _count_again(self) -> None:
        count = "SELECT count(*), coalesce(sum(size), 0) FROM frame WHERE sequence"
        row = self._connection.execute(f"{count} > ?", (self._acknowledged,)).fetchone()
        self._frames, self._size = cast("tuple[int, int]", row)

    def _count_tail(self) -> None:
        size = "SELECT coalesce(sum(size), 0) FROM frame WHERE sequence <= ?"
        self._tail_size = cast("int", self._connection.execute(size, (self._acknowledged,)).get)

    def close(self) -> None:
        """Closes the file."""
        self._connection.close()

    def append(self, frames: Sequence[NewFrame], *, acknowledged: int, now: int) -> int:
        """Stores frames and deletes what was acknowledged, in one transaction that is on the disk on return.

        Args:
            frames: May be empty.
            acknowledged: Everything up to here can go.
            now: Microseconds since 1970.

        Returns:
            The sequence of the last frame.
        """
        wanted = sum(frame.size for frame in frames)
        if frames and self._size + wanted > self._max_bytes:
            self._commit((), acknowledged, now)
            if self._size + wanted > self._max_bytes:
                raise BufferFullError(f"the buffer holds {self._size} of {self._max_bytes} bytes")
        if not self._has_reserve():
            self._commit((), acknowledged, now)
            self._drop_tail()
            self._connection.pragma("wal_checkpoint(truncate)")
            if frames and not self._make_reserve() and self._freed_bytes() < wanted + _RESERVE_BYTES:
                raise BufferFullError("the buffer's disk is full")
        try:
            return self._commit(frames, acknowledged, now)
        except BufferFullError:
            self._reserve.unlink(missing_ok=True)
            if not self._drop_tail():
                raise
            # A disk that is full of the tail has room for what must be kept.
            return self._commit(frames, acknowledged, now)

    def _has_reserve(self) -> bool:
        return self._reserve.exists()

    def _make_reserve(self) -> bool:
        """Sets room aside on the disk; whether there was enough."""
        try:
            with self._reserve.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, _RESERVE_BYTES)
        except OSError:
            self._reserve.unlink(missing_ok=True)
            return False
        return True

    def _freed_bytes(self) -> int:
        return cast("int", self._connection.pragma("freelist_count")) * _PAGE_BYTES

    def _commit(self, frames: Sequence[NewFrame], acknowledged: int, now: int) -> int:
        if not frames and acknowledged <= self._acknowledged:
            return self.last_sequence
        try:
            self._transact(frames, acknowledged, now)
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise BufferCorruptError(f"the buffer is damaged: {error}") from error
        except (apsw.FullError, apsw.IOError) as error:
            raise BufferFullError(f"the buffer's disk does not take any more: {error}") from error
        if acknowledged > self._acknowledged:
            self._acknowledged = acknowledged
            self._count_again()
        else:
            self._frames += len(frames)
            self._size += sum(frame.size for frame in frames)
        self.last_sequence += len(frames)
        if frames:
            self._lineage = self.lineage_of(self.last_sequence)
            self.last_written = now
            self._ageless = self.last_sequence if now < _EARLIEST else self._ageless
        return self.last_sequence

    def _transact(self, frames: Sequence[NewFrame], acknowledged: int, now: int) -> None:
        tail_size = self._tail_size
        with self._connection:
            if acknowledged > self._acknowledged:
                tail_size = self._trim_tail(acknowledged)
                self._connection.execute("UPDATE life SET acknowledged = ?", (acknowledged,))
            if frames:
                self._insert(frames, now)
        self._tail_size = tail_size

    def _trim_tail(self, acknowledged: int) -> int:
        """Deletes the oldest of what was acknowledged, until the rest is no larger than wanted; the rest's size."""
        sizes = "SELECT sequence, size FROM frame WHERE sequence > ? AND sequence <= ? ORDER BY sequence"
        added = cast(
            "list[tuple[int, int]]", self._connection.execute(sizes, (self._acknowledged, acknowledged)).fetchall()
        )
        left, last = self._tail_size + sum(size for _, size in added), 0
        if left > self._keep_bytes:
            for number, size in cast("Iterable[tuple[int, int]]", self._connection.execute(sizes, (0, acknowledged))):
                last, left = number, left - size
                if left <= self._keep_bytes:
                    break
        if last:
            self._connection.execute("DELETE FROM frame WHERE sequence <= ?", (last,))
        # Of the frame before the first, too: by it a platform's file is told from another.
        first = self.first_after(0)
        known = min(first[0] - 1, acknowledged) if first else acknowledged
        self._connection.execute("DELETE FROM lineage WHERE sequence < ?", (known,))
        return left

    def _drop_tail(self) -> bool:
        """Gives the tail's room away: what must be kept goes before what may be; whether there was any."""
        if not self._tail_size:
            return False
        try:
            with self._connection:
                self._connection.execute("DELETE FROM frame WHERE sequence <= ?", (self._acknowledged,))
                self._connection.execute("DELETE FROM lineage WHERE sequence < ?", (self._acknowledged,))
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise BufferCorruptError(f"the buffer is damaged: {error}") from error
        except (apsw.FullError, apsw.IOError):
            return False  # the next attempt finds more room, or none
        self._tail_size = 0
        return True

    def _insert(self, frames: Sequence[NewFrame], now: int) -> None:
        sequence, lineage = self.last_sequence, self._lineage
        rows: list[tuple[int, int, int, int, int, int, bytes, bytes]] = []
        tokens: list[tuple[int, int]] = []
        for frame in frames:
            sequence += 1
            lineage = _next_lineage(lineage, frame)
            tokens.append((sequence, lineage))
            about = (frame.t_min, frame.t_max, frame.sample_count, frame.size)
            rows.append((sequence, now, *about, frame.payload, frame.gaps))
        self._connection.executemany("INSERT INTO frame VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._connection.executemany("INSERT OR REPLACE INTO lineage VALUES (?, ?)", tokens)
        self._connection.execute("UPDATE life SET last_written = ?", (now,))

    def read_after(self, sequence: int, max_frames: int, max_bytes: int) -> list[StoredFrame]:
        """The frames that follow `sequence`, in order: at least one if there is any, at most so many and so large."""
        found: list[StoredFrame] = []
        size = 0
        try:
            # Sizes first: a row that is not wanted is not worth reading.
            heads = self._connection.execute(
                "SELECT sequence, size FROM frame WHERE sequence > ? ORDER BY sequence LIMIT ?", (sequence, max_frames)
            ).fetchall()
            for number, frame_size in cast("list[tuple[int, int]]", heads):
                size += frame_size
                if found and size > max_bytes:
                    break
                row = self._connection.execute(
                    "SELECT t_min, t_max, sample_count, payload, gaps, written FROM frame WHERE sequence = ?",
                    (number,),
                ).fetchone()
                about = cast("tuple[int, int, int, bytes, bytes, int]", row)
                found.append(StoredFrame(number, *about, lineage=self.lineage_of(number)))
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise BufferCorruptError(f"the buffer is damaged: {error}") from error
        return found

    @property
    def _first_aging(self) -> int:
        """Frames up to this one are never too old: they have no age, or are acknowledged."""
        return max(self._ageless, self._acknowledged)

    def expired(self, before: int) -> Expired | None:
        """What was written before this time, and after the last step of the clock; None if there is nothing."""
        try:
            oldest = self._connection.execute(
                "SELECT written FROM frame WHERE sequence > ? ORDER BY sequence LIMIT 1", (self._first_aging,)
            ).get
            if oldest is None or cast("int", oldest) >= before:
                return None
            rows = self._connection.execute(
                "SELECT sample_count, t_min, t_max, gaps FROM frame WHERE sequence > ? AND written < ?",
                (self._first_aging, before),
            ).fetchall()
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise BufferCorruptError(f"the buffer is damaged: {error}") from error
        old = cast("list[tuple[int, int, int, bytes]]", rows)
        return Expired(
            frames=len(old),
            sample_count=sum(row[0] for row in old),
            t_min=min(row[1] for row in old),
            t_max=max(row[2] for row in old),
            gaps=tuple(row[3] for row in old if row[3]),
        )

    def begin_epoch(self, committed: int, lineage: int) -> bool:
        """Begins a new epoch if the platform has frames of this one that the file does not know of.

        Then the file is an old copy, and new frames have or would get numbers that are taken. What it holds keeps its
        numbers.

        Args:
            committed: What the platform has committed of the epoch.
            lineage: The lineage that the platform was told for it; 0 if none.

        Returns:
            Whether there is a new epoch.
        """
        own = self.lineage_of(committed)
        if committed <= self.last_sequence and (not own or not lineage or own == lineage):
            return False
        epoch = secrets.randbits(63) or 1
        try:
            with self._connection:
                # What was acknowledged in the old epoch is not sent again in the new one.
                self._connection.execute("DELETE FROM frame WHERE sequence <= ?", (self._acknowledged,))
                self._connection.execute("UPDATE life SET epoch = ?, acknowledged = 0", (epoch,))
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise BufferCorruptError(f"the buffer is damaged: {error}") from error
        except (apsw.FullError, apsw.IOError) as error:
            raise BufferFullError(f"the buffer's disk does not take any more: {error}") from error
        self.epoch, self._acknowledged, self._tail_size = epoch, 0, 0
        return True

    def note_clock_step(self) -> None:
        """The clock was set: how old the frames are that were written until now, nobody knows any more."""
        self._ageless = self.last_sequence
        try:
            with self._connection:
                self._connection.execute(
                    "CREATE TABLE IF NOT EXISTS clock_step (id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL) STRICT"
                )
                self._connection.execute("INSERT OR REPLACE INTO clock_step VALUES (1, ?)", (self._ageless,))
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise BufferCorruptError(f"the buffer is damaged: {error}") from error
        except (apsw.FullError, apsw.IOError) as error:
            raise BufferFullError(f"the buffer's disk does not take any more: {error}") from error

    def replace_expired(self, before: int, stand_in: NewFrame, now: int) -> int:
        """Puts one frame, which says what is missing, in the place of all that `expired` told; its sequence."""
        try:
            with self._connection:
                self._connection.execute(
                    "DELETE FROM frame WHERE sequence > ? AND written < ?", (self._first_aging, before)
                )
                self._insert((stand_in,), now)
        except (apsw.CorruptError, apsw.NotADBError) as error:
            raise BufferCorruptError(f"the buffer is damaged: {error}") from error
        except (apsw.FullError, apsw.IOError) as error:
            raise BufferFullError(f"the buffer's disk does not take any more: {error}") from error
        self.last_sequence += 1
        self._lineage = self.lineage_of(self.last_sequence)
        self._count_again()
        return self.last_sequence

    def occupancy(self) -> Occupancy:
        """What the buffer holds now."""
        oldest = self.first_after(self._acknowledged)
        return Occupancy(self._frames, self._size, oldest[1] if oldest else 0)


def _next_lineage(before: int, frame: NewFrame) -> int:
    """A digest over a frame and all before it, never 0: two files that went different ways differ in it."""
    digest = blake2b(frame.payload, digest_size=8, salt=before.to_bytes(16, "little"))
    digest.update(frame.gaps)
    return (int.from_bytes(digest.digest(), "little") >> 1) or 1
