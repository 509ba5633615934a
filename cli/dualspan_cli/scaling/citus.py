"""Spreading the tables over a Citus cluster: what is there, the statements, and doing them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg

from dualspan_cli.errors import CommandError
from dualspan_cli.migrations import SERVICES_WITH_SCHEMA
from dualspan_cli.scaling.placement import (
    FUNCTIONS,
    TENANT,
    Key,
    Placement,
    Reference,
    Table,
    in_order,
    obstacles,
    placement_of,
)

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
# Routing needs functions that Citus delegates and SET LOCAL that it passes on; both are older than 11, which also
# made tables on the coordinator known to all nodes.
MINIMUM_CITUS = 11
_ANCHOR = "historian.tag"

_TABLES = """
SELECT n.nspname || '.' || c.relname AS name,
       ARRAY(SELECT a.attname FROM pg_attribute AS a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       ARRAY(SELECT t.tgname FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) AS triggers
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY($1) ORDER BY 1
"""
_KEYS = """
SELECT n.nspname || '.' || c.relname AS table, x.relname AS name,
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, place, true) FROM generate_series(1, i.indnkeyatts) AS place
             ORDER BY place) AS columns
FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_class AS c ON c.oid = i.indrelid
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE (i.indisunique OR i.indisexclusion) AND n.nspname = ANY($1) ORDER BY 1, 2
"""
_REFERENCES = """
SELECT n.nspname || '.' || c.relname AS table, f.conname AS name, tn.nspname || '.' || t.relname AS target,
       ARRAY(SELECT ARRAY[here.attname::text, there.attname::text]
             FROM unnest(f.conkey, f.confkey) AS pair (here, there)
             JOIN pg_attribute AS here ON here.attrelid = f.conrelid AND here.attnum = pair.here
             JOIN pg_attribute AS there ON there.attrelid = f.confrelid AND there.attnum = pair.there) AS columns
