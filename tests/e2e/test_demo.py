"""The demonstration as a newcomer runs it: one command, three plants, and it proves itself."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dualspan_cli.apps_here import find_engine
from dualspan_cli.settings import CliSettings
from harness.up import environment, free_row


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="dualspan-demo-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_demonstration_verifies_itself(folder: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "dualspan_cli", "demo", "--once", "--json", f"--port-base={free_row()}"],
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    *events, report = [json.loads(line) for line in result.stdout.splitlines()]
    assert {"starting", "ready", "streaming", "app", "stopped"} <= {event["event"] for event in events}
    assert report["event"] == "report"
    assert {name: report[name] for name in ("plants", "lost", "duplicated", "gaps")} == {
        "plants": 3,
        "lost": 0,
        "duplicated": 0,
        "gaps": 0,
    }
    assert report["tags"] > 900
    assert report["samples_committed"] > 10_000
    assert report["latency_ms_p99"] > 0
    assert report["seconds_to_first_sample"] > 0
    assert (report["app"], report["app_sites"]) == ("oee-board", 3)
    assert report["app_machines"] > 30
    engine = find_engine(CliSettings())
    assert report["app_runs_as"] == ("docker" if engine else "process")
    assert not list(folder.glob("demo-once-*")), "a run that held leaves nothing behind"
