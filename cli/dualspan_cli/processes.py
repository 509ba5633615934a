"""Child processes that write to a log file, stop when told to, and never outlive this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TETHER = Path(__file__).with_name("tether.py")
_LOG_LIMIT_BYTES = 32 * 1024 * 1024


@dataclass(slots=True)
class ChildProcess:
    """One child: how it is started, where it writes, how it is asked to stop.

    Attributes:
        name: What people call it; also the name of its log file.
        command: The command and its arguments.
        log_path: Where its output is appended.
        environment: All of its environment.
        working_directory: Where it runs.
        user: The system user that it runs as; this process's own if None.
        stop_signal: What asks it to stop. It also gets this when this process dies.
    """

    name: str
    command: Sequence[str]
    log_path: Path
    environment: Mapping[str, str]
    working_directory: Path = Path("/")
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _log_start: int = field(default=0, init=False)

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How it ended: None while it runs or if it was never started; negative for a signal."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Starts it in a session of its own, so that Ctrl-C reaches only this process.

        What an earlier run of it left behind in its session (the children of a killed worker) ends first.
        """
        if self._process is not None and self._process.poll() is not None:
            _kill_session(self._process.pid)
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self.rotate_log()
        tether = [sys.executable, "-I", "-S", str(_TETHER), str(psutil.Process().pid), str(int(self.stop_signal))]
        self.log_path.touch(mode=0o600)  # plants print how to sign in to them
        with self.log_path.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                [*tether, self.user or "-", "--", *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.environment),
                cwd=self.working_directory,
                start_new_session=True,
            )

    def rotate_log(self) -> None:
        """Keeps the log and one older one, each of 32 MiB at the most. Safe while the child writes (it appends)."""
        if not self.log_path.exists() or self.log_path.stat().st_size < _LOG_LIMIT_BYTES:
            return
        self.log_path.with_suffix(".1.log").write_bytes(self.log_path.read_bytes())
        with self.log_path.open("r+b") as log:
            log.truncate()

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of its log."""
        if not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def log_since_start(self) -> str:
        """What this run of it has written."""
        if not self.log_path.exists():
            return ""
        with self.log_path.open("rb") as log:
            log.seek(min(self._log_start, self.log_path.stat().st_size))
            return log.read().decode(errors="replace")

    def ask_to_stop(self) -> None:
        """Sends the stop signal; does not wait."""
        if self.pid is not None and self._process is not None:
            self._process.send_signal(self.stop_signal)

    def stop(self, timeout: float = 15.0) -> None:
        """Asks it to stop and waits; kills it, with its own children, after `timeout` seconds."""
        if self._process is None:
            return
        self.ask_to_stop()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            _kill_tree(self._process.pid)
            self._process.wait()


def _kill_session(session: int) -> None:
    try:
        os.killpg(session, signal.SIGKILL)
    except ProcessLookupError:
        return


def _kill_tree(pid: int) -> None:
    try:
        process = psutil.Process(pid)
        family = [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue


def wait_until_gone(pid: int, timeout: float) -> bool:
    """Whether the process is gone within `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while psutil.pid_exists(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
