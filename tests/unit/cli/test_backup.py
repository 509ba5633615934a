"""Segments of a log that are missing, addresses without passwords, what a command ends with."""

import io
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyrage import x25519

from dualspan_cli.backup.repository import Manifest, Repository
from dualspan_cli.backup.server import program_address
from dualspan_cli.backup.streams import unseal
from dualspan_cli.backup.trying import try_restore
from dualspan_cli.backup.wal import Archive, missing_segments
from dualspan_cli.doctor.model import Finding, State, exit_code, worst_first
from dualspan_cli.errors import CommandError

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
    ],
)
def test_a_password_is_in_no_command(url: str, address: str, password: str) -> None:
    assert program_address(url) == (address, password)


def test_the_worst_comes_first_and_decides() -> None:
    findings = [Finding(state, "", state, "") for state in (State.WELL, State.WARNING, State.ERROR, State.UNKNOWN)]
    assert [one.state for one in worst_first(findings)] == [State.ERROR, State.WARNING, State.UNKNOWN, State.WELL]
    assert [exit_code(findings[:count]) for count in (1, 2, 3)] == [0, 3, 10]
    assert exit_code([findings[3]]) == 0


async def test_a_backup_is_never_tried_where_something_is(tmp_path: Path) -> None:
    """Nothing is left behind of a trial: it must not begin where that would be somebody's."""
    (tmp_path / "precious").write_text("data")
    repository, key = Repository(tmp_path / "repository"), x25519.Identity.generate()
    with pytest.raises(CommandError, match="not empty"):
        await try_restore(repository, key, manifest("1"), tmp_path, None, lambda *_: None)
    assert (tmp_path / "precious").read_text() == "data"
