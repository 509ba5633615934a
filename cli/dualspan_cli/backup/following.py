"""Keeping a repository up to date: the log all the time, a backup every so many hours, old ones deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from dualspan_cli.backup.keys import is_repository
from dualspan_cli.backup.repository import Repository
from dualspan_cli.backup.taking import take
from dualspan_cli.backup.wal import Stream, follow
from dualspan_cli.errors import CommandError
from dualspan_cli.origins import Origin

_RETRY_SECONDS = 30.0
_LOOK_SECONDS = 2.0
_LONGEST_SLEEP = timedelta(minutes=5)
_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Following:
    """How often a backup is taken, in hours, and how many are kept."""

    every_hours: float
    keep: int


async def keep(repository: Repository, origin: Origin, stream: Stream, following: Following) -> None:
    """Does both until it is cancelled; what fails is said and tried again."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_again("log", lambda: follow(repository, stream)))
        group.create_task(_again("backup", lambda: _take_in_time(repository, origin, following)))


async def until_made(folder: Path) -> None:
    """Waits for somebody to make the repository, and says so: nobody else can, because the key goes to a person."""
    told = False
    while not is_repository(folder):
        if not told:
            _log.warning(
                "no repository of backups yet", folder=str(folder), make_it_with=f"dualspan backup init {folder}"
            )
            told = True
        await asyncio.sleep(_LOOK_SECONDS)


async def _again(what: str, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except CommandError as err:
            _log.error(f"{what} failed", reason=err.reason, error=str(err), again_in_seconds=_RETRY_SECONDS)
        except Exception:  # noqa: BLE001 - a connection that breaks off, a share that is away: none is the last word
            _log.exception(f"{what} failed", again_in_seconds=_RETRY_SECONDS)
        await asyncio.sleep(_RETRY_SECONDS)


async def _take_in_time(repository: Repository, origin: Origin, following: Following) -> None:
    while True:
        found = repository.backups()
        due = found[-1].started_at + timedelta(hours=following.every_hours) if found else datetime.now(UTC)
        wait = due - datetime.now(UTC)
        if wait > timedelta(0):
            # The computer may sleep or its clock be set: nobody trusts a long sleep.
            await asyncio.sleep(min(wait, _LONGEST_SLEEP).total_seconds())
            continue
        manifest = await take(repository, origin, lambda _size, _total: None)
        gone = await asyncio.to_thread(repository.prune, following.keep)
        _log.info("backup taken", backup=manifest.backup_id, bytes=manifest.stored_size, deleted=len(gone))
