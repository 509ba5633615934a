"""Plain SQL migrations, forward only.

Numbered files inside each service's package; a ledger table in the service's own schema with a checksum of each
applied file; one advisory lock, so that replicas that start together apply each file once. Roles and grants are made
here, so that a service's role owns nothing and row-level security holds for it.

Replicas of an older release run on beside newer ones while an upgrade rolls, start again meanwhile, and come back with
a rollback. So a migration is additive, unless a line of it says which releases it breaks; the ledger keeps which it
was, and an older program starts on what is merely additive.
"""

import asyncio
import hashlib
import re
from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from typing import TypeAlias

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

MINIMUM_SERVER_VERSION = 15

_AnyConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
_FILE = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_SERVICE = re.compile(r"[a-z]{1,30}")
_BREAKING = re.compile(r"^-- Breaks releases before (\d+\.\d+): \S", re.MULTILINE)
_log = structlog.stdlib.get_logger()


class MigrationError(Exception):
    """A migration failed; nothing of it is left behind."""


class SchemaMismatchError(Exception):
    """The schema in the database is not the one that this code was written for."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file.

    Attributes:
        name: `0001_frames`, or `operations/0001_operation` for a shared one.
        sql: Its text.
    """

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, lower-case hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def breaks_before(self) -> str:
        """The first release that it does not break; empty if it is additive, and breaks none."""
        found = _BREAKING.search(self.sql)
        return "" if found is None else found[1]


@dataclass(frozen=True, slots=True)
class _Applied:
    """What the ledger has of a migration."""

    checksum: str
    additive: bool


@dataclass(frozen=True, slots=True)
class SharedMigrations:
    """A set of migrations that several services want, each in its own schema.

    Attributes:
        prefix: Stands before the files' names in the ledger.
        package: The package that holds the numbered files.
    """

    prefix: str
    package: str


@dataclass(frozen=True, slots=True)
class Migrations:
    """All migrations of a service.

    Attributes:
        service: The service's name: its schema, and the role `dualspan_<service>`.
        package: The package that holds the numbered files.
        shared: Sets of the runtime that the service wants too.
    """

    service: str
    package: str
    shared: tuple[SharedMigrations, ...] = ()

    @property
    def role(self) -> str:
        """The role that the service signs in with."""
        return f"dualspan_{self.service}"

    @property
    def platform_role(self) -> str:
        """The role that sees every tenant's rows, of this service's schema alone."""
        return f"{self.role}_platform"

    def load(self) -> list[Migration]:
        """Returns the migrations in the order in which they are applied: shared sets first."""
        shared = [migration for one in self.shared for migration in _read(one.package, f"{one.prefix}/")]
        return shared + _read(self.package, "")


def _read(package: str, prefix: str) -> list[Migration]:
    files = (entry for entry in resources.files(package).iterdir() if _FILE.fullmatch(entry.name))
    migrations = [Migration(prefix + entry.name.removesuffix(".sql"), entry.read_text()) for entry in files]
    migrations.sort(key=lambda migration: migration.name)
    numbers = [migration.name.removeprefix(prefix)[:4] for migration in migrations]
    if len(set(numbers)) != len(numbers):
        msg = f"two migrations of {package} have the same number: {numbers}"
        raise SchemaMismatchError(msg)
    return migrations


async def migrate(admin_url: str, migrations: Migrations, *, password: str = "") -> list[str]:
    """Brings a service's schema up to date.

    Args:
        admin_url: PostgreSQL, with a role that may create roles and schemas.
        migrations: What to apply.
        password: For the service's role; empty leaves it as it is.

    Returns:
        The names of the migrations that were applied now.

    Raises:
        SchemaMismatchError: A newer release has changed what this one needs, an applied file was changed, or the server
            is too old.
        MigrationError: A migration failed; those before it are applied.
    """
    if _SERVICE.fullmatch(migrations.service) is None:
        msg = f"not a service's name: {migrations.service!r}"
        raise SchemaMismatchError(msg)
    async with _connected(admin_url) as connection:
        if connection.get_server_version().major < MINIMUM_SERVER_VERSION:
            msg = f"PostgreSQL {MINIMUM_SERVER_VERSION} or newer is needed, this is {connection.get_server_version()}."
            raise SchemaMismatchError(msg)
        await connection.execute("SELECT pg_advisory_lock(hashtextextended('dualspan migrations', 0))")
        await _prepare(connection, migrations, password)
        applied = await _applied(connection, migrations)
        pending = _pending(migrations, applied)
        for migration in pending:
            await _apply(connection, migrations, migration)
    return [migration.name for migration in pending]


