"""Segments of a log that are missing, addresses without passwords, what a command ends with."""

import asyncio
import io
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import asyncpg
import pytest
from pyrage import x25519
from structlog.testing import capture_logs

from dualspan_cli.backup import following, restoring, taking, tenants
from dualspan_cli.backup.keys import make_lock
from dualspan_cli.backup.repository import Manifest, Repository
from dualspan_cli.backup.server import program_address
from dualspan_cli.backup.streams import seal, unseal
from dualspan_cli.backup.trying import try_restore
from dualspan_cli.backup.wal import Archive, Stream, follow, missing_segments
from dualspan_cli.commands.backup import _with_files
from dualspan_cli.doctor.database import _asked
from dualspan_cli.doctor.model import Finding, State, exit_code, worst_first
from dualspan_cli.errors import CommandError
from dualspan_cli.folder import FolderLock
from dualspan_cli.origins import Origin

if TYPE_CHECKING:
    from dualspan_cli.backup.server import Connection

SEGMENT = 16 << 20
BEGUN = datetime(2026, 5, 4, 8, tzinfo=UTC)


def name(number: int, timeline: int = 1) -> str:
    return f"{timeline:08X}{number // 256:08X}{number % 256:08X}"


def manifest(backup_id: str, start: int = 5, system: int = 1) -> Manifest:
    """A backup that began in one segment and ended in the next."""
    return Manifest(backup_id, BEGUN, BEGUN, "1", 180000, system, "postgres", SEGMENT, name(start), name(start + 1), {})


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ([], [5]),
        ([5], []),
        ([4, 5, 6, 7], []),
        ([5, 8], [6, 7]),
        ([6], [5]),
        (range(5, 260), []),
        ([*range(5, 255), *range(257, 260)], [255, 256]),
    ],
)
def test_what_a_log_lacks_behind_the_first_segment(there: list[int], missing: list[int]) -> None:
    found = [name(number) for number in there]
    assert missing_segments(name(5), found, SEGMENT) == [name(number) for number in missing]


def test_a_log_goes_on_with_the_next_servers_timeline_and_with_what_is_not_full_yet() -> None:
    found = ["00000002.history", name(5), name(6, timeline=2), f"{name(7, timeline=2)}.partial"]
    assert missing_segments(name(5), found, SEGMENT) == []


def test_a_segment_that_was_never_fetched_to_its_end_is_missing_unless_it_is_the_newest() -> None:
    partial = f"{name(6)}.partial"
    assert missing_segments(name(5), [name(5), partial], SEGMENT) == []
    assert missing_segments(name(5), [name(5), partial, name(7)], SEGMENT) == [name(6)]
    assert missing_segments(name(5), [name(5), partial, name(6, timeline=2), name(7, timeline=2)], SEGMENT) == []


def test_two_that_collect_at_once_leave_what_can_be_read(tmp_path: Path) -> None:
    """As when the one that follows is cancelled in the midst of it."""
    repository, spool, key = Repository(tmp_path / "repository"), tmp_path / "spool", x25519.Identity.generate()
    repository.wal.mkdir(parents=True)
    spool.mkdir()
    written = spool / f"{name(5)}.partial"
    archive = Archive(repository, spool, key.to_public(), partial_seconds=0)
    with ThreadPoolExecutor(2) as both:
        for round_ in range(6):
            content = os.urandom(4 << 20)
            written.write_bytes(content)
            os.utime(written, (round_, round_))
            for each in [both.submit(archive.collect, whole=True) for _ in range(2)]:
                each.result()
            stored = io.BytesIO()
            unseal(repository.segment_file(written.name), key, stored)
            assert stored.getvalue() == content
    assert [each.name for each in repository.wal.iterdir()] == [repository.segment_file(written.name).name]


def finished(repository: Repository, backup_id: str, start: int = 5, system: int = 1) -> Manifest:
    unfinished = repository.folder / "base" / f".{backup_id}"
    unfinished.mkdir(parents=True)
    made = manifest(backup_id, start, system)
    repository.finish(unfinished, made)
    return made


