"""No migration breaks a release that may run beside it: replicas of the one before, or one more after a rollback."""

import importlib

import pytest

from dualspan_runtime.migrations import Migration
from harness.additive import breaches
from harness.databases import SERVICES
from harness.releases import minor_releases

# An applied migration is never changed, so these cannot say so themselves.
BEFORE_THE_FIRST_RELEASE = {
    "analytics 0012_packed_rollups": "roll-ups are computed anew: the table is a cache",
    "analytics 0013_rollups_without_plan": "the same",
    "marketplace 0015_hand_back": "a key with the version's outputs; written when nobody had results yet",
    "marketplace 0017_unwell": "a trigger is made again with another condition",
    "onboarding 0004_browse": "the number of a browse is new in it",
    "onboarding 0006_sampling": "a node is one tag for each source; before, nothing held it",
}


def migrations() -> dict[str, Migration]:
    """All of all services, by service and name."""
    return {
        f"{service} {each.name}": each
        for service in SERVICES
        for each in importlib.import_module(f"dualspan_{service}.migrations").MIGRATIONS.load()
    }


def may_break(before: str, known: list[tuple[int, int]]) -> bool:
    """Whether releases before this one are more than two releases back by now."""
    major, minor = map(int, before.split("."))
    return len(known) >= 2 and (major, minor) <= known[-2]


def test_migrations_are_additive_or_break_only_what_is_long_gone() -> None:
    known = minor_releases()
    wrong = {
        name: found
        for name, each in migrations().items()
        if name not in BEFORE_THE_FIRST_RELEASE
        and (found := breaches(each.sql))
        and not (each.breaks_before and may_break(each.breaks_before, known))
    }
    assert wrong == {}, "add first, and take away when two releases have done without"


def test_what_is_excused_is_there_and_needs_it() -> None:
    known = migrations()
    assert [name for name in BEFORE_THE_FIRST_RELEASE if not breaches(known[name].sql)] == []


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("DROP TABLE frame", "drops a table"),
        ("ALTER TABLE frame DROP COLUMN payload", "drops a column"),
        ("ALTER TABLE frame ADD COLUMN a int, DROP COLUMN b", "drops a column"),
        ("ALTER TABLE frame RENAME COLUMN payload TO body", "renames"),
        ("ALTER TABLE frame ALTER COLUMN epoch TYPE text", "changes a type"),
        ("ALTER TABLE frame ALTER COLUMN epoch SET NOT NULL", "refuses rows"),
        ("ALTER TABLE frame ALTER COLUMN epoch DROP DEFAULT", "drops a default"),
        ("ALTER TABLE frame ADD COLUMN node text NOT NULL, ADD COLUMN b int DEFAULT 1", "adds node"),
        ("ALTER TABLE frame ADD CONSTRAINT c CHECK (epoch > 0)", "adds a check"),
        ("CREATE UNIQUE INDEX one ON frame (tenant_id, node)", "a unique index"),
        ("REVOKE UPDATE ON frame FROM dualspan_historian", "takes a right"),
        ("DROP FUNCTION read_scope", "drops a function"),
    ],
)
def test_what_breaks_an_older_release_is_seen(sql: str, why: str) -> None:
    (found,) = breaches(f"SET LOCAL lock_timeout = '5s';\n{sql};")
    assert why in found.why


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE new (id text NOT NULL, PRIMARY KEY (id)); CREATE UNIQUE INDEX x ON new (id)",
        "CREATE TABLE new (id text); REVOKE UPDATE ON new FROM dualspan_historian; ALTER TABLE new DROP COLUMN id",
        "ALTER TABLE frame ADD COLUMN node text, ADD COLUMN size bigint NOT NULL DEFAULT 0",
        "CREATE INDEX frame_time ON frame (tenant_id, t_min); DROP INDEX frame_other",
        "ALTER TABLE frame DROP CONSTRAINT frame_check; ALTER TABLE frame ALTER COLUMN epoch DROP NOT NULL",
        "-- DROP TABLE frame;\nCOMMENT ON TABLE frame IS 'never DROP TABLE; nor RENAME'",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DROP TABLE frame $$",
    ],
)
def test_what_only_adds_is_let_through(sql: str) -> None:
    assert breaches(sql) == []


def test_what_breaks_releases_says_so_and_only_those_that_nobody_runs_any_more() -> None:
    gone = Migration("0009_gone", "-- Breaks releases before 0.3: nothing has read it since.\nDROP TABLE frame;")
    assert (gone.breaks_before, Migration("0010_more", "-- A table.\n").breaks_before) == ("0.3", "")
    assert not may_break("0.3", [])
    assert not may_break("0.3", [(0, 3)])
    assert not may_break("0.3", [(0, 2), (0, 3)])
    assert may_break("0.3", [(0, 3), (0, 4)])
    assert may_break("0.3", [(0, 2), (0, 3), (0, 10)])
