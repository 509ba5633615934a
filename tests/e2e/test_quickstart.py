"""The quickstart as a newcomer runs it: a platform, a plant of over a thousand variables, one command."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from dualspan_cli.settings import child_environment
from harness.up import environment, free_row, up

WITHIN_S = 120.0
# The demonstration connects as many variables of three plants in the same way.
pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(300)]


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="dualspan-quickstart-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@contextmanager
def works(folder: Path) -> Generator[dict[str, Any]]:
    """The three halls behind one server."""
    command = [sys.executable, "-m", "plc_sim", "plants", "--plants=works", "--port-base=0", f"--data={folder}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=child_environment({})) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGTERM)


@contextmanager
def gateway_ends(folder: Path) -> Generator[None]:
    """What the quickstart started outlives it; not the test."""
    try:
        yield
    finally:
        status = folder / "gateway" / "status.json"
        if status.exists():
            pid = json.loads(status.read_text())["pid"]
            if psutil.pid_exists(pid):
                process = psutil.Process(pid)
                process.terminate()
                process.wait(20)


def quickstart(folder: Path, plant: dict[str, Any], *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dualspan_cli", "onboarding", "quickstart", "--json"]
    command += [f"--server={plant['endpoint_url']}", f"--username={plant['username']}", f"--data={folder}"]
    command += [f"--report={folder / 'report.json'}", "--prove-seconds=5", *more]
    return subprocess.run(
        command,
        env=environment(folder) | {"DUALSPAN_OPCUA_PASSWORD": plant["password"]},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_a_thousand_variables_in_two_minutes(folder: Path) -> None:
    with ExitStack() as stack:
        plant = stack.enter_context(works(folder / "plants"))
        stack.enter_context(up(folder, port_base=free_row()))
        stack.enter_context(gateway_ends(folder))

        # What was wrong the first time is not what the second time goes on with.
        foreign = quickstart(folder, plant | {"password": "wrong"}, "--fingerprint=" + "0" * 64)
        assert foreign.returncode == 1
        assert json.loads(foreign.stdout.splitlines()[-1])["error"]["reason"] == "FOREIGN_CERTIFICATE"

        result = quickstart(folder, plant, f"--fingerprint={plant['certificate_sha256']}")
        assert result.returncode == 0, (result.stdout + result.stderr)[-4000:]
        *steps, done = [json.loads(line) for line in result.stdout.splitlines()]
        assert [step["event"] for step in steps] == [
            "gateway",
            "discover",
            "certificate",
            "connect",
            "browse",
            "propose",
            "apply",
            "accept",
            "subscribe",
            "stream",
            "prove",
        ]
        assert done["seconds"] < WITHIN_S
        assert done["variables"] > 1000
        assert done["tags"] >= 1000
        assert done["assets"] > 20
        assert done["refused"] == 0
        assert done["complete_tags"] == done["tags"]
        assert done["samples_per_second"] > 100
        assert verified(folder).returncode == 0
        report = bytearray((folder / "report.json").read_bytes())
        report[len(report) // 2] ^= 1
        (folder / "report.json").write_bytes(report)
        assert verified(folder).returncode == 1

        again = quickstart(folder, plant)
        assert again.returncode == 0, again.stderr[-4000:]


def verified(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dualspan_cli", "verify-report", str(folder / "report.json")]
    return subprocess.run(command, env=environment(folder), capture_output=True, text=True, check=False)
