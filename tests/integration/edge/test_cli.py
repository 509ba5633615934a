"""The command line, as a person or a program meets it."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from asyncua import ua
from integration.edge.plant import Plant, tag
from integration.edge.platform import GATEWAY, Platform
from integration.edge.running import RunningGateway, until

from dualspan.frame.v1 import frame_pb2
from dualspan_cli.settings import child_environment
from dualspan_edge.__main__ import EXIT_FAILED, EXIT_NOT_RUNNING


async def _command(folder: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    environment = child_environment({"DUALSPAN_GATEWAY_DATA_DIR": str(folder)}) | more
    command = [sys.executable, "-m", "dualspan_edge", *arguments]
    return await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


async def test_enroll_and_run_without_one(platform: Platform, tmp_path: Path) -> None:
    folder = tmp_path / "box"
    not_yet = await _command(folder, "run")
    assert not_yet.returncode == EXIT_FAILED
    assert "dualspan-gateway enroll" in not_yet.stderr
    enrolled = await _command(folder, "enroll", platform.token())
    assert enrolled.returncode == 0, enrolled.stderr
    assert GATEWAY in enrolled.stdout
    again = await _command(folder, "enroll", platform.token())
    assert again.returncode == EXIT_FAILED
    assert "Traceback" not in again.stderr
    assert (await _command(folder, "status", "--json")).returncode == EXIT_NOT_RUNNING


def _says_in_one_line(answer: "subprocess.CompletedProcess[str]", words: str) -> None:
    assert answer.returncode == EXIT_FAILED
    (line,) = answer.stderr.splitlines()
    assert words in line


async def test_what_is_set_wrong_is_said_in_one_line(tmp_path: Path) -> None:
    wrong = await _command(tmp_path, "run", DUALSPAN_GATEWAY_BUFFER_MAX_BYTES="plenty")
    _says_in_one_line(wrong, "DUALSPAN_GATEWAY_BUFFER_MAX_BYTES")
    file = tmp_path / "file"
    file.touch()
    _says_in_one_line(await _command(file / "box", "run"), str(file / "box"))


async def test_status(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    await plant.add("count", 0, ua.VariantType.UInt32)
    platform.onboarding.configure(plant.configuration(tag(2, "count", frame_pb2.VALUE_KIND_INT64)))
    box.start()
    await until(lambda: platform.onboarding.complete_revision == 1, "every item is reported")
    await asyncio.sleep(0.5)
    folder = box.settings.data_dir
    answer = await _command(folder, "status", "--json")
    document = json.loads(answer.stdout)
    assert answer.returncode == 0, answer.stdout
    assert (document["gateway"], document["configuration"]["complete"]) == (GATEWAY, True)
    words = await _command(folder, "status")
    assert "plant: connected, 1 items" in words.stdout
