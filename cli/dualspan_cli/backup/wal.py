"""The log of the database, fetched as it is written: what lies between a backup and the moment of a disaster.

`pg_receivewal` streams it through a replication slot, so that the server keeps what has not been fetched. Whole
segments go to the repository as they end; the one that is being written goes there every few seconds, as far as it is.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from pyrage import x25519

from dualspan_cli.backup.keys import read_lock
from dualspan_cli.backup.repository import PARTIAL, Repository
from dualspan_cli.backup.server import connected, program, start_program
from dualspan_cli.backup.streams import seal
from dualspan_cli.errors import CommandError, DataFolderInUseError
from dualspan_cli.folder import FolderLock

if TYPE_CHECKING:
    from dualspan_cli.backup.server import Connection

SLOT = "dualspan_backup"
_POLL_SECONDS = 0.5
_NAME_DIGITS = 24
_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Stream:
    """How the log is fetched.

    Attributes:
        database_url: PostgreSQL, with the right to replicate.
        spool: Folder on this machine, of this user alone, where segments are until they are encrypted.
        partial_seconds: How often the segment that is being written goes to the repository.
        programs: PostgreSQL's `bin`; the built-in one if None.
    """

    database_url: str
    spool: Path
    partial_seconds: float = 10.0
    programs: Path | None = None


async def follow(repository: Repository, stream: Stream) -> None:
    """Fetches the log until it is cancelled.

    Raises:
        CommandError: The server does not stream it, or the repository does not take it.
    """
    lock = read_lock(repository.folder).public
    _make_folders(repository, stream)
    with _alone(stream.spool):
        await _follow(repository, stream, lock)


@contextmanager
def _alone(spool: Path) -> Generator[None]:
    """Two that fetch into one folder would take each other's segments, and write them at once."""
    held = FolderLock(spool / "follow.lock")
    try:
        held.acquire()
    except DataFolderInUseError as err:
        words = f"Another `dualspan backup follow` fetches the log into {spool}: let it, or end it."
        raise CommandError("FOLLOWED_ALREADY", words, exit_code=8) from err
    try:
        yield
    finally:
        held.release()


async def _follow(repository: Repository, stream: Stream, lock: x25519.Recipient) -> None:
    archive = Archive(repository, stream.spool, lock, stream.partial_seconds)
    async with connected(stream.database_url) as connection:
        repository.check_server(await connection.fetchval("SELECT system_identifier FROM pg_control_system()"))
        if (first := await _make_slot(connection)) is not None:
            await asyncio.to_thread(archive.begin_at, first)
    options = [f"--directory={stream.spool}", f"--slot={SLOT}", "--synchronous", "--no-loop"]
    process = start_program([program("pg_receivewal", stream.programs), *options], stream.database_url)
    try:
        while process.poll() is None:
            await asyncio.to_thread(archive.collect)
            await asyncio.sleep(_POLL_SECONDS)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait)
        words = process.stderr.read().decode(errors="replace").strip() if process.stderr else ""
        if process.stderr:
            process.stderr.close()
        archive.collect(whole=True)
    raise CommandError("STREAM_ENDED", f"PostgreSQL does not stream its log any more: {words}", exit_code=9)


def _make_folders(repository: Repository, stream: Stream) -> None:
    try:
        stream.spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        repository.wal.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise CommandError("REPOSITORY_UNUSABLE", f"{err.filename} cannot be made: {err.strerror}.") from err


async def _make_slot(connection: Connection) -> str | None:
    """Makes the slot if it is not there or worth nothing; the name of the first segment that a new one keeps."""
    state = await connection.fetchval("SELECT wal_status FROM pg_replication_slots WHERE slot_name = $1", SLOT)
    if state == "lost":
        _log.error("the log was not fetched for too long, and is lost in part; take a new backup", slot=SLOT)
        await connection.execute("SELECT pg_drop_replication_slot($1)", SLOT)
        state = None
    if state is not None:
        return None
    return await connection.fetchval(
        "SELECT pg_walfile_name(lsn) FROM pg_create_physical_replication_slot($1, true)", SLOT
    )


