"""The data folder of one machine: who holds it, where its sockets are, as which system user its servers run."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from dualspan_cli.errors import CommandError, DataFolderInUseError

# A Unix socket's path may be 107 bytes long (104 on macOS); the longest name in the folder takes 20 of them.
_SOCKET_FOLDER_LIMIT = 80
_SYSTEM_USER = "dualspan"
# Who only looks whether a folder is held holds it for a moment too.
_PATIENCE_SECONDS = 1.0
_USERS = Path("/etc/passwd")


class FolderLock:
    """Holds a folder for as long as this process lives; the kernel lets go even after kill -9."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Takes the lock.

        Raises:
            DataFolderInUseError: Another living process holds it.
            CommandError: The folder cannot be made or written to.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = self._path.open("a+")
        except OSError as err:
            why = "it is a file" if isinstance(err, FileExistsError | NotADirectoryError) else err.strerror
            raise CommandError(
                "DATA_FOLDER_UNUSABLE",
                f"{self._path.parent} cannot be used as data folder: {why}. Choose another with --data.",
            ) from err
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not _try_lock(file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                file.seek(0)
                holder = file.read().strip()
                file.close()
                raise DataFolderInUseError(self._path.parent, f"process {holder}" if holder else "another process")
            time.sleep(0.05)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def is_held(self) -> bool:
        """Whether a living process holds the folder; changes nothing in it."""
        try:
            with self._path.open() as file:
                return not _try_lock(file, fcntl.LOCK_SH)
        except OSError:
            return False

    def release(self) -> None:
        """Lets go. Does nothing if it was not held."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _try_lock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def system_user() -> str | None:
    """The user that PostgreSQL runs as, which refuses to be root: None when this process is not root itself."""
    if os.geteuid() != 0:
        return None
    if _user_exists(_SYSTEM_USER):
        return _SYSTEM_USER
    useradd = shutil.which("useradd", path=f"{os.defpath}:/usr/sbin:/sbin")
    if useradd is not None:
        _add_user([useradd, "--system", "--no-create-home", "--shell", "/bin/false", _SYSTEM_USER])
    return _SYSTEM_USER if _user_exists(_SYSTEM_USER) else "nobody"


def _add_user(useradd: Sequence[str]) -> None:
    """One first start after the other: of two useradd(8) at once both succeed, and the second changes the user's id."""
    with _USERS.open() as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        if not _user_exists(_SYSTEM_USER):
            subprocess.run(useradd, check=False, capture_output=True)


def socket_folder(data_dir: Path, owner: str | None) -> Path:
    """A folder for the Unix sockets of a data folder, its path short enough, closed to everybody but `owner`.

    Raises:
        CommandError: Somebody else made a folder of that name.
    """
    folder = data_dir / "run"
    if len(os.fsencode(folder)) > _SOCKET_FOLDER_LIMIT:
        digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"dualspan-{digest}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    expected = pwd.getpwnam(owner).pw_uid if owner is not None else os.geteuid()
    if folder.is_symlink() or folder.stat().st_uid not in {os.geteuid(), expected}:
        raise CommandError("SOCKET_FOLDER_TAKEN", f"{folder} belongs to somebody else. Remove it and start again.")
    give(folder, owner)
    folder.chmod(0o700)
    return folder


def give(path: Path, owner: str | None) -> None:
    """Makes `owner` the owner of a folder; does nothing for None."""
    if owner is not None:
        entry = pwd.getpwnam(owner)
        os.chown(path, entry.pw_uid, entry.pw_gid)


def check_reachable(data_dir: Path, user: str | None) -> None:
    """Makes sure that the system user can enter the data folder.

    Only the data folder itself is opened (for passing through, not for reading); the folders above it belong to
    somebody else, and are left as they are.

    Raises:
        CommandError: A folder above it is closed to that user.
    """
    if user is None:
        return
    data_dir.chmod(data_dir.stat().st_mode | 0o011)
    entry = pwd.getpwnam(user)
    for folder in data_dir.resolve().parents:
        status = folder.stat()
        needed = 0o100 if status.st_uid == entry.pw_uid else 0o010 if status.st_gid == entry.pw_gid else 0o001
        if not status.st_mode & needed:
            raise CommandError(
                "DATA_FOLDER_UNREACHABLE",
                f"PostgreSQL runs as the system user {user!r}, which may not enter {folder}. "
                f"Choose a data folder outside it with --data, such as /var/lib/dualspan.",
            )


def _user_exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
