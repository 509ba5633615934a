"""Local processes, found again by process id and start time whatever became of the worker that started them.

A process has the platform's user, sees its files and its network: this isolates nothing but accidents (memory, file
sizes, open files, privileges). So it is for apps of those who run the platform, as `refuses` says, and nobody else's.
"""

import asyncio
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dualspan_manifest import Manifest, Resources
from dualspan_marketplace.deployments.process import counters, launch
from dualspan_marketplace.deployments.provisioner import (
    CannotStartError,
    Found,
    Given,
    Holding,
    Orders,
    UnreachableError,
)
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.usage.counters import Observation

_LAUNCH_SECONDS = 20.0
_TERM_SECONDS = 5.0
_KILL_SECONDS = 5.0
_LOOK_SECONDS = 0.02
_LOG_BYTES = 4 << 20
_LAST_WORDS = 500
_LOG_END = 2000
_OPEN_FILES = 1024
_THREAD_STACK = 1 << 20
_LEAST_FILE = 8 << 20


@dataclass(frozen=True, slots=True)
class _Record:
    """What an instance wrote down about itself."""

    pid: int
    ticks: int
    boot: str
    generation: int
    port: int
    written: float

    @property
    def alive(self) -> bool:
        return self.boot == launch.boot() and launch.ticks(self.pid) == self.ticks


class ProcessProvisioner:
    """Runs Python modules that are installed beside the platform.

    Args:
        root: Folder of all instances; another platform has another one.
        publishers: Tenants whose apps may run here.
        interpreter: Command that `-m module` is given to. As a rule Python, isolated: neither the folder that an app
            writes to nor a person's own packages stand in for what is installed.
    """

    kind = "process"

    def __init__(
        self, root: Path, publishers: Sequence[str], interpreter: Sequence[str] = (sys.executable, "-I", "-u")
    ) -> None:
        self._root = root
        self._interpreter = tuple(interpreter)
        self._publishers = frozenset(publishers)

    def refuses(self, manifest: Manifest, publisher: str) -> str:
        """Why an app cannot be run here; "" if it can."""
        if not manifest.run.module:
            return "It comes with no module for a local process."
        if publisher not in self._publishers:
            return "Only apps of those who run the platform run as local processes."
        return ""

    async def prepare(self, manifest: Manifest) -> None:
        """Nothing: what can be run is installed."""

    async def ensure(self, orders: Orders) -> None:
        """Start one if there is none."""
        await asyncio.to_thread(self._ensure, orders)

    async def deliver(self, orders: Orders) -> None:
        """Write the files anew."""
        await asyncio.to_thread(_give, self._folder(orders.name) / "given", orders.files)

    async def observe(self, name: SubscriptionName) -> Holding:
        """What is there."""
        return await asyncio.to_thread(self._observe, name)

    async def remove(self, name: SubscriptionName) -> None:
        """End all of its processes, then remove its folder."""
        await asyncio.to_thread(self._remove, name)

    async def last_words(self, name: SubscriptionName) -> str:
        """The end of its log."""
        return await asyncio.to_thread(_last_words, self._folder(name), _LOG_END)

    async def consumption(self, name: SubscriptionName) -> Sequence[Observation]:
        """What the app's processes use; nothing once they have ended."""
        return await asyncio.to_thread(self._consumption, name)

    async def subscriptions(self) -> Sequence[SubscriptionName]:
        """Everything that has a folder."""
        found = await asyncio.to_thread(lambda: sorted(self._root.glob("*/*/")))
        return [SubscriptionName(each.parent.name, each.name) for each in found]

    def _folder(self, name: SubscriptionName) -> Path:
        return self._root / name.tenant / name.subscription_id

    def _ensure(self, orders: Orders) -> None:
        folder = self._folder(orders.name)
        for each in ("given", "data"):
            (folder / each).mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        _give(folder / "given", orders.files)
        launch.replace(folder / launch.START, json.dumps(_start(folder, orders, self._interpreter)).encode())
        command = [sys.executable, "-m", launch.__name__, str(folder)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_LAUNCH_SECONDS, start_new_session=True, check=False
        )
        if done.returncode not in {0, launch.RUNS_ALREADY}:
            words = done.stderr.strip()[-_LAST_WORDS:] or _last_words(folder)
            raise CannotStartError(f"{orders.manifest.run.module} could not be started: {words}")

    def _observe(self, name: SubscriptionName) -> Holding:
        folder = self._folder(name)
        if not folder.exists():
            return Holding()
        record = _record(folder)
        if record is None:
            return Holding((), remains=True)
        _cut(folder / launch.LOG)
        found = Found(
            handle=str(record.pid),
            generation=record.generation,
            started=datetime.fromtimestamp(record.written, UTC),
            alive=record.alive,
            address=f"127.0.0.1:{record.port}",
            words="" if record.alive else _last_words(folder),
        )
        return Holding((found,), remains=True)

    def _consumption(self, name: SubscriptionName) -> list[Observation]:
        record = _record(self._folder(name))
        if record is None or not record.alive:
            return []
        now = datetime.now(UTC)
        cpu_us, memory = counters.of_session(record.pid, record.ticks)
        started = datetime.fromtimestamp(record.written, UTC)
        return [Observation(f"{record.boot}/{record.pid}/{record.ticks}", started, now, cpu_us, memory)]

    def _remove(self, name: SubscriptionName) -> None:
        folder = self._folder(name)
        if not folder.exists():
            return
        record = _record(folder)
        for number, patience in ((0, 0.0), (signal.SIGTERM, _TERM_SECONDS), (signal.SIGKILL, _KILL_SECONDS)):
            if record is not None and number:
                _signal(record, number)
            with _unheld(folder / launch.LOCK, patience) as free:
                if free:
                    shutil.rmtree(folder)
                    return
        raise UnreachableError(
            f"Processes of {name.subscription_id} do not end. See which hold {folder / launch.LOCK}."
        )


