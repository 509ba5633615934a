"""A historian on a real PostgreSQL and a real Redis."""

from collections.abc import AsyncGenerator

import pytest

from dualspan_historian.migrations import MIGRATIONS
from dualspan_historian.settings import HistorianSettings
from dualspan_historian.storage.merging import Merger
from dualspan_historian.storage.sealing import Sealer
from dualspan_runtime.database import Database
from dualspan_runtime.settings import PlatformSettings
from harness.databases import ClonedDatabase
from harness.historian import Authority, Historian, Refusal, Worker, beside, refused, running_historian


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def historian_settings(database: ClonedDatabase, redis_url: str) -> HistorianSettings:
    return HistorianSettings(
        listen="127.0.0.1:0",
        gateway_listen="127.0.0.1:0",
        database_url=database.service_url("historian"),
        drain_seconds=0.5,
        platform=PlatformSettings.model_validate(beside(redis_url=redis_url)),
    )


@pytest.fixture
async def historian(historian_settings: HistorianSettings, authority: Authority) -> AsyncGenerator[Historian]:
    async with running_historian(historian_settings, authority) as running:
        yield running


@pytest.fixture
def refusal() -> Refusal:
    return refused


@pytest.fixture
async def worker(historian_settings: HistorianSettings) -> AsyncGenerator[Worker]:
    async with Database.open(historian_settings, schema=MIGRATIONS) as opened:
        yield Worker(opened, Sealer(opened, 2_000), Merger(opened, 5_000))
