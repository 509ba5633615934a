"""Containers of apps on a real engine: one at a time, confined as asserted from outside and as tried from inside."""

import asyncio
import ipaddress
import socket
import uuid
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from dualspan_manifest import parse
from dualspan_marketplace.deployments.docker.options import Names
from dualspan_marketplace.deployments.docker.provisioner import DockerProvisioner
from dualspan_marketplace.deployments.health import answers
from dualspan_marketplace.deployments.provisioner import Given, Holding, Orders
from dualspan_marketplace.subscriptions.model import SubscriptionName
from harness.marketplace import MANIFEST

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

BASE = "python:3.12-slim"
SERVER = (
    "import http.server, os; http.server.test(http.server.SimpleHTTPRequestHandler, port=int("
    "os.environ['DUALSPAN_APP_PORT']))"
)
NAME = SubscriptionName("acme", "oee")


@pytest.fixture(scope="module")
def image(engine: Any) -> Any:
    """An app: `GET /` answers 200."""
    container = engine.containers.create(BASE, command=["python", "-c", SERVER], name=f"dualspan-{uuid.uuid4().hex}")
    try:
        made = container.commit(conf={"Cmd": ["python", "-c", SERVER], "WorkingDir": "/run/dualspan"})
    finally:
        container.remove()
    yield made
    engine.images.remove(made.id, force=True)


def orders(image: Any) -> Orders:
    """The id of an image is a digest of it; a registry gives another one."""
    sample = parse(MANIFEST)
    run = replace(sample.run, image=image.id)
    health = replace(sample.health, path="/")
    manifest = replace(sample, run=run, egress=(), health=health)
    return Orders(NAME, 2, "maker", manifest, {}, [Given("TOKEN_FILE", "token", b"first")])


@pytest_asyncio.fixture
async def provisioner(engine_url: str) -> AsyncGenerator[DockerProvisioner]:
    platform = f"test-{uuid.uuid4().hex[:8]}"
    made = DockerProvisioner(engine_url, platform, "10.214.0.0/20", {}, {"PLATFORM": platform})
    yield made
    await made.remove(NAME)


async def well(provisioner: DockerProvisioner, wanted: Orders) -> str:
    async with asyncio.timeout(60):
        while True:
            (found,) = (await provisioner.observe(NAME)).instances
            assert found.alive, found.words
            assert not found.altered
            if await answers(found.address, wanted.manifest.health):
                return found.handle
            await asyncio.sleep(0.05)


def inside(engine: Any, handle: str, command: str) -> tuple[int, str]:
    """What a command says within the app."""
    code, said = engine.containers.get(handle).exec_run(["python", "-c", command])
    return code, said.decode()


async def test_one_runs_is_found_and_leaves_nothing(provisioner: DockerProvisioner, engine: Any, image: Any) -> None:
    wanted = orders(image)
    assert await provisioner.consumption(NAME) == []
    await provisioner.ensure(wanted)
    handle = await well(provisioner, wanted)
    (used,) = await provisioner.consumption(NAME)
    assert used.cpu_us > 1000
    assert 1 << 20 < used.memory_bytes < 1 << 30
    assert used.started < used.time
    await provisioner.ensure(wanted)
    assert await well(provisioner, wanted) == handle
    assert await provisioner.subscriptions() == [NAME]
    await provisioner.remove(NAME)
    assert await provisioner.observe(NAME) == Holding()
    assert await provisioner.subscriptions() == []


async def test_its_files_are_its_own_and_change(provisioner: DockerProvisioner, engine: Any, image: Any) -> None:
    wanted = orders(image)
    await provisioner.ensure(wanted)
    handle = await well(provisioner, wanted)
    read = "print(open('/run/dualspan/token').read())"
    assert inside(engine, handle, read) == (0, "first\n")
    await provisioner.deliver(replace(wanted, files=[Given("TOKEN_FILE", "token", b"second")]))
    assert inside(engine, handle, read) == (0, "second\n")


