import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest
from integration.identity.running import platform

from dualspan_runtime.database import Database
from dualspan_runtime.errors import Aborted, AlreadyExists, DeadlineExceeded, InvalidArgument, Unavailable
from dualspan_runtime.migrations import MigrationError, Migrations, SchemaMismatchError, migrate
from dualspan_runtime.settings import ServiceSettings
from harness.databases import ClonedDatabase

FIRST = """
CREATE TABLE machine (tenant_id text NOT NULL, name text NOT NULL, speed int NOT NULL DEFAULT 0,
    CONSTRAINT machine_pkey PRIMARY KEY (tenant_id, name));
SELECT pg_temp.isolate_tenant('machine');
"""
LOOKS = """
CREATE FUNCTION machines(tenant text, wait double precision) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('dualspan.tenant', tenant, true);
    PERFORM pg_sleep(wait);
    RETURN 12 / (SELECT count(*) FROM machine);
END
$$;
"""
# What a connection of the pool knows and sees before anybody has bound a tenant.
UNBOUND = "SELECT coalesce(current_setting('dualspan.tenant', true), ''), (SELECT count(*) FROM machine), $1::text"
CONSTRAINTS = {"machine_pkey": lambda: AlreadyExists("MACHINE_EXISTS", "Choose another name.")}


