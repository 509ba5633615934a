"""Earlier states of the project, as git has them."""

import io
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_RELEASE = re.compile(r"v(\d+)\.(\d+)\.(\d+)")


def releases() -> list[tuple[int, int, int]]:
    """Those that are tagged `v1.2.3`, in order; none where there is no git."""
    found = subprocess.run(["git", "tag", "--list", "v*"], cwd=ROOT, capture_output=True, text=True, check=False)
    matches = (_RELEASE.fullmatch(tag) for tag in found.stdout.split())
    return sorted((int(each[1]), int(each[2]), int(each[3])) for each in matches if each is not None)


def minor_releases() -> list[tuple[int, int]]:
    """The same without patches."""
    return sorted({release[:2] for release in releases()})


def last_two() -> list[str]:
    """Tags of the newest patch of each of the last two minor releases, the older first.

    DUALSPAN_TEST_RELEASES names other revisions in their place.
    """
    if named := os.environ.get("DUALSPAN_TEST_RELEASES"):
        return named.split()
    newest = {release[:2]: release for release in releases()}
    return [f"v{'.'.join(map(str, newest[minor]))}" for minor in minor_releases()[-2:]]


def whence(path: str, *packages: str) -> list[str]:
    """Where Python, when it is started with this PYTHONPATH, has packages from."""
    program = f"import {', '.join(packages)}\nprint(*(each for name in {packages!r} for each in __import__('sys')"
    program += ".modules[name].__path__))"
    told = subprocess.run(
        [sys.executable, "-c", program],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout.split()


def extract(revision: str, folder: Path, *paths: str) -> bool:
    """Writes parts of a revision to a folder; False where git does not have it."""
    archive = subprocess.run(
        ["git", "archive", "--format=tar", revision, *paths], cwd=ROOT, capture_output=True, check=False
    )
    if archive.returncode != 0:
        return False
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as contents:
        contents.extractall(folder, filter="data")
    return True
