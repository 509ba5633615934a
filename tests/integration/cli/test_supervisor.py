"""The supervisor with real children."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from dualspan_cli.errors import CommandError
from dualspan_cli.local import DataFolder, Ports
from dualspan_cli.processes import ChildProcess
from dualspan_cli.settings import inherited_environment
from dualspan_cli.supervisor import Member, MemberState, Service, Supervisor

SLEEPER = "import time; print('begun', flush=True); time.sleep(60)"


class Log:
    """What the supervisor reported."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, MemberState, str]] = []

    def __call__(self, member: Member, words: str) -> None:
        self.changes.append((member.name, member.state, words))

    def states(self, name: str) -> list[MemberState]:
        return [state for who, state, _ in self.changes if who == name]


def child(folder: Path, name: str, script: str) -> ChildProcess:
    return ChildProcess(name, [sys.executable, "-c", script], folder / f"{name}.log", inherited_environment())


def sleeper(folder: Path, name: str) -> Member:
    process = child(folder, name, SLEEPER)

    async def is_ready() -> bool:
        return "begun" in process.log_since_start()

    return Member(Service(process), is_ready)


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_a_server_that_cannot_start_says_why_and_the_others_stop(tmp_path: Path) -> None:
    """A server without a process has none to ask to stop."""

    class Refused:
        name = "refused"

        @property
        def child(self) -> ChildProcess:
            raise AssertionError("it has no process")

        def start(self) -> None:
            raise CommandError("FOLDER_UNREACHABLE", "choose another folder")

        def restart(self) -> None:
            raise AssertionError("it was never started")

        def stop(self) -> None:
            pass

    supervisor = Supervisor(Log())
    first = sleeper(tmp_path, "first")
    with pytest.raises(CommandError, match="choose another folder"):
        await supervisor.start(first, Member(Refused()))
    supervisor.stop()
    assert (first.state, first.server.child.pid) == (MemberState.STOPPED, None)


async def test_the_last_stage_stops_alone(tmp_path: Path) -> None:
    log = Log()
    supervisor = Supervisor(log)
    first, last = sleeper(tmp_path, "first"), sleeper(tmp_path, "last")
    await supervisor.start(first)
    await supervisor.start(last)
    try:
        supervisor.stop_last()
        assert (first.state, last.state) == (MemberState.READY, MemberState.STOPPED)
        assert first.server.child.pid is not None
        assert last.server.child.pid is None
        assert supervisor.members == [first]
    finally:
        supervisor.stop()


async def test_members_start_when_ready_and_stop_in_reverse(tmp_path: Path) -> None:
    log = Log()
    supervisor = Supervisor(log)
    first, second = sleeper(tmp_path, "first"), sleeper(tmp_path, "second")
    await supervisor.start(first)
    assert log.states("first") == [MemberState.STARTING, MemberState.READY]
    await supervisor.start(second)
    pids = [first.server.child.pid, second.server.child.pid]
    supervisor.stop()
    assert [name for name, state, _ in log.changes if state is MemberState.STOPPED] == ["second", "first"]
    assert not any(psutil.pid_exists(pid) for pid in pids if pid)


async def test_a_member_that_crashes_comes_back_with_growing_pauses(tmp_path: Path) -> None:
    log = Log()
    supervisor = Supervisor(log)
    member = sleeper(tmp_path, "crasher")
    await supervisor.start(member)
    watch = asyncio.create_task(supervisor.watch())
    for crash in range(2):
        pid = member.server.child.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda pid=pid: member.server.child.pid not in {None, pid} and member.state is MemberState.READY)
        assert log.states("crasher").count(MemberState.CRASHED) == crash + 1
    pauses = [words for _, state, words in log.changes if state is MemberState.CRASHED]
    assert "0.5 s" in pauses[0]
    assert "1.0 s" in pauses[1]
    watch.cancel()
    supervisor.stop()


async def test_what_a_crashed_member_left_behind_ends_before_it_starts_again(tmp_path: Path) -> None:
    script = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]); {SLEEPER}"
    process = child(tmp_path, "family", script)
    supervisor = Supervisor(Log())
    await supervisor.start(Member(Service(process)))
    await until(lambda: process.log_since_start().count("begun") == 2)
    assert process.pid is not None
    (orphan,) = psutil.Process(process.pid).children()
    watch = asyncio.create_task(supervisor.watch())
    os.kill(process.pid, signal.SIGKILL)
    await until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE)
    watch.cancel()
    supervisor.stop()


async def test_a_member_that_ends_at_once_fails_the_start_with_its_log(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    supervisor = Supervisor(Log())
    process = child(tmp_path, "broken", "import sys; sys.exit('no database: set DATABASE_URL')")
    with pytest.raises(CommandError, match="no database: set DATABASE_URL"):
        await supervisor.start(Member(Service(process), never))
    supervisor.stop()


async def test_a_member_that_will_not_stop_is_killed(tmp_path: Path) -> None:
    script = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
    process = child(tmp_path, "stubborn", script)
    process.start()
    await until(lambda: "begun" in process.log_since_start())
    process.stop(timeout=0.3)
    assert process.exit_code == -signal.SIGKILL


def test_the_log_is_kept_within_bounds(tmp_path: Path) -> None:
    process = child(tmp_path, "chatty", SLEEPER)
    process.log_path.write_bytes(b"x" * (33 << 20))
    process.rotate_log()
    assert process.log_path.stat().st_size == 0
    assert (tmp_path / "chatty.1.log").stat().st_size == 33 << 20


def test_taken_ports_are_replaced_and_remembered(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        chosen = Ports(identity=port).free()
        assert chosen.identity != port
    folder = DataFolder(tmp_path)
    first = folder.choose_ports(None)
    assert folder.choose_ports(None) == first


def test_a_data_folder_knows_whether_it_is_in_use(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    assert not folder.is_in_use()
    folder.lock.acquire()
    assert DataFolder(tmp_path).is_in_use()
    folder.lock.release()
    assert not DataFolder(tmp_path).is_in_use()


def test_secrets_are_for_their_owner_alone(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    secret = folder.service_secret()
    assert len(secret) >= 32
    assert folder.service_secret() == secret
    assert folder.secret_file.stat().st_mode & 0o777 == 0o600
