"""A plant on the network, and clients of it: one for each test, and one that harmless tests share."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from integration.plc_sim.client import HOSTS, PASSWORD, USER, Connector, Site

from plc_sim.opcua import certificate
from plc_sim.opcua.certificate import Identity
from plc_sim.opcua.server import ServerOptions
from plc_sim.plant_control import PlantControl
from plc_sim.plant_server import PlantServer
from plc_sim.plants import make_plant


def options() -> ServerOptions:
    return ServerOptions(
        name="Test curing",
        application_uri="urn:dualspan:plc-sim:curing",
        product_uri="urn:dualspan:plc-sim",
        bind_host="127.0.0.1",
        advertised_host="localhost",
        port=0,
        username=USER,
        password=PASSWORD,
        max_nodes=500,
    )


@pytest.fixture(scope="session")
def server_identity() -> Identity:
    """Made once: RSA keys take their time."""
    return certificate.create("urn:dualspan:plc-sim:curing", "Test curing", HOSTS)


@pytest.fixture(scope="session")
def client_identity() -> Identity:
    return certificate.create("urn:test:client", "client", HOSTS)


@asynccontextmanager
async def running(folder: Path, identity: Identity) -> AsyncGenerator[Site]:
    certificate.keep(folder / "curing", identity)
    plant = make_plant("curing", 11, folder / "overlays.jsonl")
    server = PlantServer(plant, options(), folder / "curing", HOSTS)
    await server.start()
    try:
        yield Site(server, PlantControl(server))
    finally:
        await server.stop()


@pytest.fixture
async def site(tmp_path: Path, server_identity: Identity) -> AsyncIterator[Site]:
    """The curing plant, to be broken."""
    async with running(tmp_path, server_identity) as found:
        yield found


@pytest.fixture
async def connect(tmp_path: Path, client_identity: Identity) -> AsyncIterator[Connector]:
    """Clients."""
    connector = Connector(tmp_path, client_identity)
    yield connector
    await connector.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_site(tmp_path_factory: pytest.TempPathFactory, server_identity: Identity) -> AsyncIterator[Site]:
    """The curing plant, to be looked at."""
    async with running(tmp_path_factory.mktemp("site"), server_identity) as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_connect(
    tmp_path_factory: pytest.TempPathFactory, client_identity: Identity
) -> AsyncIterator[Connector]:
    """Clients of the shared plant."""
    connector = Connector(tmp_path_factory.mktemp("client"), client_identity)
    yield connector
    await connector.close()