async def check_schema(connection: _AnyConnection, migrations: Migrations) -> None:
    """Checks that these migrations have been applied, and beside them only such as add to the schema.

    Raises:
        SchemaMismatchError: The schema is older than the code, or a newer release has changed what this one needs.
    """
    applied = await _applied(connection, migrations)
    pending = _pending(migrations, applied)
    if pending:
        missing = ", ".join(migration.name for migration in pending)
        msg = f"The schema {migrations.service} lacks {missing}. Run `dualspan migrate`, then start the service again."
        raise SchemaMismatchError(msg)


@asynccontextmanager
async def _connected(url: str):
    connection = await asyncpg.connect(url, server_settings={"application_name": "dualspan_migrate"})
    try:
        yield connection
    finally:
        await connection.close()


async def _prepare(connection: _AnyConnection, migrations: Migrations, password: str) -> None:
    schema, role = migrations.service, migrations.role
    template = resources.files("dualspan_runtime").joinpath("sql/prepare_schema.sql").read_text()
    statement = template.replace("{schema}", schema).replace("{role}", role)
    statement = statement.replace("{platform}", migrations.platform_role)
    # Roles belong to the whole server: another database's migration may touch the same row at the same time.
    for attempt in range(10):
        try:
            await connection.execute(statement)
            break
        except (asyncpg.InternalServerError, asyncpg.UniqueViolationError, asyncpg.DuplicateObjectError):
            if attempt == 9:
                raise
            await asyncio.sleep(0.05 * (attempt + 1))
    if password:
        literal = await connection.fetchval("SELECT quote_literal($1::text)", password)
        await connection.execute(f"ALTER ROLE {role} PASSWORD {literal}")


async def _applied(connection: _AnyConnection, migrations: Migrations) -> dict[str, _Applied]:
    exists = await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{migrations.service}.schema_migration")
    if not exists:
        return {}
    # As JSON, because a ledger of before the first migration with this program has no such column.
    rows = await connection.fetch(
        "SELECT name, checksum, coalesce((to_jsonb(ledger) ->> 'additive')::boolean, false) AS additive "
        f"FROM {migrations.service}.schema_migration AS ledger ORDER BY applied_at, name"
    )
    return {row["name"]: _Applied(row["checksum"], row["additive"]) for row in rows}


def _pending(migrations: Migrations, applied: Mapping[str, _Applied]) -> list[Migration]:
    known = migrations.load()
    unknown = sorted(set(applied) - {migration.name for migration in known})
    breaking = [name for name in unknown if not applied[name].additive]
    if breaking:
        msg = (
            f"The schema {migrations.service} is newer than this program: it has {', '.join(breaking)}. "
            "Install the release that wrote it, or a later one."
        )
        raise SchemaMismatchError(msg)
    if unknown:
        _log.warning("a newer release has added to the schema", schema=migrations.service, migrations=unknown)
    for migration in known:
        if migration.name in applied and applied[migration.name].checksum != migration.checksum:
            msg = (
                f"The migration {migration.name} of {migrations.service} was changed after it had been applied. "
                "Restore the file and put the change into a new one."
            )
            raise SchemaMismatchError(msg)
    return [migration for migration in known if migration.name not in applied]


async def _apply(connection: _AnyConnection, migrations: Migrations, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute(f"SET LOCAL search_path = {migrations.service}; SET LOCAL lock_timeout = '10s'")
        try:
            await connection.execute(migration.sql)
        except asyncpg.PostgresError as error:
            msg = f"The migration {migration.name} of {migrations.service} failed: {error}"
            raise MigrationError(msg) from error
        await connection.execute(
            f"INSERT INTO {migrations.service}.schema_migration (name, checksum, additive) VALUES ($1, $2, $3)",
            migration.name,
            migration.checksum,
            not migration.breaks_before,
        )
    _log.info("migration applied", schema=migrations.service, migration=migration.name)
