"""The way back: the cluster and the secrets into an empty folder, and the log up to a point in time."""

from __future__ import annotations

import base64
import io
import json
import os
import pwd
import re
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pyrage import x25519

from dualspan_cli.backup.archive import extract_archive
from dualspan_cli.backup.repository import BASE_FILE, PARTIAL, SECRETS_FILE, Manifest, Repository
from dualspan_cli.backup.server import connected
from dualspan_cli.backup.streams import DamagedError, unseal, unsealed
from dualspan_cli.backup.wal import SLOT, missing_segments
from dualspan_cli.embedded import EmbeddedPostgres
from dualspan_cli.errors import CommandError, EmbeddedServerError
from dualspan_cli.folder import system_user
from dualspan_cli.local import write_private

SECRET_FILE = "service-secret"  # noqa: S105 - a file's name
_RECOVERY_TIMEOUT = 6 * 3600.0
_TOO_EARLY = "recovery ended before configured recovery target was reached"
_SERVER_MAJOR = 10_000
_WAL_FOLDER = "wal"
OWN_NAMES = frozenset({SECRET_FILE, "postgres", _WAL_FOLDER, "logs", "run", "postgres.lock"})
"""What a restore makes in its folder by itself."""
# Ids that the lost days may have given away are not given again: gateways still have samples under them, and know
# revisions by their numbers.
_STEP = 1_000_000
_AFTERWARDS = (
    f"""
DO $$ BEGIN
    IF to_regclass('onboarding.tag_id') IS NOT NULL THEN
        PERFORM setval('onboarding.tag_id', (SELECT last_value FROM onboarding.tag_id) + {_STEP});
        UPDATE onboarding.gateway SET desired_revision = desired_revision + {_STEP};
    END IF;
END $$
""",
    f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{SLOT}'",
    "CHECKPOINT",
)
# For a PostgreSQL that is not on this machine, or of another version than any here. It finds its files beside itself,
# and needs nothing but a shell and that PostgreSQL's programs.
_REPLAY = """\
#!/bin/sh
# Has PostgreSQL {major} replay the log of a restored backup. Run it as the user that PostgreSQL runs as.
set -eu
cd "$(dirname "$0")"
here=$(pwd)
sockets=$(mktemp -d)
ask() {{
  psql --quiet --host "$sockets" --username postgres --dbname '{database}' --set ON_ERROR_STOP=1 "$@"
}}
fail() {{
  tail -n 20 replay.log >&2
  exit 1
}}
touch postgres/recovery.signal
chmod 700 postgres
pg_ctl --pgdata postgres --wait --log replay.log \\
  --options "-c listen_addresses='' -c unix_socket_directories='$sockets' -c hba_file='$here/hba.conf' \\
    {options}" start >/dev/null || fail
# It counts as started when it begins to replay.
until ask --command 'SELECT' >/dev/null 2>&1; do
  pg_ctl --pgdata postgres status >/dev/null || fail
  sleep 1
done
ask --file afterwards.sql >/dev/null
pg_ctl --pgdata postgres --wait stop >/dev/null
grep 'last completed transaction was at log time' replay.log | tail -n 1 || true
rm -r "$sockets" {wal} afterwards.sql hba.conf replay.sh
"""


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back.

    Attributes:
        manifest: Of the backup.
        reached: Time of the newest commit that is there, UTC; None if there is none since the server's start.
        files: What was written beside the cluster.
    """

    manifest: Manifest
    reached: datetime | None
    files: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class Wish:
    """What to restore, and how far.

    Attributes:
        backup_id: Empty: the newest that allows `until`.
        until: The point in time, UTC; None: as far as the log goes.
        programs: PostgreSQL's `bin`, of the major version that was backed up; the built-in one if None.
        without_replay: The log is left for another PostgreSQL to replay, by the program `replay.sh` beside it.
    """

    backup_id: str = ""
    until: datetime | None = None
    programs: Path | None = None
    without_replay: bool = False


async def restore(
    repository: Repository, key: x25519.Identity, target: Path, wish: Wish, told: Callable[[str, int, int], None]
) -> Restored:
    """Restores into a folder: `postgres/`, and the files of the platform beside it, as `dualspan up` has them.

    Args:
        repository: Where from.
        key: Opens it.
        target: A folder that is empty or not there; its whole path.
        wish: What.
        told: Hears what is being done, how many bytes of it were done now, and how many there are.

    Raises:
        CommandError: The folder is not empty, the disk too small, the backup damaged, or the log does not go so far.
    """
    manifest = repository.find(wish.backup_id, before=wish.until)
    check_empty(target)
    _check_room(target, manifest)
    log = _log_of(repository, manifest)
    cluster = target / "postgres"
    _extract(repository, manifest, key, cluster, lambda size: told("copy", size, manifest.size))
    files = _write_files(repository, manifest, key, target)
    with ExitStack() as plain_text:
        plain_text.callback(shutil.rmtree, target / _WAL_FOLDER, ignore_errors=True)
        for name in log:
            _fetch(repository, key, name, target)
            told("log", manifest.segment_bytes, manifest.segment_bytes * len(log))
        if wish.without_replay:
            leave_replay(target, manifest, wish.until)
            plain_text.pop_all()  # `replay.sh` removes it
            return Restored(manifest, None, files)
        reached = await _recover(target, manifest, wish)
    return Restored(manifest, reached, files)


def check_empty(target: Path) -> None:
    """Makes sure that nothing is where a backup is restored.

    Raises:
        CommandError: Something is.
    """
    if target.exists() and any(target.iterdir()):
        raise CommandError(
            "TARGET_NOT_EMPTY",
            f"{target} is not empty. A backup is restored beside what is there, never over it: name an empty folder, "
            "look at what came back, then put it in the old one's place.",
            exit_code=8,
        )


def _check_room(target: Path, manifest: Manifest) -> None:
    folder = next(path for path in (target, *target.absolute().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    if free < manifest.size * 1.1:
        raise CommandError(
            "DISK_FULL",
            f"{folder} has {free / 1e9:.1f} GB left and the backup needs {manifest.size / 1e9:.1f} GB and its log.",
            exit_code=11,
        )


def _log_of(repository: Repository, manifest: Manifest) -> list[str]:
    """What of the log there is without a hole: none of it for a backup as it stands, with nothing behind it."""
    segments = repository.segments()
    wanted = [name for name in segments if _is_history(name) or name[8:24] >= manifest.start_segment[8:]]
    if missing := missing_segments(manifest.end_segment, wanted, manifest.segment_bytes):
        # What is there of it in part is its beginning.
        end = missing[0][8:]
        return [name for name in wanted if name[8:24] < end or name[8:] == f"{end}{PARTIAL}" or _is_history(name)]
    return wanted


def _is_history(name: str) -> bool:
    return name.endswith(".history")


def _extract(
    repository: Repository, manifest: Manifest, key: x25519.Identity, cluster: Path, told: Callable[[int], None]
) -> None:
    path = repository.folder_of(manifest) / BASE_FILE
    found: list[tuple[int, str]] = []
    cluster.parent.mkdir(parents=True, exist_ok=True)
    cluster.mkdir(mode=0o700)
    with unsealed(path, key, found) as stream:
        extract_archive(stream, path, cluster, told)
    (expected,) = (file for file in manifest.files if file.name == BASE_FILE)
    if found != [(expected.size, expected.sha256)]:
        raise DamagedError(path, "its content is not what was backed up")
    _give_all(cluster)


def _give_all(folder: Path) -> None:
    user = system_user()
    if user is None:
        return
    entry = pwd.getpwnam(user)
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


def _write_files(repository: Repository, manifest: Manifest, key: x25519.Identity, target: Path) -> list[str]:
    content = read_secrets(repository, manifest, key)
    write_private(target / SECRET_FILE, content.service_secret)
    for name, data in content.files.items():
        if Path(name).name != name:
            raise DamagedError(repository.folder_of(manifest) / SECRETS_FILE, f"{name!r} is no file's name")
        path = target / name
        path.touch(mode=0o600)
        path.write_bytes(data)
    return sorted({SECRET_FILE, *content.files})


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the secrets of a backup are."""

    service_secret: str
    files: dict[str, bytes]