FROM pg_constraint AS f JOIN pg_class AS c ON c.oid = f.conrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_class AS t ON t.oid = f.confrelid JOIN pg_namespace AS tn ON tn.oid = t.relnamespace
WHERE f.contype = 'f' AND n.nspname = ANY($1) ORDER BY 1, 2
"""
_AVAILABLE = "SELECT default_version FROM pg_available_extensions WHERE name = 'citus'"
_IS_SPREAD = "SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = $1::text::regclass)"
_IS_DELEGATED = """
SELECT EXISTS (SELECT FROM pg_catalog.pg_dist_object
               WHERE objid = $1::text::regprocedure::oid AND distribution_argument_index IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of a plan.

    Attributes:
        statement: SQL.
        done_if: A query that says whether it was done before, with the name that it takes; empty: it may be repeated.
        name: Of the table or function.
    """

    statement: str
    done_if: str = ""
    name: str = ""


async def read_tables(connection: Connection) -> list[Table]:
    """Returns every table of the services."""
    schemas = list(SERVICES_WITH_SCHEMA)
    keys = await connection.fetch(_KEYS, schemas)
    references = await connection.fetch(_REFERENCES, schemas)
    return [
        Table(
            name=row["name"],
            columns=frozenset(row["columns"]),
            keys=tuple(Key(each["name"], tuple(each["columns"])) for each in keys if each["table"] == row["name"]),
            references=tuple(
                Reference(each["name"], each["target"], tuple((here, there) for here, there in each["columns"]))
                for each in references
                if each["table"] == row["name"]
            ),
            triggers=tuple(row["triggers"]),
        )
        for row in await connection.fetch(_TABLES, schemas)
    ]


def plan(tables: Sequence[Table], database: str) -> list[Step]:
    """Returns the steps that spread the tables, in order.

    Args:
        tables: Every table of the services.
        database: The database's name.

    Raises:
        CommandError: A table cannot be spread (`SCHEMA_NOT_FIT`).
    """
    hindered = obstacles(tables)
    if hindered:
        raise CommandError("SCHEMA_NOT_FIT", "The schema cannot be spread. " + "; ".join(hindered) + ".", exit_code=4)
    quoted = '"' + database.replace('"', '""') + '"'
    by_place = {
        place: in_order([table for table in tables if placement_of(table) is place])
        for place in (Placement.REFERENCE, Placement.DISTRIBUTED)
    }
    # The anchor first: all others go where its shards are.
    spread_out = sorted(by_place[Placement.DISTRIBUTED], key=lambda table: table.name != _ANCHOR)
    return [
        Step("CREATE EXTENSION IF NOT EXISTS citus"),
        # Transactions set their tenant and role by SET LOCAL, and row-level security asks for both on every node.
        Step(f"ALTER DATABASE {quoted} SET citus.propagate_set_commands = 'local'"),
        *(
            Step(f"SELECT create_reference_table('{table.name}')", _IS_SPREAD, table.name)
            for table in by_place[Placement.REFERENCE]
        ),
        *(Step(_distributed(table), _IS_SPREAD, table.name) for table in spread_out),
        *(
            Step(
                f"SELECT create_distributed_function('{signature}', '{argument}', colocate_with => '{_ANCHOR}')",
                _IS_DELEGATED,
                signature,
            )
            for signature, argument in FUNCTIONS.items()
        ),
    ]


def _distributed(table: Table) -> str:
    beside = "none" if table.name == _ANCHOR else _ANCHOR
    return f"SELECT create_distributed_table('{table.name}', '{TENANT}', colocate_with => '{beside}')"


async def plan_of(admin_url: str) -> list[str]:
    """Returns the statements for the schema that is there.

    Raises:
        CommandError: PostgreSQL does not let us in, or a table cannot be spread.
    """
    async with connected(admin_url) as connection:
        name = await connection.fetchval("SELECT current_database()")
        return [step.statement for step in plan(await read_tables(connection), name)]


async def spread(admin_url: str, report: Callable[[str], None]) -> list[str]:
    """Spreads the tables that are not spread yet; safe to repeat, and to be repeated after each migration.

    Args:
        admin_url: PostgreSQL's coordinator, with a role that may create extensions.
        report: Told of each statement before it is run.

    Returns:
        The statements that were run.

    Raises:
        CommandError: The server has no Citus, or an old one; a table cannot be spread; a statement failed.
    """
    async with connected(admin_url) as connection:
        version = await connection.fetchval(_AVAILABLE)
        if version is None:
            raise CommandError(
                "CITUS_NOT_AVAILABLE",
                "This PostgreSQL has no Citus: install the package on every node, add citus to "
                "shared_preload_libraries, start PostgreSQL again, then run this again. --plan shows the statements.",
                exit_code=4,
            )
        if int(str(version).partition(".")[0]) < MINIMUM_CITUS:
            raise CommandError(
                "CITUS_TOO_OLD", f"Citus {MINIMUM_CITUS} or newer is needed, this is {version}.", exit_code=4
            )
        steps = plan(await read_tables(connection), await connection.fetchval("SELECT current_database()"))
        done: list[str] = []
        for step in steps:
            if step.done_if and await connection.fetchval(step.done_if, step.name):
                continue
            report(step.statement)
            try:
                await connection.execute(step.statement)
            except asyncpg.PostgresError as error:
                words = (
                    f"{step.statement} failed: {error}. What was done before stays; run this again when it is mended."
                )
                raise CommandError("CITUS_REFUSED", words, exit_code=4) from error
            done.append(step.statement)
    return done


@asynccontextmanager
async def connected(url: str) -> AsyncGenerator[Connection]:
    """A connection of its own.

    Raises:
        CommandError: PostgreSQL does not let us in (`DATABASE_UNAVAILABLE`).
    """
    try:
        connection = await asyncpg.connect(url, server_settings={"application_name": "dualspan_scale"})
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise CommandError("DATABASE_UNAVAILABLE", f"PostgreSQL does not let us in: {error}", exit_code=4) from error
    try:
        yield connection
    finally:
        await connection.close()
