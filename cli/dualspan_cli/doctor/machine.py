"""What can be seen on this machine: disks, and the repository of backups."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from dualspan_cli.backup.keys import is_repository
from dualspan_cli.backup.repository import Repository
from dualspan_cli.doctor.model import Finding, State
from dualspan_cli.errors import CommandError

_GIGABYTE = 1e9
# PostgreSQL ends when its log finds no room, and Redis refuses tasks: what is left must last until somebody comes.
_LEAST_FREE, _LEAST_SHARE = 512 << 20, 0.03
_SOON_FREE, _SOON_SHARE = 5 << 30, 0.10
_OVERDUE = 2.0


def look_at_disk(folder: Path, what: str) -> Finding:
    """How much room there is where something is kept."""
    usage = shutil.disk_usage(folder)
    left = f"{usage.free / _GIGABYTE:.1f} of {usage.total / _GIGABYTE:.1f} GB are left for {what}"
    advice = "Make room, or give it a larger disk; `dualspan platform status` shows which tables take most"
    if usage.free < min(_LEAST_FREE, usage.total * _LEAST_SHARE):
        return Finding("disk", str(folder), State.ERROR, f"The disk is full: {left}", f"{advice}, now.")
    if usage.free < min(_SOON_FREE, usage.total * _SOON_SHARE):
        return Finding("disk", str(folder), State.WARNING, f"The disk is nearly full: {left}", f"{advice}.")
    return Finding("disk", str(folder), State.WELL, left)


def look_at_backups(folder: Path | None, every_hours: float, now: datetime) -> list[Finding]:
    """How old the newest backup is, and the newest of the log."""
    if folder is None or not is_repository(folder):
        words = "No repository of backups is named here" if folder is None else f"{folder} is no repository of backups"
        advice = (
            "If backups are taken elsewhere, name theirs with DUALSPAN_BACKUP_REPOSITORY; else make one with "
            "`dualspan backup init`."
        )
        return [Finding("backup", "", State.WARNING, words, advice)]
    try:
        backups = Repository(folder).backups()
    except CommandError as err:
        return [Finding("backup", str(folder), State.ERROR, str(err), "Look at it with `dualspan verify --all`.")]
    if not backups:
        advice = "Take one with `dualspan backup take`, or have `dualspan backup follow` run."
        return [Finding("backup", str(folder), State.ERROR, "There is no backup", advice)]
    newest = backups[-1]
    age = now - newest.finished_at
    words = f"The newest backup, {newest.backup_id}, is {_span(age)} old"
    if age > timedelta(hours=every_hours * _OVERDUE):
        advice = "Does `dualspan backup follow` run? Its log says what keeps it from taking another."
        return [Finding("backup", str(folder), State.ERROR, words, advice), look_at_disk(folder, "backups")]
    return [Finding("backup", str(folder), State.WELL, words), look_at_disk(folder, "backups")]


def _span(time: timedelta) -> str:
    hours = time / timedelta(hours=1)
    return f"{hours * 60:.0f} min" if hours < 2 else f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"
