"""From within a container, with the app's own credential: what is granted is read; of all else not even that it is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from dualspan_analytics.columns import PropertyRef
from dualspan_cli.demo.image import AppImage
from dualspan_cli.embedded import EmbeddedPostgres, EmbeddedRedis
from dualspan_cli.engine import Engine
from dualspan_manifest import parse
from dualspan_marketplace.composition import app_runtime
from dualspan_marketplace.service.briefing import Briefing
from dualspan_marketplace.service.deploying import Deploying
from dualspan_marketplace.subscriptions.life import Clock
from dualspan_marketplace.subscriptions.model import SubscriptionName
from harness.analytics import Plant
from harness.app_containers import provisioning
from harness.databases import clone, drop
from harness.marketplace import manifest_of
from harness.subscribing import World, creation, running_world
from harness.up import free_row

pytestmark = [pytest.mark.engine, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

T0 = 1_700_000_000_000_000
NOWHERE = 9_000_000_000_000
READS = ("ReadRaw", "ReadLatest", "Subscribe", "Export")
# Asks as the SDK's transport does, and tells all that comes back: code, words, reason and facts, without ids.
ASK = r"""
import asyncio, json, os, re, sys
import grpc
from google.rpc import error_details_pb2, status_pb2
from dualspan.historian.v1 import service_pb2
from dualspan.historian.v1.service_pb2_grpc import HistorianServiceStub

async def answer(stub, metadata, method, parent, tags):
    request = getattr(service_pb2, method + "Request")(parent=parent, tag_ids=tags)
    if method in ("ReadRaw", "Export"):
        request.start_time.FromMicroseconds(1_700_000_000_000_000)
        request.end_time.FromMicroseconds(1_700_000_010_000_000)
    if method == "Subscribe":
        request.include_latest = True
    try:
        called = getattr(stub, method)(request, metadata=metadata, timeout=20)
        got = await (anext(aiter(called)) if method in ("Subscribe", "Export") else called)
        return ["read", got.ByteSize()]
    except grpc.aio.AioRpcError as error:
        told = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
        facts = []
        for detail in status_pb2.Status.FromString(told).details:
            info = error_details_pb2.ErrorInfo()
            if detail.Unpack(info):
                facts = [info.reason, sorted((key, re.sub(r"\d+", "#", value)) for key, value in info.metadata.items())]
        return [error.code().name, re.sub(r"\d+", "#", error.details()), facts]

async def main():
    with open(os.environ["DUALSPAN_APP_TOKEN_FILE"]) as file:
        metadata = (("authorization", "Bearer " + file.read()),)
    async with grpc.aio.insecure_channel(os.environ["DUALSPAN_APP_HISTORIAN"]) as channel:
        stub = HistorianServiceStub(channel)
        print(json.dumps([await answer(stub, metadata, *each) for each in json.loads(sys.argv[1])]))

asyncio.run(main())
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(migrated_postgres: EmbeddedPostgres, redis_server: EmbeddedRedis) -> AsyncGenerator[World]:
    database = await clone(migrated_postgres, "test_engine_reads")
    try:
        async with running_world(database, redis_server.url(), free_row(1)) as running:
            yield running
    finally:
        await drop(database)


