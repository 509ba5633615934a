"""What is wrong is said in one sentence in the log of who cannot start, and by the doctor in a container."""

import json
import time
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from harness.compose import Compose

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]
NEWER = "9999_of_tomorrow"


@contextmanager
def password_of(compose: Compose, word: str) -> Generator[None]:
    """Services have another one than the database."""
    path = "/run/secrets/database/dualspan_database_password"
    right = compose.run("exec", "-T", "identity", "cat", path).strip()
    give = ("run", "--rm", "-T", "--no-deps", "-e")
    compose.run(*give, f"DUALSPAN_DATABASE_PASSWORD={word}", "secrets")
    try:
        yield
    finally:
        compose.run(*give, f"DUALSPAN_DATABASE_PASSWORD={right}", "secrets")


def said(compose: Compose, service: str, words: str) -> str:
    """The line of its log that has these words, when it has come."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        lines = [line for line in compose.logs(service).splitlines() if words in line]
        if lines:
            return lines[-1]
        time.sleep(1)
    raise AssertionError(compose.logs(service)[-3000:])


def findings(compose: Compose) -> list[dict[str, str]]:
    return json.loads(compose.dualspan("doctor", "--json", check=False))["findings"]


def of(found: list[dict[str, str]], check: str, subject: str) -> dict[str, str]:
    return next(one for one in found if (one["check"], one["subject"]) == (check, subject))


def test_the_doctor_in_a_container_sees_a_platform_that_is_well(compose: Compose) -> None:
    compose.until_ended("connect")
    found = findings(compose)
    assert {one["check"] for one in found if one["state"] == "error"} == set(), found
    assert of(found, "service", "console")["state"] == "well"
    assert of(found, "redis", "redis")["state"] == "well"
    assert of(found, "gateway", "tenants/home/gateways/demo-gateway")["state"] == "well"


def test_a_wrong_database_password(compose: Compose) -> None:
    with password_of(compose, "another"):
        compose.run("restart", "identity")
        line = said(compose, "identity", "cannot start")
        assert "password authentication failed" in line
        assert "DUALSPAN_IDENTITY_DATABASE_URL" in line
        refused = of(findings(compose), "database.password", "historian")
        assert (refused["state"], "password" in refused["message"]) == ("error", True)
    compose.run("restart", "identity")
    compose.until_back("identity", -1)


def test_a_database_of_a_newer_schema(compose: Compose) -> None:
    compose.psql(f"INSERT INTO identity.schema_migration (name, checksum) VALUES ('{NEWER}', 'x')")
    try:
        compose.run("restart", "identity")
        assert "Install the release that wrote it" in said(compose, "identity", NEWER)
        newer = of(findings(compose), "database.schema", "identity")
        assert (newer["state"], newer["advice"]) == ("error", "Install the release that wrote it, or a later one.")
    finally:
        compose.psql(f"DELETE FROM identity.schema_migration WHERE name = '{NEWER}'")
    compose.until_back("identity", -1)
