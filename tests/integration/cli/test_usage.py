"""What programs get when a command is used wrongly, and while services run."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

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


def test_a_service_that_crashes_is_an_event(tmp_path: Path) -> None:
    """Without settings identity cannot run: it crashes, is started again, and every change is one JSON line."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dualspan_cli", "serve", "identity", "--json"],
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    running = Running(tmp_path, process)
    try:
        running.wait_for(event="starting", member="identity")
        assert running.wait_for(event="running")["members"] == ["identity"]
        assert "ended with code" in running.wait_for(event="crashed", member="identity")["detail"]
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        running.wait_for(event="stopped", member="identity")
    finally:
        process.kill()
        running.close()
