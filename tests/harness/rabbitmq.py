"""A RabbitMQ node of the tests' own, from the system's package: in a temporary folder, on ports of its own."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from kombu import Connection

# Debian's wrapper in /usr/sbin changes to the system's own data; the script behind it does what the environment says.
_SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
PATIENCE_SECONDS = 90.0


def missing() -> str:
    """Why no node can be started; empty if one can."""
    return "" if _SCRIPT.exists() and shutil.which("epmd") else "rabbitmq-server is not installed (Debian's package)"


@dataclass(slots=True)
class RabbitMq:
    """One node, and the port mapper that it wants beside it.

    Attributes:
        folder: Its data, kept from one start to the next.
        free_port: Gives ports.
    """

    folder: Path
    free_port: Callable[[], int]
    port: int = field(init=False)
    _environment: dict[str, str] = field(init=False)
    _processes: list[subprocess.Popen[bytes]] = field(init=False, default_factory=list[subprocess.Popen[bytes]])

    def __post_init__(self) -> None:
        self.port, distribution, mapper = (self.free_port() for _ in range(3))
        (self.folder / "plugins").write_text("[].\n")
        # The whole node in half a hundred megabytes and on one core: it is tried, not loaded.
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"tests{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "absent"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
        }

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self) -> None:
        """Starts it and waits until it takes connections.

        Raises:
            AssertionError: It ended, or is not ready in time; with the end of what it said.
        """
        said = self.folder / "output"
        with said.open("ab") as output:
            for command in (["epmd", "-port", self._environment["ERL_EPMD_PORT"]], [str(_SCRIPT)]):
                self._processes.append(
                    subprocess.Popen(
                        command, env=self._environment, cwd=self.folder, stdout=output, stderr=subprocess.STDOUT
                    )
                )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            if self._processes[-1].poll() is not None or time.monotonic() > deadline:
                raise AssertionError(said.read_text()[-2000:])
            time.sleep(0.2)

    def kill(self) -> None:
        """kill -9, of the node and all its children. What it had confirmed is on the disk."""
        for process in self._processes:
            known = psutil.Process(process.pid)
            for each in [*known.children(recursive=True), known]:
                each.kill()
            process.wait(10)
        self._processes.clear()

    def _answers(self) -> bool:
        try:
            with Connection(self.url, connect_timeout=2) as connection:
                connection.connect()
        except (OSError, *Connection(self.url).connection_errors):
            return False
        return True
