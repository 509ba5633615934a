"""What programs get when a command is used wrongly, and while services run."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dualspan_cli.failures import EXIT_NOT_FOUND, EXIT_UNAUTHENTICATED
from dualspan_cli.session import Addresses, Credential
from harness.up import Running, dualspan, environment


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("serve", "nothing"), "UNKNOWN_SERVICE"),
        (("worker", "nothing"), "UNKNOWN_QUEUE"),
        (("serve",), "USAGE"),
        (("up", "--nonsense"), "USAGE"),
        (("demo", "--port-base", "many"), "USAGE"),
        (("nonsense",), "USAGE"),
    ],
)
def test_wrong_usage_is_told_in_the_form_that_was_asked_for(
    tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    told = dualspan(*arguments, "--json", folder=tmp_path)
    assert told.returncode == 2, told.stdout + told.stderr
    error = json.loads(told.stdout)["error"]
    assert error["reason"] == reason
    assert error["message"]
    shown = dualspan(*arguments, folder=tmp_path)
    assert (shown.returncode, shown.stdout) == (2, "")
    assert shown.stderr


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_service_without_its_settings_names_them_and_ends(tmp_path: Path, form: tuple[str, ...]) -> None:
    told = dualspan("serve", "identity", *form, folder=tmp_path)
    assert told.returncode != 0
    assert "DUALSPAN_SERVICE_SECRET is not set" in told.stdout + told.stderr
    assert "Traceback" not in told.stdout + told.stderr


def test_ports_that_are_asked_for_and_taken_are_named(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        told = dualspan("up", "--port-base", str(port), "--json", folder=tmp_path)
    error = json.loads(told.stdout.splitlines()[-1])["error"]
    assert error["reason"] == "PORT_TAKEN"
    assert str(port) in error["message"]


def test_a_data_folder_that_cannot_be_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    told = dualspan("up", "--data", str(tmp_path / "file" / "below"), "--json", folder=tmp_path)
    assert json.loads(told.stdout)["error"]["reason"] == "DATA_FOLDER_UNUSABLE"


def test_a_data_folder_that_was_named_goes_before_a_sign_in(running: Running, tmp_path: Path) -> None:
    first = running.sign_in()
    ready = running.wait_for(event="running")
    elsewhere = environment(tmp_path)
    del elsewhere["DUALSPAN_DATA_DIR"]
    services = ("identity", "onboarding", "historian", "analytics", "marketplace")
    addresses = Addresses(*(ready[name] for name in services))
    Credential(addresses, first["email"], first["tenant"], "stale").save(Path(elsewhere["DUALSPAN_CREDENTIAL_FILE"]))

    def gateways(*options: str) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-m",
            "dualspan_cli",
            "gateways",
            "list",
            "--tenant",
            first["tenant"],
            "--json",
            *options,
        ]
        return subprocess.run(command, env=elsewhere, capture_output=True, text=True, timeout=60, check=False)

    assert gateways().returncode == EXIT_UNAUTHENTICATED
    assert gateways("--data", str(running.folder)).returncode == 0
    stopped = gateways("--data", str(tmp_path / "stopped"))
    assert json.loads(stopped.stdout)["error"]["reason"] == "NOT_RUNNING"


def test_a_reader_that_has_enough_is_no_error(running: Running) -> None:
    command = f"{sys.executable} -m dualspan_cli users list --json | head -c 1"
    told = subprocess.run(
        ["bash", "-c", command],
        env=environment(running.folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.stderr == ""


def test_what_is_mistyped_is_told_before_anything_is_asked_or_done(running: Running) -> None:
    for arguments, code, reason in (
        (("discover", "nonsense"), 2, "SCOPE_EMPTY"),
        (("discover", "nonsense", "127.0.0.1:34300-34302"), 2, "MALFORMED_ADDRESS"),
        (("test-connection", "opc.tcp://plc7:4840"), 2, "SUBJECT_MISSING"),
        (("gateways", "replace", "nope"), EXIT_NOT_FOUND, "GATEWAY_NOT_FOUND"),
    ):
        told = dualspan("onboarding", *arguments, "--tenant", "home", folder=running.folder)
        assert told.returncode == code, told.stderr
        assert reason in told.stderr
        assert "Go on?" not in told.stderr
