"""The marketplace on a real PostgreSQL and Redis."""

import itertools
from collections.abc import AsyncGenerator

import pytest_asyncio

from dualspan_cli.embedded import EmbeddedPostgres, EmbeddedRedis
from harness.databases import clone, drop
from harness.marketplace import Marketplace, running_marketplace
from harness.subscribing import World, running_world
from harness.up import free_row

_names = (f"test_marketplace_{number}" for number in itertools.count(1))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def marketplace(migrated_postgres: EmbeddedPostgres, redis_server: EmbeddedRedis) -> AsyncGenerator[Marketplace]:
    """One marketplace for all tests of a module; each has publishers and apps of its own."""
    database = await clone(migrated_postgres, next(_names))
    try:
        async with running_marketplace(database, redis_server.url()) as running:
            yield running
    finally:
        await drop(database)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(migrated_postgres: EmbeddedPostgres, redis_server: EmbeddedRedis) -> AsyncGenerator[World]:
    """A marketplace beside plants; each test has a plant of its own."""
    database = await clone(migrated_postgres, next(_names))
    try:
        async with running_world(database, redis_server.url(), free_row(1)) as running:
            yield running
    finally:
        await drop(database)