def read_secrets(repository: Repository, manifest: Manifest, key: x25519.Identity) -> Secrets:
    """The secrets of a backup.

    Raises:
        DamagedError: They are not what was written.
    """
    path, sink = repository.folder_of(manifest) / SECRETS_FILE, io.BytesIO()
    unseal(path, key, sink)
    try:
        stored = json.loads(sink.getvalue())
        files = {name: base64.b64decode(text) for name, text in stored["files"].items()}
        return Secrets(stored["service_secret"], files)
    except (ValueError, KeyError) as err:
        raise DamagedError(path, "it holds no secrets") from err


def _fetch(repository: Repository, key: x25519.Identity, name: str, target: Path) -> None:
    """Puts a segment where PostgreSQL finds it, for its user alone: everybody's data are in it."""
    if name.endswith(PARTIAL) and (target / "postgres" / "pg_wal" / name.removesuffix(PARTIAL)).exists():
        return  # the copy has all of it, and PostgreSQL would prefer this beginning
    folder = target / _WAL_FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / name.removesuffix(PARTIAL)
    path.touch(mode=0o600)
    with path.open("wb") as file:
        unseal(repository.segment_file(name), key, file)


async def _recover(target: Path, manifest: Manifest, wish: Wish) -> datetime | None:
    """Has PostgreSQL replay the log, and ends the replay; then does what only a restored platform needs."""
    (target / "postgres" / "recovery.signal").touch(mode=0o600)
    for folder in (target / "postgres", target / _WAL_FOLDER):
        if folder.exists():
            _give_all(folder)
    settings = _recovery_settings(str(target / _WAL_FOLDER), wish.until)
    server = EmbeddedPostgres(target, settings, programs=wish.programs, start_timeout=_RECOVERY_TIMEOUT)
    try:
        server.start()
    except EmbeddedServerError as err:
        raise _why_not(err, manifest, wish) from err
    try:
        async with connected(server.url(manifest.database)) as connection:
            for statement in _AFTERWARDS:
                await connection.execute(statement)
            return _reached(target)
    finally:
        server.stop()


