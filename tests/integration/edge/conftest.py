"""A platform and a plant of our own: the contracts over gRPC, and asyncua's server, both on real sockets."""

from collections.abc import AsyncGenerator, Callable
from functools import lru_cache
from pathlib import Path

import pytest
import pytest_asyncio
from integration.edge.plant import Plant
from integration.edge.platform import Platform
from integration.edge.running import RunningGateway

from dualspan_edge.enrolment import EnrolmentToken, enrol
from dualspan_edge.opcua.certificates import ApplicationInstance, create_application_instance, store_instance
from dualspan_edge.settings import GatewaySettings


@pytest_asyncio.fixture
async def plant(tmp_path: Path, free_port: Callable[[], int]) -> AsyncGenerator[Plant]:
    plant = Plant(tmp_path, free_port())
    await plant.start()
    yield plant
    await plant.stop()


@pytest_asyncio.fixture
async def platform() -> AsyncGenerator[Platform]:
    platform = Platform()
    await platform.start()
    yield platform
    await platform.stop()


@pytest.fixture
def settings(tmp_path: Path) -> GatewaySettings:
    return GatewaySettings(
        data_dir=tmp_path / "gateway",
        reconnect_first_seconds=0.2,
        reconnect_longest_seconds=1.0,
        platform_reconnect_longest_seconds=1.0,
        status_interval_seconds=0.2,
    )  # pyright: ignore[reportCallIssue]


@lru_cache
def _instance() -> ApplicationInstance:
    """Who the gateway is towards servers: keys are slow to make, so the gateways of different tests share one."""
    return create_application_instance("tenants:acme:gateways:box")


@pytest_asyncio.fixture
async def box(platform: Platform, settings: GatewaySettings) -> AsyncGenerator[RunningGateway]:
    """An enrolled gateway that is not started yet."""
    identity = await enrol(EnrolmentToken.parse(platform.token()))
    identity.save(settings.data_dir)
    store_instance(settings.data_dir / "opcua" / "application.pem", _instance())
    running = RunningGateway(settings)
    yield running
    await running.stop()
