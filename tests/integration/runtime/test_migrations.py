"""Programs of one release on the schema of another."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import asyncpg
import pytest

from dualspan_runtime.migrations import Migrations, SchemaMismatchError, check_schema, migrate
from harness.databases import ClonedDatabase

Release: TypeAlias = Callable[..., Migrations]
FIRST = "CREATE TABLE kettle (tenant_id text NOT NULL, PRIMARY KEY (tenant_id));"
ADDS = "ALTER TABLE kettle ADD COLUMN litres integer;"
BREAKS = "-- Breaks releases before 0.3: nothing has asked for litres since.\nALTER TABLE kettle DROP COLUMN litres;"


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Release:
    """Makes the migrations of a release: a package with these files."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(*texts: str) -> Migrations:
        package = f"kitchen_release_{len(texts)}"
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
        for number, text in enumerate(texts, 1):
            (tmp_path / package / f"{number:04}_step.sql").write_text(text)
        return Migrations("kitchen", package)

    return make


async def check(database: ClonedDatabase, migrations: Migrations) -> None:
    connection = await asyncpg.connect(database.admin_url)
    try:
        await check_schema(connection, migrations)
    finally:
        await connection.close()


async def test_an_older_program_runs_on_what_a_newer_one_has_added(database: ClonedDatabase, release: Release) -> None:
    older, newer = release(FIRST), release(FIRST, ADDS)
    assert await migrate(database.admin_url, older) == ["0001_step"]
    with pytest.raises(SchemaMismatchError, match="lacks 0002_step"):
        await check(database, newer)
    assert await migrate(database.admin_url, newer) == ["0002_step"]
    await check(database, older)
    assert await migrate(database.admin_url, older) == [], "a rollback migrates, and finds nothing to do"


async def test_an_older_program_refuses_what_a_newer_one_has_taken_away(
    database: ClonedDatabase, release: Release
) -> None:
    older, newest = release(FIRST, ADDS), release(FIRST, ADDS, BREAKS)
    await migrate(database.admin_url, newest)
    with pytest.raises(SchemaMismatchError, match="newer than this program: it has 0003_step"):
        await check(database, older)
    with pytest.raises(SchemaMismatchError, match="Install the release that wrote it"):
        await migrate(database.admin_url, older)


async def test_a_ledger_of_before_tells_of_nothing_that_it_is_additive(
    database: ClonedDatabase, release: Release
) -> None:
    older, newer = release(FIRST), release(FIRST, ADDS)
    await migrate(database.admin_url, newer)
    connection = await asyncpg.connect(database.admin_url)
    await connection.execute("ALTER TABLE kitchen.schema_migration DROP COLUMN additive")
    await connection.close()
    with pytest.raises(SchemaMismatchError, match="newer than this program"):
        await check(database, older)
    assert await migrate(database.admin_url, newer) == []
    await check(database, newer)
