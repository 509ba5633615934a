"""Databases for tests: one real server, one migrated template, a clone of it for each test."""

import asyncio
import importlib
import tempfile
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from dualspan_cli.embedded import EmbeddedPostgres
from dualspan_runtime.migrations import migrate

SERVICES = ("identity", "onboarding", "historian", "analytics", "marketplace")
TEMPLATE = "dualspan_template"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ClonedDatabase:
    """A database that only one test uses, with every service's schema in it."""

    server: EmbeddedPostgres
    name: str

    @property
    def admin_url(self) -> str:
        """As the superuser, for whom row-level security does not hold."""
        return self.server.url(self.name)

    def service_url(self, service: str) -> str:
        """As the role of a service, for whom it does."""
        return self.server.url(self.name, user=f"dualspan_{service}")


def run_apart(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end on a loop of its own, from synchronous code, and leaves the test's loop alone."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def make_template(server: EmbeddedPostgres) -> None:
    await execute(server.url(), f"CREATE DATABASE {TEMPLATE}")
    for service in SERVICES:
        migrations = importlib.import_module(f"dualspan_{service}.migrations").MIGRATIONS
        await migrate(server.url(TEMPLATE), migrations, password="")


async def clone(server: EmbeddedPostgres, name: str) -> ClonedDatabase:
    # File by file takes half as long as through the log where files are in memory, and twice as long on a disk.
    strategy = "FILE_COPY" if Path(tempfile.gettempdir()).is_relative_to("/dev/shm") else "WAL_LOG"
    await execute(server.url(), f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY {strategy}")
    return ClonedDatabase(server, name)


async def drop(database: ClonedDatabase) -> None:
    await execute(database.server.url(), f"DROP DATABASE {database.name} WITH (FORCE)")
