"""Apps in containers of a real engine, as tests start them, look at them and try things within."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from docker.errors import NotFound

from dualspan_manifest import Egress, parse
from dualspan_marketplace.deployments.docker.options import Outward
from dualspan_marketplace.deployments.docker.provisioner import DockerProvisioner
from dualspan_marketplace.deployments.health import answers
from dualspan_marketplace.deployments.provisioner import Given, Orders
from dualspan_marketplace.subscriptions.model import SubscriptionName
from harness.marketplace import MANIFEST

BASE = "python:3.12-slim"
SERVER = (
    "import http.server, os; http.server.test(http.server.SimpleHTTPRequestHandler, port=int("
    "os.environ['DUALSPAN_APP_PORT']))"
)
NAME = SubscriptionName("acme", "oee")


@contextmanager
def image_of(engine: Any, program: str, **configuration: Any) -> Generator[Any]:
    """An image that runs a line of Python; the id of an image is a digest of it, a registry gives another one."""
    container = engine.containers.create(BASE, command=["python", "-c", program], name=f"dualspan-{uuid.uuid4().hex}")
    try:
        made = container.commit(conf={"Cmd": ["python", "-c", program], "WorkingDir": "/run/dualspan", **configuration})
    finally:
        container.remove(v=True)
    try:
        yield made
    finally:
        engine.images.remove(made.id, force=True)


@contextmanager
def container_of(engine: Any, program: str, **arguments: Any) -> Generator[Any]:
    """A container of nobody's that runs a line of Python."""
    made = engine.containers.run(
        BASE, ["python", "-c", program], name=f"dualspan-{uuid.uuid4().hex}", detach=True, **arguments
    )
    try:
        yield made
    finally:
        # A test may have ended it.
        with suppress(NotFound):
            made.remove(force=True, v=True)


def orders(image: Any, *, egress: Sequence[Egress] = (), name: SubscriptionName = NAME) -> Orders:
    """The sample app with another image."""
    sample = parse(MANIFEST)
    manifest = replace(
        sample,
        run=replace(sample.run, image=image.id),
        egress=tuple(egress),
        health=replace(sample.health, path="/"),
        resources=replace(sample.resources, memory=64 << 20, pids=48, disk=8 << 20),
    )
    return Orders(name, 2, "maker", manifest, {}, [Given("TOKEN_FILE", "token", b"first")])


@asynccontextmanager
async def provisioning(
    url: str,
    pool: str,
    *,
    peers: Mapping[str, str] | None = None,
    outward: Outward | None = None,
    sockets: str = "",
    names: Sequence[SubscriptionName] = (NAME,),
) -> AsyncGenerator[DockerProvisioner]:
    """A provisioner of a platform of its own, of which nothing stays."""
    platform = f"test-{uuid.uuid4().hex[:8]}"
    made = DockerProvisioner(url, platform, pool, peers or {}, {"PLATFORM": platform}, sockets=sockets, outward=outward)
    try:
        yield made
    finally:
        for name in names:
            await made.remove(name)


def forget(provisioner: DockerProvisioner) -> None:
    """What is known of peers, which is asked for again after a second else."""
    provisioner._networks._known = (0.0, {})


@dataclass(frozen=True)
class Within:
    """An app that runs.

    Attributes:
        engine: Its client.
        handle: Of the container.
        address: host:port of its pages.
    """

    engine: Any
    handle: str
    address: str

    @property
    def host(self) -> str:
        return self.address.rpartition(":")[0]

    def run(self, program: str) -> tuple[int, str]:
        """What Python says within, and its exit code."""
        code, said = self.engine.containers.get(self.handle).exec_run(["python", "-c", program])
        return code, said.decode()

    def does(self, program: str) -> str:
        """The same, which must not fail."""
        code, said = self.run(program)
        assert code == 0, said
        return said


async def well(provisioner: DockerProvisioner, wanted: Orders, engine: Any, *, asked_by: Any = None) -> Within:
    """Waits until an app answers: the test, or a container of the platform's where the machine has no address."""
    ask = "import urllib.request; urllib.request.urlopen('http://{}/', timeout=3)"
    async with asyncio.timeout(90):
        while True:
            (found,) = (await provisioner.observe(wanted.name)).instances
            assert found.alive, found.words
            assert not found.altered
            if asked_by is None:
                answered = await answers(found.address, wanted.manifest.health)
            else:
                answered = asked_by.exec_run(["python", "-c", ask.format(found.address)])[0] == 0
            if answered:
                return Within(engine, found.handle, found.address)
            await asyncio.sleep(0.05)