class Archive:
    """Puts what was fetched into the repository.

    Args:
        repository: Where to.
        spool: Where `pg_receivewal` writes.
        lock: Who may read it.
        partial_seconds: See `Stream`.
    """

    def __init__(self, repository: Repository, spool: Path, lock: x25519.Recipient, partial_seconds: float) -> None:
        self._repository = repository
        self._spool = spool
        self._lock = lock
        self._partial_seconds = partial_seconds
        self._next_partial = 0.0
        self._seen: tuple[str, int] = ("", 0)
        self._collecting = threading.Lock()

    def collect(self, *, whole: bool = False) -> None:
        """Takes the segments that have ended and, from time to time or if `whole`, the one that has not.

        One at a time: a `follow` that is cancelled leaves one running in its thread when the last one begins.

        Raises:
            CommandError: The repository does not take them.
        """
        try:
            with self._collecting:
                self._collect(whole=whole)
        except OSError as err:
            words = f"The log cannot be written to {self._repository.wal}: {err.strerror}."
            raise CommandError("REPOSITORY_UNUSABLE", words, exit_code=11) from err

    def begin_at(self, segment: str) -> None:
        """Takes all that was fetched, and forgets a segment that is not whole and will not be: it is before a new slot.

        The log would be asked for from there on, and the server does not have it any more.

        Raises:
            CommandError: See `collect`.
        """
        self.collect(whole=True)
        for path in self._spool.glob(f"*{PARTIAL}"):
            if path.name[8:_NAME_DIGITS] < segment[8:]:
                path.unlink()

    def _collect(self, *, whole: bool) -> None:
        for path in sorted(self._spool.iterdir()):
            if path.suffix == PARTIAL:
                if whole or time.monotonic() >= self._next_partial:
                    self._take_partial(path)
            elif len(path.stem) in {8, _NAME_DIGITS} and not path.name.startswith("."):
                self._take(path)

    def _take(self, path: Path) -> None:
        with path.open("rb") as file:
            seal(file, self._repository.segment_file(path.name), self._lock)
        self._repository.segment_file(f"{path.name}{PARTIAL}").unlink(missing_ok=True)
        path.unlink()
        _log.info("log archived", segment=path.name)

    def _take_partial(self, path: Path) -> None:
        self._next_partial = time.monotonic() + self._partial_seconds
        try:
            seen = (path.name, path.stat().st_mtime_ns)
            if seen == self._seen:
                return
            file = path.open("rb")
        except FileNotFoundError:
            return  # it has ended meanwhile, and comes whole
        with file:
            seal(file, self._repository.segment_file(path.name), self._lock)
        self._seen = seen


def missing_segments(first: str, found: Sequence[str], segment_bytes: int) -> list[str]:
    """The segments that are not there between the first that is needed and the newest that is there.

    A segment may come on any timeline: the one after a restored server's last is the new server's first. One that is
    there in part is as good as none if others come after it: its end was never fetched.

    Args:
        first: Name of the first segment that is needed.
        found: Names of what is there; histories do not count.
        segment_bytes: Length of a segment.
    """
    per_file = 0x1_0000_0000 // segment_bytes
    whole, begun = (
        {
            number_of(name, per_file)
            for name in found
            if len(name) == _NAME_DIGITS + len(ending) and name.endswith(ending)
        }
        for ending in ("", PARTIAL)
    )
    start = number_of(first, per_file)
    timeline = first[:8]
    last = max(whole | begun, default=start)
    numbers = whole | (begun & {last})
    return [
        f"{timeline}{number // per_file:08X}{number % per_file:08X}"
        for number in range(start, last + 1)
        if number not in numbers
    ]


def number_of(name: str, per_file: int) -> int:
    """Which segment a name means, counted from the beginning of the log."""
    return int(name[8:16], 16) * per_file + int(name[16:24], 16)