def test_a_deletion_that_was_killed_hides_no_other_backup(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    first, second = finished(repository, "1"), finished(repository, "2")
    (repository.folder_of(first) / "base.tar.zst.age").touch()
    (repository.folder_of(first) / "manifest.json").unlink()
    assert repository.backups() == [second]
    assert repository.find() == second
    repository.prune(5)
    assert not repository.folder_of(first).exists()
    assert repository.backups() == [second]


def test_what_a_killed_backup_left_goes_and_one_that_is_taken_stays(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    abandoned, taken = repository.begin(), repository.begin()
    (abandoned / "base").touch()
    for path in (abandoned / "base", abandoned):
        os.utime(path, (0, 0))
    os.utime(taken, (0, 0))
    (taken / "base").touch()
    repository.prune(1)
    assert not abandoned.exists()
    assert taken.exists()


def test_a_repository_is_of_one_server(tmp_path: Path) -> None:
    """A new, empty platform with the old one's settings would overwrite its log, segment by segment."""
    repository = Repository(tmp_path)
    repository.check_server(2)
    finished(repository, "1", system=1)
    repository.check_server(1)
    with pytest.raises(CommandError, match="another database server"):
        repository.check_server(2)


def test_a_disk_that_is_full_is_said_to_be(tmp_path: Path) -> None:
    """Encrypting reports what fails in words of its own, which nobody would catch."""
    repository, spool = Repository(tmp_path / "repository"), tmp_path / "spool"
    repository.wal.mkdir(parents=True)
    spool.mkdir()
    (spool / name(5)).write_bytes(os.urandom(1 << 20))
    (repository.wal / f".{name(5)}.zst.age.unfinished").symlink_to("/dev/full")
    archive = Archive(repository, spool, x25519.Identity.generate().to_public(), partial_seconds=0)
    with pytest.raises(CommandError, match="No space left"):
        archive.collect()
    assert (spool / name(5)).exists()
    assert list(repository.wal.iterdir()) == []


def test_a_repository_that_is_away_is_no_segment_that_has_ended(tmp_path: Path) -> None:
    """As of a share that is not mounted any more: nobody would hear of it before the segment is full."""
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / f"{name(5)}.partial").write_bytes(b"log")
    archive = Archive(Repository(tmp_path / "away"), spool, x25519.Identity.generate().to_public(), partial_seconds=0)
    with pytest.raises(CommandError, match="No such file"):
        archive.collect()


def test_what_is_before_a_new_slot_is_stored_and_not_asked_for_again(tmp_path: Path) -> None:
    """The server has deleted what comes after it: pg_receivewal would begin there, and end, for ever."""
    repository, spool = Repository(tmp_path / "repository"), tmp_path / "spool"
    repository.wal.mkdir(parents=True)
    spool.mkdir()
    for each in (name(4), f"{name(5)}.partial"):
        (spool / each).write_bytes(b"log")
    archive = Archive(repository, spool, x25519.Identity.generate().to_public(), partial_seconds=0)
    archive.begin_at(name(5))
    assert [each.name for each in spool.iterdir()] == [f"{name(5)}.partial"]
    archive.begin_at(name(9))
    assert list(spool.iterdir()) == []
    assert repository.segments() == [name(4), f"{name(5)}.partial"]


@pytest.mark.parametrize(
    ("url", "address", "password"),
    [
        ("postgresql://ada:s%40p@db:5432/x?a=b", "postgresql://ada@db:5432/x?a=b", "s@p"),
        ("postgresql://postgres@/postgres?host=%2Frun", "postgresql://postgres@/postgres?host=%2Frun", ""),
        ("postgresql://db/x", "postgresql://db/x", ""),
        ("postgresql://ada@db/x?password=s%40p&sslmode=require", "postgresql://ada@db/x?sslmode=require", "s@p"),
    ],
)
def test_a_password_is_in_no_command(url: str, address: str, password: str) -> None:
    assert program_address(url) == (address, password)


def test_the_worst_comes_first_and_decides() -> None:
    findings = [Finding(state, "", state, "") for state in (State.WELL, State.WARNING, State.ERROR, State.UNKNOWN)]
    assert [one.state for one in worst_first(findings)] == [State.ERROR, State.WARNING, State.UNKNOWN, State.WELL]
    assert [exit_code(findings[:count]) for count in (1, 2, 3)] == [0, 3, 10]
    assert exit_code([findings[3]]) == 0


async def test_two_do_not_follow_into_one_folder(tmp_path: Path) -> None:
    """`dualspan up` follows, and somebody starts another."""
    make_lock(tmp_path / "repository", key_file=tmp_path / "key")
    spool = tmp_path / "spool"
    running = FolderLock(spool / "follow.lock")
    running.acquire()
    with pytest.raises(CommandError, match="Another"):
        await follow(Repository(tmp_path / "repository"), Stream("postgresql://nowhere", spool))
    running.release()


async def test_it_waits_until_somebody_has_made_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_LOOK_SECONDS", 0.01)
    with capture_logs() as logs:
        waiting = asyncio.create_task(following.until_made(tmp_path / "repository"))
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done
        make_lock(tmp_path / "repository", key_file=tmp_path / "key")
        await asyncio.wait_for(waiting, 5)
    assert [log["make_it_with"] for log in logs] == [f"dualspan backup init {tmp_path / 'repository'}"]


async def test_what_fails_in_any_way_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that breaks off in the midst of a backup is no error of ours."""
    monkeypatch.setattr(following, "_RETRY_SECONDS", 0.0)
    tried = 0

    async def work() -> None:
        nonlocal tried
        tried += 1
        if tried == 3:
            raise asyncio.CancelledError
        raise ConnectionResetError

    with pytest.raises(asyncio.CancelledError):
        await following._again("backup", work)
    assert tried == 3


async def test_who_stops_a_backup_does_not_wait_for_all_of_it(tmp_path: Path) -> None:
    program = tmp_path / "pg_basebackup"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    origin = Origin("postgresql://nowhere", "", programs=tmp_path)
    path = tmp_path / "base"
    copying = asyncio.create_task(taking._copy(origin, path, x25519.Identity.generate().to_public(), lambda _: None))
    await asyncio.sleep(0.2)
    copying.cancel()
    async with asyncio.timeout(10):
        await asyncio.gather(copying, return_exceptions=True)
    assert copying.cancelled()


def test_nobody_else_reads_the_log_that_is_restored(tmp_path: Path) -> None:
    """Passwords' hashes and everybody's samples are in it."""
    repository, key = Repository(tmp_path / "repository"), x25519.Identity.generate()
    repository.wal.mkdir(parents=True)
    seal(io.BytesIO(b"log"), repository.segment_file(name(5)), key.to_public())
    restoring._fetch(repository, key, name(5), tmp_path)
    fetched = tmp_path / "wal" / name(5)
    assert fetched.read_bytes() == b"log"
    assert [path.stat().st_mode & 0o077 for path in (fetched, fetched.parent)] == [0, 0]


def test_a_moment_before_a_hole_in_the_log_is_reached(tmp_path: Path) -> None:
    repository = Repository(tmp_path)
    repository.wal.mkdir()
    for each in (name(4), name(6), name(7), f"{name(8)}.partial", name(9), "00000002.history"):
        repository.segment_file(each).touch()
    log = restoring._log_of(repository, manifest("1"))
    assert log == [name(6), name(7), f"{name(8)}.partial", "00000002.history"]


async def test_a_backup_is_never_tried_where_something_is(tmp_path: Path) -> None:
    """Nothing is left behind of a trial: it must not begin where that would be somebody's."""
    (tmp_path / "precious").write_text("data")
    repository, key = Repository(tmp_path / "repository"), x25519.Identity.generate()
    with pytest.raises(CommandError, match="not empty"):
        await try_restore(repository, key, manifest("1"), tmp_path, None, lambda *_: None)
    assert (tmp_path / "precious").read_text() == "data"


class _Rows:
    """A connection with one table, of more rows than a pipe takes; it may break off."""

    def __init__(self, *, breaks: bool) -> None:
        self._breaks = breaks

    async def fetch(self, *_: object) -> list[dict[str, object]]:
        return [{"name": "historian.segment", "columns": ["value"]}]

    async def copy_from_query(self, *_: object, output: Callable[[bytes], Awaitable[None]], **__: object) -> None:
        for _piece in range(3):
            await output(os.urandom(9 << 20))
        if self._breaks:
            raise ConnectionResetError


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def exported(path: Path, *, breaks: bool = False) -> None:
    about = tenants.TenantAbout("acme", "", "1", {}, 1)
    connection = cast("Connection", _Rows(breaks=breaks))
    async with asyncio.timeout(20):
        await tenants._write(connection, about, path, x25519.Identity.generate().to_public())


async def test_a_tenants_file_that_cannot_be_written_is_said_to_be_and_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        await exported(tmp_path / "nowhere" / "acme.tenant")
    (tmp_path / ".acme.tenant.unfinished").symlink_to("/dev/full")
    with pytest.raises(CommandError, match="No space left"):
        await exported(tmp_path / "acme.tenant")


async def test_of_a_tenant_there_is_a_whole_file_or_none(tmp_path: Path) -> None:
    """One that ends between two rows of its archive could be imported without complaint."""
    with pytest.raises(ConnectionResetError):
        await exported(tmp_path / "acme.tenant", breaks=True)
    assert names_in(tmp_path) == []
    await exported(tmp_path / "acme.tenant")
    assert names_in(tmp_path) == ["acme.tenant"]


def test_a_file_that_is_to_come_back_is_there_and_has_a_name_of_its_own(tmp_path: Path) -> None:
    there = tmp_path / ".env"
    there.touch()
    origin = Origin("postgresql://nowhere", "", {"ports.json": tmp_path / "ports.json"})
    assert _with_files(origin, [there], None).files == {**origin.files, ".env": there}
    with pytest.raises(CommandError, match="no file"):
        _with_files(origin, [tmp_path / ".enf"], None)
    (tmp_path / "service-secret").touch()
    for include in ([there, there], [tmp_path / "service-secret"]):
        with pytest.raises(CommandError, match="a name of its own"):
            _with_files(origin, include, None)


async def test_what_the_database_does_not_say_keeps_nobody_from_the_rest() -> None:
    async def refused() -> Finding:
        raise asyncpg.InsufficientPrivilegeError("permission denied for table gateway_ca")

    found = await _asked(refused(), "ca", "identity")
    assert (found.check, found.subject, found.state) == ("ca", "identity", State.UNKNOWN)
    assert "permission denied" in found.message
    assert found.advice
