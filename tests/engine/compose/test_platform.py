"""docker-compose.yml and docker-compose.apps.yml as a platform admin uses them: built and started without a secret in
sight, streaming, with an app whose pages are opened, killed piece by piece, restarted with its data.
"""

import http.client
import json
import time
import urllib.parse
import urllib.request
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from dualspan_bench.product import answering_app
from dualspan_cli.demo.image import AppImage
from dualspan_cli.engine import Engine
from harness.compose import Compose

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
HOME = ("--tenant", "home")
APP = "io.dualspan.part=app"

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1500)]


def stored_samples(compose: Compose) -> int:
    """Sealed and unsealed ones, as the database itself counts them."""
    return int(
        compose.psql(
            "SELECT (SELECT coalesce(sum(sample_count), 0) FROM historian.frame)"
            " + (SELECT coalesce(sum(sample_count), 0) FROM historian.segment)"
        )
    )


def test_three_plants_stream(compose: Compose) -> None:
    compose.until_ended("connect")
    tags = json.loads(compose.dualspan("tags", "list", "--tenant", "home", "--json"))
    assert len({tag["server"] for tag in tags}) == 3
    assert stored_samples(compose) > 0


def test_everything_runs_and_nothing_as_root(compose: Compose) -> None:
    states = compose.states()
    assert {name: states.get(name) for name in SERVICES} == dict.fromkeys(SERVICES, "running")
    for service in SERVICES[2:]:
        assert compose.run("exec", "-T", service, "id", "-u").strip() == "10001"


def test_the_demonstrations_own_check_holds(compose: Compose) -> None:
    found = json.loads(compose.dualspan("demo", "--once", "--elsewhere"))
    assert found["plants"] == 3
    assert found["compared"] > 10_000
    assert (found["lost"], found["duplicated"], found["wrong"], found["gaps"]) == (0, 0, 0, 0)


def test_nobody_who_looks_at_containers_sees_a_secret(compose: Compose) -> None:
    secrets = [
        compose.run("exec", "-T", "identity", "cat", f"/run/secrets/{name}").strip()
        for name in ("platform/dualspan_service_secret", "database/dualspan_database_password")
    ]
    shown = json.dumps([compose.container(service) for service in SERVICES])
    for secret in (*secrets, compose.first_password()):
        assert len(secret) >= 32
        assert secret not in shown
        assert secret not in compose.logs()
    # Whoever has no business with the database has no password of it.
    for service in ("console", "access", "plants", "gateway"):
        assert "database" not in compose.run("exec", "-T", service, "ls", "/run/secrets", check=False)


def test_whatever_is_killed_comes_back_and_nothing_is_lost(compose: Compose) -> None:
    """What the plants have sent is compared with what queries return, from before the first to after the last."""
    since = datetime.now(UTC).isoformat()
    took: dict[str, float] = {}
    for service in SERVICES:
        restarts = compose.container(service)["RestartCount"]
        compose.crash(service)
        took[service] = round(compose.until_back(service, restarts), 1)
    print(took)
    assert {name: compose.states()[name] for name in SERVICES} == dict.fromkeys(SERVICES, "running")
    found = json.loads(compose.dualspan("demo", "--once", "--elsewhere", "--since", since))
    print(found)
    assert (found["lost"], found["duplicated"], found["wrong"], found["gaps"]) == (0, 0, 0, 0)


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
    address = urllib.parse.urlsplit(compose.python(OPEN, compose.first_password()).split()[-1])
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
    (app,) = engine.containers.list(filters={"label": [f"io.dualspan.platform={compose.project}", APP]})
    (network,) = app.attrs["NetworkSettings"]["Networks"]
    there = {each["Name"] for each in engine.networks.get(network).attrs["Containers"].values()}
    peers = {f"{compose.project}-{each}" for each in ("historian", "marketplace", "marketplace-worker", "access")}
    assert there == {app.name, *peers}


def test_data_outlives_the_containers_and_so_does_the_app(compose: Compose, engine: Any) -> None:
    before = stored_samples(compose)
    compose.run("down", "--timeout", "20")
    compose.run("up", "--detach")
    compose.until_ended("connect")
    assert stored_samples(compose) > before
    # The platform's containers are new ones, and in the app's network again.
    until_seen(compose)
    compose.dualspan("subscriptions", "cancel", answering_app.APP, *HOME)
    mine = {"label": f"io.dualspan.platform={compose.project}"}
    assert not engine.containers.list(all=True, filters=mine)
    assert not engine.networks.list(filters=mine)
