"""Who may read backups: an age key pair (https://age-encryption.org/v1), its private half away from the platform.

Taking backups needs the public half only. The private half is in a file that somebody keeps elsewhere, or in the
repository itself, locked by a passphrase (scrypt, as age does it).
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from pyrage import DecryptError, IdentityError, passphrase, x25519

from dualspan_cli.backup.streams import sync_folder
from dualspan_cli.errors import CommandError
from dualspan_cli.local import write_private

FORMAT = 1
_ABOUT = "repository.json"
_LOCKED = "identity.age"
_PRIVATE_PREFIX = "AGE-SECRET-KEY-"
# In a key file's place: standard output, or input. A container sees no files of whoever calls it.
STANDARD = Path("-")


@dataclass(frozen=True, slots=True)
class Lock:
    """What a repository says of itself.

    Attributes:
        recipient: The public half, `age1…`.
        format: Of the repository.
    """

    recipient: str
    format: int = FORMAT

    @property
    def public(self) -> x25519.Recipient:
        """For what is written."""
        return x25519.Recipient.from_str(self.recipient)


def make_lock(folder: Path, *, phrase: str = "", key_file: Path | None = None) -> Lock:
    """Makes a repository: a key pair, whose private half goes under a passphrase or into a file.

    Raises:
        CommandError: A repository is there already, or the file is, or the folder cannot be written to.
    """
    if (folder / _ABOUT).exists():
        raise CommandError("REPOSITORY_EXISTS", f"{folder} is a repository already.", exit_code=8)
    if key_file is not None and key_file.exists():
        raise CommandError("KEY_FILE_EXISTS", f"{key_file} exists already. A key is never overwritten.", exit_code=8)
    identity = x25519.Identity.generate()
    lock = Lock(str(identity.to_public()))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = f"# public key: {lock.recipient}\n{identity}\n"
        if key_file == STANDARD:
            sys.stdout.write(text)
        elif key_file is not None:
            write_private(key_file, text)
        else:
            _keep(folder / _LOCKED, passphrase.encrypt(str(identity).encode(), phrase))
        _keep(folder / _ABOUT, f"{json.dumps(asdict(lock), indent=2)}\n".encode())
        sync_folder(folder)
    except OSError as err:
        raise CommandError("REPOSITORY_UNUSABLE", f"{folder} cannot be written to: {err.strerror}.") from err
    return lock


def _keep(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def is_repository(folder: Path) -> bool:
    """Whether somebody made one there."""
    return (folder / _ABOUT).exists()


def read_lock(folder: Path) -> Lock:
    """What a repository says of itself.

    Raises:
        CommandError: There is none, or a newer release made it.
    """
    try:
        stored = json.loads((folder / _ABOUT).read_text())
        lock = Lock(recipient=stored["recipient"], format=stored["format"])
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise CommandError(
            "NO_REPOSITORY",
            f"{folder} is not a repository of backups. Make one with `dualspan backup init {folder}`.",
            exit_code=7,
        ) from err
    if lock.format != FORMAT:
        raise CommandError(
            "REPOSITORY_FORMAT",
            f"{folder} has format {lock.format}; this release knows {FORMAT}. Use the release that made it.",
        )
    return lock


def open_lock(folder: Path, *, phrase: str = "", key_file: Path | None = None) -> x25519.Identity:
    """The private half of a repository's key.

    Raises:
        CommandError: Neither opens it, or none is given.
    """
    lock = read_lock(folder)
    if key_file is not None:
        text = _key_text(key_file)
    elif phrase and (folder / _LOCKED).exists():
        text = _unlocked(folder / _LOCKED, phrase)
    else:
        how = "the passphrase" if (folder / _LOCKED).exists() else "its key file, --key-file"
        raise CommandError("KEY_NEEDED", f"What is in {folder} is encrypted. Give {how}.", exit_code=2)
    try:
        identity = x25519.Identity.from_str(text)
    except IdentityError as err:
        raise CommandError("KEY_UNREADABLE", f"{key_file or folder} holds no age key.", exit_code=2) from err
    if str(identity.to_public()) != lock.recipient:
        raise CommandError(
            "WRONG_KEY", f"The key is another's: {folder} is for {lock.recipient}, this one {identity.to_public()}."
        )
    return identity


def _key_text(path: Path) -> str:
    try:
        lines = (sys.stdin.read() if path == STANDARD else path.read_text()).splitlines()
    except OSError as err:
        raise CommandError("KEY_UNREADABLE", f"{path} cannot be read: {err.strerror}.", exit_code=2) from err
    return next((line.strip() for line in lines if line.startswith(_PRIVATE_PREFIX)), "")


def _unlocked(path: Path, phrase: str) -> str:
    try:
        return passphrase.decrypt(path.read_bytes(), phrase).decode()
    except DecryptError as err:
        raise CommandError("WRONG_PASSPHRASE", f"The passphrase does not open {path}.", exit_code=5) from err


def read_phrase(path: Path | None, typed: str) -> str:
    """A passphrase from a file's first line, else as the environment has it."""
    if path is None:
        return typed
    try:
        return path.read_text().partition(os.linesep)[0].strip()
    except OSError as err:
        raise CommandError("PASSPHRASE_UNREADABLE", f"{path} cannot be read: {err.strerror}.", exit_code=2) from err
