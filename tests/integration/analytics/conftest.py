"""Analytics on a real PostgreSQL, with onboarding's assets and a historian."""

import itertools
from collections.abc import AsyncGenerator

import pytest_asyncio

from dualspan_cli.embedded import EmbeddedPostgres, EmbeddedRedis
from harness.analytics import AnalyticsPlatform, running_analytics
from harness.databases import clone, drop

_names = (f"test_analytics_{number}" for number in itertools.count(1))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(
    migrated_postgres: EmbeddedPostgres, redis_server: EmbeddedRedis
) -> AsyncGenerator[AnalyticsPlatform]:
    """One platform for all tests of a module; each makes plants of its own, which are tenants."""
    database = await clone(migrated_postgres, next(_names))
    try:
        async with running_analytics(database, redis_server.url()) as running:
            yield running
    finally:
        await drop(database)
