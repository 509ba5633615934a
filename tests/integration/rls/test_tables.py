"""Every table of every schema, whoever made it and whenever: a tenant sees and changes its own rows only.

The rows are made here, one per tenant and table, whatever the columns are: a table that is new tomorrow is walked too.
"""

import re
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

import asyncpg
import pytest

from harness.databases import SERVICES, ClonedDatabase

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
MINE, THEIRS = "acme", "rival"
# The runtime's ledger of migrations: no tenant's data, read by all, written by none of the services.
LEDGER = "schema_migration"
SAMPLES: dict[str, object] = {
    "text": "x",
    "character varying": "x",
    "bytea": b"x",
    "boolean": True,
    "smallint": 1,
    "integer": 1,
    "bigint": 1,
    "real": 1.0,
    "double precision": 1.0,
    "numeric": 1,
    "uuid": uuid.UUID(int=1),
    "timestamp with time zone": datetime(2026, 1, 1, tzinfo=UTC),
    "text[]": ["x"],
    "bigint[]": [1],
    "integer[]": [1],
    "smallint[]": [1],
    "double precision[]": [1.0],
    "real[]": [1.0],
    "jsonb": "{}",
}


def platform_role(service: str) -> str:
    return f"dualspan_{service}_platform"


@dataclass(frozen=True, slots=True)
class Table:
    """One table.

    Attributes:
        columns: Those that can be written, with their types.
        tenant_first: Its primary key begins with tenant_id.
        enabled: Row-level security is on.
        forced: For its owner as well.
    """

    schema: str
    name: str
    columns: dict[str, str]
    tenant_first: bool
    enabled: bool
    forced: bool

    @property
    def has_tenant(self) -> bool:
        return "tenant_id" in self.columns

    @property
    def full(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def role(self) -> str:
        return f"dualspan_{self.schema}"


_TABLES = """
SELECT n.nspname AS schema, c.relname AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
       ARRAY(SELECT ARRAY[a.attname, format_type(a.atttypid, NULL)] FROM pg_attribute AS a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
             AND a.attidentity = '' ORDER BY a.attnum) AS columns,
       coalesce((SELECT a.attname = 'tenant_id' FROM pg_index AS i
                 JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
                 WHERE i.indrelid = c.oid AND i.indisprimary), false) AS tenant_first
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1, 2
"""

# Of the services' own functions; not pg_temp's, which migrations use.
_FUNCTIONS = """
SELECT p.proname AS name, p.prosrc AS text, p.prosecdef AS as_owner
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = ANY($1)
"""
_BINDING = re.compile(r"set_config\([^)]*\)")


@asynccontextmanager
async def connected(url: str) -> AsyncGenerator[Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def as_tenant(database: ClonedDatabase, schema: str, tenant: str | None) -> AsyncGenerator[Connection]:
    """A transaction of a service's role that is rolled back in the end."""
    async with connected(database.service_url(schema)) as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            if tenant is not None:
                await connection.execute(f"SET LOCAL dualspan.tenant = '{tenant}'")
            yield connection
        finally:
            await transaction.rollback()


async def tables_of(database: ClonedDatabase) -> list[Table]:
    async with connected(database.admin_url) as admin:
        rows = await admin.fetch(_TABLES)
    return [
        Table(
            schema=row["schema"],
            name=row["name"],
            columns=dict(row["columns"]),
            tenant_first=row["tenant_first"],
            enabled=row["enabled"],
            forced=row["forced"],
        )
        for row in rows
    ]


async def fill(database: ClonedDatabase, table: Table) -> None:
    """One row for each tenant. Checks and references have no say here: this is about who sees it."""
    async with connected(database.admin_url) as admin:
        await admin.execute("SET session_replication_role = replica")
        checks = await admin.fetch(
            "SELECT conname FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'c'", table.full
        )
        for check in checks:
            await admin.execute(f'ALTER TABLE {table.full} DROP CONSTRAINT "{check["conname"]}"')
        names = ", ".join(f'"{name}"' for name in table.columns)
        places = ", ".join(f"${n}" for n in range(1, len(table.columns) + 1))
        for tenant in (MINE, THEIRS) if table.has_tenant else ("",):
            row = {name: _differently(SAMPLES[kind], tenant) for name, kind in table.columns.items()}
            values = (row | {"tenant_id": tenant} if tenant else row).values()
            await admin.execute(f"INSERT INTO {table.full} ({names}) VALUES ({places}) ON CONFLICT DO NOTHING", *values)


def _differently(value: object, tenant: str) -> object:
    """The other tenant's value: a unique index without the tenant would take the second row for a repeat."""
    if tenant != THEIRS:
        return value
    match value:
        case "x":
            return "y"
        case bytes():
            return b"y"
        case uuid.UUID():
            return uuid.UUID(int=2)
        case _:
            return value


async def test_there_are_tables_of_every_service(database: ClonedDatabase) -> None:
    found = await tables_of(database)
    assert {table.schema for table in found} == set(SERVICES)
    for service in SERVICES:
        assert len([table for table in found if table.schema == service]) >= 3


async def test_row_level_security_is_on_and_forced_and_led_by_the_tenant(database: ClonedDatabase) -> None:
    for table in await tables_of(database):
        assert table.enabled, f"{table.full} has no row-level security: add pg_temp.isolate_tenant to its migration"
        assert table.forced, f"{table.full} does not force it on its owner"
        if table.has_tenant:
            assert table.tenant_first, f"the primary key of {table.full} does not begin with tenant_id"


async def test_no_table_shows_or_takes_a_foreign_row(database: ClonedDatabase) -> None:
    walked = 0
    for table in await tables_of(database):
        if not table.has_tenant:
            continue
        await fill(database, table)
        await _check_reading(database, table)
        await _check_writing(database, table)
        walked += 1
    assert walked >= 15


async def _check_reading(database: ClonedDatabase, table: Table) -> None:
    async with as_tenant(database, table.schema, THEIRS) as connection:
        assert [r["tenant_id"] for r in await connection.fetch(f"SELECT tenant_id FROM {table.full}")] == [THEIRS], (
            f"{table.full} must show {THEIRS} its own row and no other"
        )
    for nobody in (None, "", "acme-2"):
        async with as_tenant(database, table.schema, nobody) as connection:
            assert await connection.fetchval(f"SELECT count(*) FROM {table.full}") == 0, f"{table.full} for {nobody!r}"


async def _check_writing(database: ClonedDatabase, table: Table) -> None:
    """Foreign rows are neither changed nor deleted, and none is made of one's own."""
    foreign = f"WHERE tenant_id = '{MINE}'"
    for statement in (
        f"UPDATE {table.full} SET tenant_id = '{THEIRS}' {foreign}",
        f"DELETE FROM {table.full} {foreign}",
    ):
        assert await _outcome(database, table, statement) in {"refused", "UPDATE 0", "DELETE 0"}, statement
    names = ", ".join(f'"{name}"' for name in table.columns)
    for statement in (
        f"UPDATE {table.full} SET tenant_id = '{MINE}'",
        f"INSERT INTO {table.full} ({names}) SELECT {names} FROM theirs",
    ):
        assert await _outcome(database, table, statement) == "refused", statement


async def _outcome(database: ClonedDatabase, table: Table, statement: str) -> str:
    """What comes of a statement of the other tenant, who has a copy of its own row relabelled."""
    async with as_tenant(database, table.schema, THEIRS) as connection:
        await connection.execute(
            f"CREATE TEMP TABLE theirs ON COMMIT DROP AS SELECT * FROM {table.full};"
            f"UPDATE theirs SET tenant_id = '{MINE}'"
        )
        try:
            return await connection.execute(statement)
        except asyncpg.InsufficientPrivilegeError:
            return "refused"


async def test_functions_bind_a_tenant_to_their_transaction_only(database: ClonedDatabase) -> None:
    async with connected(database.admin_url) as connection:
        found = await connection.fetch(_FUNCTIONS, list(SERVICES))
    assert "read_scope" in {row["name"] for row in found}
    for row in found:
        assert not row["as_owner"], f"{row['name']} runs as its owner, who sees every tenant"
        bindings = _BINDING.findall(row["text"])
        assert all(words.endswith(", true)") for words in bindings), f"{row['name']} leaves a tenant on the connection"


async def test_the_scope_of_a_read_is_of_one_tenant(database: ClonedDatabase) -> None:
    for table in await tables_of(database):
        if table.full in {"historian.tag", "historian.segment", "historian.frame"}:
            await fill(database, table)
    query = (
        "SELECT * FROM historian.read_scope($1, '{1}', 0, 10) AS s (tags record[], segments record[], frames record[])"
    )
    async with connected(database.service_url("historian")) as connection:
        await connection.execute("SET search_path = historian")
        for tenant, rows in [(MINE, 1), (THEIRS, 1), ("nobody", 0), ("", 0)]:
            found = await connection.fetchrow(query, tenant)
            assert found is not None
            assert [len(part) for part in found] == [rows] * 3, tenant
            assert [one[1] for one in found[0]] == ["y" if tenant == THEIRS else "x"] * rows
            assert await connection.fetchval("SELECT current_setting('dualspan.tenant', true)") == ""
            assert await connection.fetchval("SELECT count(*) FROM tag") == 0


async def test_tables_without_a_tenant_are_the_platforms_alone(database: ClonedDatabase) -> None:
    for table in await tables_of(database):
        if table.has_tenant or table.name == LEDGER:
            continue
        await fill(database, table)
        async with as_tenant(database, table.schema, MINE) as connection:
            assert await connection.fetchval(f"SELECT count(*) FROM {table.full}") == 0, table.full
            await connection.execute(f"SET LOCAL ROLE {platform_role(table.schema)}")
            assert await connection.fetchval(f"SELECT count(*) FROM {table.full}") == 1, table.full


async def test_the_ledger_of_migrations_is_written_by_no_service(database: ClonedDatabase) -> None:
    for service in SERVICES:
        for role in (f"dualspan_{service}", platform_role(service)):
            async with as_tenant(database, service, MINE) as connection:
                await connection.execute(f"SET LOCAL ROLE {role}")
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(f"DELETE FROM {service}.{LEDGER}")


@pytest.mark.parametrize("service", SERVICES)
async def test_a_services_role_owns_nothing_and_reaches_no_other_schema(database: ClonedDatabase, service: str) -> None:
    role = f"dualspan_{service}"
    async with connected(database.admin_url) as admin:
        row = await admin.fetchrow(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolinherit,"
            " pg_has_role(rolname, $2, 'USAGE') AS inherits,"
            " EXISTS (SELECT FROM pg_class WHERE relowner = r.oid) AS owns FROM pg_roles AS r WHERE rolname = $1",
            role,
            platform_role(service),
        )
        assert row is not None
        assert not any(row.values()), dict(row)
        platform = await admin.fetchrow(
            "SELECT rolsuper, rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname = $1", platform_role(service)
        )
        assert platform is not None
        assert not any(platform.values()), dict(platform)
    for table in await tables_of(database):
        if table.schema == service:
            continue
        for acting in (role, platform_role(service)):
            async with as_tenant(database, service, MINE) as connection:
                await connection.execute(f"SET LOCAL ROLE {acting}")
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.fetch(f"SELECT * FROM {table.full}")
