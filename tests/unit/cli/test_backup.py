"""Segments of a log that are missing, addresses without passwords, what a command ends with."""

import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyrage import x25519

from dualspan_cli.backup.repository import Repository
from dualspan_cli.backup.server import program_address
from dualspan_cli.backup.streams import unseal
from dualspan_cli.backup.wal import Archive, missing_segments
from dualspan_cli.doctor.model import Finding, State, exit_code, worst_first

SEGMENT = 16 << 20


def name(number: int, timeline: int = 1) -> str:
    return f"{timeline:08X}{number // 256:08X}{number % 256:08X}"


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