@contextlib.contextmanager
def open_folder() -> Generator[Path]:
    """With a path that is short enough for sockets, and that an app's user may enter."""
    with tempfile.TemporaryDirectory(prefix="dualspan-doors-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextlib.asynccontextmanager
async def doors(services: Mapping[str, str]) -> AsyncGenerator[Path]:
    """A folder with a Unix socket for each service, as `dualspan up` has one for containers."""

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await source.read(1 << 16):
                sink.write(chunk)
                await sink.drain()
        sink.close()

    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(open_folder())
        for name, address in services.items():
            host, _, port = address.rpartition(":")

            async def pass_on(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str = host, port: str = port
            ) -> None:
                there, back = await asyncio.open_connection(host, int(port))
                await asyncio.gather(copy(reader, back), copy(there, writer))

            path = folder / f"{name}.sock"
            await stack.enter_async_context(await asyncio.start_unix_server(pass_on, path))
            path.chmod(0o666)
        yield folder


@dataclass(frozen=True)
class Scene:
    """An app's container, what it is granted, and what it is not.

    Attributes:
        container: The engine's.
        mine: The plant of who subscribed.
        theirs: Another enterprise's.
    """

    container: Any
    mine: Plant
    theirs: Plant

    def ask(self, *asked: tuple[str, str, list[int]]) -> list[Any]:
        command = [os.path.realpath(sys.executable), "-c", ASK, json.dumps(asked)]
        code, said = self.container.exec_run(command)
        assert code == 0, said.decode()
        return json.loads(said)


def manifest(world: World, image: str) -> str:
    text = manifest_of(world.app)
    egress = text[text.index("egress:") : text.index("run:")]
    changes = {parse(text).run.image: image, "port: 8080": "port: 8000", "/healthz": "/", egress: ""}
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new, 1)
    return text


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(world: World, engine: Any, engine_url: str) -> AsyncGenerator[Scene]:
    image = AppImage("dualspan/reading", "dualspan-sdk", "http.server").load(Engine(engine_url))
    mine, theirs = await world.plant(), await world.plant()
    for each in (mine, theirs):
        await each.ingest({ref: ([T0, T0 + 1_000_000], [1, 2]) for ref in each.tags})
    stub = await world.stub(mine.tenant)
    made = await stub.CreateSubscription(creation(world, mine.tenant))
    admin = await asyncpg.connect(world.database.admin_url)
    query = "UPDATE marketplace.subscription SET manifest = $2, scopes = $3 WHERE tenant_id = $1"
    scopes = ["samples.read", "samples.subscribe", "samples.export", "outputs.write"]
    await admin.execute(query, mine.tenant, manifest(world, image), scopes)
    await admin.close()
    accept = contract.AcceptBindingRequest(name=made.name, etag=made.etag)
    accept.roles.add(role="machine", assets=["press-1"])
    await stub.AcceptBinding(accept)

    name, parts = SubscriptionName(mine.tenant, "oee"), world.marketplace.parts
    services = {"historian": world.plants.historian.address, "marketplace": world.marketplace.address}
    async with (
        doors(services) as folder,
        provisioning(engine_url, "10.214.80.0/20", sockets=str(folder), names=[name]) as provisioner,
    ):
        briefing = Briefing(app_runtime.runtime(parts), services)
        worker = Deploying(parts.database, parts.operations, parts.audit, Clock(), [provisioner], briefing)
        async with asyncio.timeout(120):
            while (now := await stub.GetSubscription(contract.GetSubscriptionRequest(name=made.name))).state != (
                contract.SUBSCRIPTION_STATE_ACTIVE
            ):
                assert now.state == contract.SUBSCRIPTION_STATE_PROVISIONING, now.reason
                await worker.follow(name)
        (found,) = (await provisioner.observe(name)).instances
        at = Scene(engine.containers.get(found.handle), mine, theirs)
        await asyncio.to_thread(granted_is_read, at)
        yield at


def granted_is_read(at: Scene) -> None:
    """Once the historian has heard of the grant."""
    granted = at.mine.tags[PropertyRef("press-1", "good-count")]
    while at.ask(("ReadLatest", at.mine.parent, [granted]))[0][0] != "read":
        pass


@pytest.mark.parametrize("method", READS)
async def test_of_others_it_learns_nothing(scene: Scene, method: str) -> None:
    granted = scene.mine.tags[PropertyRef("press-1", "good-count")]
    hidden = scene.mine.tags[PropertyRef("press-1", "injection-pressure")]
    foreign = scene.theirs.tags[PropertyRef("press-1", "good-count")]
    mine, theirs = scene.mine.parent, scene.theirs.parent
    asked = [
        (method, mine, [granted]),
        (method, mine, [NOWHERE]),
        (method, mine, [hidden]),
        (method, mine, [foreign]),
        (method, mine, [granted, NOWHERE]),
        (method, mine, [granted, foreign]),
        (method, theirs, [foreign]),
        (method, theirs, [NOWHERE]),
    ]
    own, nothing, of_mine, of_theirs, beside, beside_theirs, as_theirs, as_nothing = await asyncio.to_thread(
        scene.ask, *asked
    )
    assert own[0] == "read"
    assert own[1] > 0
    assert nothing[0] == "NOT_FOUND"
    assert of_mine == of_theirs == nothing
    assert beside[0] == "NOT_FOUND"
    assert beside_theirs == beside
    assert as_theirs[0] == "PERMISSION_DENIED"
    assert as_theirs == as_nothing
