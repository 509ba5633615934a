"""`dualspan up` and the commands that talk to it, as a user runs them."""

import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from harness.up import Running, dualspan, free_row, up

MEMBERS = (
    "postgres",
    "redis",
    "identity",
    "onboarding",
    "historian",
    "analytics",
    "marketplace",
    "console",
    "access",
    "worker",
    "analytics-worker",
    "marketplace-worker",
)


@pytest.fixture
def run(running: Running) -> Callable[..., object]:
    """Runs a command against the platform, expects success and returns its JSON."""

    def run_json(*arguments: str) -> object:
        result = dualspan(*arguments, "--json", folder=running.folder)
        assert result.returncode == 0, result.stdout + result.stderr
        return json.loads(result.stdout) if result.stdout else None

    return run_json


def test_every_member_becomes_ready_and_the_last_word_says_where(running: Running) -> None:
    for member in MEMBERS:
        running.wait_for(event="ready", member=member)
    ready = running.wait_for(event="running")
    assert ready["console"].startswith("http://127.0.0.1:")
    assert Path(ready["sign_in_file"]).stat().st_mode & 0o777 == 0o600


def test_a_second_instance_on_the_folder_is_refused(running: Running) -> None:
    result = dualspan("up", "--json", folder=running.folder)
    assert result.returncode == 3
    error = json.loads(result.stdout)["error"]
    assert error["reason"] == "DATA_FOLDER_IN_USE"
    assert str(running.process.pid) in error["message"]


def test_tenants_users_and_gateways_through_the_command_line(running: Running, run: Callable[..., object]) -> None:
    tenant = run("tenants", "create", "acme", "--name", "Acme")
    listed = run("tenants", "list")
    assert isinstance(tenant, dict)
    assert isinstance(listed, list)
    assert tenant["display_name"] == "Acme"
    assert tenant in listed
    user = run("users", "create", "li@acme.example", "--role", "engineer", "--tenant", "acme")
    assert isinstance(user, dict)
    assert len(user["password"]) >= 10
    assert run("gateways", "create", "box", "--site", "Wuhan", "--tenant", "acme")
    token = run("gateways", "enrolment-token", "box", "--tenant", "acme")
    assert isinstance(token, dict)
    assert token["enrolment_token"].startswith("dse1.")
    again = dualspan("gateways", "create", "box", "--tenant", "acme", "--json", folder=running.folder)
    assert again.returncode == 8
    assert json.loads(again.stdout)["error"]["reason"] == "GATEWAY_EXISTS"


def test_a_person_signs_in_and_acts_as_that_person(running: Running, run: Callable[..., object]) -> None:
    first = running.sign_in()
    answer = run("sign-in", "--email", first["email"], "--password", first["password"])
    credential = running.folder / "credential.json"
    try:
        assert isinstance(answer, dict)
        assert answer["tenant"] == first["tenant"]
        assert credential.stat().st_mode & 0o777 == 0o600
        token = run("tokens", "create", "for a test", "--role", "viewer", "--lifetime", "1h")
        assert isinstance(token, dict)
        assert token["secret"]
        assert run("sign-out") == {"signed_out": True}
        assert not credential.exists()
    finally:
        credential.unlink(missing_ok=True)


def test_a_wrong_password_says_what_to_do(running: Running) -> None:
    first = running.sign_in()
    result = dualspan("sign-in", "--email", first["email"], "--password", "not this one", folder=running.folder)
    assert result.returncode == 5
    assert "dualspan sign-in" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_query_without_such_a_tag_is_not_found(running: Running) -> None:
    result = dualspan("query", "latest", "no such tag", "--json", folder=running.folder)
    assert result.returncode == 7
    assert json.loads(result.stdout)["error"]["reason"] == "UNKNOWN_TAG"


def test_a_fresh_gap_ledger_is_empty(run: Callable[..., object]) -> None:
    assert run("gaps", "list") == []


def test_a_killed_service_comes_back(running: Running) -> None:
    (historian,) = [one for one in running.family() if "dualspan_historian" in one.cmdline()]
    historian.kill()
    running.wait_for(event="crashed", member="historian")
    running.wait_for(event="ready", member="historian", detail="ready again")


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="dualspan-up-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def runs(process: psutil.Process) -> bool:
    """Whether it does; one that has ended and that nobody asked about does not."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


@pytest.mark.slow
@pytest.mark.long
def test_a_killed_supervisor_takes_everything_along_and_ctrl_c_stops_everything(folder: Path) -> None:
    with up(folder, port_base=free_row()) as first:
        assert dualspan("tenants", "create", "kept", "--json", folder=folder).returncode == 0
        family = first.family()
        assert len(family) >= len(MEMBERS)
        os.kill(first.process.pid, signal.SIGKILL)
        first.process.wait()
        deadline = time.monotonic() + 30
        while any(runs(process) for process in family):
            assert time.monotonic() < deadline, [process for process in family if runs(process)]
            time.sleep(0.1)
    # Nothing of it hinders the next start, which finds its data.
    with up(folder) as second:
        listed = json.loads(dualspan("tenants", "list", "--json", folder=folder).stdout)
        assert {"tenants/home", "tenants/kept"} <= {tenant["name"] for tenant in listed}
        assert second.sign_in() == first.sign_in()
        family = second.family()
        assert second.stop() == 0
        assert not [process for process in family if runs(process)]
        stops = [event["member"] for event in second.events if event["event"] == "stopped"]
        assert sorted(stops) == sorted(MEMBERS)
        assert set(stops[-2:]) == {"postgres", "redis"}
