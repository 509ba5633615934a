"""Tenants and people through the command line."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from dualspan_cli.failures import EXIT_NOT_FOUND, EXIT_UNAUTHENTICATED
from harness.up import Running, dualspan


@pytest.fixture
def run(running: Running) -> Callable[..., Any]:
    """Runs a command against the platform, expects success and returns its JSON."""

    def run_json(*arguments: str) -> Any:
        result = dualspan(*arguments, "--json", folder=running.folder)
        assert result.returncode == 0, result.stdout + result.stderr
        return json.loads(result.stdout)

    return run_json


def refused(running: Running, *arguments: str) -> tuple[int, str]:
    """The exit code and the reason of a command that fails."""
    told = dualspan(*arguments, "--json", folder=running.folder)
    return told.returncode, json.loads(told.stdout)["error"]["reason"]


@pytest.mark.parametrize("arguments", [("users", "list"), ("gateways", "create", "box")])
def test_nothing_is_made_of_a_tenant_that_does_not_exist(running: Running, arguments: tuple[str, ...]) -> None:
    assert refused(running, *arguments, "--tenant", "nobody") == (EXIT_NOT_FOUND, "TENANT_NOT_FOUND")


def test_a_user_is_changed_kept_out_and_let_in(running: Running, run: Callable[..., Any]) -> None:
    made = run("users", "create", "mei@home.example", "--role", "viewer")
    namesake = ("users", "create", "mei@elsewhere.example", "--role", "viewer")
    assert refused(running, *namesake)[1] == "USER_EXISTS"
    assert run(*namesake, "--id", "mei-2")["name"].endswith("/users/mei-2")
    changed = run("users", "update", "mei", "--role", "operator", "--role", "engineer", "--name", "Mei")
    assert (changed["roles"], changed["display_name"]) == (["ROLE_OPERATOR", "ROLE_ENGINEER"], "Mei")
    assert run("users", "update", made["name"], "--disable") == changed | {"disabled": True}
    sign_in = ("sign-in", "--email", "mei@home.example", "--password", made["password"])
    assert refused(running, *sign_in) == (EXIT_UNAUTHENTICATED, "BAD_CREDENTIALS")
    assert run("users", "update", "mei", "--enable") == changed
    assert refused(running, "users", "update", "mei") == (2, "NOTHING_TO_CHANGE")
    assert refused(running, "users", "update", "nobody", "--disable") == (EXIT_NOT_FOUND, "USER_NOT_FOUND")
