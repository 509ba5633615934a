"""Embedded PostgreSQL and Redis: durable, alone on their folder, and gone when their parent is."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis

from dualspan_cli.embedded import EmbeddedPostgres, EmbeddedRedis
from dualspan_cli.errors import CommandError, DataFolderInUseError


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the system user may reach: pytest's own is closed to it when root runs the tests."""
    path = Path(tempfile.mkdtemp(prefix="dualspan-embedded-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def postgres(folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(folder)
    server.start()
    yield server
    server.stop()


def ask(server: EmbeddedPostgres, sql: str) -> object:
    async def main() -> object:
        connection = await asyncpg.connect(server.url())
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(main())


def client(server: EmbeddedRedis) -> redis.Redis:
    return redis.Redis(unix_socket_path=server.url().removeprefix("redis+socket://"))


def wait_until_gone(pids: list[int], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while any(psutil.pid_exists(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still there: {[pid for pid in pids if psutil.pid_exists(pid)]}"
        time.sleep(0.05)


def test_commits_are_durable(postgres: EmbeddedPostgres) -> None:
    assert [ask(postgres, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")] == ["on"] * 3


def test_nothing_listens_on_tcp(postgres: EmbeddedPostgres) -> None:
    assert postgres.pid is not None
    assert not psutil.Process(postgres.pid).net_connections("inet")


def test_after_kill_9_it_comes_back_with_what_was_committed(postgres: EmbeddedPostgres) -> None:
    ask(postgres, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert postgres.pid is not None
    os.kill(postgres.pid, signal.SIGKILL)
    postgres.restart()
    assert ask(postgres, "SELECT answer FROM kept") == 42


def test_a_second_start_finds_its_data(folder: Path) -> None:
    server = EmbeddedPostgres(folder)
    server.start()
    ask(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    server.stop()
    again = EmbeddedPostgres(folder)
    again.start()
    try:
        assert ask(again, "SELECT answer FROM kept") == 42
    finally:
        again.stop()


def test_a_stale_pid_file_of_a_stranger_does_not_hinder(folder: Path, postgres: EmbeddedPostgres) -> None:
    postgres.stop()
    (folder / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}/postgres\n0\n5432\n\n\n\nready\n")
    postgres.start()
    assert ask(postgres, "SELECT 1") == 1


def test_an_unfinished_cluster_is_made_again(folder: Path) -> None:
    (folder / "postgres.new").mkdir()
    (folder / "postgres.new" / "half").touch()
    server = EmbeddedPostgres(folder)
    server.start()
    try:
        assert ask(server, "SELECT 1") == 1
    finally:
        server.stop()


def test_a_folder_has_one_server(folder: Path, postgres: EmbeddedPostgres) -> None:
    with pytest.raises(DataFolderInUseError, match=str(os.getpid())):
        EmbeddedPostgres(folder).start()
    assert ask(postgres, "SELECT 1") == 1


def test_a_long_path_gets_a_short_socket(folder: Path) -> None:
    folder.chmod(0o755)
    deep = folder / ("a-folder-with-a-long-name-" * 6)
    server, broker = EmbeddedPostgres(deep), EmbeddedRedis(deep)
    server.start()
    broker.start()
    try:
        assert ask(server, "SELECT 1") == 1
        assert client(broker).ping()
    finally:
        broker.stop()
        server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has PostgreSQL run as somebody else")
def test_a_folder_that_the_system_user_cannot_reach_is_refused_with_a_way_out(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(CommandError, match="--data"):
        EmbeddedPostgres(closed / "data").start()
    assert closed.stat().st_mode & 0o777 == 0o700


def test_redis_keeps_what_it_was_given(folder: Path) -> None:
    broker = EmbeddedRedis(folder)
    broker.start()
    with client(broker) as connection:
        connection.set("key", "value")
    assert broker.pid is not None
    time.sleep(1.2)  # appendfsync everysec
    os.kill(broker.pid, signal.SIGKILL)
    broker.restart()
    try:
        with client(broker) as connection:
            assert connection.get("key") == b"value"
    finally:
        broker.stop()


def test_servers_end_with_a_killed_parent(folder: Path) -> None:
    script = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from dualspan_cli.embedded import EmbeddedPostgres, EmbeddedRedis
        servers = EmbeddedPostgres(Path({str(folder)!r})), EmbeddedRedis(Path({str(folder)!r}))
        for server in servers: server.start()
        print(*(server.pid for server in servers), flush=True)
        time.sleep(60)
    """)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.kill()
    wait_until_gone(pids)
    server = EmbeddedPostgres(folder)
    server.start()
    try:
        assert ask(server, "SELECT 1") == 1
    finally:
        server.stop()
