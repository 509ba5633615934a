"""docker-compose.yml as a platform admin uses it: built, started, streaming, restarted with its data."""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = (
    "postgres",
    "redis",
    "identity",
    "onboarding",
    "historian",
    "worker",
    "analytics",
    "analytics-worker",
    "marketplace",
    "marketplace-worker",
    "console",
    "access",
    "plants",
    "gateway",
)
PASSWORD = "the first password"

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1500)]


@dataclass(frozen=True, slots=True)
class Compose:
    """One project of its own: its containers, networks and volumes are this test's."""

    command: tuple[str, ...]
    console_port: int

    def run(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            [*self.command, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=1200, check=False
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{arguments}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
        return done.stdout

    def dualspan(self, *arguments: str) -> str:
        """The administrator's command, in a container of its own."""
        return self.run("run", "--rm", "-T", "--no-deps", "migrate", *arguments)

    def states(self) -> dict[str, str]:
        """Service → state of its container."""
        form = '{{.Label "com.docker.compose.service"}} {{.State}}'
        project = self.command[self.command.index("--project-name") + 1]
        label = f"label=com.docker.compose.project={project}"
        listed = subprocess.run(
            ["docker", "ps", "--all", "--filter", label, "--format", form], capture_output=True, text=True, check=True
        )
        return dict(line.split() for line in listed.stdout.splitlines())


def compose_command() -> tuple[str, ...]:
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if plugin.returncode == 0:
        return ("docker", "compose")
    if shutil.which("docker-compose") is None:
        pytest.skip("there is neither `docker compose` nor docker-compose")
    return ("docker-compose",)


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Compose]:
    folder = tmp_path_factory.mktemp("compose")
    port = free_port()
    secrets = {
        "DUALSPAN_SERVICE_SECRET": "s" * 32,
        "DUALSPAN_DATABASE_PASSWORD": "d" * 32,
        "DUALSPAN_FIRST_PASSWORD": PASSWORD,
        "DUALSPAN_CONSOLE_PORT": str(port),
    }
    (folder / "env").write_text("".join(f"{name}={value}\n" for name, value in secrets.items()))
    files = ("--file", str(ROOT / "docker-compose.yml"), "--file", str(ROOT / "tests/engine/compose.override.yml"))
    options = ("--project-name", f"dualspan-test-{port}", "--env-file", str(folder / "env"))
    opened = Compose((*compose_command(), *files, *options), port)
    try:
        opened.run("build")
        opened.run("up", "--detach")
        yield opened
    finally:
        (folder / "compose.log").write_text(opened.run("logs", "--no-color", check=False))
        opened.run("down", "--volumes", "--timeout", "20", check=False)


def wait_for_connect(compose: Compose) -> None:
    """Waits until `connect` has ended."""
    project = compose.command[compose.command.index("--project-name") + 1]
    label = [
        "--filter",
        f"label=com.docker.compose.project={project}",
        "--filter",
        "label=com.docker.compose.service=connect",
    ]
    container = subprocess.run(
        ["docker", "ps", "--all", "--quiet", *label], capture_output=True, text=True, check=True
    ).stdout.strip()
    ended = subprocess.run(["docker", "wait", container], capture_output=True, text=True, timeout=300, check=True)
    assert ended.stdout.strip() == "0", compose.run("logs", "--no-color", "connect")


def stored_samples(compose: Compose) -> int:
    """Sealed and unsealed ones, as the database itself counts them."""
    query = (
        "SELECT (SELECT coalesce(sum(sample_count), 0) FROM historian.frame)"
        " + (SELECT coalesce(sum(sample_count), 0) FROM historian.segment)"
    )
    psql = ("exec", "-T", "postgres", "psql", "--username=postgres", "--dbname=dualspan", "--tuples-only", "--no-align")
    return int(compose.run(*psql, "--command", query))


def test_three_plants_stream(compose: Compose) -> None:
    wait_for_connect(compose)
    tags = json.loads(compose.dualspan("tags", "list", "--tenant", "home", "--json"))
    assert len({tag["server"] for tag in tags}) == 3
    assert stored_samples(compose) > 0


def test_everything_runs_and_nothing_as_root(compose: Compose) -> None:
    states = compose.states()
    assert {name: states.get(name) for name in SERVICES} == dict.fromkeys(SERVICES, "running")
    for service in SERVICES[2:]:
        assert compose.run("exec", "-T", service, "id", "-u").strip() == "10001"


def test_console_answers(compose: Compose) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{compose.console_port}/", timeout=10) as answer:
        assert answer.status == 200
        assert "DualSpan" in answer.read().decode()


def test_data_outlives_the_containers(compose: Compose) -> None:
    before = stored_samples(compose)
    compose.run("down", "--timeout", "20")
    compose.run("up", "--detach")
    wait_for_connect(compose)
    assert stored_samples(compose) > before
