"""The folder that backups are in: what is there, by files that anybody may read and contents that few can.

```
repository.json                 the public key
identity.age                    the private key under a passphrase, unless it is in a file elsewhere
base/20261123T180000Z-1f2e3d/   one backup: manifest.json, base.tar.zst.age, secrets.json.zst.age
wal/0000000100000000000000A3.zst.age        what was written since, 16 MiB each; .partial: the newest, so far
```
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dualspan_cli.backup.streams import SUFFIX, Stored, sync_folder
from dualspan_cli.errors import CommandError

BASE_FILE = f"base.tar{SUFFIX}"
SECRETS_FILE = f"secrets.json{SUFFIX}"
PARTIAL = ".partial"
_MANIFEST = "manifest.json"
# A backup that is being taken writes all the time.
_ABANDONED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One backup.

    Attributes:
        backup_id: Its folder's name; begins with the time of its start.
        started_at: UTC.
        finished_at: UTC. A point in time from here on can be restored, as far as the log goes.
        release: Of DualSpan.
        server_version: Of PostgreSQL, `server_version_num`.
        system_identifier: Of the cluster, by which its log is told from another's.
        database: The name of the database within the cluster.
        segment_bytes: Length of a segment of the log.
        start_segment: The first segment of the log that belongs to it.
        end_segment: The segment that its end is in.
        schemas: The newest migration of each service.
        files: What it consists of.
    """

    backup_id: str
    started_at: datetime
    finished_at: datetime
    release: str
    server_version: int
    system_identifier: int
    database: str
    segment_bytes: int
    start_segment: str
    end_segment: str
    schemas: Mapping[str, str]
    files: Sequence[Stored] = field(default=())

    @property
    def size(self) -> int:
        """Bytes of what was backed up."""
        return sum(file.size for file in self.files)

    @property
    def stored_size(self) -> int:
        """Bytes that it takes."""
        return sum(file.stored_size for file in self.files)

    def as_dict(self) -> dict[str, Any]:
        """As `manifest.json` has it."""
        return asdict(self) | {"started_at": self.started_at.isoformat(), "finished_at": self.finished_at.isoformat()}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Manifest:
        """Of what `as_dict` returned.

        Raises:
            KeyError: Something is missing.
            TypeError: Something is there that this release does not know.
            ValueError: A time is none.
        """
        read: dict[str, Any] = dict(given)
        for name in ("started_at", "finished_at"):
            read[name] = datetime.fromisoformat(given[name])
        read["files"] = tuple(Stored(**file) for file in given["files"])
        return cls(**read)


class Repository:
    """The folder.

    Args:
        folder: It has a `repository.json`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wal = folder / "wal"
        self._base = folder / "base"

    def folder_of(self, manifest: Manifest) -> Path:
        """Where a backup's files are."""
        return self._base / manifest.backup_id

    def begin(self) -> Path:
        """An empty folder for a backup that is being taken: nobody finds it before `finish`."""
        # Backups of the same second follow each other by name, too.
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        folder = self._base / f".{stamp}-{secrets.token_hex(3)}"
        folder.mkdir(parents=True)
        return folder

    def finish(self, unfinished: Path, manifest: Manifest) -> None:
        """The backup is complete from now on, and is on the disk: older ones may go for it."""
        with (unfinished / _MANIFEST).open("w") as file:
            file.write(json.dumps(manifest.as_dict(), indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(unfinished)
        unfinished.rename(self.folder_of(manifest))
        sync_folder(self._base)

    def backups(self) -> list[Manifest]:
        """All backups, the oldest first.

        Raises:
            CommandError: A manifest cannot be read.
        """
        return [self._read(path.parent) for path in sorted(self._base.glob(f"[0-9]*/{_MANIFEST}"))]

    def check_server(self, system_identifier: int) -> None:
        """Makes sure that what is here is of this server: segments of two have the same names.

        Raises:
            CommandError: It is of another.
        """
        others = [one.backup_id for one in self.backups() if one.system_identifier != system_identifier]
        if others:
            raise CommandError(
                "OTHER_SERVER",
                f"{self.folder} has backups of another database server, such as {others[-1]}, whose log this server's "
                "would overwrite. To have that platform back, use `dualspan restore`; for this one make another "
                "repository with `dualspan backup init`. A new major version of PostgreSQL is another server, too.",
                exit_code=8,
            )

    def find(self, wanted: str = "", *, before: datetime | None = None) -> Manifest:
        """A backup: the one of that id, else the newest, or the newest that was complete at a time.

        Raises:
            CommandError: There is none.
        """
        found = [one for one in self.backups() if not wanted or one.backup_id == wanted]
        if before is not None:
            found = [one for one in found if one.finished_at <= before]
        if not found:
            which = f"{wanted} " if wanted else ""
            when = f" that was complete at {before.isoformat()}" if before else ""
            raise CommandError("NO_BACKUP", f"{self.folder} has no backup {which}{when}".rstrip() + ".", exit_code=7)
        return found[-1]

    def segments(self) -> list[str]:
        """Names of the segments of the log that are there, whole or in part (`.partial`), and of histories."""
        if not self.wal.exists():
            return []
        found = {path.name.removesuffix(SUFFIX) for path in self.wal.glob(f"[0-9A-F]*{SUFFIX}")}
        return sorted(name for name in found if name.removesuffix(PARTIAL) == name or name[:24] not in found)

    def segment_file(self, name: str) -> Path:
        """Where a segment is."""
        return self.wal / f"{name}{SUFFIX}"

    def prune(self, keep: int) -> list[str]:
        """Deletes all but the newest backups, and the log from before them; returns what went.

        Args:
            keep: At least 1.
        """
        for folder in self._leftovers():
            shutil.rmtree(folder)
        found = self.backups()
        old, kept = found[:-keep], found[-keep:]
        if not old:
            return []
        first = min(one.start_segment[8:] for one in kept)
        for manifest in old:
            folder = self.folder_of(manifest)
            (folder / _MANIFEST).unlink()  # from here on it is none, whatever happens
            shutil.rmtree(folder)
        gone = [name for name in self.segments() if not name.endswith(".history") and name[8:24] < first]
        for name in gone:
            self.segment_file(name).unlink()
        return [*(one.backup_id for one in old), *gone]

    def _leftovers(self) -> Iterator[Path]:
        """What a process that was killed has left: backups that it was deleting, or taking some time ago."""
        yield from (folder for folder in self._base.glob("[0-9]*") if not (folder / _MANIFEST).exists())
        before = (datetime.now(UTC) - _ABANDONED).timestamp()
        for folder in self._base.glob(".[0-9]*"):
            if all(path.stat().st_mtime < before for path in (folder, *folder.iterdir())):
                yield folder

    @staticmethod
    def _read(folder: Path) -> Manifest:
        path = folder / _MANIFEST
        try:
            return Manifest.from_dict(json.loads(path.read_text()))
        except (OSError, ValueError, KeyError, TypeError) as err:
            raise CommandError("MANIFEST_UNREADABLE", f"{path} cannot be read: {err}.", exit_code=10) from err
