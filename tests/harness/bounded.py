"""A command that ends, and whose processes end with it."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

# Of prctl(2).
_SET_CHILD_SUBREAPER = 36
# What a run needs to say which of its tests was going on, and a process to end.
_LAST_WORDS_SECONDS = 60
_PAUSE_SECONDS = 0.1
# What `timeout(1)` exits with.
TOOK_TOO_LONG = 124


def adopt_orphans() -> None:
    """Makes this process the parent of those whose parent died, where the system can do that.

    A test worker that crashes leaves servers behind, which hold its standard error: whoever reads that to its end would
    wait for them for ever.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run_bounded(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    seconds: float,
    last_words_seconds: float = _LAST_WORDS_SECONDS,
) -> int:
    """Runs a command and gives its exit code.

    Once it has had its time it is interrupted, as by Ctrl-C, and then killed. Whatever it started and did not end is
    killed at the end, and named.
    """
    with subprocess.Popen(command, cwd=folder, env=dict(environment)) as run:
        try:
            code = _wait(run, seconds)
            if code is None:
                print(f"not done after {seconds / 60:.0f} minutes: interrupted", flush=True)
                run.send_signal(signal.SIGINT)
                if _wait(run, last_words_seconds) is None:
                    run.kill()
                code = TOOK_TOO_LONG
        except KeyboardInterrupt:
            run.wait()
            raise
    for name in end_children():
        print(f"left behind, and killed: {name}", flush=True)
    return code


def _wait(run: subprocess.Popen[bytes], seconds: float) -> int | None:
    """The exit code; None if it goes on. Adopted processes that end are let go, as their parents would have done."""
    end = time.monotonic() + seconds
    while run.poll() is None:
        if time.monotonic() > end:
            return None
        for child in psutil.Process().children():
            if child.pid != run.pid and child.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(child.pid, 0)
        time.sleep(_PAUSE_SECONDS)
    return run.returncode


def end_children() -> Sequence[str]:
    """Kills all that this process and its children started, and gives their command lines."""
    left = psutil.Process().children(recursive=True)
    names: list[str] = []
    for each in left:
        try:
            names.append(" ".join(each.cmdline())[:200])
            each.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(left, timeout=_LAST_WORDS_SECONDS)
    return [name for name in names if name]
