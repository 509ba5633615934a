"""Hosts that an app declares, from within its container: reached, and nothing else is; what is refused is told."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio

from dualspan_cli.demo.image import AppImage
from dualspan_cli.engine import Engine
from dualspan_manifest import Egress, LocalText
from dualspan_marketplace.deployments.docker.options import Outward
from dualspan_marketplace.deployments.docker.provisioner import DockerProvisioner
from dualspan_marketplace.deployments.provisioner import Orders
from harness.app_containers import NAME, SERVER, Within, container_of, image_of, orders, provisioning, well

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]

POOL = "10.214.48.0/20"
WHY = LocalText("Weather", "天气")
# What a client of HTTP does with its variables: a tunnel, and then its own bytes.
ASK = """
import os, socket, urllib.parse
proxy = urllib.parse.urlsplit(os.environ['HTTPS_PROXY'])
with socket.create_connection((proxy.hostname, proxy.port), 30) as opened:
    opened.sendall(b'CONNECT {host}:{port} HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n')
    answer = opened.recv(4096).decode()
    print(answer.split('\\r\\n')[0], answer.rpartition('\\r\\n\\r\\n')[2].strip())
    if ' 200 ' in answer:
        opened.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
        print(opened.recv(15).decode())
"""


@dataclass(frozen=True)
class Scene:
    """An app that declares a host, and servers of a second network.

    Attributes:
        app: Inside.
        orders: What it is.
        provisioner: Whose it is.
        server: On the other side, by several names.
    """

    app: Within
    orders: Orders
    provisioner: DockerProvisioner
    server: Any

    def ask(self, host: str, port: int) -> str:
        return self.app.does(ASK.format(host=host, port=port))

    async def ask_once_open(self, host: str, port: int) -> str:
        """The same of a way out that has just been started: it takes a moment to listen."""
        for _ in range(40):
            try:
                return self.ask(host, port)
            except AssertionError as refused:
                if "ConnectionRefusedError" not in str(refused):
                    raise
                await asyncio.sleep(0.5)
        return self.ask(host, port)


@pytest.fixture(scope="module")
def image(engine: Any) -> Iterator[Any]:
    with image_of(engine, SERVER) as found:
        yield found


@pytest.fixture(scope="module")
def between(engine_url: str) -> str:
    """The image of what opens ways, of this very code."""
    named = AppImage("dualspan/egress", "dualspan-egress", "dualspan_egress").load(Engine(engine_url))
    return named.partition("@")[2]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(engine: Any, engine_url: str, image: Any, between: str) -> AsyncGenerator[Scene]:
    declared = [Egress("api.test", 7443, WHY), Egress("gone.test", 7443, WHY), Egress("closed.test", 1, WHY)]
    wanted = orders(image, egress=declared)
    with container_of(engine, SERVER, environment={"DUALSPAN_APP_PORT": "7443"}) as server:
        async with provisioning(engine_url, POOL, outward=Outward(between, POOL)) as provisioner:
            await provisioner.ensure(wanted)
            app = await well(provisioner, wanted, engine)
            outside = engine.networks.get(f"{engine.containers.get(app.handle).name}-out")
            outside.connect(server, aliases=["api.test", "closed.test", "other.test"])
            yield Scene(app, wanted, provisioner, server)


async def test_a_declared_host_is_reached(scene: Scene) -> None:
    said = [line.strip() for line in scene.ask("api.test", 7443).splitlines()]
    assert said == ["HTTP/1.1 200 Connection established", "HTTP/1.0 200 OK"]


@pytest.mark.parametrize(
    ("host", "port", "status", "why"),
    [
        ("api.test", 7444, 403, "does not declare it"),
        ("other.test", 7443, 403, "does not declare it"),
        ("169.254.169.254", 80, 403, "does not declare it"),
        ("gone.test", 7443, 502, "it has no address"),
        ("closed.test", 1, 502, "does not answer"),
    ],
)
async def test_nothing_else_is_and_that_is_told(
    scene: Scene, engine: Any, host: str, port: int, status: int, why: str
) -> None:
    said = scene.ask(host, port)
    assert said.startswith(f"HTTP/1.1 {status} ")
    assert why in said
    log = engine.containers.get(f"{engine.containers.get(scene.app.handle).name}-egress").logs().decode()
    refusals = [json.loads(line) for line in log.splitlines()]
    assert any((each["host"], each["port"]) == (host, port) and why in each["why"] for each in refusals)
    known = await scene.provisioner.refused(NAME)
    assert any((each.host, each.port) == (host, port) and why in each.why for each in known)


async def test_one_that_declares_none_is_watched_on_trial(
    engine: Any, engine_url: str, image: Any, between: str
) -> None:
    wanted = replace(orders(image), is_watched=True)
    async with provisioning(engine_url, POOL, outward=Outward(between, POOL)) as provisioner:
        await provisioner.ensure(wanted)
        app = await well(provisioner, wanted, engine)
        assert "does not declare it" in app.does(ASK.format(host="home.test", port=443))
        assert [(each.host, each.port) for each in await provisioner.refused(NAME)] == [("home.test", 443)]
        assert (await provisioner.observe(NAME)).lacks == ""
    assert await provisioner.refused(NAME) == []


async def test_it_is_the_only_way(scene: Scene, engine: Any) -> None:
    networks = engine.api.inspect_container(scene.server.id)["NetworkSettings"]["Networks"]
    (address,) = (each["IPAddress"] for name, each in networks.items() if name.endswith("-out"))
    code, said = scene.app.run(f"import socket; socket.create_connection(({address!r}, 7443), 3)")
    assert code != 0
    assert any(each in said for each in ("Network is unreachable", "No route to host", "timed out"))
    code, said = scene.app.run("import socket; socket.gethostbyname('api.test')")
    assert code != 0
    assert "name resolution" in said


async def test_an_inner_address_needs_the_administrators_word(
    engine: Any, engine_url: str, image: Any, between: str
) -> None:
    declared = [Egress("api.test", 7443, WHY)]
    wanted = orders(image, egress=declared)
    with container_of(engine, SERVER, environment={"DUALSPAN_APP_PORT": "7443"}) as server:
        async with provisioning(engine_url, POOL, outward=Outward(between)) as provisioner:
            await provisioner.ensure(wanted)
            app = await well(provisioner, wanted, engine)
            outside = engine.networks.get(f"{engine.containers.get(app.handle).name}-out")
            outside.connect(server, aliases=["api.test"])
            said = app.does(ASK.format(host="api.test", port=7443))
            assert said.startswith("HTTP/1.1 403 ")
            assert "no address on the internet" in said


async def test_the_way_out_is_healed(scene: Scene, engine: Any) -> None:
    name = f"{engine.containers.get(scene.app.handle).name}-egress"
    for end, lacks in (
        (lambda: engine.containers.get(name).kill(), "its way out had ended"),
        (lambda: engine.containers.get(name).remove(force=True), "its way out was not there"),
        (lambda: engine.networks.get("bridge").connect(name), "its way out was changed by hand"),
        (
            lambda: engine.networks.get(name.removesuffix("-egress")).disconnect(name),
            "its way out was not in its network",
        ),
    ):
        end()
        assert (await scene.provisioner.observe(NAME)).lacks == lacks
        await scene.provisioner.ensure(scene.orders)
        holding = await scene.provisioner.observe(NAME)
        assert (holding.lacks, holding.instances[0].handle) == ("", scene.app.handle)
        assert "does not declare it" in await scene.ask_once_open("other.test", 7443)
