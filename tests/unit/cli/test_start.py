"""What a command imports before it does something: people wait for it every time."""

import json
import subprocess
import sys

import pytest
import typer

from dualspan_cli.main import command_line

# Each takes a tenth of a second and more.
HEAVY = ("numpy", "asyncpg", "jsonschema", "dualspan_cli.commands.onboarding")


def names(app: typer.Typer) -> set[str]:
    return {str(each.name) for each in (*app.registered_commands, *app.registered_groups)}


@pytest.mark.parametrize("group", ["tenants", "statements", "analytics"])
def test_a_command_imports_no_more_than_it_needs(group: str) -> None:
    program = (
        "import json, sys; from dualspan_cli.main import command_line; "
        f"command_line([{group!r}]); print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == []


def test_the_first_word_chooses_and_anything_else_shows_all() -> None:
    assert names(command_line(["tags", "list"])) == {"tags"}
    everything = names(command_line([]))
    assert {"up", "demo", "verify-report", "tenants", "analytics", "statements"} <= everything
    for words in (["--help"], ["--help", "tags"], ["tgas"]):
        assert names(command_line(words)) == everything