@pytest.mark.parametrize(
    "attempt",
    [
        "open('/usr/bin/mine', 'w')",
        "open('/run/dualspan/token', 'w')",
        "open('/tmp/large', 'wb').write(bytes(1 << 30))",
        "import os; os.setuid(0)",
        "import os; os.chown('/tmp', 0, 0)",
        "import os, time; [os.fork() or (time.sleep(2), os._exit(0)) for _ in range(10_000)]",
        "import socket; socket.create_connection(('169.254.169.254', 80), 3)",
        "import socket; socket.create_connection(('1.1.1.1', 443), 3)",
        "import socket; socket.socket(socket.AF_UNIX).connect('/var/run/docker.sock')",
        "open('/proc/sysrq-trigger', 'w').write('b')",
        "import ctypes, os; assert ctypes.CDLL(None).mount(b'x', b'/tmp', b'tmpfs', 0, None) == 0",
    ],
)
async def test_what_a_hostile_app_tries_fails(
    provisioner: DockerProvisioner, engine: Any, image: Any, attempt: str
) -> None:
    wanted = orders(image)
    await provisioner.ensure(wanted)
    handle = await well(provisioner, wanted)
    code, said = inside(engine, handle, attempt)
    assert code != 0, said


@pytest.fixture
def peer(engine: Any) -> Iterator[Any]:
    """A container of the platform."""
    made = engine.containers.run(
        BASE, ["python", "-c", SERVER], name=f"dualspan-{uuid.uuid4().hex}", environment={"DUALSPAN_APP_PORT": "7403"},
        detach=True,
    )  # fmt: skip
    yield made
    made.remove(force=True)


async def test_among_peers_an_app_reaches_them_and_not_the_machine(
    engine_url: str, engine: Any, image: Any, peer: Any
) -> None:
    peers, wanted = {"historian": peer.name}, orders(image)
    provisioner = DockerProvisioner(engine_url, f"test-{uuid.uuid4().hex[:8]}", "10.214.16.0/20", peers, {})
    try:
        await provisioner.ensure(wanted)
        (found,) = (await provisioner.observe(NAME)).instances
        ask = "import urllib.request; print(urllib.request.urlopen('http://{}/', timeout=3).status)"
        async with asyncio.timeout(60):
            while True:
                if inside(engine, peer.id, ask.format(found.address)) == (0, "200\n"):
                    break
                await asyncio.sleep(0.05)
        assert inside(engine, found.handle, ask.format("historian:7403")) == (0, "200\n")
        own = ipaddress.ip_network(f"{found.address.rpartition(':')[0]}/28", strict=False)
        with socket.create_server(("0.0.0.0", 0)) as listening:
            first, port = str(own.network_address + 1), listening.getsockname()[1]
            code, said = inside(
                engine, found.handle, f"import socket; socket.create_connection(({first!r}, {port}), 3)"
            )
        assert code != 0, said
    finally:
        await provisioner.remove(NAME)


async def test_a_change_by_hand_is_seen(provisioner: DockerProvisioner, engine: Any, image: Any) -> None:
    wanted = orders(image)
    await provisioner.ensure(wanted)
    handle = await well(provisioner, wanted)
    engine.containers.get(handle).update(mem_limit="1g", memswap_limit="1g")
    (found,) = (await provisioner.observe(NAME)).instances
    assert found.altered


async def test_two_subscriptions_do_not_reach_each_other(
    provisioner: DockerProvisioner, engine: Any, image: Any
) -> None:
    wanted, other = orders(image), SubscriptionName("acme", "spc")
    await provisioner.ensure(wanted)
    handle = await well(provisioner, wanted)
    try:
        await provisioner.ensure(replace(wanted, name=other))
        (found,) = (await provisioner.observe(other)).instances
        host, _, port = found.address.rpartition(":")
        code, said = inside(engine, handle, f"import socket; socket.create_connection(({host!r}, {port}), 3)")
        assert code != 0, said
    finally:
        await provisioner.remove(other)


def test_names_of_networks_fit_the_engine() -> None:
    assert len(Names("p" * 60, SubscriptionName("t" * 60, "s" * 60)).key) <= 63