def _recovery_settings(log: str, until: datetime | None) -> dict[str, str]:
    """What a server is started with that is to replay the log in a folder."""
    settings = {
        "restore_command": f"cp '{log}/%f' '%p'",
        "recovery_target_action": "promote",
        "hot_standby": "off",  # nobody looks before the end; and limits of the old server need not be matched
        "archive_mode": "off",
        "primary_conninfo": "",
    }
    if until is not None:
        settings["recovery_target_time"] = until.astimezone(UTC).isoformat()
    return settings


def leave_replay(target: Path, manifest: Manifest, until: datetime | None) -> None:
    """Writes the program that replays the log, and what it needs."""
    # Of the folder that the server works in, which is the cluster's: whoever replays may see it all at another place.
    settings = _recovery_settings(f"../{_WAL_FOLDER}", until)
    options = " ".join(f'-c {name}=\\"{value}\\"' for name, value in settings.items())
    program = _REPLAY.format(
        major=manifest.server_version // _SERVER_MAJOR,
        options=options,
        database=manifest.database,
        wal=_WAL_FOLDER,
    )
    (target / "afterwards.sql").write_text("".join(f"{statement.strip()};\n" for statement in _AFTERWARDS))
    # Whoever may enter the folder of its socket, and nobody else.
    (target / "hba.conf").write_text("local all all trust\n")
    (target / _WAL_FOLDER).mkdir(mode=0o700, exist_ok=True)
    (target / "replay.sh").write_text(program)


def _why_not(error: EmbeddedServerError, manifest: Manifest, wish: Wish) -> CommandError:
    words = str(error)
    if _TOO_EARLY in words:
        until = wish.until.isoformat() if wish.until else ""
        text = (
            f"The log ends before {until}, or has a hole before it, which `dualspan verify` names. Restore an earlier "
            "time or a later backup, or leave --to out to go as far as the log does."
        )
        return CommandError("LOG_INCOMPLETE", text, exit_code=10)
    if "incompatible with server" in words:
        major = manifest.server_version // _SERVER_MAJOR
        text = f"The backup is of PostgreSQL {major}: --postgres-bin names the bin folder of that version."
        return CommandError("WRONG_POSTGRES", text, exit_code=2)
    return CommandError("RECOVERY_FAILED", f"PostgreSQL does not replay its log: {words}", exit_code=10)


def _reached(target: Path) -> datetime | None:
    """What PostgreSQL's own log says of the last commit that was replayed."""
    text = (target / "logs" / "postgres.log").read_text(errors="replace")
    times = re.findall(r"last completed transaction was at log time (\S+ \S+)\+00", text)
    return datetime.fromisoformat(times[-1]).replace(tzinfo=UTC) if times else None