class Package:
    """A package with migration files that a test writes."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name
        self.folder.mkdir()
        (self.folder / "__init__.py").write_text("")
        self.migrations = Migrations(service="workshop", package=name)

    def write(self, name: str, sql: str) -> None:
        (self.folder / f"{name}.sql").write_text(sql)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Package:
    monkeypatch.syspath_prepend(tmp_path)
    made = Package(tmp_path, f"package_of_{request.node.name}")
    made.write("0001_machine", FIRST)
    return made


def settings(database: ClonedDatabase, **changes: float) -> ServiceSettings:
    values = {"listen": "", "database_url": database.service_url("workshop"), "platform": platform(), **changes}
    return ServiceSettings.model_validate(values)


@pytest.fixture
async def opened(database: ClonedDatabase, package: Package) -> AsyncGenerator[Database]:
    await migrate(database.admin_url, package.migrations)
    async with Database.open(
        settings(database, statement_timeout_seconds=2), schema=package.migrations, constraints=CONSTRAINTS
    ) as db:
        async with db.transaction("acme") as connection:
            await connection.execute("INSERT INTO machine VALUES ('acme', 'press')")
        yield db


async def applied_in(database: ClonedDatabase) -> list[str]:
    connection = await asyncpg.connect(database.admin_url)
    try:
        rows = await connection.fetch("SELECT name FROM workshop.schema_migration ORDER BY applied_at")
    finally:
        await connection.close()
    return [row["name"] for row in rows]


async def names(db: Database, tenant: str) -> list[str]:
    async with db.transaction(tenant) as connection:
        return [row["name"] for row in await connection.fetch("SELECT name FROM machine ORDER BY name")]


@pytest.mark.parametrize("statement", ["INSERT INTO machine VALUES ('acme', $1)", "SELECT $1::jsonb ->> 0"])
async def test_a_text_that_postgresql_cannot_hold_is_the_callers_mistake(opened: Database, statement: str) -> None:
    text = "press\0" if "INSERT" in statement else '["press\\u0000"]'
    with pytest.raises(InvalidArgument, match="UNSTORABLE_TEXT"):
        async with opened.transaction("acme") as connection:
            await connection.fetch(statement, text)
    assert await names(opened, "acme") == ["press"]


async def test_a_transaction_sees_one_tenant(opened: Database) -> None:
    assert await names(opened, "acme") == ["press"]
    assert await names(opened, "other") == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with opened.transaction("other") as connection:
            await connection.execute("INSERT INTO machine VALUES ('acme', 'forged')")


async def test_only_the_platform_transaction_sees_all_and_leaves_nothing_behind(opened: Database) -> None:
    async with opened.platform_transaction() as connection:
        await connection.execute("INSERT INTO machine VALUES ('other', 'lathe')")
        assert await connection.fetchval("SELECT count(*) FROM machine") == 2
    assert await names(opened, "acme") == ["press"]


async def test_without_a_tenant_there_are_no_rows(opened: Database, database: ClonedDatabase) -> None:
    connection = await asyncpg.connect(database.service_url("workshop"))
    try:
        assert await connection.fetch("SELECT * FROM workshop.machine") == []
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("ALTER TABLE workshop.machine DISABLE ROW LEVEL SECURITY")
    finally:
        await connection.close()


@pytest.mark.parametrize("tenant", ["", "a'; DROP TABLE machine; --", "A", "x" * 41])
async def test_what_is_no_tenant_id_gets_no_transaction(opened: Database, tenant: str) -> None:
    with pytest.raises(ValueError, match="tenant"):
        async with opened.transaction(tenant):
            pytest.fail("it began")


@pytest.fixture
async def narrow(database: ClonedDatabase, package: Package) -> AsyncGenerator[Database]:
    """A pool of one connection, so that whatever is left on it is found by the next to come."""
    package.write("0002_looks", LOOKS)
    await migrate(database.admin_url, package.migrations)
    limits = settings(database, statement_timeout_seconds=1, database_pool_size=1)
    async with Database.open(limits, schema=package.migrations) as db:
        async with db.platform_transaction() as connection:
            await connection.execute("INSERT INTO machine VALUES ('acme', 'a'), ('acme', 'b'), ('other', 'c')")
        yield db


async def machines(db: Database, tenant: str, wait: float = 0.0) -> int:
    row = await db.look(tenant, "SELECT machines($1, $2)", wait)
    assert row is not None
    return 12 // int(row[0])


async def test_a_look_sees_its_tenant_and_leaves_none_on_the_connection(narrow: Database) -> None:
    for tenant, count in [("acme", 2), ("other", 1), ("acme", 2)]:
        assert await machines(narrow, tenant) == count
        assert await narrow.look("acme", UNBOUND) == ("", 0, "acme")
        assert await names(narrow, "other") == ["c"]


async def test_a_look_that_fails_leaves_no_tenant_either(narrow: Database) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        await machines(narrow, "nobody")
    assert await narrow.look("acme", UNBOUND) == ("", 0, "acme")
    with pytest.raises(DeadlineExceeded):
        await machines(narrow, "acme", 10.0)
    assert await narrow.look("acme", UNBOUND) == ("", 0, "acme")
    task = asyncio.create_task(machines(narrow, "acme", 10.0))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await narrow.look("acme", UNBOUND) == ("", 0, "acme")
    with pytest.raises(Unavailable):
        await narrow.look("acme", "SELECT pg_terminate_backend(pg_backend_pid()), $1::text")
    assert await machines(narrow, "other") == 1


async def test_what_is_no_tenant_id_gets_no_look(narrow: Database) -> None:
    with pytest.raises(ValueError, match="tenant"):
        await machines(narrow, "a'; --")


async def test_an_error_rolls_back(opened: Database) -> None:
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with opened.transaction("acme") as connection:
            await connection.execute("INSERT INTO machine VALUES ('acme', 'robot'); SELECT 1 / 0")
    assert await names(opened, "acme") == ["press"]


async def test_notifications_are_delivered_and_a_lost_connection_does_no_harm(opened: Database) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    for word in ("first", "after the loss"):
        async with opened.listen("machines", heard.put_nowait), asyncio.timeout(5):
            async with opened.transaction("acme") as connection:
                await connection.execute(f"NOTIFY machines, '{word}'")
            assert await heard.get() == word
            async with opened.transaction("acme") as connection:
                await connection.execute(
                    """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE usename = current_user AND pid <> pg_backend_pid()"""
                )
            await asyncio.sleep(0.1)


async def test_a_violated_constraint_becomes_the_domains_error(opened: Database) -> None:
    with pytest.raises(AlreadyExists) as raised:
        async with opened.transaction("acme") as connection:
            await connection.execute("INSERT INTO machine VALUES ('acme', 'press')")
    assert raised.value.reason == "MACHINE_EXISTS"


async def test_a_slow_statement_is_ended(opened: Database) -> None:
    for timeout in (0.1, None):
        with pytest.raises(DeadlineExceeded):
            async with opened.transaction("acme", timeout=timeout) as connection:
                await connection.execute("SELECT pg_sleep(10)")
    assert await names(opened, "acme") == ["press"]


async def test_a_lost_connection_is_unavailable_and_the_next_call_works(opened: Database) -> None:
    with pytest.raises(Unavailable):
        async with opened.transaction("acme") as connection:
            await connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert await names(opened, "acme") == ["press"]


async def test_a_cancelled_use_case_gives_its_connection_back_clean(opened: Database) -> None:
    async def stuck() -> None:
        async with opened.transaction("acme") as connection:
            await connection.execute("UPDATE machine SET speed = 1")
            await connection.execute("SELECT pg_sleep(10)")

    task = asyncio.create_task(stuck())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with opened.transaction("acme") as connection:
        assert await connection.fetchval("SELECT speed FROM machine") == 0


async def test_conflicting_use_cases_run_again_until_all_have_counted(opened: Database) -> None:
    async def faster() -> None:
        async with opened.transaction("acme", isolation="serializable") as connection:
            speed = await connection.fetchval("SELECT speed FROM machine WHERE name = 'press'")
            await asyncio.sleep(0.005)
            await connection.execute("UPDATE machine SET speed = $1 WHERE name = 'press'", speed + 1)

    await asyncio.gather(*(opened.retrying(faster, attempts=50) for _ in range(5)))
    async with opened.transaction("acme") as connection:
        assert await connection.fetchval("SELECT speed FROM machine") == 5


async def test_a_conflict_that_lasts_is_told(opened: Database) -> None:
    runs: list[int] = []

    async def conflict() -> None:
        async with opened.transaction("acme") as connection:
            runs.append(len(runs))
            await connection.execute("DO $$ BEGIN RAISE serialization_failure; END $$")

    with pytest.raises(Aborted) as raised:
        await opened.retrying(conflict, attempts=3)
    assert raised.value.reason == "CONFLICT"
    assert runs == [0, 1, 2]


async def test_an_error_of_the_use_cases_own_files_is_not_the_databases(opened: Database) -> None:
    with pytest.raises(FileNotFoundError):
        async with opened.transaction("acme"):
            raise FileNotFoundError
    assert await names(opened, "acme") == ["press"]


async def test_sessions_are_durable_and_in_utc(opened: Database) -> None:
    async with opened.transaction("acme") as connection:
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
        moment = await connection.fetchval("SELECT '2026-01-01'::timestamp::timestamptz")
        assert moment == datetime(2026, 1, 1, tzinfo=UTC)


async def test_replicas_that_start_together_apply_each_file_once(database: ClonedDatabase, package: Package) -> None:
    package.write("0002_slow", "SELECT pg_sleep(0.1); CREATE TABLE x (tenant_id text PRIMARY KEY);")
    applied = await asyncio.gather(*(migrate(database.admin_url, package.migrations) for _ in range(4)))
    assert sorted(applied) == [[], [], [], ["0001_machine", "0002_slow"]]
    assert await applied_in(database) == ["0001_machine", "0002_slow"]


async def test_a_failed_migration_leaves_nothing_and_those_before_it_stay(
    database: ClonedDatabase, package: Package
) -> None:
    package.write("0002_broken", "CREATE TABLE half (id int); SELECT 1/0;")
    with pytest.raises(MigrationError, match="0002_broken of workshop failed: division by zero"):
        await migrate(database.admin_url, package.migrations)
    assert await applied_in(database) == ["0001_machine"]
    with pytest.raises(SchemaMismatchError, match="lacks 0002_broken"):
        async with Database.open(settings(database), schema=package.migrations):
            pytest.fail("it opened")
    package.write("0002_broken", "CREATE TABLE half (id int);")
    assert await migrate(database.admin_url, package.migrations) == ["0002_broken"]


async def test_a_changed_file_and_a_newer_schema_are_refused(database: ClonedDatabase, package: Package) -> None:
    package.write("0002_more", "-- Breaks releases before 0.2: a table goes.\nDROP TABLE IF EXISTS less;")
    await migrate(database.admin_url, package.migrations)
    package.write("0001_machine", FIRST + "-- changed")
    with pytest.raises(SchemaMismatchError, match="0001_machine of workshop was changed"):
        await migrate(database.admin_url, package.migrations)
    package.write("0001_machine", FIRST)
    (package.folder / "0002_more.sql").unlink()
    with pytest.raises(SchemaMismatchError, match="newer than this program: it has 0002_more"):
        await migrate(database.admin_url, package.migrations)
    with pytest.raises(SchemaMismatchError, match="newer than this program"):
        async with Database.open(settings(database), schema=package.migrations):
            pytest.fail("it opened")


async def test_two_files_with_one_number_are_refused(database: ClonedDatabase, package: Package) -> None:
    package.write("0001_other", "SELECT 1;")
    with pytest.raises(SchemaMismatchError, match="same number"):
        await migrate(database.admin_url, package.migrations)


async def test_a_service_signs_in_with_the_password_that_it_was_given(
    database: ClonedDatabase, package: Package
) -> None:
    await migrate(database.admin_url, package.migrations, password="it's secret")
    connection = await asyncpg.connect(database.admin_url)
    try:
        stored = await connection.fetchval("SELECT rolpassword FROM pg_authid WHERE rolname = 'dualspan_workshop'")
    finally:
        await connection.close()
    assert stored.startswith("SCRAM-SHA-256$")
