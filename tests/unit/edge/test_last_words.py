"""What a gateway can still say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.last_words import LastWords
from dualspan_edge.life import LastLife, LifeFile


def told_after(folder: Path) -> onboarding.LastWords:
    words = LastWords(folder).before
    assert words is not None
    return words


def test_a_first_run_has_no_run_before_it(tmp_path: Path) -> None:
    assert LastWords(tmp_path).before is None


def test_a_run_that_was_stopped_says_so(tmp_path: Path) -> None:
    words = LastWords(tmp_path)
    words.begin()
    words.end(None)
    assert told_after(tmp_path).end == onboarding.GATEWAY_END_STOPPED
    assert not (tmp_path / "crash.txt").exists()


def test_an_error_is_told_in_its_own_words(tmp_path: Path) -> None:
    words = LastWords(tmp_path)
    words.begin()
    words.end(OSError("the disk is gone"))
    told = told_after(tmp_path)
    assert (told.end, told.detail) == (onboarding.GATEWAY_END_FAILED, "OSError: the disk is gone")


def test_a_killed_run_leaves_its_last_error_and_when_it_was_alive(tmp_path: Path) -> None:
    words = LastWords(tmp_path)
    words.begin()
    words.remember(None, "info", {"event": "fine"})
    words.remember(None, "error", {"event": "buffer_damaged", "file": "x"})
    LifeFile(tmp_path).write(LastLife(alive=4_000_000_000_000_000))
    told = told_after(tmp_path)
    assert (told.end, told.detail) == (onboarding.GATEWAY_END_KILLED, "buffer_damaged file=x")
    assert told.end_time.ToMicroseconds() == 4_000_000_000_000_000
    words.end(None)  # closes what it held


@pytest.mark.parametrize("how", ["ctypes.string_at(0)", "os.kill(os.getpid(), 9)"])
def test_a_crash_is_told_by_the_next_run(tmp_path: Path, how: str) -> None:
    code = (
        "import ctypes, os, sys; from pathlib import Path; from dualspan_edge.last_words import LastWords;"
        f"LastWords(Path(sys.argv[1])).begin(); {how}"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, tmp_path], env=dict(os.environ), check=False, capture_output=True
    )
    assert ended.returncode < 0
    told = told_after(tmp_path)
    assert told.end == onboarding.GATEWAY_END_KILLED
    assert ("Segmentation fault" in told.detail) == ("ctypes" in how)


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"state": "dancing"}), json.dumps({"state": "running"})])
def test_a_damaged_file_says_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "last-words.json").write_text(content)
    assert LastWords(tmp_path).before is None
