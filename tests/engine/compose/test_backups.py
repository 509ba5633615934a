"""The backup service beside a platform that streams; its database destroyed, restored, and as complete as before."""

import json
import time
from datetime import UTC, datetime

import pytest

from harness.compose import Compose

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1500)]


def taken(compose: Compose) -> list[dict[str, str]]:
    return json.loads(compose.dualspan("backup", "list", "--json"))


def test_a_database_that_was_destroyed_comes_back_complete(compose: Compose) -> None:
    compose.until_ended("connect")
    key = compose.dualspan("backup", "init", "/backups", "--key-file", "-")
    assert "AGE-SECRET-KEY-" in key
    since = datetime.now(UTC).isoformat()
    compose.run("up", "--detach", "backup")
    until = time.monotonic() + 120
    while not taken(compose) and time.monotonic() < until:
        time.sleep(2)
    (backup,) = taken(compose)
    time.sleep(15)  # the log of what came since
    verified = json.loads(compose.dualspan("verify", "--key-file", "-", "--json", stdin=key))
    assert (verified[0]["backup"], verified[0]["problems"]) == (backup["backup"], [])
    assert verified[0]["segments"] > 0
    doctor = compose.dualspan("doctor", "--json", check=False)
    assert {one["check"]: one["state"] for one in json.loads(doctor)["findings"]}["backup.log"] == "well"
    compose.run("stop", "backup")
    time.sleep(10)  # what comes now has no backup, and the gateway has it

    secret = compose.run("exec", "-T", "identity", "cat", "/run/secrets/platform/dualspan_service_secret")
    compose.run("--profile", "backup", "down", "--timeout", "20")
    compose.remove_volumes("postgres", "platform-secret", "database-secret")
    compose.run("run", "--rm", "-T", "--no-deps", "restore", "--key-file", "-", stdin=key)
    compose.run("run", "--rm", "-T", "--no-deps", "replay")
    compose.run("up", "--detach")
    compose.until_ended("connect")
    assert compose.run("exec", "-T", "identity", "cat", "/run/secrets/platform/dualspan_service_secret") == secret
    found = json.loads(compose.dualspan("demo", "--once", "--elsewhere", "--since", since))
    print(backup, found)
    assert (found["lost"], found["duplicated"], found["wrong"], found["gaps"]) == (0, 0, 0, 0)


def test_replay_says_what_comes_before_it(compose: Compose) -> None:
    done = compose.tried("run", "--rm", "-T", "--no-deps", "replay")
    assert done.returncode != 0
    assert "Nothing was restored" in done.stderr
