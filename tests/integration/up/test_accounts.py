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


def test_an_identity_provider_that_is_none_is_not_added(running: Running, run: Callable[..., Any]) -> None:
    add = (
        "oidc",
        "create",
        "works",
        "--client-id",
        "dualspan",
        "--client-secret",
        "s",
        "--email-domain",
        "home.example",
    )
    assert refused(running, *add, "--issuer", "http://127.0.0.1:9")[1] == "OIDC_PROVIDER_WRONG"
    assert refused(running, *add, "--issuer", "https://127.0.0.1:9")[1] == "OIDC_PROVIDER_UNREACHABLE"
    assert run("oidc", "list") == []
    assert refused(running, "oidc", "delete", "works") == (EXIT_NOT_FOUND, "OIDC_PROVIDER_NOT_FOUND")


def test_who_runs_the_platform_sees_how_it_is_and_what_it_shows(run: Callable[..., Any]) -> None:
    told = {each["name"].split("/")[1]: each for each in run("platform", "status")}
    assert set(told) == {"identity", "onboarding", "historian", "analytics", "marketplace"}
    assert all(int(each["tables"][0]["bytes"]) > 0 for each in told.values())
    counts = {each["kind"]: int(each.get("count", 0)) for each in run("platform", "evidence")}
    assert counts["asset-models"] > 0
    assert [each["kind"] for each in run("platform", "evidence", "industries")] == ["industries"]
