"""`dualspan up` as a user runs it: a command, watched through what it prints."""

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from dualspan_cli.local import port_is_free
from dualspan_cli.settings import child_environment


class Running:
    """A command that prints JSON lines, with the data folder of its own."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self.folder = folder
        self.process = process
        self.events: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        if self.process.stdout is None:
            raise AssertionError("the command was started without a pipe")
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def wait_for(self, seconds: float = 90.0, **wanted: str) -> dict[str, Any]:
        """The first event that has all these fields."""
        deadline = time.monotonic() + seconds
        while True:
            for event in list(self.events):
                if wanted.items() <= event.items():
                    return event
            if time.monotonic() > deadline or (self.process.poll() is not None and not self._reader.is_alive()):
                raise AssertionError(f"no {wanted}; there were {self.events}")
            time.sleep(0.1)

    def sign_in(self) -> dict[str, str]:
        """E-mail address, password and API token of the first administrator."""
        return json.loads((self.folder / "sign-in.json").read_text())

    def family(self) -> list[psutil.Process]:
        """Its children and theirs."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def close(self) -> None:
        """Lets go of what it printed."""
        self._reader.join()
        if self.process.stdout is not None:
            self.process.stdout.close()

    def stop(self) -> int:
        """Ctrl-C; returns the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


def dualspan(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command of the CLI that ends by itself."""
    return subprocess.run(
        [sys.executable, "-m", "dualspan_cli", *arguments],
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def environment(folder: Path) -> dict[str, str]:
    """This process's, with the data folder and the credential of the test and no other."""
    return child_environment(
        {"DUALSPAN_DATA_DIR": str(folder), "DUALSPAN_CREDENTIAL_FILE": str(folder / "credential.json")}
    )


def free_row(count: int = 10) -> int:
    """The first of a row of ports that are free."""
    for first in random.sample(range(20_000, 32_000, count), 500):
        if all(port_is_free(first + offset) for offset in range(count)):
            return first
    raise AssertionError(f"there is no row of {count} free ports")


@contextmanager
def up(folder: Path, *, port_base: int | None = None) -> Generator[Running]:
    """Runs `dualspan up` until the block ends; on the ports of its folder if no base is given."""
    options = [] if port_base is None else [f"--port-base={port_base}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dualspan_cli", "up", "--json", *options],
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    running = Running(folder, process)
    try:
        running.wait_for(event="running")
        yield running
    finally:
        if process.poll() is None:
            running.stop()
        running.close()
