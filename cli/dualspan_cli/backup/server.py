"""The PostgreSQL that is backed up: what it says of itself, and its own programs for backups."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import asyncpg

from dualspan_cli.embedded import installed_programs
from dualspan_cli.errors import CommandError
from dualspan_cli.migrations import SERVICES_WITH_SCHEMA
from dualspan_cli.settings import child_environment

if TYPE_CHECKING:
    from dualspan_runtime.migrations import Migrations

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a backup must know of a server.

    Attributes:
        version: `server_version_num`.
        system_identifier: Of the cluster.
        segment_bytes: Length of a segment of its log.
        size: Bytes of all databases.
        database: The one that the address leads to.
        schemas: The newest migration of each service; empty where there is none.
    """

    version: int
    system_identifier: int
    segment_bytes: int
    size: int
    database: str
    schemas: Mapping[str, str]


@asynccontextmanager
async def connected(url: str) -> AsyncGenerator[Connection]:
    """A connection as an administrator.

    Raises:
        CommandError: The server does not take it; says why and what to do.
    """
    try:
        connection = await asyncpg.connect(url, timeout=10, server_settings={"application_name": "dualspan_backup"})
    except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError) as err:
        raise CommandError(
            "DATABASE_PASSWORD", f"PostgreSQL refuses the user or its password: {err}. Mend the address.", exit_code=5
        ) from err
    except (OSError, TimeoutError, asyncpg.PostgresError) as err:
        words = str(err) or "it does not answer in time"
        raise CommandError("DATABASE_UNREACHABLE", f"PostgreSQL cannot be reached: {words}.", exit_code=9) from err
    try:
        yield connection
    finally:
        await connection.close()


async def look_at(connection: Connection) -> ServerFacts:
    """What the server says of itself."""
    row = await connection.fetchrow(
        "SELECT current_setting('server_version_num')::integer AS version,"
        " (SELECT system_identifier FROM pg_control_system()) AS system_identifier,"
        " (SELECT bytes_per_wal_segment FROM pg_control_init()) AS segment_bytes,"
        " (SELECT sum(pg_database_size(oid))::bigint FROM pg_database) AS size, current_database() AS database"
    )
    if row is None:
        raise CommandError("DATABASE_SILENT", "PostgreSQL says nothing of itself.")
    schemas = {name: await _newest(connection, name) for name in SERVICES_WITH_SCHEMA}
    return ServerFacts(**row, schemas=schemas)


async def _newest(connection: Connection, service: str) -> str:
    if not await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{service}.schema_migration"):
        return ""
    migrations: Migrations = import_module(f"dualspan_{service}.migrations").MIGRATIONS
    applied = {row["name"] for row in await connection.fetch(f"SELECT name FROM {migrations.service}.schema_migration")}
    known = [migration.name for migration in migrations.load()]
    unknown = sorted(applied.difference(known))
    return unknown[-1] if unknown else next((name for name in reversed(known) if name in applied), "")


def program(name: str, folder: Path | None) -> str:
    """The path of one of PostgreSQL's programs.

    Args:
        name: Such as `pg_basebackup`.
        folder: Where they are; those of the built-in PostgreSQL if None.

    Raises:
        CommandError: It is not there.
    """
    found = (folder or installed_programs()) / name
    if not found.exists():
        raise CommandError(
            "PROGRAM_MISSING", f"{found} is not there: --postgres-bin names PostgreSQL's own bin folder."
        )
    return str(found)


def start_program(command: list[str], url: str, *, stdout: int | None = None) -> subprocess.Popen[bytes]:
    """Starts one, with its messages in a pipe; the password goes where other users of the machine do not see it."""
    address, password = program_address(url)
    environment = child_environment({"LC_ALL": "C"} | ({"PGPASSWORD": password} if password else {}))
    return subprocess.Popen(
        [*command, f"--dbname={address}", "--no-password"],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment,
    )


def program_address(url: str) -> tuple[str, str]:
    """An address without its password, for PostgreSQL's own programs, and the password."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    asked = parse_qsl(parts.query, keep_blank_values=True)
    in_query = next((value for key, value in asked if key == "password"), "")
    query = urlencode([(key, value) for key, value in asked if key != "password"], quote_via=quote)
    address = urlunsplit(parts._replace(netloc=f"{name}@{host}" if user else host, query=query))
    return address, unquote(password) or in_query
