"""Local processes: one at a time, found again, ended to the last of them, told nothing of the platform's secrets."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from dualspan_manifest import Resources, Run, parse
from dualspan_marketplace.deployments.health import answers
from dualspan_marketplace.deployments.process import launch
from dualspan_marketplace.deployments.process.provisioner import ProcessProvisioner, limits
from dualspan_marketplace.deployments.provisioner import Given, Holding, Orders
from dualspan_marketplace.subscriptions.model import SubscriptionName
from harness.marketplace import MANIFEST
from harness.process_apps import interpreter

NAME = SubscriptionName("acme", "oee")
SAMPLE = parse(MANIFEST)


def orders(how: str = "well", generation: int = 1) -> Orders:
    manifest = replace(SAMPLE, run=Run("", None, how))
    files = [Given("TOKEN_FILE", "token", b"first")]
    return Orders(NAME, generation, "maker", manifest, {"HISTORIAN": "127.0.0.1:7403"}, files)


@pytest_asyncio.fixture
async def provisioner(tmp_path: Path) -> AsyncGenerator[ProcessProvisioner]:
    made = ProcessProvisioner(tmp_path / "apps", ["maker"], interpreter(tmp_path))
    yield made
    await made.remove(NAME)


async def well(provisioner: ProcessProvisioner) -> int:
    """The process id of the one that runs, once it answers."""
    async with asyncio.timeout(20):
        while True:
            (found,) = (await provisioner.observe(NAME)).instances
            assert found.alive, found.words
            if await answers(found.address, SAMPLE.health):
                return int(found.handle)
            await asyncio.sleep(0.02)


async def last_words(provisioner: ProcessProvisioner) -> str:
    async with asyncio.timeout(20):
        while True:
            (found,) = (await provisioner.observe(NAME)).instances
            if not found.alive:
                return found.words
            await asyncio.sleep(0.02)


def of_session(pid: int) -> list[int]:
    """All processes that live of a session."""
    pids = [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]
    return [each for each in pids if launch.stat(each)[1] == pid and launch.ticks(each)]


def content(path: str | Path) -> str:
    return Path(path).read_text("utf-8")


async def test_many_at_once_start_one(provisioner: ProcessProvisioner) -> None:
    await asyncio.gather(*(provisioner.ensure(orders()) for _ in range(4)))
    pid = await well(provisioner)
    await provisioner.ensure(orders())
    assert await well(provisioner) == pid
    assert of_session(pid) == [pid]


async def test_another_worker_finds_it_and_ends_it(provisioner: ProcessProvisioner, tmp_path: Path) -> None:
    await provisioner.ensure(orders(generation=3))
    pid = await well(provisioner)
    other = ProcessProvisioner(tmp_path / "apps", [])
    assert await other.subscriptions() == [NAME]
    (found,) = (await other.observe(NAME)).instances
    assert (found.handle, found.generation, found.alive) == (str(pid), 3, True)
    await other.remove(NAME)
    assert launch.ticks(pid) == 0
    assert await other.observe(NAME) == Holding()
    assert await other.subscriptions() == []


async def test_what_it_uses_rises_while_it_works(provisioner: ProcessProvisioner) -> None:
    assert await provisioner.consumption(NAME) == []
    await provisioner.ensure(orders())
    pid = await well(provisioner)
    (first,) = await provisioner.consumption(NAME)
    # To start, Python needs some hundredths of a second, and some MiB.
    assert first.cpu_us > 0
    assert 4 << 20 < first.memory_bytes < 1 << 30
    (later,) = await provisioner.consumption(NAME)
    assert (later.instance, later.started) == (first.instance, first.started)
    assert later.cpu_us >= first.cpu_us
    assert first.started < first.time < later.time
    os.kill(pid, 9)
    await last_words(provisioner)
    assert await provisioner.consumption(NAME) == [], "what has ended uses nothing"


async def test_one_that_will_not_end_is_ended_with_its_children(provisioner: ProcessProvisioner) -> None:
    await provisioner.ensure(orders("stubborn"))
    pid = await well(provisioner)
    await provisioner.remove(NAME)
    assert not of_session(pid)


async def test_the_last_words_of_one_that_died(provisioner: ProcessProvisioner) -> None:
    await provisioner.ensure(orders("dies"))
    assert await last_words(provisioner) == "no such machine"


async def test_what_cannot_be_run_says_why(tmp_path: Path) -> None:
    provisioner = ProcessProvisioner(tmp_path / "apps", ["maker"], [str(tmp_path / "nowhere")])
    await provisioner.ensure(orders())
    assert "No such file" in await last_words(provisioner)
    await provisioner.remove(NAME)


async def test_it_knows_nothing_of_the_platforms_secrets(
    provisioner: ProcessProvisioner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUALSPAN_SERVICE_SECRET", "of the platform")
    await provisioner.ensure(orders())
    await well(provisioner)
    folder = tmp_path / "apps/acme/oee"
    told = json.loads(content(folder / "data/environment.json"))
    assert "of the platform" not in json.dumps(told)
    token = told["DUALSPAN_APP_TOKEN_FILE"]
    assert (content(token), os.stat(token).st_mode & 0o777) == ("first", 0o600)  # noqa: PTH116 - at once
    await provisioner.deliver(replace(orders(), files=[Given("TOKEN_FILE", "token", b"second")]))
    assert content(token) == "second"


async def test_a_stranger_who_has_its_number_now_is_left_alone(provisioner: ProcessProvisioner, tmp_path: Path) -> None:
    folder = tmp_path / "apps/acme/oee"
    folder.mkdir(parents=True)
    command = [sys.executable, "-c", "input()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as stranger:  # noqa: ASYNC220
        record = {"pid": stranger.pid, "ticks": launch.ticks(stranger.pid) + 1, "boot": launch.boot()}
        (folder / launch.RECORD).write_text(json.dumps({**record, "generation": 1, "port": 1}), "utf-8")
        (found,) = (await provisioner.observe(NAME)).instances
        assert not found.alive
        await provisioner.remove(NAME)
        assert not folder.exists()
        assert stranger.poll() is None


def test_only_apps_of_those_who_run_the_platform(tmp_path: Path) -> None:
    provisioner = ProcessProvisioner(tmp_path, ["maker"])
    assert not provisioner.refuses(orders().manifest, "maker")
    assert "those who run the platform" in provisioner.refuses(orders().manifest, "another")
    assert "no module" in provisioner.refuses(SAMPLE, "maker")


def test_limits_are_the_manifests() -> None:
    assert limits(Resources(500, 256 << 20, 64, 16 << 20)) == {
        "RLIMIT_DATA": 256 << 20,
        "RLIMIT_STACK": 1 << 20,
        "RLIMIT_FSIZE": 16 << 20,
        "RLIMIT_NOFILE": 1024,
        "RLIMIT_CORE": 0,
    }


async def test_limits_are_in_force(provisioner: ProcessProvisioner) -> None:
    await provisioner.ensure(orders())
    pid = await well(provisioner)
    text = content(f"/proc/{pid}/limits")
    held = next(line for line in text.splitlines() if line.startswith("Max data size"))
    assert str(SAMPLE.resources.memory) in held
    assert "NoNewPrivs:\t1" in content(f"/proc/{pid}/status")
    assert os.getsid(pid) == pid
