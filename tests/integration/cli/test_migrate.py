"""`dualspan migrate` on databases that cannot be brought up to date: one sentence says why, and what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dualspan_runtime.settings import CONFIGURATION_ERROR
from harness.databases import ClonedDatabase, execute, run_apart
from harness.up import environment

NEWER = "INSERT INTO historian.schema_migration (name, checksum, additive) VALUES ('9999_of_tomorrow', 'x', false)"
OLDER_THAN_IT = "The schema historian is newer than this program: it has 9999_of_tomorrow"


def migrate(url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dualspan_cli", "migrate"],
        env=environment(Path("/nonexistent")) | {"DUALSPAN_ADMIN_DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_schema_of_a_newer_release_is_named(database: ClonedDatabase) -> None:
    run_apart(execute(database.admin_url, NEWER))
    done = migrate(database.admin_url)
    assert done.returncode == CONFIGURATION_ERROR
    assert "Traceback" not in done.stderr
    assert f"SCHEMA_MISMATCH {OLDER_THAN_IT}. Install the release that wrote it, or a later one." in done.stderr


@pytest.mark.parametrize(
    ("url", "code", "said"),
    [
        ("{url}_of_nobody", CONFIGURATION_ERROR, "DATABASE_REFUSED PostgreSQL refuses the administrator: database"),
        ("postgresql://somebody@127.0.0.1:1/dualspan", 9, "DATABASE_UNREACHABLE PostgreSQL cannot be reached: "),
    ],
)
def test_a_database_that_does_not_let_it_in_is_named(database: ClonedDatabase, url: str, code: int, said: str) -> None:
    before, mark, after = database.admin_url.partition("?")
    done = migrate(url.format(url=before) + mark + after)
    assert done.returncode == code
    assert "Traceback" not in done.stderr
    assert said in done.stderr
