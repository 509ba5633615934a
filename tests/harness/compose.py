"""A project of docker compose, as its admin uses it: its containers, networks and volumes are the tests' own."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FILES = ("docker-compose.yml", "docker-compose.apps.yml", "tests/engine/compose.override.yml")
_PATIENCE_SECONDS = 180.0


class ComposeError(AssertionError):
    """A command ended with an error; the message has its end."""


@dataclass(frozen=True, slots=True)
class Compose:
    """One project.

    Attributes:
        command: `docker compose` and what chooses the project.
        project: Its name, and the platform's on the engine.
        console_port: Of this machine.
        apps_port: Of this machine.
        backups: Folder of this machine that they go to.
    """

    command: tuple[str, ...]
    project: str
    console_port: int
    apps_port: int
    backups: Path

    def run(self, *arguments: str, check: bool = True, stdin: str = "") -> str:
        """A command of docker compose, to its end; returns what it printed.

        Raises:
            ComposeError: It ended with an error.
        """
        done = self.tried(*arguments, stdin=stdin)
        if check and done.returncode != 0:
            raise ComposeError(f"{arguments}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
        return done.stdout

    def tried(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """The same, however it ends."""
        return subprocess.run(
            [*self.command, *arguments],
            cwd=ROOT,
            capture_output=True,
            text=True,
            input=stdin,
            timeout=1200,
            check=False,
        )

    def dualspan(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        """The administrator's command, in a container of its own."""
        return self.run("run", "--rm", "-T", "--no-deps", "dualspan", *arguments, stdin=stdin, check=check)

    def python(self, program: str, *arguments: str) -> str:
        """A program beside the administrator's command."""
        command = ("run", "--rm", "-T", "--no-deps", "--entrypoint", "python", "dualspan", "-c", program)
        return self.run(*command, *arguments)

    def first_password(self) -> str:
        """What the first administrator signs in with."""
        return self.run("run", "--rm", "-T", "--no-deps", "secrets", "first-password").strip()

    def psql(self, query: str) -> str:
        """What the database itself answers."""
        return self.run(
            *("exec", "-T", "postgres", "psql", "--username=postgres", "--dbname=dualspan"),
            *("--tuples-only", "--no-align", "--command", query),
        ).strip()

    def states(self) -> dict[str, str]:
        """Service → state of its container."""
        form = '{{.Label "com.docker.compose.service"}} {{.State}} {{.Label "com.docker.compose.oneoff"}}'
        rows = [line.split() for line in docker("ps", "--all", *self._mine(), "--format", form).splitlines()]
        return {service: state for service, state, oneoff in rows if oneoff != "True"}

    def container(self, service: str) -> Mapping[str, Any]:
        """What the engine knows of a service's container."""
        of_service = ("--filter", f"label=com.docker.compose.service={service}")
        lasting = ("--filter", "label=com.docker.compose.oneoff=False")
        (found,) = docker("ps", "--all", "--quiet", *self._mine(), *of_service, *lasting).split()
        return json.loads(docker("inspect", found))[0]

    def crash(self, service: str) -> None:
        """Ends a service's first process with SIGKILL, as the kernel does to who takes too much memory.

        `docker kill` would be somebody's wish, which no restart policy goes against.
        """
        pid = self.container(service)["State"]["Pid"]
        docker(
            *("run", "--rm", "--pid=host", "--user=0", "--network=none", "--entrypoint=python", "dualspan/cli"),
            *("-c", f"import os; os.kill({pid}, 9)"),
        )

    def until_back(self, service: str, restarts: int) -> float:
        """Waits until a service that was started again so often runs and is healthy; returns after how many seconds."""
        begin = time.monotonic()
        while True:
            found = self.container(service)
            state = found["State"]
            health = state.get("Health", {}).get("Status", "healthy")
            if found["RestartCount"] > restarts and state["Running"] and health == "healthy":
                return time.monotonic() - begin
            if time.monotonic() - begin > _PATIENCE_SECONDS:
                raise AssertionError(f"{service} does not come back: {state}\n{self.logs(service)[-3000:]}")
            time.sleep(0.3)

    def logs(self, *services: str) -> str:
        """What they have written."""
        return self.run("logs", "--no-color", *services, check=False)

    def until_ended(self, service: str) -> None:
        """Waits until a service that is to end has ended well."""
        ended = docker("wait", self.container(service)["Id"])
        if ended.strip() != "0":
            raise AssertionError(self.logs(service))

    def remove_volumes(self, *names: str) -> None:
        """Destroys what is in them."""
        docker("volume", "rm", *(f"{self.project}_{name}" for name in names))

    def _mine(self) -> tuple[str, str]:
        return ("--filter", f"label=com.docker.compose.project={self.project}")


def docker(*arguments: str) -> str:
    """A command of the engine, to its end."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        raise ComposeError(f"docker {arguments}: {done.stderr[-2000:]}")
    return done.stdout


def missing() -> str:
    """Why there is no docker compose; empty if there is one."""
    return "" if _command() else "there is neither `docker compose` nor docker-compose"


def _command() -> tuple[str, ...]:
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        return ("docker", "compose")
    return ("docker-compose",) if shutil.which("docker-compose") else ()


@contextmanager
def started(folder: Path, console_port: int, apps_port: int, socket: Path) -> Generator[Compose]:
    """A project that was built and started as from a fresh clone: nobody gives it a secret.

    Args:
        folder: For choices, backups and logs.
        console_port: Free.
        apps_port: Free.
        socket: The engine's.
    """
    project = f"dualspan-test-{console_port}"
    backups = folder / "backups"
    backups.mkdir()
    choices = {
        "DUALSPAN_CONSOLE_PORT": str(console_port),
        "DUALSPAN_APPS_PORT": str(apps_port),
        "DUALSPAN_CONSOLE_URL": f"http://127.0.0.1:{console_port}",
        "DUALSPAN_APPS_URL": f"http://apps.localhost:{apps_port}",
        "DUALSPAN_ENGINE_GROUP": str(socket.stat().st_gid),
        "DUALSPAN_PLATFORM": project,
        "DUALSPAN_BACKUP_FOLDER": str(backups),
        "COMPOSE_PROFILES": "sim",
    }
    (folder / "env").write_text("".join(f"{name}={value}\n" for name, value in choices.items()))
    files = [part for each in FILES for part in ("--file", str(ROOT / each))]
    options = ("--project-name", project, "--env-file", str(folder / "env"))
    opened = Compose((*_command(), *files, *options), project, console_port, apps_port, backups)
    try:
        opened.run("build")
        opened.run("up", "--detach")
        yield opened
    finally:
        (folder / "compose.log").write_text(opened.logs())
        opened.run("--profile", "backup", "--profile", "tools", "down", "--volumes", "--timeout", "20", check=False)
