"""docker-compose.yml and docker-compose.apps.yml as a platform admin uses them: built, started, streaming, with an app
whose pages are opened, restarted with its data.
"""

import http.client
import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dualspan_bench.product import answering_app
from dualspan_cli.demo.image import AppImage
from dualspan_cli.engine import Engine

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
HOME = ("--tenant", "home")
APP = "io.dualspan.part=app"

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1500)]


@dataclass(frozen=True, slots=True)
class Compose:
    """One project of its own: its containers, networks and volumes are this test's."""

    command: tuple[str, ...]
    console_port: int
    apps_port: int
    platform: str

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

    def python(self, program: str, *arguments: str) -> str:
        """A program beside the administrator's command."""
        command = ("run", "--rm", "-T", "--no-deps", "--entrypoint", "python", "migrate", "-c", program)
        return self.run(*command, *arguments)

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
def compose(engine: Any, tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Compose]:
    folder = tmp_path_factory.mktemp("compose")
    port, apps_port = free_port(), free_port()
    project = f"dualspan-test-{port}"
    secrets = {
        "DUALSPAN_SERVICE_SECRET": "s" * 32,
        "DUALSPAN_DATABASE_PASSWORD": "d" * 32,
        "DUALSPAN_FIRST_PASSWORD": PASSWORD,
        "DUALSPAN_CONSOLE_PORT": str(port),
        "DUALSPAN_APPS_PORT": str(apps_port),
        "DUALSPAN_CONSOLE_URL": f"http://127.0.0.1:{port}",
        "DUALSPAN_APPS_URL": f"http://apps.localhost:{apps_port}",
        "DUALSPAN_ENGINE_GROUP": str(Path("/var/run/docker.sock").stat().st_gid),
        "DUALSPAN_PLATFORM": project,
        "COMPOSE_PROFILES": "sim",
    }
    (folder / "env").write_text("".join(f"{name}={value}\n" for name, value in secrets.items()))
    named = ("docker-compose.yml", "docker-compose.apps.yml", "tests/engine/compose.override.yml")
    files = [part for each in named for part in ("--file", str(ROOT / each))]
    options = ("--project-name", project, "--env-file", str(folder / "env"))
    opened = Compose((*compose_command(), *files, *options), port, apps_port, project)
    try:
        opened.run("build")
        opened.run("up", "--detach")
        yield opened
    finally:
        (folder / "compose.log").write_text(opened.run("logs", "--no-color", check=False))
        opened.run("down", "--volumes", "--timeout", "20", check=False)
        sweep(engine, project)


def sweep(engine: Any, platform: str) -> None:
    """Apps go on without their platform."""
    mine = {"label": f"io.dualspan.platform={platform}"}
    for container in engine.containers.list(all=True, filters=mine):
        container.remove(force=True, v=True)
    for rest in (*engine.networks.list(filters=mine), *engine.volumes.list(filters=mine)):
        rest.remove()


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


OFFER = """
import asyncio, sys
from dualspan_cli.publishing.offering import offer
from dualspan_cli.session import choose_access
from dualspan_cli.settings import CliSettings
asyncio.run(offer(choose_access(CliSettings()), sys.argv[1], {}))
"""
OPEN = """
import asyncio, sys
from dualspan.identity.v1 import service_pb2
from dualspan.marketplace.v1 import access_pb2
from dualspan.marketplace.v1.access_pb2_grpc import AccessServiceStub
from dualspan_cli.session import Access, choose_access, open_session
from dualspan_cli.settings import CliSettings

async def main():
    access = choose_access(CliSettings())
    async with open_session(access) as session:
        request = service_pb2.SignInRequest(email='admin@dualspan.local', password=sys.argv[1])
        signed_in = await session.identity.SignIn(request)
    async with open_session(Access(access.addresses, exchange_secret=signed_in.refresh_token)) as session:
        name = 'tenants/home/subscriptions/answering'
        print((await AccessServiceStub(session.marketplace_channel).OpenApp(access_pb2.OpenAppRequest(name=name))).uri)

asyncio.run(main())
"""


def page(compose: Compose) -> tuple[int, str]:
    """What a browser sees that opens the app, through the platform."""
    address = urllib.parse.urlsplit(compose.python(OPEN, PASSWORD).split()[-1])
    with closing(http.client.HTTPConnection("127.0.0.1", compose.apps_port, timeout=20)) as connection:
        connection.request("GET", f"{address.path}?{address.query}", headers={"Host": address.netloc})
        opened = connection.getresponse()
        opened.read()
        assert opened.status == 303
        cookie = (opened.getheader("Set-Cookie") or "").partition(";")[0]
        connection.request("GET", "/", headers={"Host": address.netloc, "Cookie": cookie})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def until_seen(compose: Compose) -> None:
    until = time.monotonic() + 90
    while (seen := page(compose))[0] != 200 and time.monotonic() < until:
        time.sleep(0.5)
    assert seen[0] == 200, seen
    assert "Directory listing for /" in seen[1]


def test_an_app_runs_as_a_container_and_its_page_is_seen(compose: Compose, engine: Any, engine_url: str) -> None:
    image = AppImage(f"dualspan/{answering_app.APP}", "", "http.server").load(Engine(engine_url))
    compose.python(OFFER, answering_app.manifest(image))
    compose.dualspan("subscriptions", "create", answering_app.APP, "--plan", answering_app.PLAN, "--accept", *HOME)
    until_seen(compose)
    (app,) = engine.containers.list(filters={"label": [f"io.dualspan.platform={compose.platform}", APP]})
    (network,) = app.attrs["NetworkSettings"]["Networks"]
    there = {each["Name"] for each in engine.networks.get(network).attrs["Containers"].values()}
    peers = {f"{compose.platform}-{each}" for each in ("historian", "marketplace", "marketplace-worker", "access")}
    assert there == {app.name, *peers}


def test_data_outlives_the_containers_and_so_does_the_app(compose: Compose, engine: Any) -> None:
    before = stored_samples(compose)
    compose.run("down", "--timeout", "20")
    compose.run("up", "--detach")
    wait_for_connect(compose)
    assert stored_samples(compose) > before
    # The platform's containers are new ones, and in the app's network again.
    until_seen(compose)
    compose.dualspan("subscriptions", "cancel", answering_app.APP, *HOME)
    mine = {"label": f"io.dualspan.platform={compose.platform}"}
    assert not engine.containers.list(all=True, filters=mine)
    assert not engine.networks.list(filters=mine)
