"""The schema as it is can be spread by tenant, and the statements that do it are in an order that Citus takes.

No Citus is installed here: what the statements do on a cluster is not shown by these tests.
"""

import asyncpg
import pytest

from dualspan_cli.errors import CommandError
from dualspan_cli.scaling.citus import plan, plan_of, read_tables, spread
from dualspan_cli.scaling.placement import (
    FUNCTIONS,
    LOCAL_SCHEMAS,
    REFERENCE_TABLES,
    Placement,
    Table,
    obstacles,
    placement_of,
)
from harness.databases import SERVICES, ClonedDatabase

BAD = [
    ("CREATE TABLE historian.t (tenant_id text, id bigint PRIMARY KEY)", "t_pkey of historian.t does not begin with"),
    ("CREATE TABLE historian.t (id bigint PRIMARY KEY)", "historian.t has no tenant_id"),
    (
        (
            "CREATE TABLE onboarding.t (tenant_id text, id text, PRIMARY KEY (tenant_id, id));"
            "CREATE UNIQUE INDEX t_id_key ON onboarding.t (lower(id))"
        ),
        "t_id_key of onboarding.t does not begin with",
    ),
    (
        (
            "CREATE TABLE analytics.t (tenant_id text, email text, PRIMARY KEY (tenant_id, email),"
            " FOREIGN KEY (tenant_id) REFERENCES identity.tenant)"
        ),
        "refers to identity.tenant, which stays on the coordinator",
    ),
    (
        (
            "CREATE TABLE historian.t (tenant_id text, other text, gap bigint, PRIMARY KEY (tenant_id, gap),"
            " FOREIGN KEY (other, gap) REFERENCES historian.gap (tenant_id, gap_id))"
        ),
        "does not lead from tenant_id to tenant_id",
    ),
    (
        (
            "CREATE FUNCTION historian.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
            "CREATE TRIGGER told AFTER INSERT ON historian.frame FOR EACH ROW EXECUTE FUNCTION historian.f()"
        ),
        "historian.frame has the trigger told",
    ),
]


async def tables_of(database: ClonedDatabase, change: str = "") -> list[Table]:
    connection = await asyncpg.connect(database.admin_url)
    try:
        if change:
            await connection.execute(change)
        return await read_tables(connection)
    finally:
        await connection.close()


async def test_every_table_is_fit_for_where_it_is_placed(database: ClonedDatabase) -> None:
    tables = await tables_of(database)
    assert obstacles(tables) == []
    spread_out = [table for table in tables if placement_of(table) is Placement.DISTRIBUTED]
    assert {table.schema for table in spread_out} == set(SERVICES) - set(LOCAL_SCHEMAS)
    assert len(spread_out) > 60
    assert {table.name for table in tables} > set(REFERENCE_TABLES), "what is declared is there"


@pytest.mark.parametrize(("change", "words"), BAD, ids=[words for _, words in BAD])
async def test_what_would_hold_over_all_enterprises_is_found(database: ClonedDatabase, change: str, words: str) -> None:
    tables = await tables_of(database, change)
    assert [each for each in obstacles(tables) if words in each], obstacles(tables)
    with pytest.raises(CommandError, match="cannot be spread"):
        plan(tables, "dualspan")


async def test_each_table_is_spread_after_those_that_it_refers_to(database: ClonedDatabase) -> None:
    tables = await tables_of(database)
    steps = plan(tables, 'a"b')
    assert steps[0].statement == "CREATE EXTENSION IF NOT EXISTS citus"
    assert steps[1].statement == """ALTER DATABASE "a""b" SET citus.propagate_set_commands = 'local'"""
    order = [step.name for step in steps]
    placed = [table for table in tables if placement_of(table) is not Placement.LOCAL]
    assert sorted(order[2:]) == sorted([*(table.name for table in placed), *FUNCTIONS])
    for table in placed:
        for each in table.references:
            assert order.index(each.target) <= order.index(table.name), (table.name, each)
    first, *others = [step.statement for step in steps if "create_distributed_table" in step.statement]
    assert "colocate_with => 'none'" in first
    beside = first.partition("'")[2].partition("'")[0]
    assert all(f"'tenant_id', colocate_with => '{beside}')" in each for each in others)


async def test_every_name_of_the_plan_is_in_the_database(database: ClonedDatabase) -> None:
    connection = await asyncpg.connect(database.admin_url)
    try:
        for signature, argument in FUNCTIONS.items():
            known = await connection.fetchval(
                "SELECT proargnames FROM pg_proc WHERE oid = $1::text::regprocedure", signature
            )
            assert argument in known
        binding = await connection.fetch(
            "SELECT p.oid::regprocedure::text AS name FROM pg_proc AS p"
            " JOIN pg_namespace AS n ON n.oid = p.pronamespace"
            " WHERE n.nspname = ANY($1) AND p.prosrc LIKE '%set_config(''dualspan.tenant''%'",
            list(SERVICES),
        )
        assert {row["name"].replace(",", ", ") for row in binding} == set(FUNCTIONS)
    finally:
        await connection.close()


async def test_a_postgresql_without_citus_is_told_apart_and_left_alone(database: ClonedDatabase) -> None:
    said: list[str] = []
    with pytest.raises(CommandError, match="has no Citus") as caught:
        await spread(database.admin_url, said.append)
    assert (caught.value.reason, said) == ("CITUS_NOT_AVAILABLE", [])
    assert len(await plan_of(database.admin_url)) > 60
    with pytest.raises(CommandError, match="does not let us in"):
        await plan_of(database.server.url("nowhere"))
