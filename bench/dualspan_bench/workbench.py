"""Where measures work: folders, ports, child processes, and the repeats of a timing."""

import asyncio
import socket
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
from rich.console import Console

from dualspan_cli.processes import ChildProcess

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(slots=True)
class Workbench:
    """One run of the benchmarks.

    Attributes:
        software: Where peers are installed; kept from run to run.
        scratch: Emptied at the end of the run.
        quick: Much less data, to see that everything works; the figures mean nothing.
        console: For progress.
        gigabytes: How much measures of size work with.
    """

    software: Path
    scratch: Path
    quick: bool
    console: Console
    gigabytes: float = 1.0
    _resources: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._resources.close()

    @property
    def machine(self) -> str:
        """The machine, for the conditions."""
        memory = psutil.virtual_memory().total / 2**30
        return f"{psutil.cpu_count()} cores, {memory:.0f} GiB, all parts on them"

    def note(self, text: str) -> None:
        """Tell what goes on."""
        self.console.print(f"[dim]{time.strftime('%H:%M:%S')}[/dim] {text}", highlight=False)

    def folder(self, name: str) -> Path:
        """An empty folder of this run."""
        path = self.scratch / name
        path.mkdir(parents=True)
        return path

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> ChildProcess:
        """Start a child process that ends with the run, or earlier with its `stop`."""
        child = ChildProcess(
            name=name,
            command=command,
            log_path=self.scratch / "logs" / f"{name}.log",
            environment={"PATH": _PATH, "HOME": str(self.scratch), "LC_ALL": "C.UTF-8", **(environment or {})},
        )
        self._resources.callback(child.stop, 20.0)
        child.start()
        return child


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


async def ended(child: ChildProcess) -> None:
    """Wait until a child has ended by itself."""
    while child.exit_code is None:  # noqa: ASYNC110 - there is no event: it is another process
        await asyncio.sleep(0.1)


def size_on_disk(folder: Path) -> int:
    """The bytes that the files under a folder take, holes in sparse files not counted."""
    return 512 * sum(path.stat().st_blocks for path in folder.rglob("*") if path.is_file())


async def repeat(work: Callable[[], Awaitable[object]], *, warm_up: int, times: int) -> list[float]:
    """Seconds that each of `times` runs took, after `warm_up` runs that do not count."""
    for _ in range(warm_up):
        await work()
    seconds: list[float] = []
    for _ in range(times):
        start = time.perf_counter()
        await work()
        seconds.append(time.perf_counter() - start)
    return seconds


def median_milliseconds(seconds: Sequence[float]) -> float:
    """The median in milliseconds."""
    return 1000 * statistics.median(seconds)


class Stopwatch:
    """Wall-clock and CPU seconds of a process (its children not included) since it was made."""

    def __init__(self, pid: int | None = None) -> None:
        self._process = psutil.Process(pid)
        self._wall = time.perf_counter()
        self._cpu = self._cpu_now()

    def _cpu_now(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system

    @property
    def wall(self) -> float:
        """Seconds of wall-clock time."""
        return time.perf_counter() - self._wall

    @property
    def cpu(self) -> float:
        """Seconds of CPU time, user and system."""
        return self._cpu_now() - self._cpu
