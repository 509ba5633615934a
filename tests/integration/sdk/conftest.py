"""A historian on a real PostgreSQL and a real Redis, and a client of it."""

from collections.abc import AsyncGenerator

import pytest

from dualspan_historian.settings import HistorianSettings
from dualspan_sdk import Client, Endpoints
from harness.databases import ClonedDatabase
from harness.historian import TENANT, Authority, Historian, beside, running_historian


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def historian_settings(database: ClonedDatabase, redis_url: str) -> HistorianSettings:
    return HistorianSettings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "gateway_listen": "127.0.0.1:0",
            "database_url": database.service_url("historian"),
            "drain_seconds": 0.5,
            "platform": beside(redis_url=redis_url),
        }
    )


@pytest.fixture
async def historian(historian_settings: HistorianSettings, authority: Authority) -> AsyncGenerator[Historian]:
    async with running_historian(historian_settings, authority) as running:
        yield running


@pytest.fixture
async def client(historian: Historian, authority: Authority) -> AsyncGenerator[Client]:
    endpoints = Endpoints(historian=historian.address)
    async with await Client.connect(endpoints, access_token=authority.access_token(TENANT)) as connected:
        yield connected
