"""`python -m plc_sim` as others run it."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from plc_sim.control import ControlClient


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "plc_sim", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ready(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, process.communicate()[1]
    return json.loads(line)


def stop(process: subprocess.Popen[str], number: signal.Signals) -> str:
    process.send_signal(number)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    return output


async def test_plants_come_back_as_they_were(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        process = start("plants", "--port-base", "0", "--plants", "curing", "--data", str(tmp_path), "--seed", "3")
        try:
            lines.append(ready(process))
            async with await ControlClient.connect(lines[-1]["control"]) as control:
                status = await control.call("curing", "status")
                assert status["certificate_sha256"] == lines[-1]["certificate_sha256"]
        finally:
            stop(process, number)
    for field in ("plant", "certificate_sha256", "variables", "username", "password"):
        assert lines[0][field] == lines[1][field]
    assert (tmp_path / "credentials.json").stat().st_mode & 0o077 == 0
    assert (tmp_path / "curing" / "server.key.pem").stat().st_mode & 0o077 == 0


def test_load_prints_what_it_does_and_what_it_did(tmp_path: Path) -> None:
    process = start("load", "--port", "0", "--rate", "1000", "--items", "50", "--data", str(tmp_path))
    try:
        line = ready(process)
        assert (line["plant"], line["variables"], line["rate"], line["tick_us"]) == ("load", 50, 1000.0, 50_000)
        assert line["endpoint_url"].startswith("opc.tcp://127.0.0.1:")
    finally:
        output = stop(process, signal.SIGTERM)
    assert json.loads(output)["statistics"]["sent"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["plants", "--plants", "brewery"], "unknown plant 'brewery'"),
        (["load", "--rate", "0"], "above zero"),
        (["paint"], "invalid choice"),
    ],
)
def test_mistakes_are_named(arguments: list[str], words: str) -> None:
    process = start(*arguments)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert words in errors
    assert "Traceback" not in errors
