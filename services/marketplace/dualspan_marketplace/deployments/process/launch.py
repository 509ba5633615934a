"""Becomes an app: `python -m dualspan_marketplace.deployments.process.launch FOLDER`.

Nothing but the standard library is imported: this starts in the time that Python takes. It holds a lock, forks, and in
the fork writes down who it is before it becomes the app, with the lock still open: the lock is held for exactly as long
as any process of the app lives, whatever becomes of the worker. A second one finds it held and ends.
"""

import ctypes
import fcntl
import json
import os
import resource
import sys
from pathlib import Path
from typing import TypedDict

LOCK = "instance.lock"
RECORD = "instance.json"
START = "start.json"
LOG = "log"
# It runs already: EX_TEMPFAIL of sysexits.h.
RUNS_ALREADY = 75

_PR_SET_NO_NEW_PRIVS = 38
_NICER_THAN_THE_PLATFORM = 5


def main(folder: Path) -> int:
    """Start what the folder's `start.json` says."""
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return RUNS_ALREADY
    # A folder that was removed meanwhile has taken its lock with it.
    if os.fstat(lock).st_ino != (folder / LOCK).stat().st_ino:
        return RUNS_ALREADY
    start: Start = json.loads((folder / START).read_text("utf-8"))
    written, write = os.pipe()
    if os.fork() == 0:
        os.close(written)
        _become(folder, start, lock, write)
    os.close(write)
    return 0 if os.read(written, 1) else 1


class Start(TypedDict):
    """What `start.json` says."""

    argv: list[str]
    environment: dict[str, str]
    limits: dict[str, int]
    generation: int
    port: int


def _become(folder: Path, start: Start, lock: int, write: int) -> None:
    os.setsid()
    record = {
        "pid": os.getpid(),
        "ticks": ticks(os.getpid()),
        "boot": boot(),
        "generation": start["generation"],
        "port": start["port"],
    }
    replace(folder / RECORD, json.dumps(record).encode())
    _redirect(folder)
    os.chdir(folder / "data")
    _limit(start["limits"])
    os.set_inheritable(lock, True)
    os.write(write, b"+")
    argv = start["argv"]
    os.execve(argv[0], argv, start["environment"])  # noqa: S606 - no shell is wanted


def _redirect(folder: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    # Appended to, so that it can be cut while it is written.
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)


def _limit(limits: dict[str, int]) -> None:
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, name), (value, value))
    os.nice(_NICER_THAN_THE_PLATFORM)
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "no-new-privileges was refused")


def replace(path: Path, content: bytes) -> None:
    """Write a file that others see as a whole or not at all, for its owner only."""
    # Threads of one process may write the same file at once.
    fresh = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    fresh.rename(path)


def ticks(pid: int) -> int:
    """When a process was started, in clock ticks since the machine was; 0 if there is none, or none that runs."""
    state, _, started = stat(pid)
    return 0 if state in {"Z", "X", ""} else started


def stat(pid: int) -> tuple[str, int, int]:
    """State, session and start of a process; ("", 0, 0) if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return "", 0, 0
    # The second field is the command in parentheses, and may hold anything.
    fields = text.rpartition(")")[2].split()
    return fields[0], int(fields[3]), int(fields[19])


def boot() -> str:
    """Another one whenever the machine has been started: process ids begin anew."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