def _start(folder: Path, orders: Orders, interpreter: Sequence[str]) -> launch.Start:
    port = _free_port()
    given = folder / "given"
    told = {
        **orders.environment,
        **{each.variable: str(given / each.file) for each in orders.files},
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "DATA": str(folder / "data"),
    }
    return {
        "argv": [*interpreter, "-m", orders.manifest.run.module],
        # Nothing of the worker's own environment: it has the platform's secrets.
        "environment": {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder / "data"),
            "LANG": "C.UTF-8",
            "OMP_NUM_THREADS": "1",
            "MALLOC_ARENA_MAX": "2",
            **{f"DUALSPAN_APP_{name}": value for name, value in told.items()},
        },
        "limits": limits(orders.manifest.resources),
        "generation": orders.generation,
        "port": port,
    }


def limits(resources: Resources) -> dict[str, int]:
    """Limits of each process by their names in `resource`; how many processes cannot be limited without a user."""
    return {
        "RLIMIT_DATA": resources.memory,
        "RLIMIT_STACK": _THREAD_STACK,
        "RLIMIT_FSIZE": max(resources.disk, _LEAST_FILE),
        "RLIMIT_NOFILE": _OPEN_FILES,
        "RLIMIT_CORE": 0,
    }


def _give(folder: Path, files: Sequence[Given]) -> None:
    for each in files:
        launch.replace(folder / each.file, each.content)


def _record(folder: Path) -> _Record | None:
    path = folder / launch.RECORD
    try:
        return _Record(**json.loads(path.read_text("utf-8")), written=path.stat().st_mtime)
    except FileNotFoundError:
        return None


def _signal(record: _Record, number: int) -> None:
    """To all processes of the app's session, and to no other that has taken a number since."""
    if record.boot != launch.boot():
        return
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            _, session, started = launch.stat(int(entry.name))
            if session == record.pid and started >= record.ticks:
                _kill(int(entry.name), number)


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


@contextmanager
def _unheld(path: Path, patience: float) -> Generator[bool]:
    """Whether no process of the app lives, within some seconds; held while the context lasts."""
    until = time.monotonic() + patience
    with path.open("ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    yield False
                    return
                time.sleep(_LOOK_SECONDS)
            else:
                yield True
                return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _cut(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        os.truncate(log, 0)


def _last_words(folder: Path, most: int = _LAST_WORDS) -> str:
    try:
        with (folder / launch.LOG).open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - most))
            return file.read().decode("utf-8", "replace").strip()
    except FileNotFoundError:
        return ""
